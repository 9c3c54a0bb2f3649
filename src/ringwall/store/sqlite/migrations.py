"""Forward migrations, each in one transaction, with a snapshot of the database before the first.

The schema version is SQLite's ``user_version``: it changes in the same transaction as the tables.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ringwall.core import BadConfiguration
from ringwall.store.sqlite.schema import MIGRATIONS


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the schema version of a database, 0 for an empty one."""
    row = connection.execute("PRAGMA user_version").fetchone()
    return int(row[0])


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS
) -> Path | None:
    """Bring a database to the newest schema; return the snapshot that was made, if any.

    Raises BadConfiguration (rule ``schema-version``) if a newer program wrote the database. A
    migration that fails is rolled back and raised; those before it stay.
    """
    current = schema_version(connection)
    if current > len(migrations):
        raise BadConfiguration(
            f"{path.name} has schema {current}; this program knows up to {len(migrations)}",
            field=str(path),
            rule="schema-version",
        )
    snapshot = _snapshot(connection, path, current) if 0 < current < len(migrations) else None
    for version in range(current + 1, len(migrations) + 1):
        _apply(connection, version, migrations[version - 1])
    return snapshot


def _apply(connection: sqlite3.Connection, version: int, script: str) -> None:
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;"
        )
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _snapshot(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Write a whole copy beside the database, durable before anything changes."""
    target = path.with_name(f"{path.name}.schema-{version}")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection.execute("VACUUM INTO ?", (str(partial),))
    _fsync(partial)
    partial.replace(target)
    _fsync(path.parent)
    return target


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
