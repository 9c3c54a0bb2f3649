"""Naming: what names an object that waits for a node waits for that node too.

An id alone tells that something is there. Nobody confirms such a wait: it ends as soon as nothing
that it names waits any more, and when it is sealed, what was refused meanwhile is withheld from it
as what is for others ever is. It is looked for when something is stated and when
it is sealed: an object may name one that was stated after it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Precedence, parse_statement_id
from ringwall.exchange.drafting import Draft, Group, Recipient
from ringwall.exchange.holding import (
    HELD,
    NAMES_HELD,
    NO_WAIT,
    WHY_NAMES,
    HeldRelease,
    Holding,
    Wait,
    held_key,
    held_releases,
    put_held,
)
from ringwall.exchange.redacting import Redactor, named_ids
from ringwall.labels import format_label
from ringwall.policy import ReleaseClass
from ringwall.store import OutboxRow, ReadTransaction, WriteTransaction

Waiting = Mapping[str, frozenset[str]]
"""STIX id → the nodes for which it waits."""


class Naming(msgspec.Struct, frozen=True):
    """Objects that go to nodes, and the STIX ids that they name."""

    objects: tuple[str, ...]
    names: frozenset[str]
    nodes: frozenset[str]


def waiting_objects(held: Iterable[HeldRelease]) -> dict[str, frozenset[str]]:
    """Return for which nodes objects wait."""
    found: dict[str, frozenset[str]] = {}
    for each in held:
        for name in each.objects:
            found[name] = found.get(name, frozenset()) | set(each.nodes)
    return found


def spread(waiting: Waiting, items: Sequence[Naming]) -> list[Wait]:
    """Return for which nodes each item waits with what it names, which may wait for the same cause.

    The least such answer: two that name each other wait only if one names a third that waits.
    """
    found = dict(waiting)
    nodes: list[frozenset[str]] = [frozenset()] * len(items)
    naming = [(at, item) for at, item in enumerate(items) if item.names] if found else []
    changed = bool(naming)
    while changed:
        changed = False
        for at, item in naming:
            mine = item.nodes & _any(found, item.names)
            if mine != nodes[at]:
                nodes[at], changed = mine, True
                for name in item.objects:
                    found[name] = found.get(name, frozenset()) | mine
    return [_wait(found, item, mine) for item, mine in zip(items, nodes, strict=True)]


def _any(waiting: Waiting, names: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(waiting[name] for name in names if name in waiting))


def _wait(waiting: Waiting, item: Naming, nodes: frozenset[str]) -> Wait:
    if not nodes:
        return NO_WAIT
    names = [name for name in item.names if not nodes.isdisjoint(waiting.get(name, ()))]
    return Wait(tuple(sorted(nodes)), tuple(sorted(names)))


def waits_of_drafts(
    redactor: Redactor,
    holding: Holding,
    tx: ReadTransaction,
    groups: Sequence[Group],
    reader: Reader,
) -> Mapping[int, Wait]:
    """Return the waits of drafts that name what waits, by the draft's identity (``id``)."""
    ruled = [frozenset[str]().union(*holding.ruled(group).values()) for group in groups]
    waiting = _counting(redactor, held_releases(tx, holding.member), tx.release_classes(), reader)
    for group, nodes in zip(groups, ruled, strict=True):
        for draft in group.drafts if nodes else ():
            waiting[draft.object.id] = waiting.get(draft.object.id, frozenset()) | nodes
    if not waiting:
        return {}
    drafts = [
        (draft, frozenset(group.audience) - nodes)
        for group, nodes in zip(groups, ruled, strict=True)
        for draft in group.drafts
    ]
    items = [
        Naming((draft.object.id,), named_ids(draft.object.id, draft.object.body), nodes)
        for draft, nodes in drafts
    ]
    waits = zip(drafts, spread(waiting, items), strict=True)
    return {id(draft): wait for (draft, _), wait in waits if wait.nodes}


def waiting_recipients(
    redactor: Redactor, group: Group, waits: Mapping[int, Wait], draft: Draft
) -> tuple[Recipient, ...]:
    """Return what is said of each member, with what waits because of what the draft names."""
    wait = waits.get(id(draft), NO_WAIT)
    return tuple(
        msgspec.structs.replace(each, waits=WHY_NAMES)
        if wait.nodes and not each.waits and not redactor.seats(each.member).isdisjoint(wait.nodes)
        else each
        for each in group.recipients
    )


