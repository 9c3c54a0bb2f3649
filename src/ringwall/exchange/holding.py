"""What waits for a second person: stored, decided, and not in the outbox.

A rule of the member holds it back, or it names what is held back (`naming`). Who confirms it, and
how, stands in `confirming`.
"""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

from ringwall.core import InternalFault, parse_statement_id
from ringwall.exchange.drafting import Group, going
from ringwall.policy import HoldRule, HoldRules, Kernel
from ringwall.store import ReadTransaction, WriteTransaction

HELD, REFUSED = "held-release", "refused-release"
"""The kinds of the documents: what waits, and what a second person said no to, for good."""
NAMES_HELD, WHY_NAMES = "names-held", "it names what waits for a second person"
"""The rule and the clause of what waits only because of what it names."""


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
    objects: tuple[str, ...] = ()
    """The STIX ids of the statements."""
    names: tuple[str, ...] = ()
    """No rule holds it: it waits for these STIX ids, which it names."""

    def without(self, statements: Collection[str]) -> "HeldRelease":
        """Return it without some of its statements."""
        stays = [at for at, name in enumerate(self.statements) if name not in statements]
        return msgspec.structs.replace(
            self,
            statements=tuple(self.statements[at] for at in stays),
            orders=tuple(self.orders[at] for at in stays),
            objects=tuple(self.objects[at] for at in stays if at < len(self.objects)),
        )


class HeldBatch(msgspec.Struct, frozen=True):
    """What was stored together: statements of one class with orders and STIX ids, by whom, when."""

    statements: tuple[str, ...]
    orders: tuple[int, ...]
    objects: tuple[str, ...]
    lane: str
    submitted_by: str
    at: str

    def only(self, places: Sequence[int]) -> "HeldBatch":
        """Return it with the statements at these places alone."""
        return msgspec.structs.replace(
            self,
            statements=tuple(self.statements[at] for at in places),
            orders=tuple(self.orders[at] for at in places),
            objects=tuple(self.objects[at] for at in places),
        )


class Wait(msgspec.Struct, frozen=True):
    """For which nodes something waits because of what it names: sorted; none: it does not."""

    nodes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


NO_WAIT = Wait()


class Holding:
    """Keeps back what a member's rules want a second person for."""

    def __init__(self, member: str, rules: HoldRules, kernel: Kernel) -> None:
        self.member = member
        self._rules = rules
        self._kernel = kernel

    def ruled(self, group: Group) -> dict[HoldRule, tuple[str, ...]]:
        """Return which of a group's nodes wait by which rule."""
        held: dict[HoldRule, tuple[str, ...]] = {}
        alliance = self._kernel.alliance
        for node in group.audience if self._rules.two_person else ():
            member = alliance.node(node).member
            several = going(self._kernel, group.release_class, group.parts, member)
            rule = self._rules.holding_any(alliance, several, member)
            if rule is not None:
                held[rule] = (*held.get(rule, ()), node)
        return held

    def keep(self, tx: WriteTransaction, group: Group, batch: HeldBatch) -> tuple[str, ...]:
        """Note what waits, in the transaction that stores it; return the nodes that do not."""
        ruled = self.ruled(group)
        for rule, nodes in ruled.items():
            self._hold(tx, group, batch, nodes, rule.name, rule.clause)
        waits = {node for nodes in ruled.values() for node in nodes}
        return tuple(node for node in group.audience if node not in waits)

    def keep_all(
        self, tx: WriteTransaction, group: Group, batch: HeldBatch, waits: Sequence[Wait]
    ) -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
        """Note what waits by a rule or, statement by statement, because of what it names.

        Yields orders, and the nodes for which these do not wait.
        """
        free = self.keep(tx, group, batch)
        alike: dict[Wait, list[int]] = {}
        for at, wait in enumerate(waits):
            alike.setdefault(wait, []).append(at)
        for wait, places in alike.items():
            some = batch.only(places)
            nodes = tuple(node for node in wait.nodes if node in free)
            if nodes:
                self._hold(tx, group, some, nodes, NAMES_HELD, WHY_NAMES, wait.names)
            yield some.orders, tuple(node for node in free if node not in nodes)

    def _hold(
        self,
        tx: WriteTransaction,
        group: Group,
        batch: HeldBatch,
        nodes: tuple[str, ...],
        rule: str,
        clause: str,
        names: tuple[str, ...] = (),
    ) -> None:
        stored = tx.statement_by_id(parse_statement_id(batch.statements[0]))
        if stored is None:
            raise InternalFault(f"{batch.statements[0]} was stored and is not there", rule="held")
        held = HeldRelease(
            key=held_key(batch.statements[0], rule),
            statements=batch.statements,
            orders=batch.orders,
            release_class=stored.release_class,
            nodes=nodes,
            withheld={node: cut for node, cut in group.withheld.items() if node in nodes},
            lane=batch.lane,
            label=group.label,
            rule=rule,
            clause=clause,
            submitted_by=batch.submitted_by,
            at=batch.at,
            objects=batch.objects,
            names=names,
        )
        hold(tx, self.member, held)


def hold(tx: WriteTransaction, member: str, held: HeldRelease) -> None:
    """Note that something waits."""
    put_held(tx, member, held)
    entry = {"statements": list(held.statements), "nodes": list(held.nodes), "rule": held.rule}
    tx.append_audit("release-held", entry)


def put_held(tx: WriteTransaction, member: str, held: HeldRelease) -> None:
    """Write what waits, in the place of what was written under its key before."""
    tx.put_document(HELD, member, held.key, msgspec.json.encode(held), held.at)


def held_key(statement: str, rule: str) -> str:
    """Return a new name for something that waits."""
    return f"{statement}-{rule}-{secrets.token_hex(4)}"


def held_releases(tx: ReadTransaction, member: str) -> list[HeldRelease]:
    """Return all that waits."""
    return [_read(raw) for _, raw in tx.documents(HELD, member, "")]


@lru_cache(maxsize=512)  # they are read with every slice that comes in and every batch that leaves
def _read(raw: bytes) -> HeldRelease:
    return msgspec.json.decode(raw, type=HeldRelease)


class SecondWord(msgspec.Struct, frozen=True):
    """Why a second person keeps a statement from a node: ``waits`` for one, or one ``refused``."""

    state: Literal["waits", "refused"]
    rule: str
    clause: str


def second_words(
    tx: ReadTransaction, member: str, statement: str, at: str
) -> dict[str, SecondWord]:
    """Return for each node from which a second person keeps a statement, why.

    What waits because of what it names is said to wait, and not for what.
    """
    found: dict[str, SecondWord] = {}
    kinds: dict[str, Literal["waits", "refused"]] = {REFUSED: "refused", HELD: "waits"}
    for kind, state in kinds.items():
        for _, raw in tx.documents(kind, member, at):
            held = _read(raw)
            if statement in held.statements:
                named = held.rule == NAMES_HELD
                said = ("", "") if named else (held.rule, held.clause)
                found |= dict.fromkeys(held.nodes, SecondWord(state, *said))
    return found


def held_nodes(tx: ReadTransaction, member: str, at: str) -> Mapping[str, frozenset[str]]:
    """Return for each statement the nodes for which it waits, or was refused."""
    found: dict[str, frozenset[str]] = {}
    for _, raw in (*tx.documents(HELD, member, at), *tx.documents(REFUSED, member, at)):
        held = _read(raw)
        for name in held.statements:
            found[name] = found.get(name, frozenset()) | set(held.nodes)
    return found
