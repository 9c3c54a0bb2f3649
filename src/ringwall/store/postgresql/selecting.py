"""Which statements are wanted: visible classes, and what a selection says, in order of arrival.

PostgreSQL cannot tell how common a word is that stands in the question as a prefix, and may take a
walk through the whole table for one that nobody wrote. So each query here has one way to go.
"""

from collections.abc import Collection, Mapping
from typing import Any

from ringwall.core import Clock
from ringwall.policy import ReleaseClass
from ringwall.store.keys import index_key
from ringwall.store.postgresql.arrays import bigints, texts
from ringwall.store.postgresql.base import Memory, Part, visible
from ringwall.store.postgresql.connection import Connection
from ringwall.store.postgresql.terms import question
from ringwall.store.reader_classes import mark_classes
from ringwall.store.records import Selection
from ringwall.store.rows import KnownClasses, mentions, narrow, read_class

WINDOW = 8
"""A page is looked for among so many times its length before what is rare is asked for alone."""
NO_END = 2**63 - 1
_FEW_CLASSES = 32
_FEW_OBJECTS = 1000
"""Of what more objects hold, a page is met soon enough on the way."""

_HOLDS = "(SELECT q.terms @@ {} FROM search q WHERE q.object = s.object)"
_MENTIONS = '(SELECT true FROM observables b WHERE b.statement = s."order" AND b.key = {})'
"""As values, not as EXISTS: else PostgreSQL may begin with them."""
_ABOUT = (
    "(SELECT t.* FROM unnest({}) j (name) JOIN objects p ON p.object_id = j.name "
    "JOIN statements t ON t.object = p.id OFFSET 0) s"
)
_WALK = (
    'SELECT s."order" FROM statements s WHERE s."order" > $2 AND s."order" <= $3 '
    f'AND {visible(1)} AND {_HOLDS.format("$5::tsquery")} ORDER BY s."order" {{}} LIMIT $4'
)
_FEW = (
    "WITH held AS MATERIALIZED (SELECT q.object FROM search q WHERE q.terms @@ $1::tsquery) "
    "SELECT object FROM held LIMIT $2"
)
_OF_OBJECTS = (
    'SELECT s."order" FROM (SELECT t.* FROM unnest($5::bigint[]) j (object) '
    "JOIN statements t ON t.object = j.object OFFSET 0) s "
    f'WHERE s."order" > $2 AND s."order" <= $3 AND {visible(1)} ORDER BY s."order" {{}} LIMIT $4'
)


class SelectedReads(Part):
    """Finds statements by their orders; every search names the classes that are visible."""

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
        if selection.object_ids is not None or selection.value:
            return self._orders_found(chosen, after, last, limit, selection)
        if selection.text:
            return self._orders_with(selection.text, chosen, (after, last), limit)
        near = min(last, after + WINDOW * limit)
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
        """Find by STIX ids and value, with words if they are wanted too: all of them must hold."""
        wanted: list[str] = []
        values: list[Any] = [mark_classes(classes), last, limit]

        def bound(value: object, kind: str) -> str:
            values.append(value)
            return f"${len(values) + 1}::{kind}"

        if selection.text:
            query = question(selection.text)
            if not query:
                return []
            wanted.append(_HOLDS.format(bound(query, "tsquery")))
        source, place = 'observables b JOIN statements s ON s."order" = b.statement', "b.statement"
        key = bound(index_key(selection.value), "bigint") if selection.value else ""
        if selection.object_ids is not None:
            source, place = _ABOUT.format(bound(texts(selection.object_ids), "text[]")), 's."order"'
            wanted += [_MENTIONS.format(key)] if key else []
        else:
            wanted.append(f"b.key = {key}")
        sql = (
            f'SELECT s."order", o.body FROM {source} JOIN objects o ON o.id = s.object '
            f"WHERE {' AND '.join([*wanted, visible(2)])} AND {place} > $1 AND {place} <= $3 "
            f"ORDER BY {place} LIMIT $4"
        )
        return self._collect(sql, values, after, limit, selection.value)

    def _collect(
        self, sql: str, values: list[Any], after: int, limit: int, value: str
    ) -> list[int]:
        """Collect orders until there are ``limit`` whose objects really hold ``value``."""
        found: list[int] = []
        while len(found) < limit:
            rows = self._rows(sql, after, *values)
            found += [row[0] for row in rows if mentions(row[1], value)]
            if len(rows) < limit:
                break
            after = rows[-1][0]
        return found[:limit]

    def _orders_with(
        self,
        text: str,
        classes: Collection[int],
        span: tuple[int, int],
        limit: int,
        *,
        newest: bool = False,
    ) -> list[int]:
        """Find by words alone, after the first and up to the last order of ``span``.

        What is common is met soon on the way. If it is not, the index tells which objects hold the
        words, if they are few; it cannot tell at once which of many are visible.
        """
        query = question(text)
        if not query:
            return []
        after, last = span
        if newest:
            cut = max(after, last - WINDOW * limit)
            near, far = (cut, last), (after, cut)
        else:
            cut = min(last, after + WINDOW * limit)
            near, far = (after, cut), (cut, last)
        marks, way = mark_classes(classes), "DESC" if newest else "ASC"
        found = self._rows(_WALK.format(way), marks, *near, limit, query)
        further = limit - len(found)
        if further and far[0] < far[1]:
            held = self._rows(_FEW, query, _FEW_OBJECTS + 1)
            if len(held) > _FEW_OBJECTS:
                found += self._rows(_WALK.format(way), marks, *far, further, query)
            else:
                objects = bigints([row[0] for row in held])
                found += self._rows(_OF_OBJECTS.format(way), marks, *far, further, objects)
        return [row[0] for row in found]
