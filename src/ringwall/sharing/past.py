"""Sending what was stated before and is opened since: by an agreement, or because time came.

Release goes on as ever: what the decision opens today is put into the outbox, or waits for a second
person where the member's rules want one; it is recorded with its reason, and decided once more when
it is sealed. What a second person refused stays refused. A crash in the middle repeats some of it,
and a recipient takes a statement once.
"""

from collections.abc import Collection, Sequence
from functools import partial

import msgspec

from ringwall.alliance import Agreement
from ringwall.core import Clock, Precedence, format_timestamp
from ringwall.exchange import held_nodes
from ringwall.exchange.drafting import Group
from ringwall.exchange.holding import HeldBatch, Holding
from ringwall.exchange.withdrawal import is_withdrawn
from ringwall.labels import Label, format_label
from ringwall.policy import NO_HOLDS, CompiledPolicy, HoldRules, Kernel, ReleaseClass
from ringwall.sharing.preview import opened_members
from ringwall.store import Statement, Store, WriteTransaction

SLICE = 200


class _Alike(msgspec.Struct, frozen=True):
    """What statements share that are opened to the same nodes, and wait together if any do."""

    label: Label
    submitted_by: str
    nodes: tuple[str, ...]
    parts: tuple[ReleaseClass, ...]
    """The classes of marked properties."""


class PastSender:
    """Puts past statements of one node into its outbox."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        recipients: Collection[str],
        holds: HoldRules = NO_HOLDS,
    ) -> None:
        """``recipients`` are the nodes there are, ``holds`` what waits for a second person."""
        self._holding = Holding(member, holds, kernel)
        self._node = node
        self._member = member
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._recipients = frozenset(recipients)

    def send(self, agreement: Agreement) -> bool:
        """Queue what ``agreement`` opens and nothing else does; blocks until that is durable.

        False: some still waited to be sealed for others; ask again later.
        """
        alliance = self._kernel.alliance
        others = tuple(each for each in alliance.agreements if each.id != agreement.id)
        before = CompiledPolicy(msgspec.structs.replace(alliance, agreements=others))
        after, at = CompiledPolicy(alliance), self._clock.now()
        with self._store.read() as tx:
            classes, counts = tx.release_classes(), tx.class_counts()
        whole = True
        for number in counts:
            release = classes[number]
            if release.origin == self._member:
                opened = opened_members(before, after, release, at)
                seats = {seat.id for each in opened for seat in alliance.members[each].nodes}
                why = f"{agreement.title} opened it since"
                whole &= self.release(number, release, seats, why)
        return whole

    def release(self, number: int, release: ReleaseClass, seats: Collection[str], why: str) -> bool:
        """Queue a class of this node for those of ``seats`` that may have it and were not sent it.

        False: some of it still waited to be sealed for others; ask again later.
        """
        nodes = frozenset(self._kernel.audience(release, nodes=self._recipients & set(seats)))
        whole, after = True, 0
        while nodes:
            with self._store.read() as tx:
                rows = tx.statements([number], after=after, limit=SLICE)
            if not rows:
                break
            own = [row for row in rows if row.id.origin == self._node]
            whole &= self._store.write(partial(self._queue, own, release, nodes, why)).result()
            after = rows[-1].order
        return whole

    def _queue(
        self,
        rows: Sequence[Statement],
        release: ReleaseClass,
        nodes: frozenset[str],
        why: str,
        tx: WriteTransaction,
    ) -> bool:
        """Queue statements for those of ``nodes`` that have not been sent them."""
        opened: dict[_Alike, list[Statement]] = {}
        whole = True
        held = held_nodes(tx, self._member, format_timestamp(self._clock.now()))
        for row in rows:
            stored = tx.statement_by_id(row.id)
            if stored is None or is_withdrawn(tx, stored):
                continue  # meanwhile
            ways = tx.delivery(row.id)
            known = {way.node for way in ways}
            new = nodes - known - held.get(str(row.id), frozenset())
            if any(way.position is None for way in ways):
                whole = False
            elif new:
                sent = tuple(sorted(new))
                alike = _Alike(row.label, row.submitted_by, sent, _parts(tx, row))
                opened.setdefault(alike, []).append(row)
                self._record(tx, row, alike.nodes, why)
        if opened:
            queued = [str(row.id) for each in opened.values() for row in each]
            entry = {"reason": why, "statements": queued, "nodes": sorted(nodes)}
            tx.append_audit("released-further", entry)
        for alike, several in opened.items():
            self._let_go(tx, release, alike, several)
        return whole

    def _record(self, tx: WriteTransaction, row: Statement, new: Sequence[str], why: str) -> None:
        now = format_timestamp(self._clock.now())
        reasons = [{"node": node, "permit": True, "reason": why} for node in new]
        releases = tx.releases(row.order)
        audience = {*(releases[-1].audience if releases else ()), *new}
        tx.add_release(row.order, self._kernel.version, sorted(audience), reasons, now)

    def _let_go(
        self,
        tx: WriteTransaction,
        release: ReleaseClass,
        alike: _Alike,
        rows: Sequence[Statement],
    ) -> None:
        """Put statements into the outbox for the nodes for which none waits for a second person."""
        group = Group(
            release_class=release,
            stated=alike.label,
            label=format_label(alike.label),
            audience=alike.nodes,
            recipients=(),
            decision=b"",
            drafts=[],
            parts=alike.parts,
        )
        batch = HeldBatch(
            tuple(str(row.id) for row in rows),
            tuple(row.order for row in rows),
            tuple(row.object_id for row in rows),
            str(Precedence.BULK),
            alike.submitted_by,
            format_timestamp(self._clock.now()),
        )
        free = self._holding.keep(tx, group, batch)
        tx.enqueue(batch.orders, Precedence.BULK, free)


def _parts(tx: WriteTransaction, row: Statement) -> tuple[ReleaseClass, ...]:
    """Return the classes of the marked properties of a statement."""
    numbers = set(tx.parts([row.order]).get(row.order, {}).values())
    classes = tx.release_classes() if numbers else {}
    return tuple(classes[number] for number in sorted(numbers))
