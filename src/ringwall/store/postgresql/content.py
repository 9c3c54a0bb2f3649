"""Reading content: statements, objects and reference sets, under visible release classes."""

from collections.abc import Collection, Mapping
from itertools import starmap

from ringwall.core import StatementId
from ringwall.store.keys import index_key
from ringwall.store.postgresql.arrays import bigints, texts
from ringwall.store.postgresql.base import visible
from ringwall.store.postgresql.selecting import NO_END, WINDOW, SelectedReads
from ringwall.store.reader_classes import mark_classes
from ringwall.store.records import (
    EVERYTHING,
    PageRow,
    Reach,
    ReferenceRow,
    Selection,
    Statement,
)
from ringwall.store.rows import (
    mentions,
    read_audience,
    read_parts,
    read_statement,
)

_STATEMENT = """
SELECT s."order", s.origin, s.sequence, c.origin, o.object_id, o.object_type, o.version, o.body,
       l.document, s.release_class, c.purpose, s.lane, s.submitted_by, s.received_at, s.seed,
       s.digest
"""
_PAGE_ROW = """
SELECT s."order", o.object_id, o.object_type, o.version, s.received_at, s.release_class, o.marked,
       s.contested, s.digest, o.body
"""
_JOINED = """
JOIN objects o ON o.id = s.object
JOIN labels l ON l.id = s.label
JOIN release_classes c ON c.id = s.release_class
"""
_PROVEN = f"{_STATEMENT}, b.shared, p.own, d.disclosure"
_PROOF = """
LEFT JOIN proofs p ON p.statement = s."order" LEFT JOIN proof_batches b ON b.id = p.batch
LEFT JOIN disclosures d ON d.statement = s."order"
"""


