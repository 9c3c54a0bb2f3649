"""What the parts of a transaction share."""

import sqlite3
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from ringwall.core import Clock, InternalFault

_ROWS_AT_ONCE = (256, 32, 4, 1)
"""Few sizes, because a prepared statement is kept for each; largest x columns < 32,766."""


@lru_cache(maxsize=256)
def _insertion(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"INSERT {into} VALUES {', '.join([row] * rows)}"


class Part:
    """One connection inside one transaction, and the node's clock."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._sql = connection
        self._clock = clock

    def _row(self, sql: str, *values: Any) -> Any:
        """Return the first row, or None."""
        return self._sql.execute(sql, values).fetchone()

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        """Return every row."""
        return self._sql.execute(sql, values).fetchall()

    def _number(self, sql: str, *values: Any) -> int:
        """Return the integer in the first column of the first row, 0 if there is none."""
        row = self._sql.execute(sql, values).fetchone()
        return 0 if row is None or row[0] is None else int(row[0])

    def _insert_rows(self, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, many with each statement.

        Between statements, and with ``executemany`` between rows, other threads may take the
        interpreter and keep it for milliseconds: a bundle must not pay that for every row.
        """
        at = 0
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                chunk = rows[at : at + size]
                sql = _insertion(into, len(chunk[0]), size)
                self._sql.execute(sql, list(chain.from_iterable(chunk)))
                at += size

    def _insert(self, sql: str, *values: Any) -> int:
        """Insert one row and return its id."""
        row_id = self._sql.execute(sql, values).lastrowid
        if row_id is None:
            raise InternalFault("an insert gave no row id", field="database")
        return row_id


def json_set(values: Collection[int] | Collection[str]) -> str:
    """Return values, once each, as JSON for ``IN (SELECT value FROM json_each(?))``."""
    chosen: list[Any] = sorted(set(values))
    return msgspec.json.encode(chosen).decode()


def visible(classes: str = "?") -> str:
    """Return the condition that a statement's class is open in the marks of ``classes``."""
    return f"substr({classes}, s.release_class, 1) = x'01'"
