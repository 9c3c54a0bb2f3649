"""What waits for a second person: stored, decided, and not in the outbox.

The first person is who submitted it. The second is another reader with the role release officer,
who may read it; what is confirmed goes the usual way and is decided once more when it is sealed.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping

import msgspec

from ringwall.alliance import Reader
from ringwall.core import (
    Clock,
    Conflict,
    Forbidden,
    InternalFault,
    NotFound,
    Precedence,
    format_timestamp,
    parse_statement_id,
)
from ringwall.exchange.drafting import Group
from ringwall.policy import HoldRule, HoldRules, Kernel
from ringwall.store import ReadTransaction, Store, WriteTransaction

HELD, REFUSED = "held-release", "refused-release"
"""The kinds of the documents: what waits, and what a second person said no to, for good."""
OFFICER = "release-officer"


class HeldRelease(msgspec.Struct, frozen=True):
    """Statements of one submission and one class that wait; ``key`` names them."""

    key: str
    statements: tuple[str, ...]
    orders: tuple[int, ...]
    release_class: int
    nodes: tuple[str, ...]
    withheld: dict[str, tuple[str, ...]]
    lane: str
    label: str
    rule: str
    clause: str
    submitted_by: str
    at: str


class HeldBatch(msgspec.Struct, frozen=True):
    """What was stored together: ids and orders of statements of one class, by whom, when."""

    statements: tuple[str, ...]
    orders: tuple[int, ...]
    lane: str
    submitted_by: str
    at: str


class Holding:
    """Keeps back what a member's rules want a second person for."""

    def __init__(self, member: str, rules: HoldRules, kernel: Kernel) -> None:
        self._member = member
        self._rules = rules
        self._kernel = kernel

    def keep(self, tx: WriteTransaction, group: Group, batch: HeldBatch) -> tuple[str, ...]:
        """Note what waits, in the transaction that stores it; return the nodes that do not."""
        if not self._rules.two_person:
            return group.audience
        free: list[str] = []
        held: dict[HoldRule, tuple[str, ...]] = {}
        alliance = self._kernel.alliance
        for node in group.audience:
            member = alliance.node(node).member
            rule = self._rules.holding(alliance, group.release_class, member)
            if rule is None:
                free.append(node)
            else:
                held[rule] = (*held.get(rule, ()), node)
        for rule, nodes in held.items():
            self._hold(tx, group, batch, rule, nodes)
        return tuple(free)

    def _hold(
        self,
        tx: WriteTransaction,
        group: Group,
        batch: HeldBatch,
        rule: HoldRule,
        nodes: tuple[str, ...],
    ) -> None:
        stored = tx.statement_by_id(parse_statement_id(batch.statements[0]))
        if stored is None:
            raise InternalFault(f"{batch.statements[0]} was stored and is not there", rule="held")
        held = HeldRelease(
            key=f"{batch.statements[0]}-{rule.name}-{secrets.token_hex(4)}",
            statements=batch.statements,
            orders=batch.orders,
            release_class=stored.release_class,
            nodes=nodes,
            withheld={node: cut for node, cut in group.withheld.items() if node in nodes},
            lane=batch.lane,
            label=group.label,
            rule=rule.name,
            clause=rule.clause,
            submitted_by=batch.submitted_by,
            at=batch.at,
        )
        tx.put_document(HELD, self._member, held.key, msgspec.json.encode(held), held.at)
        entry = {"statements": list(held.statements), "nodes": list(nodes), "rule": rule.name}
        tx.append_audit("release-held", entry)


def held_nodes(tx: ReadTransaction, member: str, at: str) -> Mapping[str, frozenset[str]]:
    """Return for each statement the nodes for which it waits, or was refused."""
    found: dict[str, frozenset[str]] = {}
    for _, raw in (*tx.documents(HELD, member, at), *tx.documents(REFUSED, member, at)):
        held = msgspec.json.decode(raw, type=HeldRelease)
        for name in held.statements:
            found[name] = found.get(name, frozenset()) | set(held.nodes)
    return found


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
        with self._store.read() as tx:
            classes = tx.release_classes()
            rows = tx.documents(HELD, self._member, self._now())
        found = [msgspec.json.decode(raw, type=HeldRelease) for _, raw in rows]
        readable = [
            each for each in found if self._kernel.may_read(classes[each.release_class], reader)
        ]
        return sorted(readable, key=lambda each: (each.at, each.key))

    def confirm(self, officer: Reader, key: str) -> HeldRelease:
        """Let it go. Raises NotFound, Forbidden, Conflict (rule ``sealing``: ask again)."""
        held = self._find(officer, key)

        def job(tx: WriteTransaction) -> None:
            self._take(tx, key)
            for name, order in zip(held.statements, held.orders, strict=True):
                row = tx.statements([held.release_class], after=order - 1, until=order, limit=1)
                if not row:
                    continue  # withdrawn meanwhile
                if any(way.position is None for way in tx.delivery(row[0].id)):
                    why = f"{name} is being sealed for others: ask again"
                    raise Conflict(why, field="release", rule="sealing")
                tx.enqueue([order], Precedence(held.lane), held.nodes, held.withheld)
            tx.append_audit("release-confirmed", _entry(held, officer))

        self._store.write(job).result()
        self._wake(Precedence(held.lane))
        return held

    def refuse(self, officer: Reader, key: str) -> HeldRelease:
        """Let it never go to these nodes. Raises NotFound, Forbidden."""
        held = self._find(officer, key)

        def job(tx: WriteTransaction) -> None:
            self._take(tx, key)
            for order in held.orders:
                releases = tx.releases(order)
                left = [n for n in releases[-1].audience if n not in held.nodes] if releases else []
                why = f"a second person refused it ({held.clause})"
                reasons = [{"node": n, "permit": False, "reason": why} for n in held.nodes]
                tx.add_release(order, self._kernel.version, left, reasons, self._now())
            tx.put_document(REFUSED, self._member, key, msgspec.json.encode(held), self._now())
            tx.append_audit("release-refused", _entry(held, officer))

        self._store.write(job).result()
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
