"""The TAXII collections: what they hold, one object per id and version, in order of arrival.

``all`` holds the statements that a reader may see; ``reference`` the loaded reference sets. An
object that several sources state alike is listed once, where it first arrived.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence, Set

import msgspec

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.server.context import Call
from ringwall.server.paging import read_page, split
from ringwall.server.taxii_query import VERSION_KEYWORDS, Wanted
from ringwall.store import ReadTransaction, Statement

_NAMESPACE = uuid.UUID("6f3c0d3e-7d0a-5c57-9a0f-6d1f0a6f9b51")
_CHUNK = 1000
_LEAST = 16


class Entry(msgspec.Struct, frozen=True):
    """One object version in a collection; ``version`` is its date added where it has none."""

    order: int
    object_id: str
    version: str
    date_added: str
    body: bytes


class Collection(msgspec.Struct, frozen=True):
    """A collection and how a page of its entries is read: what `split` needs for ``limit``."""

    id: str
    alias: str
    title: str
    description: str
    read: Callable[[Call, Wanted, int], list[Entry]]


def statement_entries(call: Call, wanted: Wanted, limit: int) -> list[Entry]:
    """Read a page of statements, and one more if there is one, as one audited read."""
    rows = call.view.select(lambda tx, classes: _choose(tx, classes, wanted, limit))
    return [
        Entry(r.order, r.object_id, _version(r.version) or r.received_at, r.received_at, r.body)
        for r in rows
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
    by_order = {row.order: row for row in rows}
    index = [(row.object_id, row.version, order) for order, row in sorted(by_order.items())]
    chosen = sorted(order for order in pick(index, wanted.versions) if order > after)
    found = [by_order[order] for order in chosen]
    return found[: len(split(found, limit)[0]) + 1]


def _of_all(
    tx: ReadTransaction, classes: Sequence[int], after: int, wanted: Wanted, limit: int
) -> list[Statement]:
    def read(start: int, number: int) -> list[Statement]:
        chosen: list[Statement] = []
        while len(chosen) < number:
            rows = tx.statements(classes, after=start, limit=max(number, _LEAST))
            if not rows:
                break
            start = rows[-1].order
            index = tx.version_index({row.object_id for row in rows}, classes)
            shown = pick(index, wanted.versions)
            chosen.extend(row for row in rows if row.order in shown)
        return chosen[:number]

    return read_page(read, after, limit)


def pick(index: Iterable[tuple[str, str, int]], versions: tuple[str, ...]) -> set[int]:
    """From (object, version, order) in ascending order choose the orders of wanted versions.

    Each version counts where it first arrived, whoever states it again.
    """
    first: dict[str, dict[str, int]] = {}
    for object_id, version, order in index:
        first.setdefault(object_id, {}).setdefault(version, order)
    keywords = VERSION_KEYWORDS.intersection(versions)
    moments = {_moment(version) for version in versions if version not in keywords}
    return {order for of_one in first.values() for order in _wanted(of_one, keywords, moments)}


def _wanted(of_one: dict[str, int], keywords: Set[str], moments: Set[str]) -> list[int]:
    """Choose among the versions of one object, compared as times: digits may differ in number."""
    if "all" in keywords or (keywords and len(of_one) == 1):
        return list(of_one.values())
    ordered = sorted(of_one, key=_moment)
    chosen = [version for version in ordered if moments and _moment(version) in moments]
    chosen += ordered[:1] if "first" in keywords else []
    chosen += ordered[-1:] if "last" in keywords else []
    return [of_one[version] for version in chosen]


def _moment(version: str) -> str:
    """Write a version so that text order is time order.

    Observables have none, or, as a property of their own, one that need not be a time at all.
    """
    try:
        return _microseconds(version) if version else ""
    except InvalidInput:
        return ""


def _version(version: str) -> str:
    """Return a version as it is, or "" where it is no time."""
    return version if _moment(version) else ""


def _microseconds(text: str) -> str:
    return format_timestamp(parse_timestamp(text))


def reference_entries(call: Call, wanted: Wanted, limit: int) -> list[Entry]:
    """Read a page of reference objects, and one more; a set holds one version of each."""
    after = wanted.after
    if wanted.added_after and not after:
        with call.context.store.read() as snapshot:
            after = snapshot.reference_order_at(_microseconds(wanted.added_after))

    def read(start: int, number: int) -> list[Entry]:
        found: list[Entry] = []
        while len(found) < number:
            chunk = _CHUNK if wanted.ids or wanted.types else number
            rows = call.view.reference_page(after=start, limit=chunk)
            if not rows:
                break
            start = rows[-1].order
            found.extend(
                Entry(r.order, r.object_id, _version(r.version) or r.added_at, r.added_at, r.body)
                for r in rows
                if wanted.takes(r.object_id, r.object_type)
            )
        return found[:number]

    return read_page(read, after, limit)


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
