"""Reading content: statements, objects and reference sets, under visible release classes."""

import functools
import sqlite3
from collections.abc import Collection, Mapping
from itertools import starmap
from typing import Any

from ringwall.core import Clock, IntegrityFailure, InvalidInput, Precedence, StatementId, parse_json
from ringwall.labels import Label, label_from_document
from ringwall.policy import ReleaseClass
from ringwall.stix import observables
from ringwall.store.keys import index_key, key_list
from ringwall.store.records import (
    EVERYTHING,
    PageRow,
    ReferenceRow,
    Selection,
    Statement,
)
from ringwall.store.sqlite.base import Part, json_set

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
_VISIBLE = "s.release_class IN (SELECT value FROM json_each(?))"
_PROOF = 'LEFT JOIN proofs p ON p.statement = s."order" LEFT JOIN proof_batches b ON b.id = p.batch'
_ABOUT = (
    "(SELECT object FROM object_keys WHERE key = ?1 "
    "UNION ALL SELECT object FROM object_keys_recent WHERE key = ?1)"
)
"""The objects that may have a STIX id, by its key (?1): their ids are still to be compared."""
ABOUT_ANY = (
    "(SELECT object FROM object_keys WHERE key IN (SELECT value FROM json_each(?1)) "
    "UNION ALL "
    "SELECT object FROM object_keys_recent WHERE key IN (SELECT value FROM json_each(?1)))"
)
"""The same of several ids, by a JSON list of their keys."""
_HOLDING = (
    "(SELECT statement FROM observables WHERE key = ?1 "
    "UNION ALL SELECT statement FROM observables_recent WHERE key = ?1)"
)
"""The statements that may mention a value, by its key."""
_FROM_ABOUT = f"""
FROM {_ABOUT} k
CROSS JOIN objects o ON o.id = k.object
CROSS JOIN statements s ON s.object = o.id
JOIN labels l ON l.id = s.label
JOIN release_classes c ON c.id = s.release_class
"""
_FEW_CLASSES = 32
_WINDOW = 8
"""A page is looked for among so many times its length before the rare classes are asked alone."""
_NO_END = 2**63 - 1
_LANES = {lane.value: lane for lane in Precedence}


_DAMAGED = Label(unknown=("damaged",))


@functools.lru_cache(maxsize=4096)
def read_label(document: bytes) -> Label:
    """Return the label that a stored label document says; one that is damaged denies."""
    try:
        return label_from_document(parse_json(document, field="label"))
    except InvalidInput:
        return _DAMAGED


def read_class(
    key: bytes, origin: str, object_type: str, label: bytes, purpose: str
) -> ReleaseClass:
    """Build a release class; one whose parts no longer fit its key denies."""
    one = ReleaseClass(origin, object_type, read_label(label), purpose)
    return one if one.key() == key else ReleaseClass(origin, object_type, _DAMAGED, purpose)


def _read_lane(text: str) -> Precedence:
    lane = _LANES.get(text)
    if lane is None:
        raise IntegrityFailure(f"no lane is called {text!r}", field="statements", rule="lane")
    return lane


def read_statement(row: Any) -> Statement:
    """Build a statement from a row of the selected columns, with or without its proof."""
    return Statement(
        order=row[0],
        id=StatementId(row[1], row[2]),
        source=row[3],
        object_id=row[4],
        object_type=row[5],
        version=row[6],
        body=row[7],
        label=read_label(row[8]),
        release_class=row[9],
        purpose=row[10],
        lane=_read_lane(row[11]),
        submitted_by=row[12],
        received_at=row[13],
        seed=row[14],
        digest=row[15],
        proof=(row[16], row[17]) if len(row) > 16 and row[16] is not None else None,
    )


class KnownClasses:
    """The release classes that are known by their ids, replaced as a whole when there are more."""

    def __init__(self) -> None:
        self._classes: Mapping[int, ReleaseClass] = {}
        self.last = 0

    def extended(self, more: Mapping[int, ReleaseClass]) -> Mapping[int, ReleaseClass]:
        """Take in further classes; return all of them, a mapping that never changes."""
        if more:
            self._classes = {**self._classes, **more}
            self.last = max(self._classes)
        return self._classes


