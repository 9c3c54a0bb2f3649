"""Opening SQLite files, and saying in our own errors what SQLite means.

WAL with ``synchronous=FULL``: a commit returns after fsync of the log, so an acknowledged
transaction survives a power cut. Rare checkpoints, because the plain default halves the rate
(facts: stack and style).
"""

import os
import sqlite3
from pathlib import Path

from ringwall.core import IntegrityFailure, InternalFault, RingwallError, StorageFull, Unavailable
from ringwall.store import room

_BUSY_MS = 10_000
_CHECKPOINT_PAGES = 4_000
"""The writer's own checkpoint, at 32 MiB of log: a bound that the background one keeps away."""

_WRITER_CACHE_KIB = 32 * 1024
"""The inner pages of every index of a few million statements: each insert passes through them."""

_SQLITE_IOERR, _SQLITE_CORRUPT, _SQLITE_FULL = 10, 11, 13
_SQLITE_BUSY, _SQLITE_LOCKED, _SQLITE_CANTOPEN, _SQLITE_NOTADB = 5, 6, 14, 26
_READ_FAULTS = frozenset({266, 522, 8458})
"""SQLITE_IOERR_READ, _SHORT_READ and _CORRUPTFS: not for want of room."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the database for writing, creating it (mode 0600) if need be."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = _connect(path)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for snapshots; the connection refuses to write."""
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand; a connection moves between threads, one at a time.
    connection = sqlite3.connect(
        path,
        timeout=_BUSY_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def translate(error: sqlite3.Error) -> RingwallError:
    """Say what an SQLite error means for whoever has to act on it."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    name: str = getattr(error, "sqlite_errorname", "")
    primary = code & 0xFF
    if primary == _SQLITE_FULL or (primary == _SQLITE_IOERR and code not in _READ_FAULTS):
        return StorageFull(f"nothing was written: {error} ({name})", field="database")
    if primary in (_SQLITE_CORRUPT, _SQLITE_NOTADB, _SQLITE_IOERR):
        return IntegrityFailure(f"the database file is damaged: {error} ({name})", field="database")
    if primary in (_SQLITE_BUSY, _SQLITE_LOCKED, _SQLITE_CANTOPEN):
        return Unavailable(f"the database cannot be used now: {error} ({name})", field="database")
    return InternalFault(f"the database refused: {error} ({name})", field="database")


def free_bytes(path: Path) -> int:
    """Return the bytes that this process may still write beside ``path``.

    Raises Unavailable if its folder is gone.
    """
    return room.free_bytes(path.parent)
