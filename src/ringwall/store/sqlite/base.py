"""What the parts of a transaction share."""

import sqlite3
from collections.abc import Collection
from typing import Any

import msgspec

from ringwall.core import Clock, InternalFault


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

    def _insert(self, sql: str, *values: Any) -> int:
        """Insert one row and return its id."""
        row_id = self._sql.execute(sql, values).lastrowid
        if row_id is None:
            raise InternalFault("an insert gave no row id", field="database")
        return row_id


def json_set(values: Collection[int] | Collection[str]) -> str:
    """Return values, once each, as JSON for ``IN (SELECT value FROM json_each(?))``."""
    return msgspec.json.encode(sorted(set(values))).decode()
