"""sqlite: the store in one SQLite file (WAL, fsync at every commit). All of its SQL is here.

For edge nodes, laptops and the demo. May touch: core, stix, labels, policy, trust, the records and
the port of the store.
"""

from ringwall.store.sqlite.migrations import settle_snapshots
from ringwall.store.sqlite.schema import MIGRATIONS
from ringwall.store.sqlite.snapshots import (
    copy_database,
    inspect_copy,
    quick_check,
    stored_schema,
)
from ringwall.store.sqlite.store import SqliteStore

SCHEMA = len(MIGRATIONS)
"""The schema version that this program writes."""

__all__ = [
    "SCHEMA",
    "SqliteStore",
    "copy_database",
    "inspect_copy",
    "quick_check",
    "settle_snapshots",
    "stored_schema",
]
