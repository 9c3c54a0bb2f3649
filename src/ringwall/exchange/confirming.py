"""Confirming: the word of a second officer on what waits.

The first person is who submitted it. The second is another reader with the role release officer,
who may read it; what is confirmed goes the usual way and is decided once more when it is sealed.
"""

import hashlib
from collections.abc import Callable

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Clock, Conflict, Forbidden, NotFound, Precedence, format_timestamp
from ringwall.exchange.holding import HELD, REFUSED, HeldRelease, held_releases
from ringwall.exchange.naming import is_being_sealed, let_go, queue, still_named
from ringwall.exchange.telling import may_read_of
from ringwall.policy import Kernel
from ringwall.store import ReadTransaction, Store, WriteTransaction

OFFICER = "release-officer"


class SecondPerson:
    """Shows what waits, and takes the word of a second officer; thread-safe."""

    def __init__(
        self,
        *,
        member: str,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        wake: Callable[[Precedence], None],
    ) -> None:
        self._member = member
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._wake = wake

    def waiting(self, reader: Reader, route: str = "") -> list[HeldRelease]:
        """Return what waits and this reader may read, oldest first; entered in the audit log."""
        found = self._readable(reader)
        shown = hashlib.sha256("\n".join(each.key for each in found).encode()).hexdigest()
        entry = {"reader": reader.id, "route": route, "count": len(found), "result": shown}

        def job(tx: WriteTransaction) -> None:
            tx.append_audit("read", entry)

        self._store.write(job, essential=True).result()
        return found

    def _readable(self, reader: Reader) -> list[HeldRelease]:
        """Return what a reader may read wholly, and of what waits for what it names, that too."""
        with self._store.read() as tx:
            found = held_releases(tx, self._member)
            readable = [each for each in found if self._may_read(tx, each, reader)]
        return sorted(readable, key=lambda each: (each.at, each.key))

    def _may_read(self, tx: ReadTransaction, held: HeldRelease, reader: Reader) -> bool:
        numbers = {held.release_class}
        for parts in tx.parts(held.orders).values():
            numbers.update(parts.values())
        classes = tx.release_classes()
        return all(
            self._kernel.may_read(classes[number], reader) for number in numbers
        ) and may_read_of(tx, self._kernel, reader, set(held.names))

    def confirm(self, officer: Reader, key: str) -> HeldRelease:
        """Let it go, and what named it. Raises NotFound, Forbidden, and Conflict.

        Conflict has the rule ``sealing`` (ask again) or ``names-held`` (it names what waits: that
        is to be confirmed first).
        """
        held = self._find(officer, key)

        def job(tx: WriteTransaction) -> frozenset[Precedence]:
            if still_named(held_releases(tx, self._member)).get(key):
                why = "it names what waits: it goes when that is confirmed"
                raise Conflict(why, field="release", rule="names-held")
            self._take(tx, key)
            if is_being_sealed(tx, held):
                why = f"{held.statements[0]} is being sealed for others: ask again"
                raise Conflict(why, field="release", rule="sealing")
            queue(tx, held)
            tx.append_audit("release-confirmed", _entry(held, officer))
            return let_go(tx, self._member) | {Precedence(held.lane)}

        self._wake_all(self._store.write(job).result())
        return held

    def refuse(self, officer: Reader, key: str) -> HeldRelease:
        """Let it never go to these nodes. Raises NotFound, Forbidden."""
        held = self._find(officer, key)

        def job(tx: WriteTransaction) -> frozenset[Precedence]:
            self._take(tx, key)
            for order in held.orders:
                releases = tx.releases(order)
                left = [n for n in releases[-1].audience if n not in held.nodes] if releases else []
                why = f"a second person refused it ({held.clause})"
                reasons = [{"node": n, "permit": False, "reason": why} for n in held.nodes]
                tx.add_release(order, self._kernel.version, left, reasons, self._now())
            tx.put_document(REFUSED, self._member, key, msgspec.json.encode(held), self._now())
            tx.append_audit("release-refused", _entry(held, officer))
            return let_go(tx, self._member)

        self._wake_all(self._store.write(job).result())
        return held

    def _find(self, officer: Reader, key: str) -> HeldRelease:
        if OFFICER not in officer.roles:
            raise Forbidden(f"this needs the role {OFFICER}", field="role", rule="role")
        held = next((each for each in self._readable(officer) if each.key == key), None)
        if held is None:
            raise NotFound("nothing of this name waits", field="release")
        if held.submitted_by == officer.id:
            why = "whoever submitted it is not the second person"
            raise Forbidden(why, field="release", rule="second-person")
        return held

    def _take(self, tx: WriteTransaction, key: str) -> None:
        if not tx.drop_document(HELD, self._member, key):
            raise NotFound("nothing of this name waits", field="release")

    def _wake_all(self, lanes: frozenset[Precedence]) -> None:
        for lane in lanes:
            self._wake(lane)

    def _now(self) -> str:
        return format_timestamp(self._clock.now())


def _entry(held: HeldRelease, officer: Reader) -> dict[str, object]:
    return {
        "statements": list(held.statements),
        "nodes": list(held.nodes),
        "rule": held.rule,
        "submitted_by": held.submitted_by,
        "reader": officer.id,
    }
