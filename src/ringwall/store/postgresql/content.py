"""Reading content: statements, objects and reference sets, under visible release classes."""

from collections.abc import Collection, Mapping
from itertools import starmap
from typing import Any

from ringwall.core import Clock, StatementId
from ringwall.policy import ReleaseClass
from ringwall.store.keys import index_key
from ringwall.store.postgresql.arrays import bigints, texts
from ringwall.store.postgresql.base import Memory, Part, visible
from ringwall.store.postgresql.connection import Connection
from ringwall.store.postgresql.terms import question
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
    KnownClasses,
    mentions,
    read_audience,
    read_class,
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
_FEW_CLASSES = 32
_WINDOW = 8
"""A page is looked for among so many times its length before the rare classes are asked alone."""
_NO_END = 2**63 - 1


class ContentReads(Part):
    """Reads of content. Every one of them for a reader names the classes that are visible."""

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        memory: Memory | None = None,
        known: KnownClasses | None = None,
    ) -> None:
        super().__init__(connection, clock, memory)
        self._known = known or KnownClasses()

    def release_classes(self) -> Mapping[int, ReleaseClass]:
        """See port."""
        rows = self._rows(
            "SELECT c.id, c.key, c.origin, c.object_type, l.document, c.purpose "
            "FROM release_classes c JOIN labels l ON l.id = c.label WHERE c.id > $1 ORDER BY c.id",
            self._known.last,
        )
        return self._known.extended({row[0]: read_class(*row[1:]) for row in rows})

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
            last = _NO_END if until is None else until
            near = min(last, after + _WINDOW * limit)
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

    def _orders(
        self,
        classes: Collection[int],
        after: int,
        until: int | None,
        limit: int,
        selection: Selection,
    ) -> list[int]:
        """Return the orders of the first ``limit`` statements that are visible and wanted."""
        chosen = self._narrow(classes, selection)
        if not chosen or limit < 1:
            return []
        last = _NO_END if until is None else until
        if selection.object_ids is not None or selection.text or selection.value:
            return self._orders_found(chosen, after, last, limit, selection)
        near = min(last, after + _WINDOW * limit)
        orders = self._orders_by_scan(chosen, after, near, limit)
        if len(orders) == limit or near == last:
            return orders
        further = limit - len(orders)
        if len(chosen) <= _FEW_CLASSES:
            return orders + self._orders_by_class(chosen, near, last, further)
        return orders + self._orders_by_scan(chosen, near, last, further)

    def _narrow(self, classes: Collection[int], selection: Selection) -> Collection[int]:
        """Return the classes of wanted types and source: both are properties of a class."""
        types, source = selection.object_types, selection.source
        if types is None and source is None:
            return classes
        known = self.release_classes()
        return frozenset(
            one
            for one in classes
            if one in known
            and (types is None or known[one].object_type in types)
            and source in (None, known[one].origin)
        )

    def _orders_by_class(
        self, classes: Collection[int], after: int, last: int, limit: int
    ) -> list[int]:
        """Merge the heads of a few classes: rare classes cost nothing in a large table."""
        rows = self._rows(
            'SELECT h."order" FROM unnest($1::bigint[]) c (id) CROSS JOIN LATERAL '
            '(SELECT s."order" FROM statements s WHERE s.release_class = c.id '
            'AND s."order" > $2 AND s."order" <= $3 ORDER BY s."order" LIMIT $4) h '
            "ORDER BY 1 LIMIT $4",
            bigints(classes),
            after,
            last,
            limit,
        )
        return [row[0] for row in rows]

    def _orders_by_scan(
        self, classes: Collection[int], after: int, last: int, limit: int
    ) -> list[int]:
        """Walk the table in order of arrival: classes that hold much leave little out.

        The sum keeps PostgreSQL from going through the index of classes and sorting.
        """
        rows = self._rows(
            'SELECT s."order" FROM statements s WHERE s."order" > $2 AND s."order" <= $3 '
            f'AND {visible(1)} ORDER BY s."order" LIMIT $4',
            mark_classes(classes),
            after,
            last,
            limit,
        )
        return [row[0] for row in rows]

    def _orders_found(
        self, classes: Collection[int], after: int, last: int, limit: int, selection: Selection
    ) -> list[int]:
        """Find by STIX ids, words and value, whichever are wanted: all of them must hold."""
        wanted: list[str] = []
        values: list[Any] = [mark_classes(classes), last, limit]
        if selection.object_ids is not None:
            values.append(texts(selection.object_ids))
            wanted.append(f"o.object_id = ANY(${len(values) + 1}::text[])")
        if selection.text:
            query = question(selection.text)
            if not query:
                return []
            values.append(query)
            wanted.append(
                "EXISTS (SELECT 1 FROM search q WHERE q.object = s.object "
                f"AND q.terms @@ ${len(values) + 1}::tsquery)"
            )
        if selection.value:
            values.append(index_key(selection.value))
            wanted.append(
                'EXISTS (SELECT 1 FROM observables b WHERE b.statement = s."order" '
                f"AND b.key = ${len(values) + 1})"
            )
        return self._collect(" AND ".join(wanted), values, after, limit, selection.value)

    def _collect(
        self, wanted: str, values: list[Any], after: int, limit: int, value: str
    ) -> list[int]:
        """Collect orders until there are ``limit`` whose objects really hold ``value``."""
        found: list[int] = []
        while len(found) < limit:
            rows = self._planned(
                'SELECT s."order", o.body FROM statements s JOIN objects o ON o.id = s.object '
                f'WHERE {wanted} AND s."order" > $1 AND s."order" <= $3 '
                f'AND {visible(2)} ORDER BY s."order" LIMIT $4',
                after,
                *values,
            )
            found += [row[0] for row in rows if mentions(row[1], value)]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return found[:limit]

    def _planned(self, query: str, *values: Any) -> list[Any]:
        """Return every row; PostgreSQL makes a plan for these very values.

        Whether it is best to walk down from the newest or to ask an index depends on the word.
        """
        return self._sql.execute(query, values, prepare=False, binary=True).fetchall()

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
        rows = self._planned(
            'SELECT s."order" FROM object_references r JOIN statements s ON s.object = r.object '
            'WHERE r.target = $1 AND s."order" > $2 '
            f'AND {visible(3)} ORDER BY s."order" LIMIT $4',
            object_id,
            after,
            mark_classes(classes),
            limit,
        )
        return self._load([row[0] for row in rows])

    def search(self, text: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port.

        Newest first and never by rank: a rank is computed over all objects, and would tell a
        reader how common a word is in those that are withheld.
        """
        query = question(text)
        if not query:
            return []
        rows = self._planned(
            'SELECT s."order" FROM search q JOIN statements s ON s.object = q.object '
            f"WHERE q.terms @@ $1::tsquery AND {visible(2)} "
            'ORDER BY s."order" DESC LIMIT $3',
            query,
            mark_classes(classes),
            limit,
        )
        return self._load([row[0] for row in rows])

    def by_observable(self, value: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port."""
        found: list[int] = []
        before = _NO_END
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
