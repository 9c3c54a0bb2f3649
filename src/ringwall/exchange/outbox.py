"""Outbox: what was accepted is sealed for its audience, stored, and only then handed to the hub.

One worker per lane, so that a lane keeps its order and an urgent lane never waits for another:

    pending rows, oldest first → grouped by audience → decided again (the narrower decision wins)
    → sealed → envelope rows durable: bytes, positions, random message id, release
    → published, in order, one at a time → marked as published.

A crash before the envelope is durable seals anew; a crash after it publishes the stored bytes
again under the same message id, which the hub drops if it had them. The envelope is stored first
because its positions are promises to recipients: they must never be given out twice.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ringwall.core import (
    Clock,
    InternalFault,
    InvalidInput,
    Precedence,
    Unavailable,
    format_timestamp,
)
from ringwall.exchange.activity import Activity
from ringwall.exchange.holding import HeldRelease, Wait, hold
from ringwall.exchange.naming import held_row, let_go, waits_of_rows
from ringwall.exchange.parting import Narrowed, Part, part_rows, sealed_item
from ringwall.exchange.redacting import FindReader, Redactor
from ringwall.exchange.retrying import until_done
from ringwall.exchange.transport import Transport
from ringwall.exchange.withdrawal import WITHDRAWALS
from ringwall.labels import for_decision
from ringwall.policy import NO_REDACTIONS, Kernel, RedactionRules, ReleaseClass
from ringwall.store import EnvelopeRow, OutboxRow, Store, WriteTransaction
from ringwall.trust import (
    BatchProof,
    Item,
    NodeKeys,
    PublicKeys,
    Registry,
    object_digest,
    seal_envelope,
    statement_digest,
)

log = logging.getLogger("ringwall.exchange.outbox")

BATCH_STATEMENTS = 256
BATCH_BYTES = 512 * 1024
MARK_SECONDS = 0.2
REPAIR_SECONDS, REPAIR_PAUSE_MOST, REPAIR_ENVELOPES = 60.0, 512, 64
"""Looks at stuck recipients: every so often; sent again after 1, 2, 4 … looks; so many at once."""
GIVE_WAY_SECONDS, GIVE_WAY_STEP = 0.25, 0.02
"""So long, and looking so often, a batch of the BULK lane waits for intake."""
AT_ONCE, AT_ONCE_BYTES = 4, 32 * 1024
"""So few statements are sealed in the event loop: a thread would cost more than it frees."""


class Sealer:
    """Seals items of this node for recipients of the registry."""

    def __init__(
        self, *, node: str, keys: NodeKeys, alliance: str, registry: Registry, clock: Clock
    ) -> None:
        self.node = node
        self.registry = registry
        self._keys = keys
        self._alliance = alliance
        self._clock = clock

    def seal(
        self,
        lane: str,
        kind: str,
        items: Sequence[Item],
        recipients: Mapping[str, int],
    ) -> tuple[EnvelopeRow, BatchProof]:
        """Seal ``items`` for nodes at their positions: the envelope, and what proves it."""
        at = format_timestamp(self._clock.now())
        sealed = seal_envelope(
            self._keys,
            alliance=self._alliance,
            registry=self.registry.number,
            origin=self.node,
            lane=lane,
            kind=kind,
            items=items,
            recipients={
                node: (self._public(node), position) for node, position in recipients.items()
            },
            at=at,
        )
        row = EnvelopeRow(
            id=sealed.id,
            lane=lane,
            kind=kind,
            message_id=secrets.token_hex(16),
            data=sealed.data,
            recipients=dict(recipients),
            created_at=at,
        )
        return row, sealed.batch

    def places(self, nodes: Sequence[str]) -> tuple[int, ...]:
        """Return the registry places of nodes: their tokens in the hub's subject."""
        return tuple(sorted(self.registry.nodes[node].place for node in nodes))

    def _public(self, node: str) -> PublicKeys:
        return self.registry.nodes[node].keys


class _Pending(msgspec.Struct, frozen=True):
    """Rows of one lane that wait, and the last position given to each of their recipients."""

    lane: str
    rows: list[OutboxRow]
    groups: dict[tuple[str, ...], list[Part]]
    narrowed: list[Narrowed]
    damaged: list[OutboxRow]
    held: list[HeldRelease]
    """What waits for some of its nodes because of what it names."""
    given: dict[str, int]
    classes: Mapping[int, ReleaseClass]
    withdrawals: bytes | None
    """As they were then: what is withdrawn afterwards must not be sealed."""
    policy: str
    """The version that it was decided by: what another one closes must not be sealed either."""


