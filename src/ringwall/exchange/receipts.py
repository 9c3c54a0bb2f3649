"""Receipts: each recipient confirms, signed and cumulatively, what is durable at its side.

A receipt says per lane up to which of its own positions a node has everything settled, and which
positions it refused, with the reason. It travels sealed in the CONTROL lane like any envelope, so
its leaf, path and signature stay with the origin as evidence. Receipts are gathered for a moment
(one signature per origin and interval instead of one per statement); a newer one replaces an
older one, so none has to be repeated for its own sake.
"""

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from ringwall.core import (
    LANES,
    BadEnvelope,
    Clock,
    InvalidInput,
    format_timestamp,
    parse_timestamp,
)
from ringwall.exchange.outbox import Outbox, Sealer, store_envelope
from ringwall.exchange.retrying import until_done
from ringwall.exchange.transport import CONTROL
from ringwall.store import EnvelopeRow, ReceiptDue, ReceiptRow, Store, WriteTransaction
from ringwall.trust import Item, Proof, encode_proof, receipt_item

GATHER_SECONDS = 0.05
_REASON_LIMIT = 300
_REJECTIONS_LIMIT = 500
"""So many fit into one envelope with room to spare; the next receipt goes on after them."""

_Position = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class _Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
    reason: Annotated[str, msgspec.Meta(max_length=_REASON_LIMIT)]


class _Lane(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: _Position
    rejected: list[_Refused]


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    recipient: str
    origin: str
    at: str
    lanes: dict[str, _Lane]

    def __post_init__(self) -> None:
        parse_timestamp(self.at, field="at")


def read_receipt(
    content: Mapping[str, Any], *, sender: str, me: str, evidence: Proof
) -> list[ReceiptRow]:
    """Read a receipt's content from the node that signed it.

    Raises BadEnvelope (rules ``receipt``, ``receipt-party``) if it is malformed, or speaks for
    another node or about another origin than this one.
    """
    try:
        receipt = msgspec.convert(content, _Content)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"receipt: {error}", field="content", rule="receipt") from error
    if receipt.v != 1 or not set(receipt.lanes) <= set(LANES):
        raise BadEnvelope("receipt: unknown version or lane", field="content", rule="receipt")
    if receipt.recipient != sender or receipt.origin != me:
        raise BadEnvelope("receipt: not this node's to give", field="content", rule="receipt-party")
    proof = encode_proof(evidence)
    return [
        ReceiptRow(
            node=sender,
            lane=lane,
            position=row.position,
            at=receipt.at,
            rejected=tuple((item.position, item.reason) for item in row.rejected),
            evidence=proof,
        )
        for lane, row in sorted(receipt.lanes.items())
    ]


def _first_part(due: ReceiptDue) -> ReceiptDue:
    """Confirm only as far as the refusals fit that must be told with it."""
    if len(due.rejected) <= _REJECTIONS_LIMIT:
        return due
    told = due.rejected[:_REJECTIONS_LIMIT]
    return ReceiptDue(due.origin, due.lane, told[-1][0], told)


class Receipts:
    """Sends the receipts that this node owes, at most one per origin and interval."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        outbox: Outbox,
        store: Store,
        clock: Clock,
        interval: float,
    ) -> None:
        self._sealer = sealer
        self._outbox = outbox
        self._store = store
        self._clock = clock
        self._interval = interval
        self._sealing = threading.Lock()  # one at a time takes positions in CONTROL
        self._owed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def owe(self, origins: Collection[str]) -> None:
        """Note that something of ``origins`` was settled: any thread, after the commit."""
        if self._loop is not None and not self._loop.is_closed() and origins:
            self._loop.call_soon_threadsafe(self._owed.set)

    async def run(self) -> None:
        """Send what a crash left unsent, then what becomes due, for ever."""
        self._loop = loop = asyncio.get_running_loop()
        await self._outbox.publish_stored(CONTROL)
        while True:
            self._owed.clear()
            sealed = await until_done(lambda: asyncio.to_thread(self._seal_due), "receipts")
            await self._outbox.publish(sealed)
            if sealed:
                self._owed.set()  # look again: a long receipt is sent in parts
            sent_at = loop.time()
            await self._owed.wait()
            # Soon when it was quiet, at most one an interval when it is not.
            await asyncio.sleep(max(GATHER_SECONDS, sent_at + self._interval - loop.time()))

    def _seal_due(self) -> list[EnvelopeRow]:
        """Seal one receipt per origin that is owed one, and store it with what it settles."""
        with self._store.read() as tx:
            due: dict[str, list[ReceiptDue]] = {}
            for row in tx.receipts_due():
                if row.origin in self._sealer.registry.standing:
                    due.setdefault(row.origin, []).append(_first_part(row))
        return [
            self.seal_message(origin, self._content(origin, rows), rows)
            for origin, rows in due.items()
        ]

    def other_nodes(self) -> list[str]:
        """Return the nodes that this one can write to, sorted."""
        return sorted(self._sealer.registry.standing - {self._sealer.node})

    def seal_message(
        self, node: str, content: dict[str, Any], told: Sequence[ReceiptDue] = ()
    ) -> EnvelopeRow:
        """Seal a message without an object to one node, store it with what it tells; blocks."""
        item = receipt_item(origin=self._sealer.node, sequence=0, content=content)
        with self._sealing:
            with self._store.read() as tx:
                position = tx.sent_position(node, CONTROL) + 1
            return self._keep(node, item, position, told)

    def _keep(
        self, node: str, item: Item, position: int, told: Sequence[ReceiptDue]
    ) -> EnvelopeRow:
        envelope, _ = self._sealer.seal(CONTROL, "receipt", [item], {node: position})

        def job(tx: WriteTransaction) -> None:
            store_envelope(tx, envelope)
            for row in told:
                tx.mark_receipted(row.origin, row.lane, row.position)

        self._store.write(job, essential=True).result()
        return envelope

    def _content(self, origin: str, rows: list[ReceiptDue]) -> dict[str, Any]:
        return {
            "v": 1,
            "recipient": self._sealer.node,
            "origin": origin,
            "at": format_timestamp(self._clock.now()),
            "lanes": {
                row.lane: {
                    "position": row.position,
                    "rejected": [
                        {"position": at, "reason": why[:_REASON_LIMIT]} for at, why in row.rejected
                    ],
                }
                for row in rows
            },
        }
