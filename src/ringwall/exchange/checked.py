"""What the inbox makes of a delivery before anything is written: believed with content, or not."""

from datetime import datetime

import msgspec

from ringwall.exchange.messages import Message
from ringwall.exchange.transport import Delivery
from ringwall.store import NewStatement, ReceiptRow
from ringwall.trust import OpenedEnvelope


class Arrived(msgspec.Struct, frozen=True):
    """A statement that passed every check that needs no transaction."""

    new: NewStatement
    refusal: str
    """Why the ingress decision refuses it, or ""."""
    until: datetime | None = None
    """When time may change that; None: it alone never does."""


class Checked(msgspec.Struct, frozen=True):
    """One delivery after all checks: believed (with its content) or not (with the rule)."""

    delivery: Delivery
    rule: str = ""
    reason: str = ""
    opened: OpenedEnvelope | None = None
    arrived: tuple[Arrived, ...] = ()
    receipts: tuple[ReceiptRow, ...] = ()
    unused: tuple[tuple[str, int], ...] = ()
    """Per lane, up to which position the origin uses none that is not here."""
    messages: tuple[Message, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether the ingress decision refuses any of its statements."""
        return any(one.refusal for one in self.arrived)

    @property
    def until(self) -> datetime | None:
        """When time may open what is refused of it."""
        return min((one.until for one in self.arrived if one.until), default=None)
