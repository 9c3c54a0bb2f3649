"""The TAXII collections: what they hold, one object per id and version, in order of arrival.

``all`` holds the statements that a reader may see; ``reference`` the loaded reference sets. An
object that several sources state alike is listed once, where it first arrived.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ringwall.core import format_timestamp, parse_timestamp
from ringwall.server.context import Call
from ringwall.server.taxii_query import Wanted
from ringwall.store import ReadTransaction, Statement

_NAMESPACE = uuid.UUID("6f3c0d3e-7d0a-5c57-9a0f-6d1f0a6f9b51")
_CHUNK = 1000


class Entry(msgspec.Struct, frozen=True):
    """One object version in a collection; ``version`` is its date added where it has none."""

    order: int
    object_id: str
    version: str
    date_added: str
    body: bytes


class Collection(msgspec.Struct, frozen=True):
    """A collection and how its entries are read: up to ``limit`` of those wanted."""

    id: str
    alias: str
    title: str
    description: str
    read: Callable[[Call, Wanted, int], list[Entry]]


def statement_entries(call: Call, wanted: Wanted, limit: int) -> list[Entry]:
    """Read a page of statements as one audited read."""
    rows = call.view.select(lambda tx, classes: _choose(tx, classes, wanted, limit))
    return [
        Entry(r.order, r.object_id, r.version or r.received_at, r.received_at, r.body) for r in rows
    ]


def _choose(
    tx: ReadTransaction, classes: Sequence[int], wanted: Wanted, limit: int
) -> list[Statement]:
    after = wanted.after
    if wanted.added_after and not after:
        after = tx.order_at(_microseconds(wanted.added_after))
    kinds = tx.release_classes()
    open_classes = [c for c in classes if wanted.takes_type(kinds[c].object_type)]
    if wanted.ids:
        rows = (row for each in wanted.ids for row in tx.versions(each, open_classes))
        return _of_objects(rows, after, wanted, limit)
    return _of_all(tx, open_classes, after, wanted, limit)


def _of_objects(
    rows: Iterable[Statement], after: int, wanted: Wanted, limit: int
) -> list[Statement]:
    by_object: dict[str, list[Statement]] = {}
    for row in rows:
        by_object.setdefault(row.object_id, []).append(row)
    chosen = [row for same in by_object.values() for row in pick(same, wanted.versions)]
    later = sorted((row for row in chosen if row.order > after), key=lambda row: row.order)
    return later[:limit]


def _of_all(
    tx: ReadTransaction, classes: Sequence[int], after: int, wanted: Wanted, limit: int
) -> list[Statement]:
    chosen: list[Statement] = []
    while len(chosen) < limit:
        rows = tx.statements(classes, after=after, limit=min(limit, _CHUNK))
        if not rows:
            break
        after = rows[-1].order
        for row in rows:
            shown = pick(tx.versions(row.object_id, classes), wanted.versions)
            chosen.extend(one for one in shown if one.order == row.order)
    return chosen[:limit]


def pick(same: Iterable[Statement], versions: tuple[str, ...]) -> list[Statement]:
    """From the statements of one object choose the wanted versions, each where it first arrived.

    The versions are compared as times: STIX allows different numbers of digits.
    """
    first: dict[str, Statement] = {}
    for row in sorted(same, key=lambda row: row.order):
        first.setdefault(row.version, row)
    moments = {version: _moment(version) for version in first}
    ordered = sorted(first, key=lambda version: moments[version])
    chosen = set(ordered) if "all" in versions else set()
    chosen |= set(ordered[:1]) if "first" in versions else set()
    chosen |= set(ordered[-1:]) if "last" in versions else set()
    asked = {_moment(version) for version in versions if version not in ("first", "last", "all")}
    chosen |= {version for version in ordered if moments[version] in asked}
    return [first[version] for version in ordered if version in chosen]


def _moment(version: str) -> str:
    """Write a version so that text order is time order; observables have none."""
    return _microseconds(version) if version else ""


def _microseconds(text: str) -> str:
    return format_timestamp(parse_timestamp(text))


def reference_entries(call: Call, wanted: Wanted, limit: int) -> list[Entry]:
    """Read a page of reference objects; a set holds one version of each."""
    after = wanted.after
    if wanted.added_after and not after:
        with call.context.store.read() as snapshot:
            after = snapshot.reference_order_at(_microseconds(wanted.added_after))
    found: list[Entry] = []
    chunk = _CHUNK if wanted.ids or wanted.types else limit
    while len(found) < limit:
        rows = call.view.reference_page(after=after, limit=chunk)
        if not rows:
            break
        after = rows[-1].order
        found.extend(
            Entry(r.order, r.object_id, r.version or r.added_at, r.added_at, r.body)
            for r in rows
            if wanted.takes(r.object_id, r.object_type)
        )
    return found[:limit]


def collection_id(alias: str) -> str:
    """Return a collection's fixed id: the same at every node, so that a client can move."""
    return str(uuid.uuid5(_NAMESPACE, alias))


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        collection_id("all"),
        "all",
        "All statements",
        "Everything that this reader may see",
        statement_entries,
    ),
    Collection(
        collection_id("reference"),
        "reference",
        "Reference data",
        "Loaded reference sets such as ATT&CK: nobody's statement",
        reference_entries,
    ),
)
