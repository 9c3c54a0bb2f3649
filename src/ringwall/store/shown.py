"""What one reader may see in one snapshot: every read is under the classes that are open to it.

A property of an object may be for fewer readers than the object (`store.parts`): here, where
every body passes, it is left out for the others, and nothing that is shown tells what it holds.

Orders here are the reader's places (`store.places`) and times of arrival its own dates, so that
what policy opens late comes after what the reader has had.
"""

from collections.abc import Collection, Sequence
from hashlib import sha256

import msgspec

from ringwall.core import StatementId
from ringwall.store.parts import hidden_fields, hidden_in, hide
from ringwall.store.places import Places, Span, place_at
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import EVERYTHING, PageRow, ReaderState, Selection, Statement
from ringwall.trust import disclosure_digest, redact, statement_digest


class Shown:
    """One snapshot as one reader may see it; there is no read that leaves the classes out."""

    def __init__(self, tx: ReadTransaction, state: ReaderState) -> None:
        """``state.open`` are the classes that are open now."""
        self._tx = tx
        self._classes = state.open
        self._replays = tx.replays()
        self._places = Places(self._replays, state.replayed, state.open)
        self.paged = False
        """Places were asked for: the reader may go on from the last of them."""

    def rows(
        self, *, after: int = 0, limit: int, selection: Selection = EVERYTHING
    ) -> list[PageRow]:
        """Return up to ``limit`` wanted statements at places after ``after``, ascending."""
        self.paged = True
        found: list[PageRow] = []
        for span in self._places.spans(after):
            if len(found) >= limit:
                break
            found += self._rows_of(span, limit - len(found), selection)
        return found

    def _rows_of(self, span: Span, limit: int, selection: Selection) -> list[PageRow]:
        rows = self._tx.rows(
            span.classes, after=span.after, until=span.until, limit=limit, selection=selection
        )
        rows = self._open_rows(rows)
        if not span.shift:
            return rows
        return [
            msgspec.structs.replace(
                row,
                order=row.order + span.shift,
                received_at=span.date(row.order, row.received_at),
            )
            for row in rows
        ]

    def statements(
        self, *, after: int = 0, limit: int, selection: Selection = EVERYTHING
    ) -> list[Statement]:
        """Return the same as :meth:`rows`, whole."""
        self.paged = True
        found: list[Statement] = []
        for span in self._places.spans(after):
            if len(found) >= limit:
                break
            rows = self._tx.statements(
                span.classes,
                after=span.after,
                until=span.until,
                limit=limit - len(found),
                selection=selection,
            )
            found += [self._placed(row) for row in self._open_pages(rows)]
        return found

    def _open_rows(self, rows: list[PageRow]) -> list[PageRow]:
        """Leave out of the bodies what the reader may not see."""
        hidden = self._hidden(rows)
        return rows if not hidden else [_hide_row(row, hidden.get(row.order)) for row in rows]

    def _open_pages(self, rows: list[Statement]) -> list[Statement]:
        """Do the same for statements that come without what proves them."""
        hidden = self._hidden(rows)
        return rows if not hidden else [_hide(row, hidden.get(row.order)) for row in rows]

    def _hidden(self, rows: Sequence[PageRow | Statement]) -> dict[int, frozenset[str]]:
        """Return the properties to leave out, by order; of nearly every page there are none."""
        parts = self._tx.parts([row.order for row in rows])
        hidden = {order: hidden_fields(each, self._classes) for order, each in parts.items()}
        return {order: names for order, names in hidden.items() if names}

    def _placed(self, row: Statement) -> Statement:
        """Give a statement the reader's place and date."""
        if not self._replays:
            return row
        place, date = self._places.placed(row.order, row.release_class, row.received_at)
        return msgspec.structs.replace(row, order=place, received_at=date)

    def statement(self, id: StatementId) -> Statement | None:  # noqa: A002
        """Return one statement with its proof; None if it is absent or withheld."""
        row = self._tx.statement(id, self._classes)
        if row is None:
            return None
        hidden = self._hidden([row]).get(row.order)
        return self._placed(_redact(row, hidden) if hidden else row)

    def versions(self, object_id: str) -> list[Statement]:
        """Return every statement about a STIX id, newest version first."""
        rows = self._tx.versions(object_id, self._classes)
        return [self._placed(row) for row in self._open_pages(rows)]

    def version_index(self, object_ids: Collection[str]) -> list[tuple[str, str, int]]:
        """Return (STIX id, version, place) of every statement about these, by place."""
        placed = [each[:3] for each in self.stated(object_ids)]
        return sorted(placed, key=lambda each: each[2])

    def stated(self, object_ids: Collection[str]) -> list[tuple[str, str, int, int]]:
        """Return (STIX id, version, place, release class) of every statement about these."""
        return [
            (name, version, self._places.placed(order, release_class, "")[0], release_class)
            for name, version, order, release_class in self._tx.version_index(
                object_ids, self._classes
            )
        ]

    def referring(self, object_id: str, *, after: int = 0, limit: int) -> list[Statement]:
        """Return statements of ``after`` < order whose objects refer to a STIX id, ascending.

        By order of arrival at the node: a walk through a graph has no cursor to lose.
        """
        rows = self._tx.referring(object_id, self._classes, after=after, limit=limit)
        return self._open_pages(rows)

    def search(self, text: str, limit: int) -> list[Statement]:
        """Return the newest statements whose object holds every word of ``text``."""
        rows = self._tx.search(text, self._classes, limit)
        return [self._placed(row) for row in self._open_pages(rows)]

    def by_observable(self, value: str, limit: int) -> list[Statement]:
        """Return the newest statements that mention exactly this normalised value."""
        rows = self._tx.by_observable(value, self._classes, limit)
        return [self._placed(row) for row in self._open_pages(rows)]

    def place_at(self, moment: str) -> int:
        """Return the highest place whose date is at most ``moment`` (six decimals)."""
        self.paged = True
        return place_at(self._replays, moment, self._tx.order_at(moment))

    def last_place(self) -> int:
        """Return the highest place there is, visible or not: never show it as it is."""
        self.paged = True
        return self._places.last(self._tx.last_order())

    def sources(self) -> list[str]:
        """Return the members that state something visible, sorted."""
        known = self._tx.release_classes()
        return sorted({known[one].origin for one in self._classes if self._tx.first_order(one)})

    def object_types(self) -> list[str]:
        """Return the types of what is visible, sorted."""
        known = self._tx.release_classes()
        return sorted(
            {known[one].object_type for one in self._classes if self._tx.first_order(one)}
        )


def _hide_row(row: PageRow, hidden: Collection[str] | None) -> PageRow:
    if not hidden:
        return row
    body = hide(row.body, hidden)
    return msgspec.structs.replace(row, body=body, digest=sha256(body).digest())


def _hide(row: Statement, hidden: Collection[str] | None) -> Statement:
    if not hidden:
        return row
    body = hide(row.body, hidden)
    return msgspec.structs.replace(row, body=body, seed=b"", digest=sha256(body).digest())


def _redact(row: Statement, hidden: Collection[str]) -> Statement:
    """Return a statement without some properties, and what still proves the rest of it."""
    hidden = hidden_in(row.body, hidden)
    if not hidden:
        return row
    body, disclosure = redact(row.body, row.seed, hidden, row.disclosure)
    seed = disclosure_digest(disclosure)
    digest = statement_digest(seed, sha256(body).digest())
    return msgspec.structs.replace(row, body=body, seed=seed, disclosure=disclosure, digest=digest)
