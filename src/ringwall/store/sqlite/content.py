"""Reading content: statements, objects and reference sets, under visible release classes."""

import functools
import sqlite3
from collections.abc import Collection
from typing import Any

from ringwall.core import Clock, IntegrityFailure, InvalidInput, Precedence, StatementId, parse_json
from ringwall.labels import Label, label_from_document
from ringwall.policy import ReleaseClass
from ringwall.store.records import ReferenceRow, Statement
from ringwall.store.sqlite.base import Part, json_set

_STATEMENT = """
SELECT s."order", s.origin, s.sequence, c.origin, o.object_id, o.object_type, o.version, o.body,
       l.document, s.release_class, c.purpose, s.lane, s.submitted_by, s.received_at, s.seed,
       s.digest
"""
_FROM = """
FROM statements s
JOIN objects o ON o.id = s.object
JOIN labels l ON l.id = s.label
JOIN release_classes c ON c.id = s.release_class
"""
_VISIBLE = "s.release_class IN (SELECT value FROM json_each(?))"
_VERSION_INDEX = """
SELECT o.object_id, o.version, s."order" FROM json_each(?) j
CROSS JOIN objects o ON o.object_id = j.value
CROSS JOIN statements s ON s.object = o.id
"""
_FEW_CLASSES = 32
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
        proof=row[16] if len(row) > 16 else None,
    )


