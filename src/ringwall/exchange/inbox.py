"""Inbox: what a hub brings is believed only as far as it proves itself, stored, then acknowledged.

One worker per lane:

    batch → each envelope opened: registry, signature, seal, leaves; each object validated again
    → ingress decision → ONE transaction: statements, positions, receipts taken, quarantine,
    audit → only then acknowledged to the hub.

A statement that comes twice is stored once: its (origin, sequence) decides. An envelope that
cannot be believed is kept in quarantine with the rule it broke, so that nothing is lost, and
nothing in it is readable. An envelope under a registry newer than ours is kept likewise and tried
again when the node starts with that registry; what the ingress decision refuses, when policy
changes or the time comes that may open it: statement by statement, while any of it is refused.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ringwall.core import (
    LANES,
    BadEnvelope,
    CallerError,
    Clock,
    PeerError,
    Precedence,
    StatementId,
    StorageFull,
    Unavailable,
    format_timestamp,
    parse_timestamp,
)
from ringwall.exchange.arrivals import Arrivals
from ringwall.exchange.arriving import (
    Stated,
    is_same,
    new_statement,
    put_in_place,
    takes_place,
)
from ringwall.exchange.checked import Arrived, Checked
from ringwall.exchange.messages import Message, Messages, is_message, read_message
from ringwall.exchange.pins import equivocation_entry, received_entries
from ringwall.exchange.receipts import Receipts, read_receipt
from ringwall.exchange.resumption import is_notice, read_notice
from ringwall.exchange.retrying import until_done
from ringwall.exchange.transport import CONTROL, Batch, Delivery, StreamPosition, Transport
from ringwall.policy import SKEW, Kernel
from ringwall.store import (
    NewStatement,
    QuarantineRow,
    ReceiptRow,
    Store,
    WriteTransaction,
)
from ringwall.trust import (
    Item,
    NodeKeys,
    OpenedEnvelope,
    Registry,
    open_envelope,
)

ACKNOWLEDGE_SECONDS = 0.1
RETRIED = ("registry-number", "ingress", "version")
"""Rules by which an envelope is in quarantine that may not hold any more."""
log = logging.getLogger("ringwall.exchange.inbox")
AT_ONCE, AT_ONCE_BYTES = 2, 32 * 1024
"""So few deliveries are checked in the event loop: a thread would cost more than it frees."""
RETRY_ROWS = 16
"""So many quarantined envelopes are in memory at a time while they are tried again."""
LOOK_SECONDS = 5.0
"""So often it is looked whether the time has come for what time may open."""


class Inbox:
    """Takes in what one transport brings for one node; run one :meth:`run_lane` per lane."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        keys: NodeKeys,
        registry: Registry,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        transport: Transport,
        arrivals: Arrivals,
        receipts: Receipts,
        messages: Messages,
    ) -> None:
        self._messages = messages
        self._node = node
        self._member = member
        self._keys = keys
        self._registry = registry
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._transport = transport
        self._arrivals = arrivals
        self._receipts = receipts
        self._committed: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._due: datetime | None = None

    async def run_lane(self, lane: str) -> None:
        """Take in one lane for ever."""
        async for batch in self._transport.batches(lane, partial(self._position, lane)):
            if batch.deliveries:
                await until_done(partial(self._take, lane, batch), f"inbox {lane}")

    def policy_changed(self) -> None:
        """Try again what the ingress decision refused: any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def run_retries(self) -> None:
        """Try again what was refused and may be taken now, for ever: at the start and on a change.

        That is what came under a registry or a wire version that was not known here then, and what
        came before the last signature of the agreement that opens it, or before its time.
        """
        self._loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            self._due = None
            retry = partial(asyncio.to_thread, self._retry_quarantined)
            self._note_due(await until_done(retry, "quarantine"))
            await self._until_changed()

    async def _until_changed(self) -> None:
        """Wait until something may be taken in that was refused: policy changed, or time came."""
        while not self._changed.is_set():
            with contextlib.suppress(TimeoutError):  # wait_for would lose a cancellation
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            if self._due is not None and self._due <= self._clock.now():
                return

    def _note_due(self, until: datetime | None) -> None:
        """Remember the first moment at which time may open something; in the event loop."""
        if until is not None:
            self._due = min(until, self._due or until)

    def _position(self, lane: str) -> StreamPosition | None:
        with self._store.read() as tx:
            row = tx.inbox_position(self._transport.hub, lane)
        return StreamPosition(row.consumer_created, row.stream_sequence) if row else None

    async def _take(self, lane: str, batch: Batch) -> None:
        """Check a batch, make it durable with the position it moves the lane to, acknowledge."""
        size = sum(len(delivery.data) for delivery in batch.deliveries)
        if len(batch.deliveries) <= AT_ONCE and size <= AT_ONCE_BYTES:
            checked = self._check_all(batch)
        else:
            checked = await asyncio.to_thread(self._check_all, batch)
        self._announce(await self._store_batch(lane, batch.created, checked))
        self._committed[lane] = batch.deliveries[-1].stream_sequence

    async def _store_batch(self, lane: str, created: str, checked: Sequence[Checked]) -> set[str]:
        """Settle a batch in one transaction; if that cannot be, each delivery in its own."""
        try:
            return await self._settle_durably(lane, created, checked)
        except (Unavailable, StorageFull):
            raise
        except Exception:
            log.exception("lane %s: a batch could not be stored, now one by one", lane)
        origins: set[str] = set()
        for one in checked:
            origins |= await self._store_one(lane, created, one)
        return origins

    async def _store_one(self, lane: str, created: str, checked: Checked) -> set[str]:
        """Settle one delivery; what cannot be stored for a defect of ours goes to quarantine."""
        try:
            return await self._settle_durably(lane, created, [checked])
        except (Unavailable, StorageFull):
            raise
        except Exception as error:
            log.exception("lane %s: message %s", lane, checked.delivery.stream_sequence)
            why = f"{type(error).__name__}: {error}"
            failed = Checked(checked.delivery, rule="internal", reason=why)
        return await self._settle_durably(lane, created, [failed])

    async def _settle_durably(
        self, lane: str, created: str, checked: Sequence[Checked]
    ) -> set[str]:
        job = partial(self._settle_all, lane, created, checked)
        return await asyncio.wrap_future(self._store.write(job))

    async def run_acknowledgements(self) -> None:
        """Tell the hub now and then what is committed, for ever.

        Acknowledgements are cumulative, and whatever the hub sends again for want of one changes
        nothing: one for many saves a message each.
        """
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            committed, self._committed = self._committed, {}
            for lane, stream_sequence in committed.items():
                await self._transport.acknowledge(lane, stream_sequence)

    def _check_all(self, batch: Batch) -> list[Checked]:
        return [self._check(delivery) for delivery in batch.deliveries]

    def _announce(self, origins: set[str]) -> None:
        """Ring for readers and owe receipts, now that the transaction is durable."""
        if origins:
            self._arrivals.published()
            self._receipts.owe(origins)
        self._messages.announce()

    # --- checks, before the transaction ---

    def _check(self, delivery: Delivery) -> Checked:
        try:
            opened = open_envelope(
                delivery.data,
                me=self._node,
                keys=self._keys,
                alliance=self._registry.alliance,
                registry=self._registry,
            )
            if opened.header.lane != delivery.lane:
                raise BadEnvelope(
                    f"lane {opened.header.lane} arrived as {delivery.lane}",
                    field="header/lane",
                    rule="lane",
                )
            if opened.unknown_fields:
                raise BadEnvelope(
                    f"header fields not understood: {', '.join(opened.unknown_fields)}",
                    field="header",
                    rule="unknown-field",
                )
            if opened.header.kind == "receipt":
                return self._read_messages(delivery, opened)
            if delivery.lane not in LANES:
                raise BadEnvelope("a statement in CONTROL", field="header/lane", rule="lane")
            now = format_timestamp(self._clock.now())
            arrived = tuple(self._read_statement(opened, item, now) for item in opened.items)
            return Checked(delivery, opened=opened, arrived=arrived)
        except (PeerError, CallerError) as error:
            return Checked(delivery, rule=error.rule, reason=str(error))
        except Exception as error:  # a defect of ours must not let one message stop a lane for ever
            log.exception("lane %s: message %s", delivery.lane, delivery.stream_sequence)
            return Checked(delivery, rule="internal", reason=f"{type(error).__name__}: {error}")

    def _read_messages(self, delivery: Delivery, opened: OpenedEnvelope) -> Checked:
        """Read what has no object: receipts, messages, notices of a node that was restored."""
        if opened.header.lane != CONTROL:
            raise BadEnvelope("a receipt outside CONTROL", field="header/lane", rule="lane")
        rows: list[ReceiptRow] = []
        unused: list[tuple[str, int]] = []
        messages: list[Message] = []
        sender, me = opened.header.origin, self._node
        for item, proof in zip(opened.items, opened.proofs, strict=True):
            if is_notice(item.content):
                unused += read_notice(item.content, sender=sender, me=me).items()
            elif is_message(item.content):
                messages.append(read_message(item.content, sender=sender, me=me))
            else:
                rows += read_receipt(item.content, sender=sender, me=me, evidence=proof)
        return Checked(
            delivery,
            opened=opened,
            receipts=tuple(rows),
            unused=tuple(unused),
            messages=tuple(messages),
        )

    def _read_statement(self, opened: OpenedEnvelope, item: Item, now: str) -> Arrived:
        """Validate one statement as if it were submitted here, and take the ingress decision."""
        stated = Stated(
            id=StatementId(item.origin, item.sequence),
            source=self._registry.nodes[item.origin].member,
            object=item.object,
            seed=item.seed,
            disclosure=item.disclosure,
            label=item.label,
            purpose=item.purpose,
            onward=item.onward,
        )
        new = new_statement(stated, Precedence(opened.header.lane), now)
        return self._ingress(new, opened.header.sent)

    def _ingress(self, new: NewStatement, sent: str) -> Arrived:
        """Say whether this node may have the statement.

        An agreement opens by each node's own clock. So that a sender whose clock is a little
        ahead is not refused for good, the time of sending counts, up to the skew that is allowed.
        """
        if self._kernel.may_receive(new.release_class, self._member):
            return Arrived(new, "")
        now = self._clock.now()
        at = max(now, min(parse_timestamp(sent), now + SKEW))
        decision = self._kernel.decide(new.release_class, self._member, at)
        if decision.permit:
            return Arrived(new, "")
        until = parse_timestamp(decision.until) if decision.until else None
        return Arrived(new, f"{new.id}: {decision.reason()}", until)

    # --- the transaction ---

    def _settle_all(
        self, lane: str, created: str, checked: Sequence[Checked], tx: WriteTransaction
    ) -> set[str]:
        """Write what deliveries bring, and the position; return origins owed a receipt."""
        origins = {origin for item in checked for origin in self._settle(tx, item)}
        last = checked[-1].delivery.stream_sequence
        tx.set_inbox_position(self._transport.hub, lane, last, created)
        return origins

    def _settle(self, tx: WriteTransaction, checked: Checked) -> set[str]:
        """Write what one delivery brings; return the origins that are owed a receipt."""
        opened = checked.opened
        if opened is None:
            self._quarantine(tx, checked.delivery, checked.rule, checked.reason)
            return set()
        if opened.header.kind == "receipt":
            for row in checked.receipts:
                self._settle_receipt(tx, checked, row)
            for message in checked.messages:
                self._messages.take(tx, message)
            for lane, last in checked.unused:
                self._pass_unused(tx, opened.header.origin, lane, last)
            return {opened.header.origin} if checked.unused else set()
        refused = self._settle_statements(tx, opened, checked.arrived)
        if refused:
            self._quarantine(tx, checked.delivery, "ingress", refused)
            self._wait_for(checked.until)
        header = opened.header
        tx.advance_position(header.origin, header.lane, opened.position, refused or None)
        return {header.origin}

    def _settle_statements(
        self,
        tx: WriteTransaction,
        opened: OpenedEnvelope,
        arrived: Sequence[Arrived],
        *,
        again: bool = False,
    ) -> str:
        """Store what may be stored; return why not the rest. What is here already changes nothing.

        An envelope's statements are stored, and entered in the audit log, together. What was
        refused before is not entered ``again``.
        """
        reasons: list[str] = []
        taken: list[tuple[int, NewStatement]] = []
        for index, one in enumerate(arrived):
            if one.refusal:
                reasons.append(one.refusal)
                entry = {"statement": str(one.new.id), "reason": one.refusal}
                if not again:
                    tx.append_audit("refused", entry)
            else:
                taken.append((index, one.new))
        orders = tx.add_statements([new for _, new in taken])
        stored: list[NewStatement] = []
        proved: list[tuple[int, int]] = []
        known: list[tuple[int, NewStatement]] = []
        for (index, new), order in zip(taken, orders, strict=True):
            if order is not None:
                stored.append(new)
                proved.append((order, index))
            else:
                known.append((index, new))
        for received in received_entries(stored):
            tx.append_audit("received", received)
        for index, new in known:
            before = tx.statement_by_id(new.id)
            if before is None or not is_same(tx, before, new):
                tx.append_audit("equivocation", equivocation_entry(new))
                reasons.append(
                    f"{new.id}: the origin stated something else under this number before"
                )
            elif takes_place(tx, before, new):
                proved.append((put_in_place(tx, before, new), index))
        if proved:
            shared, own = opened.batch.encode()
            tx.set_proofs(shared, [(order, own[index]) for order, index in proved])
        return "; ".join(reasons)

    def _settle_receipt(self, tx: WriteTransaction, checked: Checked, row: ReceiptRow) -> None:
        try:
            news = tx.put_receipt(row)
        except BadEnvelope as error:
            self._quarantine(tx, checked.delivery, error.rule, str(error))
            return
        if news:
            tx.append_audit(
                "receipt", {"node": row.node, "lane": row.lane, "position": row.position}
            )

    def _pass_unused(self, tx: WriteTransaction, origin: str, lane: str, last: int) -> None:
        """Wait no longer for positions that their origin does not use; what comes is taken in."""
        before = tx.in_position(origin, lane)
        reached = tx.pass_positions(origin, lane, last)
        if reached > before:
            entry = {"origin": origin, "lane": lane, "after": before, "to": last}
            tx.append_audit("positions-passed", entry)

    def _quarantine(self, tx: WriteTransaction, delivery: Delivery, rule: str, reason: str) -> None:
        tx.quarantine(
            delivery.data,
            rule=rule,
            reason=reason,
            at=format_timestamp(self._clock.now()),
            hub=self._transport.hub,
            lane=delivery.lane,
            stream_sequence=delivery.stream_sequence,
        )
        place = {"hub": self._transport.hub, "lane": delivery.lane}
        number = {"stream_sequence": delivery.stream_sequence}
        tx.append_audit("quarantined", {"rule": rule, "reason": reason[:500], **place, **number})

    # --- again ---

    def _wait_for(self, until: datetime | None) -> None:
        """Let what was refused be tried again when its time comes: any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note_due, until)

    def _retry_quarantined(self) -> datetime | None:
        """Take in what may be taken in now; return when time may open some of the rest."""
        moments: list[datetime] = []
        for rule in RETRIED:
            rows = self._quarantined(rule, 0)
            while rows:
                moments += [until for row in rows if (until := self._retry(row)) is not None]
                rows = self._quarantined(rule, rows[-1].id)
        return min(moments, default=None)

    def _quarantined(self, rule: str, after: int) -> list[QuarantineRow]:
        with self._store.read() as tx:
            return tx.quarantined(RETRY_ROWS, rule=rule, after=after)

    def _retry(self, row: QuarantineRow) -> datetime | None:
        """Take in what may be taken in of an envelope; return when time may open the rest."""
        checked = self._check(Delivery(row.lane, row.stream_sequence, row.data))
        if checked.rule in RETRIED:
            return None
        if checked.opened is None or row.rule != "ingress":
            job = partial(self._settle_first, row, checked)
        elif checked.is_refused and not self._brings_news(checked):
            return checked.until
        else:
            job = partial(self._settle_rest, row, checked, checked.opened)
        self._announce(self._store.write(job).result())
        return checked.until

    def _brings_news(self, checked: Checked) -> bool:
        with self._store.read() as tx:
            return any(
                not one.refusal and tx.statement_by_id(one.new.id) is None
                for one in checked.arrived
            )

    def _settle_first(self, row: QuarantineRow, checked: Checked, tx: WriteTransaction) -> set[str]:
        """Settle an envelope that could not be opened before; it may be refused now."""
        tx.drop_quarantined(row.id)
        return self._settle(tx, checked)

    def _settle_rest(
        self, row: QuarantineRow, checked: Checked, opened: OpenedEnvelope, tx: WriteTransaction
    ) -> set[str]:
        """Store what more may be stored of an envelope; keep it while any of it is refused."""
        if not self._settle_statements(tx, opened, checked.arrived, again=True):
            tx.drop_quarantined(row.id)
        return {opened.header.origin}
