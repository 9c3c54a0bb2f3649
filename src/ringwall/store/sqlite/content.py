"""Reading content: statements, objects and reference sets, under visible release classes."""

from collections.abc import Collection, Mapping
from itertools import starmap

from ringwall.core import StatementId
from ringwall.store.keys import index_key, key_list
from ringwall.store.reader_classes import mark_classes
from ringwall.store.records import (
    EVERYTHING,
    PageRow,
    Reach,
    ReferenceRow,
    Selection,
    Statement,
)
from ringwall.store.rows import mentions, read_audience, read_parts, read_statement
from ringwall.store.sqlite.base import json_set, visible
from ringwall.store.sqlite.selecting import (
    ABOUT_ANY,
    HOLDING,
    NO_END,
    SelectedReads,
    match_query,
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
_FROM = """
FROM statements s
JOIN objects o ON o.id = s.object
JOIN labels l ON l.id = s.label
JOIN release_classes c ON c.id = s.release_class
"""
_PROVEN = f"{_STATEMENT}, b.shared, p.own, d.disclosure"
_PROOF = """
LEFT JOIN proofs p ON p.statement = s."order" LEFT JOIN proof_batches b ON b.id = p.batch
LEFT JOIN disclosures d ON d.statement = s."order"
"""
_ABOUT = (
    "(SELECT object FROM object_keys WHERE key = ?1 "
    "UNION ALL SELECT object FROM object_keys_recent WHERE key = ?1)"
)
"""The objects that may have a STIX id, by its key (?1): their ids are still to be compared."""
_FROM_ABOUT = f"""
FROM {_ABOUT} k
CROSS JOIN objects o ON o.id = k.object
CROSS JOIN statements s ON s.object = o.id
JOIN labels l ON l.id = s.label
JOIN release_classes c ON c.id = s.release_class
"""
_BESIDE = 4
"""A page is looked for among so many times its length with the objects walked alongside.

Statements and their objects mostly lie in one order: to step to the next object is quicker than to
find one after a gap. The term ``o.id > 0`` always holds, and has each object stepped to; where less
is open, objects that are withheld are not to be touched in such numbers.
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
            near = min(last, after + _BESIDE * limit)
            found = self._sql.execute(
                f"{_PAGE_ROW} FROM statements s JOIN objects o ON o.id = s.object "
                'WHERE s."order" > ? AND s."order" <= ? '
                "AND substr(?, s.release_class, o.id > 0) = x'01' "
                'ORDER BY s."order" LIMIT ?',
                (after, near, mark_classes(classes), limit),
            )
            page = list(starmap(PageRow, found))
            if len(page) == limit or near == last:
                return page
        orders = self._orders(classes, after, until, limit, selection)
        rows = self._rows(
            f'{_PAGE_ROW} FROM json_each(?) j CROSS JOIN statements s ON s."order" = j.value '
            "JOIN objects o ON o.id = s.object ORDER BY j.key",
            _json_list(orders),
        )
        return list(starmap(PageRow, rows))

    def _load(self, orders: list[int]) -> list[Statement]:
        """Return the statements with these orders, in the order given. Orders were filtered."""
        rows = self._rows(
            f'{_STATEMENT} FROM json_each(?) j CROSS JOIN statements s ON s."order" = j.value '
            "JOIN objects o ON o.id = s.object JOIN labels l ON l.id = s.label "
            "JOIN release_classes c ON c.id = s.release_class ORDER BY j.key",
            _json_list(orders),
        )
        return [read_statement(row) for row in rows]

    def statement(self, id: StatementId, classes: Collection[int]) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_PROVEN} {_FROM} {_PROOF} WHERE s.origin = ? AND s.sequence = ? AND {visible()}",
            id.origin,
            id.sequence,
            mark_classes(classes),
        )
        return None if row is None else read_statement(row)

    def statement_by_id(self, id: StatementId) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_PROVEN} {_FROM} {_PROOF} WHERE s.origin = ? AND s.sequence = ?",
            id.origin,
            id.sequence,
        )
        return None if row is None else read_statement(row)

    def parts(self, orders: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """See port. Most nodes have no such statement, and pay for one look."""
        if not orders or self._row("SELECT 1 FROM parts LIMIT 1") is None:
            return {}
        rows = self._rows(
            "SELECT statement, fields FROM parts "
            "WHERE statement IN (SELECT value FROM json_each(?))",
            json_set(orders),
        )
        return {row[0]: read_parts(row[1]) for row in rows}

    def reaches(self, object_ids: Collection[str]) -> list[Reach]:
        """See port."""
        rows = self._rows(
            "SELECT DISTINCT o.object_id, s.release_class, coalesce((SELECT r.decision FROM "
            'releases r WHERE r.statement = s."order" ORDER BY r.id DESC LIMIT 1), s.decision) '
            f"FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object "
            "CROSS JOIN statements s ON s.object = o.id "
            "WHERE o.object_id IN (SELECT value FROM json_each(?2))",
            key_list(object_ids),
            json_set(object_ids),
        )
        return [Reach(name, one, self._audience(decision)) for name, one, decision in rows]

    def _audience(self, decision: int | None) -> tuple[str, ...] | None:
        row = self._row("SELECT document FROM decisions WHERE id = ?", decision)
        return None if row is None else read_audience(row[0])

    def stored_ids(self, object_ids: Collection[str]) -> set[str]:
        """See port."""
        rows = self._rows(
            f"SELECT o.object_id FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object",
            key_list(object_ids),
        )
        return {row[0] for row in rows}.intersection(object_ids)

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """See port."""
        about = self._orders_about(origin, object_id)
        return self._load([order for each, order in about if each == version])

    def _orders_about(self, origin: str, object_id: str) -> list[tuple[str, int]]:
        """Return version and order of every statement of an origin about a STIX id, ascending."""
        return self._rows(
            f'SELECT o.version, s."order" FROM {_ABOUT} k CROSS JOIN objects o ON o.id = k.object '
            "CROSS JOIN statements s ON s.object = o.id "
            'WHERE o.object_id = ?2 AND s.origin = ?3 ORDER BY s."order"',
            index_key(object_id),
            object_id,
            origin,
        )

    def versions(self, object_id: str, classes: Collection[int]) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} {_FROM_ABOUT} WHERE o.object_id = ?2 "
            f"AND {visible('?3')} "
            'ORDER BY o.version DESC, s."order" DESC',
            index_key(object_id),
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
            f"FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object "
            "CROSS JOIN statements s ON s.object = o.id "
            "WHERE o.object_id IN (SELECT value FROM json_each(?2)) "
            f"AND {visible('?3')} ORDER BY 3",
            key_list(object_ids),
            json_set(object_ids),
            mark_classes(classes),
        )

    def referring(
        self, object_id: str, classes: Collection[int], *, after: int = 0, limit: int
    ) -> list[Statement]:
        """See port."""
        rows = self._rows(
            'SELECT s."order" FROM object_references r JOIN statements s ON s.object = r.object '
            'WHERE r.target = ?1 AND s."order" > ?2 '
            f"AND {visible('?3')} "
            'ORDER BY s."order" LIMIT ?4',
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
        query = match_query(text)
        if not query:
            return []
        rows = self._rows(
            'SELECT s."order" FROM search JOIN statements s ON s.object = search.rowid '
            f"WHERE search MATCH ? AND {visible()} "
            'ORDER BY s."order" DESC LIMIT ?',
            query,
            mark_classes(classes),
            limit,
        )
        return self._load([row[0] for row in rows])

    def by_observable(self, value: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port."""
        found: list[int] = []
        before = NO_END
        while len(found) < limit:
            rows = self._rows(
                f'SELECT s."order", o.body FROM {HOLDING} b CROSS JOIN statements s '
                'ON s."order" = b.statement JOIN objects o ON o.id = s.object '
                f'WHERE s."order" < ?2 AND {visible("?3")} '
                'ORDER BY s."order" DESC LIMIT ?4',
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
                'SELECT received_at FROM statements WHERE "order" >= ? ORDER BY "order" LIMIT 1',
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
            'SELECT min("order") FROM statements WHERE release_class = ?', release_class
        )

    def last_sequence(self, origin: str) -> int:
        """See port."""
        return self._number("SELECT last FROM sequences WHERE origin = ?", origin)

    def last_order(self) -> int:
        """See port."""
        return self._number("SELECT seq FROM sqlite_sequence WHERE name = 'statements'")

    def reference_page(
        self, after: int, limit: int, set_name: str | None = None
    ) -> list[ReferenceRow]:
        """See port."""
        rows = self._rows(
            'SELECT r."order", r.set_name, o.object_id, o.object_type, o.version, o.body, '
            "r.added_at FROM reference_objects r JOIN objects o ON o.id = r.object "
            'WHERE r."order" > ?1 AND (?2 IS NULL OR r.set_name = ?2) '
            'ORDER BY r."order" LIMIT ?3',
            after,
            set_name,
            limit,
        )
        return [ReferenceRow(*row) for row in rows]

    def reference_order_at(self, added_at: str) -> int:
        """See port."""
        return self._number(
            'SELECT "order" FROM reference_objects WHERE added_at <= ? '
            "ORDER BY added_at DESC LIMIT 1",
            added_at,
        )


def _json_list(orders: list[int]) -> str:
    return "[" + ",".join(map(str, orders)) + "]"
