"""Which statements are wanted: visible classes, and what a selection says, in order of arrival."""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from ringwall.core import Clock
from ringwall.policy import ReleaseClass
from ringwall.store.keys import index_key, key_list
from ringwall.store.reader_classes import mark_classes
from ringwall.store.records import Selection
from ringwall.store.rows import KnownClasses, mentions, narrow, read_class
from ringwall.store.sqlite.base import Part, json_set, visible

ABOUT_ANY = (
    "(SELECT object FROM object_keys WHERE key IN (SELECT value FROM json_each(?1)) "
    "UNION ALL "
    "SELECT object FROM object_keys_recent WHERE key IN (SELECT value FROM json_each(?1)))"
)
"""The same of several ids, by a JSON list of their keys."""
HOLDING = (
    "(SELECT statement FROM observables WHERE key = ?1 "
    "UNION ALL SELECT statement FROM observables_recent WHERE key = ?1)"
)
"""The statements that may mention a value, by its key."""
_FEW_CLASSES = 32
_WINDOW = 8
"""A page is looked for among so many times its length before the rare classes are asked alone."""
NO_END = 2**63 - 1


class SelectedReads(Part):
    """Finds statements by their orders; every search names the classes that are visible."""

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

    def _orders(
        self,
        classes: Collection[int],
        after: int,
        until: int | None,
        limit: int,
        selection: Selection,
    ) -> list[int]:
        """Return the orders of the first ``limit`` statements that are visible and wanted."""
        chosen = narrow(classes, selection, self.release_classes)
        if not chosen or limit < 1:
            return []
        last = NO_END if until is None else until
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

    def _orders_by_class(
        self, classes: Collection[int], after: int, last: int, limit: int
    ) -> list[int]:
        """Merge the heads of a few classes: rare classes cost nothing in a large table."""
        head = (
            'SELECT * FROM (SELECT "order" FROM statements WHERE release_class = ? '
            'AND "order" > ? AND "order" <= ? ORDER BY "order" LIMIT ?)'
        )
        sql = " UNION ALL ".join([head] * len(classes)) + " ORDER BY 1 LIMIT ?"
        values = [value for one in classes for value in (one, after, last, limit)]
        return [row[0] for row in self._rows(sql, *values, limit)]

    def _orders_by_scan(
        self, classes: Collection[int], after: int, last: int, limit: int
    ) -> list[int]:
        """Walk the table in order of arrival: classes that hold much leave little out."""
        rows = self._rows(
            'SELECT s."order" FROM statements s WHERE s."order" > ?2 AND s."order" <= ?3 '
            f"AND {visible('?1')} "
            'ORDER BY s."order" LIMIT ?4',
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
        sources: list[str] = []
        values: dict[str, Any] = {"classes": mark_classes(classes), "limit": limit, "last": last}
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
            sources.append(f's."order" IN {HOLDING.replace("?1", ":key")}')
            values["key"] = index_key(selection.value)
        sql = (
            'SELECT s."order", o.body FROM statements s JOIN objects o ON o.id = s.object '
            f'WHERE {" AND ".join(sources)} AND s."order" > :after AND s."order" <= :last '
            f"AND {visible(':classes')} "
            'ORDER BY s."order" LIMIT :limit'
        )
        found: list[int] = []
        while len(found) < limit:
            rows = self._sql.execute(sql, {**values, "after": after}).fetchall()
            found += [row[0] for row in rows if mentions(row[1], selection.value)]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return found[:limit]


def match_query(text: str) -> str:
    """Return the FTS5 query that finds every word of ``text``; "" if it has no word.

    Each word is a quoted string, so nothing in it is an operator; the last one is a prefix.
    """
    words = [word for word in text.replace("\0", " ").split() if any(map(str.isalnum, word))]
    quoted = ['"' + word.replace('"', '""') + '"' for word in words]
    return " ".join(quoted) + "*" if quoted else ""
