"""Copies of a database that is in use: one consistent state in one file, durable and private.

``VACUUM INTO`` reads one snapshot (readers and the writer go on), reads every page and so finds a
damaged one, and leaves out what was deleted. SQLite's backup API would begin anew whenever another
process writes, which a busy node does all the time.
"""

import os
import sqlite3
from pathlib import Path

from ringwall.core import IntegrityFailure, StorageFull, SystemClock
from ringwall.store.copies import DatabaseCopy
from ringwall.store.sqlite.connection import free_bytes, translate
from ringwall.store.sqlite.transaction import SqliteRead


def copy_database(source: Path, target: Path) -> DatabaseCopy:
    """Copy the database at ``source``, in use or not, to the new file ``target`` (mode 0600).

    Durable when it returns. Raises StorageFull before anything is written if it cannot fit,
    IntegrityFailure if the database is damaged, Unavailable if it cannot be read.
    """
    try:
        connection = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        try:
            write_copy(connection, target)
        finally:
            connection.close()
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise translate(error) from error
    return inspect_copy(target)


def write_copy(connection: sqlite3.Connection, target: Path) -> None:
    """Write what ``connection`` sees to the new file ``target``, durably, mode 0600.

    Raises StorageFull if there is less free space than the database has, sqlite3.Error.
    """
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
    free = free_bytes(target)
    if free < size:
        raise StorageFull(
            f"a copy of the database needs {size} bytes, {target.parent} has {free} free",
            field=str(target.parent),
            rule="copy-space",
        )
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
        fsync(target)
        fsync(target.parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def inspect_copy(path: Path) -> DatabaseCopy:
    """Read what a database that nobody uses holds, without changing it.

    Raises IntegrityFailure if it is none, or damaged.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            schema = connection.execute("PRAGMA user_version").fetchone()[0]
            tx = SqliteRead(connection, SystemClock())
            return DatabaseCopy(schema, tx.audit_size(), tx.audit_root())
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise IntegrityFailure(
            f"{path.name} is not a sound database: {error}", field=path.name, rule="database"
        ) from error


def quick_check(path: Path) -> list[str]:
    """Return what SQLite finds wrong with the structure of a database, in use or not.

    Raises IntegrityFailure or Unavailable if it cannot even be asked.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            rows = connection.execute("PRAGMA quick_check(20)").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translate(error) from error
    return [row[0] for row in rows if row[0] != "ok"]


def stored_schema(path: Path) -> int:
    """Return the schema version of a database, in use or not. Raises as :func:`quick_check`."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise translate(error) from error


def fsync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