class _Stuck(msgspec.Struct, frozen=True):
    """A recipient without progress: looked at ``waits`` times, sent again at ``pause`` looks."""

    receipted: int
    waits: int
    pause: int


class _SealedGroup(msgspec.Struct, frozen=True):
    """One envelope, its statements, and what proves them."""

    envelope: EnvelopeRow
    parts: tuple[Part, ...]
    batch: BatchProof


class Outbox:
    """Seals and publishes for one node over one transport; run one :meth:`run_lane` per lane."""

    def __init__(
        self,
        *,
        sealer: Sealer,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        transport: Transport,
        repair_seconds: float = REPAIR_SECONDS,
        check_sending: Callable[[], None] = lambda: None,
        intake: Activity | None = None,
        redactions: RedactionRules = NO_REDACTIONS,
        find_reader: FindReader | None = None,
    ) -> None:
        """``check_sending`` raises Unavailable while no statement may leave; receipts still do.

        The BULK lane gives way to ``intake``, for a bounded time. ``redactions`` are the member's
        own rules. ``find_reader`` knows those too whom the alliance description does not name.
        """
        nodes = sealer.registry.standing
        self._member = sealer.registry.nodes[sealer.node].member
        self._redactor = Redactor(kernel, nodes, redactions, find_reader)
        self._intake = intake or Activity()
        self._check_sending = check_sending
        self._repair_seconds = repair_seconds
        self._sealer = sealer
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._transport = transport
        self._published: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, asyncio.Event] = {}
        self._suspect: set[str] = set()  # lanes with a row that cannot be sealed
        self._busy: set[str] = set()  # lanes with much to seal: their reading leaves the loop

    def wake(self, lane: str) -> None:
        """Tell the lane's worker that there is work: from any thread, after the commit."""
        event = self._waiting.get(lane)
        if event is not None and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event.set)

    async def run_lane(self, lane: str) -> None:
        """Work off one lane for ever: first what a crash left published or not, then new rows."""
        self._loop = asyncio.get_running_loop()
        event = self._waiting.setdefault(lane, asyncio.Event())
        await self.publish_stored(lane)
        while True:
            event.clear()
            if lane == Precedence.BULK:
                await self._give_way()
            sealed = await until_done(partial(self._seal_pending, lane), f"sealing {lane}")
            if sealed is None:
                await event.wait()
                continue
            await self.publish(sealed)

    async def _give_way(self) -> None:
        """Wait while a feed comes in, now and then sealing a batch all the same."""
        pause = GIVE_WAY_SECONDS
        while pause > 0 and self._intake.is_busy:
            await asyncio.sleep(GIVE_WAY_STEP)
            pause -= GIVE_WAY_STEP

    async def publish_stored(self, lane: str) -> None:
        """Publish what a crash left stored and perhaps unpublished in a lane."""
        await self.publish(await asyncio.to_thread(self._unpublished, lane))

    async def publish(self, envelopes: Sequence[EnvelopeRow]) -> None:
        """Hand stored envelopes to the hub, in order, until it has them all."""
        for envelope in envelopes:
            step = partial(self._hand_over, envelope)
            await until_done(step, f"publishing {envelope.lane}")

    def _unpublished(self, lane: str) -> list[EnvelopeRow]:
        with self._store.read() as tx:
            return tx.unpublished(lane)

    async def _seal_pending(self, lane: str) -> list[EnvelopeRow] | None:
        """Seal the oldest rows of a lane and store the envelopes; None: nothing was pending."""
        self._check_sending()
        if lane in self._busy:
            pending = await asyncio.to_thread(self._pending, lane)
        else:
            pending = self._pending(lane)
        if pending is None:
            self._busy.discard(lane)
            return None
        if len(pending.rows) > AT_ONCE:
            self._busy.add(lane)
        size = sum(len(row.statement.body) for row in pending.rows)
        try:
            if len(pending.rows) <= AT_ONCE and size <= AT_ONCE_BYTES:
                sealed = self._seal(pending)
            else:
                sealed = await asyncio.to_thread(self._seal, pending)
        except InvalidInput as error:
            if lane in self._suspect:  # no row is to blame, so nothing would change
                raise
            log.error("a statement of %s cannot be sealed: %s", lane, error)
            self._suspect.add(lane)
            return []
        self._suspect.discard(lane)
        job = partial(self._keep, pending, sealed)
        for freed in await asyncio.wrap_future(self._store.write(job, essential=True)):
            self.wake(freed)
        return [one.envelope for one in sealed]

    def _pending(self, lane: str) -> _Pending | None:
        """Read the oldest rows of a lane, grouped by the audience that they have today."""
        policy, before = self._kernel.version, self._intake.finished(lane)
        with self._store.read() as tx:
            rows = tx.outbox_batch(lane, BATCH_STATEMENTS, BATCH_BYTES)
            rows = self._finished(lane, rows, before)
            if not rows:
                return None
            classes = tx.release_classes()
            sound = [
                row
                for row in rows
                if _is_sound(row, classes) and (lane not in self._suspect or _is_canonical(row))
            ]
            waits = waits_of_rows(self._redactor, tx, self._member, sound, classes)
            free = [_without(row, wait) for row, wait in zip(sound, waits, strict=True)]
            groups, narrowed = part_rows(self._redactor, self._kernel, tx, free, classes)
            nodes = {node for audience in groups for node in audience}
            given = {node: tx.sent_position(node, lane) for node in nodes}
            withdrawals = tx.meta(WITHDRAWALS)
        kept = {row.order for row in sound}
        damaged = [row for row in rows if row.order not in kept]
        at = format_timestamp(self._clock.now())
        held = [
            held_row(row, wait, lane, at)
            for row, wait in zip(sound, waits, strict=True)
            if wait.nodes
        ]
        return _Pending(
            lane, rows, groups, narrowed, damaged, held, given, classes, withdrawals, policy
        )

    def _finished(
        self, lane: str, rows: list[OutboxRow], before: tuple[int, int | None]
    ) -> list[OutboxRow]:
        """Leave out the rows of submissions that were not whole when ``rows`` were read."""
        begun, until = self._intake.finished(lane)
        if begun != before[0]:
            until = 0  # one began meanwhile, and may have ended: its intake wakes this lane
        ends = [end for end in (before[1], until) if end is not None]
        return [row for row in rows if row.order <= min(ends)] if ends else rows

    def _seal(self, pending: _Pending) -> list[_SealedGroup]:
        """Seal each group for its audience, at the next position of each recipient."""
        given = dict(pending.given)
        sealed: list[_SealedGroup] = []
        for audience, parts in pending.groups.items():
            for node in audience:
                given[node] += 1
            positions = {node: given[node] for node in audience}
            items = [sealed_item(part, pending.classes) for part in parts]
            envelope, batch = self._sealer.seal(pending.lane, "statement", items, positions)
            orders = tuple(part.row.order for part in parts)
            envelope = msgspec.structs.replace(envelope, statements=orders)
            sealed.append(_SealedGroup(envelope, tuple(parts), batch))
        return sealed

    def _keep(
        self, pending: _Pending, sealed: Sequence[_SealedGroup], tx: WriteTransaction
    ) -> frozenset[Precedence]:
        """Make what was sealed durable, and take it out of the outbox.

        Returns the lanes of what could not be queued while it was being sealed for others.
        """
        if tx.meta(WITHDRAWALS) != pending.withdrawals:
            raise Unavailable("something was withdrawn meanwhile: sealed anew", rule="withdrawn")
        if self._kernel.version != pending.policy:
            raise Unavailable("policy was changed meanwhile: sealed anew", rule="policy")
        for one in pending.narrowed:
            self._record_narrowed(tx, one)
        for held in pending.held:
            hold(tx, self._member, held)
        for row in pending.damaged:
            log.error("%s was altered in the database and is not sent", row.statement.id)
            tx.append_audit("damaged", {"statement": str(row.statement.id)})
        for group in sealed:
            store_envelope(tx, group.envelope)
            tx.append_audit("sealed", _sealed_entry(group))
            shared, own = group.batch.encode()
            orders = (part.row.order for part in group.parts)
            tx.set_proofs(shared, list(zip(orders, own, strict=True)))
        tx.dequeue([row.order for row in pending.rows])
        return let_go(tx, self._member)

    def _record_narrowed(self, tx: WriteTransaction, one: Narrowed) -> None:
        at = format_timestamp(self._clock.now())
        tx.add_release(one.row.order, self._kernel.version, one.audience, one.reasons(), at)
        tx.append_audit("release-narrowed", one.entry())

    async def _hand_over(self, envelope: EnvelopeRow) -> None:
        if envelope.kind == "statement":
            self._check_sending()
        places = self._sealer.places(tuple(envelope.recipients))
        await self._transport.publish(envelope.lane, places, envelope.data, envelope.message_id)
        self._published.append(envelope.id)

    async def run_marks(self) -> None:
        """Note now and then which envelopes the hub has, for ever.

        It need not be at once: what is not noted is published again after a restart, and the hub
        drops it. One transaction for many saves an fsync for each.
        """
        while True:
            await asyncio.sleep(MARK_SECONDS)
            await until_done(lambda: asyncio.to_thread(self.note_published), "noting")

    async def run_repairs(self) -> None:
        """Send again, for ever, what a recipient has not settled although the hub took it.

        A hub that lost its streams, or threw away what was too old, loses nothing for good: the
        envelopes are still here. A recipient that makes no progress is tried ever more rarely.
        """
        stuck: dict[tuple[str, str], _Stuck] = {}
        while True:
            await asyncio.sleep(self._repair_seconds)
            stuck = await until_done(partial(self._repair, stuck), "repairing")

    async def _repair(
        self, before: Mapping[tuple[str, str], _Stuck]
    ) -> dict[tuple[str, str], _Stuck]:
        """Look once at every recipient; return those without progress since the last look."""
        self._check_sending()
        with self._store.read() as tx:
            behind = {
                (row.node, row.lane): row.receipted
                for row in tx.peers()
                if row.backlog and row.node in self._sealer.registry.standing
            }
        stuck: dict[tuple[str, str], _Stuck] = {}
        for key, receipted in behind.items():
            known = before.get(key)
            if known is None or known.receipted != receipted:
                stuck[key] = _Stuck(receipted, waits=0, pause=1)
            elif known.waits + 1 < known.pause:
                stuck[key] = msgspec.structs.replace(known, waits=known.waits + 1)
            else:
                await self._send_again(*key)
                longer = min(known.pause * 2, REPAIR_PAUSE_MOST)
                stuck[key] = _Stuck(receipted, waits=0, pause=longer)
        return stuck

    async def _send_again(self, node: str, lane: str) -> None:
        with self._store.read() as tx:
            envelopes = tx.unsettled(node, lane, REPAIR_ENVELOPES)
        if envelopes:
            log.warning(
                "%s has not confirmed %d envelopes on %s: sent again", node, len(envelopes), lane
            )
        for envelope in envelopes:
            await self._transport.publish(
                lane, self._sealer.places((node,)), envelope.data, secrets.token_hex(16)
            )

    def note_published(self) -> None:
        """Store which envelopes the hub has taken since the last time; blocks."""
        ids = tuple(self._published)
        if not ids:
            return
        at = format_timestamp(self._clock.now())
        hub = self._transport.hub
        self._store.write(lambda tx: tx.mark_published(ids, hub, at), essential=True).result()
        del self._published[: len(ids)]


