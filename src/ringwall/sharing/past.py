"""Sending what was stated before and is opened since: by an agreement, or because time came.

Release goes on as ever: what the decision opens today is put into the outbox, recorded with its
reason, and decided once more when it is sealed. A crash in the middle repeats some of it, and a
recipient takes a statement once.
"""

from collections.abc import Collection, Sequence
from functools import partial

import msgspec

from ringwall.alliance import Agreement
from ringwall.core import Clock, Precedence, format_timestamp
from ringwall.exchange import held_nodes
from ringwall.policy import CompiledPolicy, Kernel, ReleaseClass
from ringwall.sharing.preview import opened_members
from ringwall.store import Statement, Store, WriteTransaction

SLICE = 200


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
    ) -> None:
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
            whole &= self._store.write(partial(self._queue, own, nodes, why)).result()
            after = rows[-1].order
        return whole

    def _queue(
        self,
        rows: Sequence[Statement],
        nodes: frozenset[str],
        why: str,
        tx: WriteTransaction,
    ) -> bool:
        """Queue statements for those of ``nodes`` that have not been sent them."""
        queued, whole = [], True
        held = held_nodes(tx, self._member, format_timestamp(self._clock.now()))
        for row in rows:
            ways = tx.delivery(row.id)
            known = {way.node for way in ways} | held.get(str(row.id), frozenset())
            new = sorted(nodes - known)
            if any(way.position is None for way in ways):
                whole = False
            elif new:
                self._release(tx, row, known, new, why)
                queued.append(str(row.id))
        if queued:
            entry = {"reason": why, "statements": queued, "nodes": sorted(nodes)}
            tx.append_audit("released-further", entry)
        return whole

    def _release(
        self,
        tx: WriteTransaction,
        row: Statement,
        known: set[str],
        new: list[str],
        why: str,
    ) -> None:
        now = format_timestamp(self._clock.now())
        reasons = [{"node": node, "permit": True, "reason": why} for node in new]
        tx.add_release(row.order, self._kernel.version, sorted(known.union(new)), reasons, now)
        tx.enqueue([row.order], Precedence.BULK, new)