class ContentReads(Part):
    """Reads of content. Every one of them for a reader names the classes that are visible."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        clock: Clock,
        known: dict[int, ReleaseClass] | None = None,
    ) -> None:
        """``known``: classes that committed snapshots have shown; they never change or go."""
        super().__init__(connection, clock)
        self._known = {} if known is None else known

    def release_classes(self) -> dict[int, ReleaseClass]:
        """See port."""
        rows = self._rows(
            "SELECT c.id, c.key, c.origin, c.object_type, l.document, c.purpose "
            "FROM release_classes c JOIN labels l ON l.id = c.label WHERE c.id > ?",
            max(dict(self._known), default=0),
        )
        self._known.update({row[0]: read_class(*row[1:]) for row in rows})
        return dict(self._known)

    def release_class_count(self) -> int:
        """See port."""
        return self._number("SELECT count(*) FROM release_classes")

    def statements(
        self,
        classes: Collection[int],
        *,
        after: int = 0,
        limit: int,
        object_type: str | None = None,
        source: str | None = None,
        object_id: str | None = None,
    ) -> list[Statement]:
        """See port."""
        chosen = self._narrow(classes, object_type, source)
        if object_id is not None:
            orders = self._orders_of_object(chosen, object_id, after, limit)
        elif len(chosen) <= _FEW_CLASSES:
            orders = self._orders_by_class(chosen, after, limit)
        else:
            orders = self._orders_by_scan(chosen, after, limit)
        return self._load(orders)

    def _narrow(
        self, classes: Collection[int], object_type: str | None, source: str | None
    ) -> list[int]:
        """Return the classes of a type and a source: both filters are properties of a class."""
        if object_type is None and source is None:
            return list(classes)
        rows = self._rows(
            "SELECT id FROM release_classes WHERE id IN (SELECT value FROM json_each(?1)) "
            "AND (?2 IS NULL OR object_type = ?2) AND (?3 IS NULL OR origin = ?3)",
            json_set(classes),
            object_type,
            source,
        )
        return [row[0] for row in rows]

    def _orders_by_class(self, classes: list[int], after: int, limit: int) -> list[int]:
        """Merge the heads of a few classes: rare classes cost nothing in a large table."""
        if not classes:
            return []
        head = (
            'SELECT * FROM (SELECT "order" FROM statements '
            'WHERE release_class = ? AND "order" > ? ORDER BY "order" LIMIT ?)'
        )
        sql = " UNION ALL ".join([head] * len(classes)) + " ORDER BY 1 LIMIT ?"
        values = [value for one in classes for value in (one, after, limit)]
        return [row[0] for row in self._rows(sql, *values, limit)]

    def _orders_by_scan(self, classes: list[int], after: int, limit: int) -> list[int]:
        """Walk the table in order of arrival: many classes leave little out."""
        rows = self._rows(
            'SELECT s."order" FROM statements s WHERE s."order" > ?2 '
            "AND +s.release_class IN (SELECT value FROM json_each(?1)) "
            'ORDER BY s."order" LIMIT ?3',
            json_set(classes),
            after,
            limit,
        )
        return [row[0] for row in rows]

    def _orders_of_object(
        self, classes: list[int], object_id: str, after: int, limit: int
    ) -> list[int]:
        rows = self._rows(
            'SELECT s."order" FROM objects o JOIN statements s ON s.object = o.id '
            'WHERE o.object_id = ?1 AND s."order" > ?3 '
            "AND s.release_class IN (SELECT value FROM json_each(?2)) "
            'ORDER BY s."order" LIMIT ?4',
            object_id,
            json_set(classes),
            after,
            limit,
        )
        return [row[0] for row in rows]

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
            f"{_STATEMENT}, p.proof {_FROM} "
            'LEFT JOIN proofs p ON p.statement = s."order" '
            f"WHERE s.origin = ? AND s.sequence = ? AND {_VISIBLE}",
            id.origin,
            id.sequence,
            json_set(classes),
        )
        return None if row is None else read_statement(row)

    def statement_by_id(self, id: StatementId) -> Statement | None:  # noqa: A002
        """See port."""
        row = self._row(
            f"{_STATEMENT}, p.proof {_FROM} "
            'LEFT JOIN proofs p ON p.statement = s."order" '
            "WHERE s.origin = ? AND s.sequence = ?",
            id.origin,
            id.sequence,
        )
        return None if row is None else read_statement(row)

    def statements_about(self, origin: str, object_id: str, version: str) -> list[Statement]:
        """See port. The ``+`` keeps SQLite from scanning all that the origin ever stated."""
        rows = self._rows(
            f"{_STATEMENT} {_FROM} WHERE o.object_id = ? AND o.version = ? AND +s.origin = ? "
            'ORDER BY s."order"',
            object_id,
            version,
            origin,
        )
        return [read_statement(row) for row in rows]

    def versions(self, object_id: str, classes: Collection[int]) -> list[Statement]:
        """See port."""
        rows = self._rows(
            f"{_STATEMENT} {_FROM} WHERE o.object_id = ? AND {_VISIBLE} "
            'ORDER BY o.version DESC, s."order" DESC',
            object_id,
            json_set(classes),
        )
        return [read_statement(row) for row in rows]

    def version_index(
        self, object_ids: Collection[str], classes: Collection[int]
    ) -> list[tuple[str, str, int]]:
        """See port."""
        return self._rows(
            f"{_VERSION_INDEX} WHERE {_VISIBLE} ORDER BY 3",
            json_set(object_ids),
            json_set(classes),
        )

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
        rows = self._rows(
            'SELECT DISTINCT s."order" FROM observables b '
            'JOIN statements s ON s."order" = b.statement '
            "WHERE b.value = ? AND s.release_class IN (SELECT value FROM json_each(?)) "
            'ORDER BY s."order" DESC LIMIT ?',
            value,
            json_set(classes),
            limit,
        )
        return self._load([row[0] for row in rows])

    def order_at(self, received_at: str) -> int:
        """See port."""
        return self._number(
            'SELECT "order" FROM statements WHERE received_at <= ? '
            "ORDER BY received_at DESC LIMIT 1",
            received_at,
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


def match_query(text: str) -> str:
    """Return the FTS5 query that finds every word of ``text``; "" if it has no word.

    Each word is a quoted string, so nothing in it is an operator; the last one is a prefix.
    """
    words = [word for word in text.replace("\0", " ").split() if any(map(str.isalnum, word))]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return " ".join(quoted) + "*" if quoted else ""


def _json_list(orders: list[int]) -> str:
    return "[" + ",".join(map(str, orders)) + "]"
