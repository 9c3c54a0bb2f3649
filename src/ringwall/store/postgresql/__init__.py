"""postgresql: the store in a PostgreSQL database (14 or later). All of its SQL is here.

For national nodes. Nothing of it, and nothing of psycopg, is imported unless a node's settings
name a database. May touch: core, stix, labels, policy, trust, the records and the port of the
store, psycopg.
"""

from ringwall.store.postgresql.store import PostgresStore

__all__ = ["PostgresStore"]
