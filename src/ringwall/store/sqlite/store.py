"""The SQLite store: one file, one writer thread, snapshots from a pool of connections."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from ringwall.core import Clock, SystemClock, Unavailable
from ringwall.store import pace
from ringwall.store.port import WriteTransaction
from ringwall.store.rows import KnownClasses
from ringwall.store.sqlite.connection import free_bytes, open_reader, open_writer, translate
from ringwall.store.sqlite.content_writes import Interned
from ringwall.store.sqlite.migrations import migrate
from ringwall.store.sqlite.transaction import SqliteRead, SqliteWrite
from ringwall.store.writer import GroupWriter, TransactionLost

T = TypeVar("T")
_LOG = logging.getLogger("ringwall.store")
_IDLE_READERS = 8
_CHECKPOINT_SECONDS = 1.0


class _Session:
    """The writer's connection (writer.Session)."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, clock: Clock, reserve: int
    ) -> None:
        self._sql = connection
        self._path = path
        self._clock = clock
        self._reserve = reserve
        self._interned = Interned()

    def begin(self) -> None:
        self._execute("BEGIN IMMEDIATE")

    def run(self, job: Callable[[WriteTransaction], Any], *, alone: bool = False) -> Any:
        if not alone:
            self._execute("SAVEPOINT job")
        transaction = SqliteWrite(self._sql, self._clock, self._interned)
        try:
            result = job(transaction)
            transaction.finish()
        except BaseException as error:
            failure = translate(error) if isinstance(error, sqlite3.Error) else error
            if not self._sql.in_transaction:
                raise TransactionLost from failure
            self._undo(alone)
            if failure is error:
                raise
            raise failure from error
        if not alone:
            self._execute("RELEASE job")
        return result

    def _undo(self, alone: bool) -> None:
        self._interned.clear()
        if alone:
            self._execute("ROLLBACK")
            self.begin()
        else:
            self._execute("ROLLBACK TO job")
            self._execute("RELEASE job")

    def commit(self) -> None:
        self._execute("COMMIT")

    def rollback(self) -> None:
        self._interned.clear()
        if self._sql.in_transaction:
            self._execute("ROLLBACK")

    def has_room(self) -> bool:
        return free_bytes(self._path) >= self._reserve

    def close(self) -> None:
        self._sql.close()

    def _execute(self, sql: str) -> None:
        try:
            self._sql.execute(sql)
        except sqlite3.Error as error:
            raise translate(error) from error


class SqliteStore:
    """A node's database in one file (port.Store)."""

    def __init__(self, path: Path, *, clock: Clock | None = None, reserve_bytes: int = 0) -> None:
        """Open or create the database at ``path`` and bring its schema up to date.

        Below ``reserve_bytes`` of free space only essential jobs are taken. Raises
        BadConfiguration for a database of a newer program, StorageFull, IntegrityFailure.
        """
        self._path = path
        self._clock = clock or SystemClock()
        try:
            connection = open_writer(path)
            migrate(connection, path)
            # What an INSERT of many rows may have to undo: in a file it costs as much as the log.
            connection.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error as error:
            raise translate(error) from error
        self._classes = KnownClasses()
        self._idle: list[sqlite3.Connection] = []
        self._gate = threading.Lock()
        self._closed = False
        self._writer = GroupWriter(_Session(connection, path, self._clock, reserve_bytes))
        self._checkpointer = _Checkpointer(path)

    @property
    def directory(self) -> Path:
        """See port."""
        return self._path.parent

    @property
    def step(self) -> float:
        """See port."""
        return pace.IN_PROCESS

    def write(self, job: Callable[[WriteTransaction], T], *, essential: bool = False) -> Future[T]:
        """See port."""
        future = self._writer.submit(job, essential=essential)
        future.add_done_callback(self._checkpointer.wake)
        return future

    @contextmanager
    def read(self) -> Iterator[SqliteRead]:
        """See port."""
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT size FROM audit_state").fetchone()  # fixes the snapshot
            yield SqliteRead(connection, self._clock, self._classes)
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            self._give_back(connection)

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """See port."""
        self._writer.on_commit = told

    def close(self) -> None:
        """See port."""
        self._writer.close()
        self._checkpointer.close()
        with self._gate:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    def _borrow(self) -> sqlite3.Connection:
        with self._gate:
            if self._closed:
                raise Unavailable("the store is closed", field="database")
            if self._idle:
                return self._idle.pop()
        try:
            return open_reader(self._path)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        with self._gate:
            if not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


class _Checkpointer:
    """Copies the log into the database beside the writer, so that no commit waits for it.

    A passive checkpoint blocks nobody. It runs at most once a second and only after writes; what
    it cannot keep up with, the writer's own checkpoint bounds.
    """

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._written = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="ringwall-checkpoint", daemon=True)
        self._thread.start()

    def wake(self, _: object = None) -> None:
        """Note that something was written."""
        self._written.set()

    def close(self) -> None:
        """Stop; what is left in the log is copied when the last connection closes."""
        self._stop.set()
        self._written.set()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            self._written.wait()
            if self._stop.wait(_CHECKPOINT_SECONDS):
                break
            self._written.clear()
            try:
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                # Nothing is lost: the log keeps what it has, and the next round tries again.
                _LOG.warning("the log could not be copied into the database: %s", error)
        self._connection.close()
