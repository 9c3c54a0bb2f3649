"""sqlite: the store in one SQLite file (WAL, fsync at every commit). All of its SQL is here.

For edge nodes, laptops and the demo. May touch: core, stix, labels, policy, trust, the records and
the port of the store.
"""

from ringwall.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
