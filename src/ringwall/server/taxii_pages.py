"""Pages of a TAXII collection: one object per id and version, in the reader's order of arrival.

Several sources may state the same version of an object, each under its own label. A client gets it
once, under the least restrictive label that is visible, where that arrived first. A statement that
stands alone needs no look at others, so that a feed of fresh objects costs nothing.
"""

from collections.abc import Collection as Several
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Future

import msgspec

from ringwall.labels import Label, Tlp
from ringwall.server.context import Call
from ringwall.server.cursors import Cursors
from ringwall.server.paging import PAGE_BYTES, read_page, split
from ringwall.server.taxii_collections import Collection, check_there
from ringwall.server.taxii_query import Wanted, moment
from ringwall.store import PageRow, ReferenceRow, Selection, Shown

NOBODYS = 0
"""The release class of reference objects on a page: there is none of that number."""
_CHUNK = 1000
_LEAST = 16
_ALL = 2**31


class Page(msgspec.Struct, frozen=True):
    """Objects in order; ``following`` is the cursor of what comes next, "" at the end."""

    rows: list[PageRow]
    following: str
    labels: dict[int, Label]
    """Of every release class among the rows."""
    entered: Future[list[PageRow]] | None = None
    """Done when the read is in the audit log: an answer may be written before, and not leave."""

    def wait(self) -> None:
        """Wait until the page may leave."""
        if self.entered is not None:
            self.entered.result()


class Stated(msgspec.Struct, frozen=True):
    """That an object version is stated at a place, and how restrictive its label is."""

    object_id: str
    version: str
    place: int
    restriction: tuple[int, bool] = (0, False)


def read_rows(call: Call, collection: Collection, wanted: Wanted, limit: int) -> Page:
    """Read one page as one audited read; wait for the page before it leaves.

    Raises NotFound where the collection is not there.
    """
    if collection.is_reference:
        found = _references(call, wanted, limit)
        labels = {NOBODYS: Label(tlp=Tlp.CLEAR)}
        return _page(call.cursors, found, limit, wanted, collection, labels)
    read: list[PageRow] = []

    def choose(shown: Shown) -> list[PageRow]:
        read[:] = _statements(call, collection, wanted, limit, shown)
        return read

    entered = call.view.look_later(choose)
    return _page(
        call.cursors,
        read,
        limit,
        wanted,
        collection,
        labels_of(call, {row.release_class for row in read}),
        entered,
    )


def _page(
    cursors: Cursors,
    found: list[PageRow],
    limit: int,
    wanted: Wanted,
    collection: Collection,
    labels: dict[int, Label],
    entered: Future[list[PageRow]] | None = None,
) -> Page:
    rows, more = split(found, limit)
    following = wanted.cursor(rows[-1], collection.id, cursors) if more else ""
    return Page(rows, following, labels, entered)


def labels_of(call: Call, classes: Iterable[int]) -> dict[int, Label]:
    """Return the label of each of these release classes."""
    with call.context.store.read() as snapshot:
        known = snapshot.release_classes()
    return {number: known[number].label for number in classes}


def narrow(selection: Selection, wanted: Wanted) -> Selection | None:
    """Return what of a collection can be wanted; None: nothing."""
    types = selection.object_types
    if wanted.types:
        asked = frozenset(wanted.types)
        types = asked if types is None else types & asked
    if not wanted.is_possible or types == frozenset():
        return None
    ids = frozenset(wanted.ids) if wanted.ids else None
    return msgspec.structs.replace(selection, object_types=types, object_ids=ids)


def _statements(
    call: Call, collection: Collection, wanted: Wanted, limit: int, shown: Shown
) -> list[PageRow]:
    check_there(call, collection, shown)
    selection = narrow(collection.selection, wanted)
    if selection is None:
        return []
    narrowed = selection
    after = wanted.after
    if wanted.added_after and not after:
        after = shown.place_at(moment(wanted.added_after))

    def read(start: int, number: int) -> list[PageRow]:
        chosen: list[PageRow] = []
        asked = max(number, _LEAST)
        while len(chosen) < number:
            rows = shown.rows(after=start, limit=asked, selection=narrowed)
            chosen += _chosen(call, rows, wanted, narrowed, shown)
            if len(rows) < asked:
                break
            start = rows[-1].order
            asked = _further(asked, rows)
        return chosen[:number]

    return read_page(read, after, limit)


