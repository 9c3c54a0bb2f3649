"""Resumption: a node that was brought back from a backup repeats no number it may have given out.

Since the backup was taken the node may have stated things, and given out positions, of which its
database knows nothing any more. Were a sequence used again for another statement, every peer would
see equivocation; were a position used again, a receipt for the old envelope would confirm the new
one, which then nobody sends again. How far it got, nobody can tell for certain: receipts say what
was settled, and neither what waits at a hub nor what came ahead of a gap. So it does not guess:

    start → ONE transaction, before any worker runs: the next 10^12 of the own sequences are taken
    and never used; so are all positions up to one floor, for every node and lane; audit entry
    → a notice to each node in CONTROL: "I use none up to the floor that you do not have"
    → the recipient settles up to there and owes a receipt, which confirms the notice too
    → without that receipt the notice is sent again, ever more rarely.

What was on its way under an old number still arrives and is taken in: settled only means that it
is no longer waited for.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
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
from ringwall.exchange.outbox import Outbox, Sealer
from ringwall.exchange.receipts import Receipts
from ringwall.exchange.retrying import until_done
from ringwall.exchange.transport import CONTROL
from ringwall.store import EnvelopeRow, Store, WriteTransaction

RESTORED = "restored"
"""The node's named value (`set_meta`) that says: this database was brought back from a copy."""

MARGIN = 10**12
"""Numbers that are passed over: three years at 10,000 a second, and 9,007 times within 2^53."""

NOTICE_SECONDS, NOTICE_SECONDS_MOST = 5.0, 3600.0
LARGEST = 2**53 - 1

log = logging.getLogger("ringwall.exchange.resumption")


class Restored(msgspec.Struct, frozen=True):
    """What a restored database says of itself; ``floor`` is 0 until the node has started."""

    taken_at: str
    """When the copy was made, as far as is known."""
    restored_at: str
    floor: int = 0


class _Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    origin: str
    recipient: str
    at: str
    unused_to: dict[str, Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]]

    def __post_init__(self) -> None:
        parse_timestamp(self.at, field="at")


def mark_restored(tx: WriteTransaction, *, taken_at: str, now: str) -> None:
    """Note, with an audit entry, that this database is a copy from an earlier time."""
    tx.set_meta(RESTORED, msgspec.json.encode(Restored(taken_at, now)))
    tx.append_audit("restored", {"taken_at": taken_at, "restored_at": now})


def is_notice(content: Mapping[str, Any]) -> bool:
    """Tell a notice from a receipt, which has ``lanes`` instead."""
    return "unused_to" in content


def read_notice(content: Mapping[str, Any], *, sender: str, me: str) -> dict[str, int]:
    """Return per lane up to where ``sender`` uses no position that is not here.

    Raises BadEnvelope (rules ``notice``, ``notice-party``) if it is malformed or another's.
    """
    try:
        notice = msgspec.convert(content, _Notice)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"notice: {error}", field="content", rule="notice") from error
    if notice.v != 1 or not notice.unused_to or not set(notice.unused_to) <= set(LANES):
        raise BadEnvelope("notice: unknown version or lane", field="content", rule="notice")
    if (notice.origin, notice.recipient) != (sender, me):
        raise BadEnvelope("notice: not this node's to give", field="content", rule="notice-party")
    return notice.unused_to


class Resumption:
    """Moves a restored node past every number it may have used, and tells its peers."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        outbox: Outbox,
        receipts: Receipts,
        store: Store,
        clock: Clock,
        seconds: float = NOTICE_SECONDS,
    ) -> None:
        self._sealer = sealer
        self._outbox = outbox
        self._receipts = receipts
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._floor = 0

    def settle(self) -> bool:
        """Make the numbers safe; blocks. Call it before anything is accepted, sealed or sent.

        Returns whether this node was ever restored. It may be called at every start: what was
        passed over once is not passed over again, and nodes that a newer registry added get the
        floor too. Raises StorageFull or Unavailable; then the node must not start.
        """
        with self._store.read() as tx:
            raw = tx.meta(RESTORED)
        if raw is None:
            return False
        restored = msgspec.json.decode(raw, type=Restored)
        self._floor = self._store.write(partial(self._pass_over, restored), essential=True).result()
        return True

    def _pass_over(self, restored: Restored, tx: WriteTransaction) -> int:
        node = self._sealer.node
        places = [
            (other, lane)
            for other in sorted(self._sealer.registry.nodes)
            if other != node
            for lane in (*LANES, CONTROL)
        ]
        floor = restored.floor
        if not floor:
            sent = [tx.sent_position(*place) for place in places]
            floor = max(sent, default=0) + MARGIN
            first = tx.next_sequence(node, MARGIN)
            tx.append_audit(
                "resumed",
                {
                    "first_sequence": first,
                    "last_sequence": first + MARGIN - 1,
                    "positions_to": floor,
                    "taken_at": restored.taken_at,
                },
            )
            noted = msgspec.structs.replace(restored, floor=floor)
            tx.set_meta(RESTORED, msgspec.json.encode(noted))
            log.warning(
                "restored from a backup of %s: sequences %d to %d and positions up to %d are "
                "not used",
                restored.taken_at,
                first,
                first + MARGIN - 1,
                floor,
            )
        for other, lane in places:
            tx.skip_positions(other, lane, floor)
        return floor

    async def run(self) -> None:
        """Tell every node until each has confirmed; ends when all have (or none must be told)."""
        pause = self._seconds
        while self._floor:
            untold = await asyncio.to_thread(self._untold)
            if not untold:
                return
            for node, lanes in untold.items():
                step = partial(asyncio.to_thread, self._seal, node, lanes)
                await self._outbox.publish([await until_done(step, "resumption notice")])
            await asyncio.sleep(pause)
            pause = min(pause * 2, NOTICE_SECONDS_MOST)

    def _untold(self) -> dict[str, list[str]]:
        """Return the nodes that have not confirmed the floor, with the lanes."""
        untold: dict[str, list[str]] = {}
        with self._store.read() as tx:
            for row in tx.peers():
                known = row.node in self._sealer.registry.standing and row.lane in LANES
                if known and row.receipted < self._floor:
                    untold.setdefault(row.node, []).append(row.lane)
        return untold

    def _seal(self, node: str, lanes: list[str]) -> EnvelopeRow:
        content = {
            "v": 1,
            "origin": self._sealer.node,
            "recipient": node,
            "at": format_timestamp(self._clock.now()),
            "unused_to": dict.fromkeys(lanes, self._floor),
        }
        return self._receipts.seal_message(node, content)