def waits_of_rows(
    redactor: Redactor,
    tx: ReadTransaction,
    member: str,
    rows: Sequence[OutboxRow],
    classes: Mapping[int, ReleaseClass],
) -> list[Wait]:
    """Return for which nodes rows wait that are about to be sealed."""
    held = held_releases(tx, member)
    if not held:
        return [NO_WAIT] * len(rows)
    items = [
        Naming(
            (row.statement.object_id,),
            named_ids(row.statement.object_id, row.statement.body),
            frozenset(row.audience),
        )
        for row in rows
    ]
    found: dict[str, list[Wait]] = {}
    for by in {row.statement.submitted_by for row in rows}:
        found[by] = spread(_counting(redactor, held, classes, redactor.submitter(tx, by)), items)
    return [found[row.statement.submitted_by][at] for at, row in enumerate(rows)]


def _counting(
    redactor: Redactor,
    held: Iterable[HeldRelease],
    classes: Mapping[int, ReleaseClass],
    reader: Reader | None,
) -> dict[str, frozenset[str]]:
    """Return what waits, as far as it counts when ``reader`` names it."""
    return waiting_objects(
        each
        for each in held
        if reader is None or redactor.counts(classes[each.release_class], reader)
    )


def held_row(row: OutboxRow, wait: Wait, lane: str, at: str) -> HeldRelease:
    """Return what becomes of a row of the outbox for the nodes for which it waits."""
    statement = row.statement
    return HeldRelease(
        key=held_key(str(statement.id), NAMES_HELD),
        statements=(str(statement.id),),
        orders=(row.order,),
        release_class=statement.release_class,
        nodes=wait.nodes,
        withheld={node: cut for node, cut in row.withheld.items() if node in wait.nodes},
        lane=lane,
        label=format_label(statement.label),
        rule=NAMES_HELD,
        clause=WHY_NAMES,
        submitted_by=statement.submitted_by,
        at=at,
        objects=(statement.object_id,),
        names=wait.names,
    )


def still_named(held: Sequence[HeldRelease]) -> dict[str, frozenset[str]]:
    """Return for which nodes each wait of rule ``names-held`` has not ended, by its key."""
    naming = [each for each in held if each.names]
    items = [Naming(each.objects, frozenset(each.names), frozenset(each.nodes)) for each in naming]
    waits = spread(waiting_objects(each for each in held if not each.names), items)
    return {each.key: frozenset(wait.nodes) for each, wait in zip(naming, waits, strict=True)}


def let_go(tx: WriteTransaction, member: str) -> frozenset[Precedence]:
    """Queue what named what does not wait any more; return the lanes that have work.

    What is being sealed for others stays until that is done: the outbox asks again then.
    """
    waiting = held_releases(tx, member)
    still = still_named(waiting)
    lanes: set[Precedence] = set()
    for held in waiting:
        free = tuple(node for node in held.nodes if node not in still.get(held.key, held.nodes))
        if not free or is_being_sealed(tx, held):
            continue
        queue(tx, msgspec.structs.replace(held, nodes=free))
        lanes.add(Precedence(held.lane))
        rest = tuple(node for node in held.nodes if node not in free)
        if rest:
            put_held(tx, member, msgspec.structs.replace(held, nodes=rest))
        else:
            tx.drop_document(HELD, member, held.key)
    return frozenset(lanes)


def is_being_sealed(tx: ReadTransaction, held: HeldRelease) -> bool:
    """Tell whether any of the statements waits in the outbox for other nodes."""
    return any(
        way.position is None
        for name in held.statements
        for way in tx.delivery(parse_statement_id(name))
    )


def queue(tx: WriteTransaction, held: HeldRelease) -> None:
    """Put what waited into the outbox; what was withdrawn meanwhile is left out."""
    for order in held.orders:
        if tx.statements([held.release_class], after=order - 1, until=order, limit=1):
            tx.enqueue([order], Precedence(held.lane), held.nodes, held.withheld)


def forget(tx: WriteTransaction, member: str, statements: Collection[str]) -> None:
    """Let statements that were withdrawn wait no longer."""
    for held in held_releases(tx, member):
        left = held.without(statements)
        if not left.statements:
            tx.drop_document(HELD, member, held.key)
        elif len(left.statements) < len(held.statements):
            put_held(tx, member, left)