class ContentReads(SelectedReads):
    """Reads of content. Every one of them for a reader names the classes that are visible."""

    def release_class_count(self) -> int:
        """See port."""
        return self._number("SELECT count(*) FROM release_classes")

    def class_counts(self) -> Mapping[int, int]:
        """See port."""
        return dict(
            self._rows("SELECT release_class, count(*) FROM statements GROUP BY release_class")
        )

    def class_days(self) -> list[tuple[int, str, int]]:
        """See port."""
        return self._rows(
            "SELECT release_class, substr(received_at, 1, 10), count(*) FROM statements "
            "GROUP BY 1, 2"
        )

    def statements(
        self,
        classes: Collection[int],
        *,
        after: int = 0,
        until: int | None = None,
        limit: int,
        selection: Selection = EVERYTHING,
    ) -> list[Statement]:
        """See port."""
        return self._load(self._orders(classes, after, until, limit, selection))

    def rows(
        self,
        classes: Collection[int],
        *,
        after: int = 0,
        until: int | None = None,
        limit: int,
        selection: Selection = EVERYTHING,
    ) -> list[PageRow]:
        """See port."""
        if selection == EVERYTHING and classes and limit > 0:
            last = NO_END if until is None else until
            near = min(last, after + WINDOW * limit)
            rows = self._rows(
                f"{_PAGE_ROW} FROM statements s JOIN objects o ON o.id = s.object "
                'WHERE s."order" > $1 AND s."order" <= $2 '
                f'AND {visible(3)} ORDER BY s."order" LIMIT $4',
                after,
                near,
                mark_classes(classes),
                limit,
            )
            if len(rows) == limit or near == last:
                return list(starmap(PageRow, rows))
        orders = self._orders(classes, after, until, limit, selection)
        rows = self._rows(
            f"{_PAGE_ROW} FROM unnest($1::bigint[]) j (value) "
            'JOIN statements s ON s."order" = j.value '
            'JOIN objects o ON o.id = s.object ORDER BY s."order"',
            bigints(orders),
        )
        return list(starmap(PageRow, rows))

    def _load(self, orders: list[int]) -> list[Statement]:
        """Return the statements with these orders, in the order given. Orders were filtered."""
        if not orders:
            return []
        rows = self._rows(
            f"{_STATEMENT} FROM unnest($1::bigint[]) WITH ORDINALITY j (value, place) "
            f'JOIN statements s ON s."order" = j.value {_JOINED} ORDER BY j.place',
            bigints(orders),
        )
        return [read_statement(row) for row in rows]

    def statement(self, id: StatementId, classes: Collection[int]) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_PROVEN} FROM statements s {_JOINED} {_PROOF} "
            f"WHERE s.origin = $1 AND s.sequence = $2 AND {visible(3)}",
            id.origin,
            id.sequence,
            mark_classes(classes),
        )
        return None if row is None else read_statement(row)

    def statement_by_id(self, id: StatementId) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_PROVEN} FROM statements s {_JOINED} {_PROOF} "
            "WHERE s.origin = $1 AND s.sequence = $2",
            id.origin,
            id.sequence,
        )
        return None if row is None else read_statement(row)

    def parts(self, orders: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """See port. Most nodes have no such statement, and pay for one look."""
        if not orders or self._row("SELECT 1 FROM parts LIMIT 1") is None:
            return {}
        rows = self._rows(
            "SELECT statement, fields FROM parts WHERE statement = ANY($1::bigint[])",
            bigints(orders),
        )
        return {row[0]: read_parts(row[1]) for row in rows}

    def reaches(self, object_ids: Collection[str]) -> list[Reach]:
        """See port."""
        rows = self._rows(
            "SELECT DISTINCT o.object_id, s.release_class, coalesce((SELECT r.decision FROM "
            'releases r WHERE r.statement = s."order" ORDER BY r.id DESC LIMIT 1), s.decision) '
            "FROM unnest($1::text[]) j (name) JOIN objects o ON o.object_id = j.name "
            "JOIN statements s ON s.object = o.id",
            texts(set(object_ids)),
        )
        return [Reach(name, one, self._audience(decision)) for name, one, decision in rows]

    def _audience(self, decision: int | None) -> tuple[str, ...] | None:
        if decision is None:
            return None
        row = self._row("SELECT document FROM decisions WHERE id = $1", decision)
        return None if row is None else read_audience(row[0])

    def stored_ids(self, object_ids: Collection[str]) -> set[str]:
        """See port."""
        rows = self._rows(
            "SELECT DISTINCT o.object_id FROM unnest($1::text[]) j (name) "
            "JOIN objects o ON o.object_id = j.name",
            texts(object_ids),
        )
        return {row[0] for row in rows}

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} FROM statements s {_JOINED} "
            "WHERE o.object_id = $1 AND o.version = $2 AND s.origin || '' = $3 ORDER BY 1",
            object_id,
            version,
            origin,
        )
        return [read_statement(row) for row in rows]

    def versions(self, object_id: str, classes: Collection[int]) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} FROM statements s {_JOINED} "
            f"WHERE o.object_id = $1 AND {visible(2)} "
            'ORDER BY o.version DESC, s."order" DESC',
            object_id,
            mark_classes(classes),
        )
        return [read_statement(row) for row in rows]

    def version_index(
        self, object_ids: Collection[str], classes: Collection[int]
    ) -> list[tuple[str, str, int, int]]:
        """See port."""
        return self._rows(
            'SELECT o.object_id, o.version, s."order", s.release_class '
            "FROM unnest($1::text[]) j (name) JOIN objects o ON o.object_id = j.name "
            "JOIN statements s ON s.object = o.id "
            f"WHERE {visible(2)} ORDER BY 3",
            texts(set(object_ids)),
            mark_classes(classes),
        )

    def referring(
        self, object_id: str, classes: Collection[int], *, after: int = 0, limit: int
    ) -> list[Statement]:
        """See port."""
        # A plan for this very target: whether to walk or to ask the index depends on it.
        rows = self._sql.execute(
            'SELECT s."order" FROM object_references r JOIN statements s ON s.object = r.object '
            'WHERE r.target = $1 AND s."order" > $2 '
            f'AND {visible(3)} ORDER BY s."order" LIMIT $4',
            (object_id, after, mark_classes(classes), limit),
            prepare=False,
            binary=True,
        )
        return self._load([row[0] for row in rows])

    def search(self, text: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port.

        Newest first and never by rank: a rank is computed over all objects, and would tell a
        reader how common a word is in those that are withheld.
        """
        span = (0, self.last_order())
        return self._load(self._orders_with(text, classes, span, limit, newest=True))

    def by_observable(self, value: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port."""
        found: list[int] = []
        before = NO_END
        while len(found) < limit:
            rows = self._rows(
                'SELECT s."order", o.body FROM observables b '
                'JOIN statements s ON s."order" = b.statement JOIN objects o ON o.id = s.object '
                "WHERE b.key = $1 AND b.statement < $2 "
                f"AND {visible(3)} ORDER BY b.statement DESC LIMIT $4",
                index_key(value),
                before,
                mark_classes(classes),
                limit,
            )
            found += [row[0] for row in rows if mentions(row[1], value)]
            if len(rows) < limit:
                break
            before = rows[-1][0]
        return self._load(found[:limit])

    def order_at(self, received_at: str) -> int:
        """See port. Times ascend with orders and orders have few gaps, so halving finds it."""
        low, high = 0, self.last_order()
        while low < high:
            middle = (low + high + 1) // 2
            row = self._row(
                'SELECT received_at FROM statements WHERE "order" >= $1 ORDER BY "order" LIMIT 1',
                middle,
            )
            if row is not None and row[0] <= received_at:
                low = middle
            else:
                high = middle - 1
        return low

    def first_order(self, release_class: int) -> int:
        """See port."""
        return self._number(
            'SELECT min("order") FROM statements WHERE release_class = $1', release_class
        )

    def last_sequence(self, origin: str) -> int:
        """See port."""
        return self._number("SELECT last FROM sequences WHERE origin = $1", origin)

    def last_order(self) -> int:
        """See port."""
        return self._number("SELECT last FROM counters WHERE name = 'statements'")

    def reference_page(
        self, after: int, limit: int, set_name: str | None = None
    ) -> list[ReferenceRow]:
        """See port."""
        rows = self._rows(
            'SELECT r."order", r.set_name, o.object_id, o.object_type, o.version, o.body, '
            "r.added_at FROM reference_objects r JOIN objects o ON o.id = r.object "
            'WHERE r."order" > $1 AND ($2::text IS NULL OR r.set_name = $2::text) '
            'ORDER BY r."order" LIMIT $3',
            after,
            set_name,
            limit,
        )
        return [ReferenceRow(*row) for row in rows]

    def reference_order_at(self, added_at: str) -> int:
        """See port."""
        return self._number(
            'SELECT "order" FROM reference_objects WHERE added_at <= $1 '
            "ORDER BY added_at DESC LIMIT 1",
            added_at,
        )