def store_envelope(tx: WriteTransaction, envelope: EnvelopeRow) -> None:
    """Store a sealed envelope; its positions must be exactly the next ones of each recipient.

    Raises InternalFault (rule ``position``) if another writer took one of them meanwhile.
    """
    for node, position in envelope.recipients.items():
        if tx.next_position(node, envelope.lane) != position:
            raise InternalFault(
                f"{envelope.id}: position {position} of {node} is not the next", rule="position"
            )
    tx.put_envelope(envelope)


def _is_sound(row: OutboxRow, classes: Mapping[int, ReleaseClass]) -> bool:
    """Tell whether a row is still what was accepted: what is signed here cannot be unsaid."""
    statement = row.statement
    digest = statement_digest(statement.seed, hashlib.sha256(statement.body).digest())
    release_class = classes.get(statement.release_class)
    return (
        digest == statement.digest
        and release_class is not None
        and release_class.label == for_decision(statement.label)
    )


def _without(row: OutboxRow, wait: Wait) -> OutboxRow:
    """Return a row without the nodes for which it waits."""
    if not wait.nodes:
        return row
    audience = tuple(node for node in row.audience if node not in wait.nodes)
    return msgspec.structs.replace(row, audience=audience)


def _is_canonical(row: OutboxRow) -> bool:
    """Tell whether a row has an object digest: one that was altered with its digest may not."""
    try:
        object_digest(row.statement.body, row.statement.seed)
    except InvalidInput:
        return False
    return True


def _sealed_entry(sealed: _SealedGroup) -> dict[str, Any]:
    """Build the audit entry that pins an envelope: what left, for whom, in which bytes."""
    envelope = sealed.envelope
    entry = {
        "envelope": envelope.id,
        "lane": envelope.lane,
        "sha256": hashlib.sha256(envelope.data).hexdigest(),
        "recipients": envelope.recipients,
        "statements": [str(part.row.statement.id) for part in sealed.parts],
    }
    withheld = {str(part.row.statement.id): part.withheld for part in sealed.parts if part.withheld}
    return entry | ({"withheld": withheld} if withheld else {})
