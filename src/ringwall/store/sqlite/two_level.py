"""Two-level indexes: a large sorted table, and a small one that takes what is new.

A key in random order changes a page of its own: at a million rows a bundle of a thousand objects
would write thousands of pages for a few bytes each. The small table stays within a few hundred
pages; part after part of it, in order of the keys, is moved into the large one, where neighbours
share pages. So a bundle costs much the same however much is stored, and no commit has to wait for
a great merge. Reads look into both.
"""

import sqlite3
from typing import Any

RECENT_ROWS = 16 * 1024
_PARTS = 32
_WIDTH = 2**64 // _PARTS
_LOWEST = -(2**63)


class Recent:
    """How many rows the small table of an index holds, and which part of it is moved next."""

    def __init__(self) -> None:
        self.rows: int | None = None
        """None: not counted yet."""
        self.part = 0


def drain(connection: sqlite3.Connection, table: str, added: int, recent: Recent) -> None:
    """Move parts of ``<table>_recent`` into ``table`` until it is small enough again."""
    if recent.rows is None:
        row = connection.execute(f"SELECT count(*) FROM {table}_recent").fetchone()
        recent.rows = int(row[0])
    else:
        recent.rows += added
    for _ in range(_PARTS):
        if recent.rows <= RECENT_ROWS:
            break
        recent.rows -= _move(connection, table, recent.part)
        recent.part = (recent.part + 1) % _PARTS


def _move(connection: sqlite3.Connection, table: str, part: int) -> int:
    low = _LOWEST + part * _WIDTH
    bounds: tuple[Any, ...] = (low, low + _WIDTH - 1)
    connection.execute(
        f"INSERT INTO {table} SELECT * FROM {table}_recent WHERE key BETWEEN ? AND ? ORDER BY key",
        bounds,
    )
    gone = connection.execute(f"DELETE FROM {table}_recent WHERE key BETWEEN ? AND ?", bounds)
    return gone.rowcount
