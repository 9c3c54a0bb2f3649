"""Advisory locks: who may own, migrate and write one database. Per schema, held by the server.

OWNING     by the process that runs the node, for as long as its connection lives
MIGRATING  while the schema is brought up to date
WRITING    by every transaction that writes, until it ends: commits have one order
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ringwall.core import BadConfiguration, Unavailable
from ringwall.store.postgresql.connection import Connection

OWNING, MIGRATING, WRITING = 1, 2, 3
_OURS = 0x52574C << 34
"""So that no other program's keys are ours; below it the schema's oid and the kind of lock."""


def key_of(connection: Connection, kind: int) -> int:
    """Return the key of a kind of lock on the schema that a connection works in."""
    row = connection.execute(
        "SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema()", binary=True
    ).fetchone()
    if row is None:
        raise BadConfiguration(
            "the search path of the database names no schema that is there",
            field="database_url",
            rule="schema",
        )
    return int(_OURS | row[0] << 2 | kind)


def take(connection: Connection, kind: int) -> None:
    """Take a lock for the life of a connection. Raises Unavailable if another process has it."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock($1)", [key_of(connection, kind)], binary=True
    ).fetchone()
    if row != (True,):
        raise Unavailable(
            "another process runs a node on this database",
            field="database_url",
            rule="database-in-use",
        )


def leave(connection: Connection, kind: int) -> None:
    """Give a lock back, once for each time that it was taken. A lost connection has none."""
    if not connection.broken:
        connection.execute("SELECT pg_advisory_unlock($1)", [key_of(connection, kind)])


@contextmanager
def own(connection: Connection) -> Iterator[None]:
    """Own the database for a while; a connection that owns it already goes on to own it."""
    take(connection, OWNING)
    try:
        yield
    finally:
        leave(connection, OWNING)


@contextmanager
def hold(connection: Connection, kind: int) -> Iterator[None]:
    """Hold a lock, waiting for it."""
    connection.execute("SELECT pg_advisory_lock($1)", [key_of(connection, kind)])
    try:
        yield
    finally:
        leave(connection, kind)