def _further(asked: int, rows: list[PageRow]) -> int:
    """Return how many rows to look at next where too few of these were wanted: ever more."""
    fitting = PAGE_BYTES * len(rows) // max(1, sum(len(row.body) for row in rows))
    return max(_LEAST, min(asked * 4, _CHUNK, fitting))


def _chosen(
    call: Call, rows: list[PageRow], wanted: Wanted, selection: Selection, shown: Shown
) -> list[PageRow]:
    """Leave out the versions that are not wanted, and all statements of one version but one."""
    contested = frozenset([row.object_id for row in rows if row.contested])
    if not contested:
        return rows if wanted.keywords else [row for row in rows if _is_wanted(row, wanted)]
    places = pick(_stated(call, contested, selection, shown), wanted)
    return [
        row for row in rows if (row.order in places if row.contested else _is_wanted(row, wanted))
    ]


def _stated(
    call: Call, contested: frozenset[str], selection: Selection, shown: Shown
) -> list[Stated]:
    """Return every statement of the collection about these objects.

    Types say nothing more about an object that is named; what else a collection selects by does.
    """
    if selection.source or selection.text or selection.value:
        about = msgspec.structs.replace(selection, object_ids=contested)
        rows = shown.rows(limit=_ALL, selection=about)
        index = [(row.object_id, row.version, row.order, row.release_class) for row in rows]
    else:
        index = shown.stated(contested)
    labels = labels_of(call, {each[3] for each in index})
    kinds = {number: _restriction(label) for number, label in labels.items()}
    return [Stated(name, version, place, kinds[one]) for name, version, place, one in index]


def _is_wanted(row: PageRow, wanted: Wanted) -> bool:
    """Tell whether the only version of an object is wanted."""
    return bool(wanted.keywords) or moment(row.version) in wanted.moments


def _restriction(label: Label) -> tuple[int, bool]:
    tlp = label.tlp or Tlp.RED
    return tlp.rank, label.rel_to is not None


def pick(stated: Iterable[Stated], wanted: Wanted) -> set[int]:
    """Choose the places of the wanted versions, of each version one place.

    Versions are compared as times: their digits may differ in number.
    """
    best: dict[str, dict[str, Stated]] = {}
    for one in stated:
        versions = best.setdefault(one.object_id, {})
        at = moment(one.version)
        known = versions.get(at)
        if known is None or (one.restriction, one.place) < (known.restriction, known.place):
            versions[at] = one
    keywords, moments = wanted.keywords, wanted.moments
    return {
        versions[at].place
        for versions in best.values()
        for at in wanted_versions(versions, keywords, moments)
    }


def wanted_versions(
    versions: Mapping[str, object], keywords: Set[str], moments: Set[str]
) -> Several[str]:
    """Return which of an object's versions, written by `moment`, are wanted."""
    if "all" in keywords or (keywords and len(versions) == 1):
        return versions.keys()
    chosen = set(moments & versions.keys()) if moments else set()
    if "first" in keywords:
        chosen.add(min(versions))
    if "last" in keywords:
        chosen.add(max(versions))
    return chosen


def _references(call: Call, wanted: Wanted, limit: int) -> list[PageRow]:
    """Read a page of reference objects, and one more; a set holds one version of each."""
    if not wanted.is_possible:
        return []
    after = wanted.after
    if wanted.added_after and not after:
        with call.context.store.read() as snapshot:
            after = snapshot.reference_order_at(moment(wanted.added_after))
    narrows = bool(wanted.ids or wanted.types or not wanted.keywords)

    def read(start: int, number: int) -> list[PageRow]:
        found: list[PageRow] = []
        asked = _CHUNK if narrows else number
        while len(found) < number:
            rows = call.view.reference_page(after=start, limit=asked)
            found += [_of_reference(row) for row in rows if _takes(wanted, row)]
            if len(rows) < asked:
                break
            start = rows[-1].order
        return found[:number]

    return read_page(read, after, limit)


def _takes(wanted: Wanted, row: ReferenceRow) -> bool:
    return (
        (not wanted.ids or row.object_id in wanted.ids)
        and (not wanted.types or row.object_type in wanted.types)
        and (bool(wanted.keywords) or moment(row.version) in wanted.moments)
    )


def _of_reference(row: ReferenceRow) -> PageRow:
    return PageRow(
        order=row.order,
        object_id=row.object_id,
        object_type=row.object_type,
        version=row.version,
        received_at=row.added_at,
        release_class=NOBODYS,
        marked=True,
        contested=False,
        digest=b"",
        body=row.body,
    )
