"""Forward migrations, each in one transaction, with a snapshot of the database before the first.

The schema version is SQLite's ``user_version``: it changes in the same transaction as the tables.
The snapshot is called ``<database>.before-vN``, N being the schema that was to come. It stays
until the second start of the node with that schema: by then the node has run with it. A migration
that fails is rolled back, so the database itself is as usable by the old program as the snapshot.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ringwall.core import BadConfiguration, IntegrityFailure
from ringwall.stix import references
from ringwall.store.derived import newer_digest
from ringwall.store.keys import index_key
from ringwall.store.port import Store
from ringwall.store.sqlite.base import json_set
from ringwall.store.sqlite.schema import MIGRATIONS
from ringwall.store.sqlite.snapshots import fsync, write_copy

_STARTED = "started-schema"


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the schema version of a database, 0 for an empty one."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS
) -> Path | None:
    """Bring a database to the newest schema; return the snapshot that was made, if any.

    Raises BadConfiguration (rule ``schema-version``) if a newer program wrote the database, and
    StorageFull (rule ``copy-space``) if there is no room for the snapshot: then nothing was
    changed. A migration that fails is rolled back, with those before it, and raised.
    """
    current, newest = schema_version(connection), len(migrations)
    if current > newest:
        raise BadConfiguration(
            f"{path.name} has schema {current}; this program knows up to {newest}",
            field=str(path),
            rule="schema-version",
        )
    if current == newest:
        return None
    snapshot = _snapshot(connection, path, newest) if current else None
    _apply(connection, current, migrations)
    return snapshot


def _apply(connection: sqlite3.Connection, current: int, migrations: Sequence[str]) -> None:
    """Apply all that are missing in one transaction: a schema that no program knew never stands."""
    script = "\n".join(migrations[current:])
    _lend_functions(connection)
    connection.execute("PRAGMA foreign_keys = OFF")  # a table that is rebuilt is dropped first
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {len(migrations)};"
        )
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise IntegrityFailure(
                f"row {broken[1]} of {broken[0]} refers to a row of {broken[2]} that is missing",
                field="database",
                rule="reference",
            )
        connection.execute("COMMIT")
    except (sqlite3.Error, IntegrityFailure):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _lend_functions(connection: sqlite3.Connection) -> None:
    """Give migrations what SQL cannot say: index keys, digests, the references of a body."""
    connection.create_function("ringwall_key", 1, index_key, deterministic=True)
    connection.create_function("ringwall_digest", 3, newer_digest, deterministic=True)
    connection.create_function(
        "ringwall_references", 1, lambda body: json_set(references(body)), deterministic=True
    )


def _snapshot(connection: sqlite3.Connection, path: Path, newest: int) -> Path:
    """Write a whole copy beside the database, durable before anything changes."""
    target = path.with_name(f"{path.name}.before-v{newest}")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    write_copy(connection, partial)
    partial.replace(target)
    fsync(path.parent)
    return target


def settle_snapshots(store: Store, path: Path) -> list[Path]:
    """Remove snapshots if the node has started with this schema before; return what was removed.

    Call it when a node starts. Commands that open the database between two starts count nothing.
    """
    schema = b"%d" % len(MIGRATIONS)
    with store.read() as tx:
        known = tx.meta(_STARTED)
    if known != schema:
        store.write(lambda tx: tx.set_meta(_STARTED, schema), essential=True).result()
        return []
    old = sorted(path.parent.glob(f"{path.name}.before-v*"))
    for snapshot in old:
        snapshot.unlink(missing_ok=True)
    return old