class ContentReads(Part):
    """Reads of content. Every one of them for a reader names the classes that are visible."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, known: KnownClasses | None = None
    ) -> None:
        """``known``: classes that committed snapshots have shown; they never change or go."""
        super().__init__(connection, clock)
        self._known = known or KnownClasses()

    def release_classes(self) -> Mapping[int, ReleaseClass]:
        """See port."""
        rows = self._rows(
            "SELECT c.id, c.key, c.origin, c.object_type, l.document, c.purpose "
            "FROM release_classes c JOIN labels l ON l.id = c.label WHERE c.id > ? ORDER BY c.id",
            self._known.last,
        )
        return self._known.extended({row[0]: read_class(*row[1:]) for row in rows})

    def release_class_count(self) -> int:
        """See port."""
        return self._number("SELECT count(*) FROM release_classes")

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
                'WHERE s."order" > ? AND s."order" <= ? '
                "AND +s.release_class IN (SELECT value FROM json_each(?)) "
                'ORDER BY s."order" LIMIT ?',
                after,
                near,
                json_set(classes),
                limit,
            )
            if len(rows) == limit or near == last:
                return list(starmap(PageRow, rows))
        orders = self._orders(classes, after, until, limit, selection)
        rows = self._rows(
            f'{_PAGE_ROW} FROM json_each(?) j CROSS JOIN statements s ON s."order" = j.value '
            "JOIN objects o ON o.id = s.object ORDER BY j.key",
            _json_list(orders),
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

    def _narrow(self, classes: Collection[int], selection: Selection) -> list[int]:
        """Return the classes of wanted types and source: both are properties of a class."""
        types, source = selection.object_types, selection.source
        if types is None and source is None:
            return list(classes)
        known = self.release_classes()
        return [
            one
            for one in classes
            if one in known
            and (types is None or known[one].object_type in types)
            and source in (None, known[one].origin)
        ]

    def _orders_by_class(self, classes: list[int], after: int, last: int, limit: int) -> list[int]:
        """Merge the heads of a few classes: rare classes cost nothing in a large table."""
        head = (
            'SELECT * FROM (SELECT "order" FROM statements WHERE release_class = ? '
            'AND "order" > ? AND "order" <= ? ORDER BY "order" LIMIT ?)'
        )
        sql = " UNION ALL ".join([head] * len(classes)) + " ORDER BY 1 LIMIT ?"
        values = [value for one in classes for value in (one, after, last, limit)]
        return [row[0] for row in self._rows(sql, *values, limit)]

    def _orders_by_scan(self, classes: list[int], after: int, last: int, limit: int) -> list[int]:
        """Walk the table in order of arrival: classes that hold much leave little out."""
        rows = self._rows(
            'SELECT s."order" FROM statements s WHERE s."order" > ?2 AND s."order" <= ?3 '
            "AND +s.release_class IN (SELECT value FROM json_each(?1)) "
            'ORDER BY s."order" LIMIT ?4',
            json_set(classes),
            after,
            last,
            limit,
        )
        return [row[0] for row in rows]

    def _orders_found(
        self, classes: list[int], after: int, last: int, limit: int, selection: Selection
    ) -> list[int]:
        """Find by STIX ids, words and value, whichever are wanted: all of them must hold."""
        sources: list[str] = []
        values: dict[str, Any] = {"classes": json_set(classes), "limit": limit, "last": last}
        if selection.object_ids is not None:
            sources.append(f"s.object IN {ABOUT_ANY.replace('?1', ':keys')}")
            sources.append("o.object_id IN (SELECT value FROM json_each(:ids))")
            values |= {
                "keys": key_list(selection.object_ids),
                "ids": json_set(selection.object_ids),
            }
        if selection.text:
            query = match_query(selection.text)
            if not query:
                return []
            sources.append("s.object IN (SELECT rowid FROM search WHERE search MATCH :query)")
            values["query"] = query
        if selection.value:
            sources.append(f's."order" IN {_HOLDING.replace("?1", ":key")}')
            values["key"] = index_key(selection.value)
        sql = (
            'SELECT s."order", o.body FROM statements s JOIN objects o ON o.id = s.object '
            f'WHERE {" AND ".join(sources)} AND s."order" > :after AND s."order" <= :last '
            "AND s.release_class IN (SELECT value FROM json_each(:classes)) "
            'ORDER BY s."order" LIMIT :limit'
        )
        found: list[int] = []
        while len(found) < limit:
            rows = self._sql.execute(sql, {**values, "after": after}).fetchall()
            found += [row[0] for row in rows if _mentions(row[1], selection.value)]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return found[:limit]

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
            f"{_STATEMENT}, b.shared, p.own {_FROM} {_PROOF} "
            f"WHERE s.origin = ? AND s.sequence = ? AND {_VISIBLE}",
            id.origin,
            id.sequence,
            json_set(classes),
        )
        return None if row is None else read_statement(row)

    def statement_by_id(self, id: StatementId) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_STATEMENT}, b.shared, p.own {_FROM} {_PROOF} WHERE s.origin = ? AND s.sequence = ?",
            id.origin,
            id.sequence,
        )
        return None if row is None else read_statement(row)

    def stored_ids(self, object_ids: Collection[str]) -> set[str]:
        """See port."""
        rows = self._rows(
            f"SELECT o.object_id FROM {ABOUT_ANY} k CROSS JOIN objects o ON o.id = k.object",
            key_list(object_ids),
        )
        return {row[0] for row in rows}.intersection(object_ids)

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} {_FROM_ABOUT} WHERE o.object_id = ?2 AND o.version = ?3 "
            'AND s.origin = ?4 ORDER BY s."order"',
            index_key(object_id),
            object_id,
            version,
            origin,
        )
        return [read_statement(row) for row in rows]

    def versions(self, object_id: str, classes: Collection[int]) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} {_FROM_ABOUT} WHERE o.object_id = ?2 "
            "AND s.release_class IN (SELECT value FROM json_each(?3)) "
            'ORDER BY o.version DESC, s."order" DESC',
            index_key(object_id),
            object_id,
            json_set(classes),
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
            "AND s.release_class IN (SELECT value FROM json_each(?3)) ORDER BY 3",
            key_list(object_ids),
            json_set(object_ids),
            json_set(classes),
        )

    def referring(
        self, object_id: str, classes: Collection[int], *, after: int = 0, limit: int
    ) -> list[Statement]:
        """See port."""
        rows = self._rows(
            'SELECT s."order" FROM object_references r JOIN statements s ON s.object = r.object '
            'WHERE r.target = ?1 AND s."order" > ?2 '
            "AND s.release_class IN (SELECT value FROM json_each(?3)) "
            'ORDER BY s."order" LIMIT ?4',
            object_id,
            after,
            json_set(classes),
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
            "WHERE search MATCH ? AND s.release_class IN (SELECT value FROM json_each(?)) "
            'ORDER BY s."order" DESC LIMIT ?',
            query,
            json_set(classes),
            limit,
        )
        return self._load([row[0] for row in rows])

    def by_observable(self, value: str, classes: Collection[int], limit: int) -> list[Statement]:
        """See port."""
        found: list[int] = []
        before = _NO_END
        while len(found) < limit:
            rows = self._rows(
                f'SELECT s."order", o.body FROM {_HOLDING} b CROSS JOIN statements s '
                'ON s."order" = b.statement JOIN objects o ON o.id = s.object '
                'WHERE s."order" < ?2 AND s.release_class IN (SELECT value FROM json_each(?3)) '
                'ORDER BY s."order" DESC LIMIT ?4',
                index_key(value),
                before,
                json_set(classes),
                limit,
            )
            found += [row[0] for row in rows if _mentions(row[1], value)]
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


def _mentions(body: bytes, value: str) -> bool:
    """Tell whether an object really holds a value: two values may have one key."""
    return not value or any(one.value == value for one in observables(body))


def match_query(text: str) -> str:
    """Return the FTS5 query that finds every word of ``text``; "" if it has no word.

    Each word is a quoted string, so nothing in it is an operator; the last one is a prefix.
    """
    words = [word for word in text.replace("\0", " ").split() if any(map(str.isalnum, word))]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return " ".join(quoted) + "*" if quoted else ""


def _json_list(orders: list[int]) -> str:
    return "[" + ",".join(map(str, orders)) + "]"
