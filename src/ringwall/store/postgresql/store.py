"""The PostgreSQL store: one writer thread, snapshots from a small pool of connections."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psycopg

from ringwall.core import Clock, SystemClock, Unavailable
from ringwall.store import pace
from ringwall.store.port import WriteTransaction
from ringwall.store.postgresql.connection import Connection, is_lost, open_reader, run, translate
from ringwall.store.postgresql.session import PostgresSession
from ringwall.store.postgresql.transaction import PostgresRead
from ringwall.store.rows import KnownClasses
from ringwall.store.writer import GroupWriter

T = TypeVar("T")
_IDLE_READERS = 8
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT size FROM audit_state"
"""The first query fixes the snapshot."""


class PostgresStore:
    """A node's database on a PostgreSQL server (port.Store)."""

    def __init__(
        self,
        url: str,
        directory: Path,
        *,
        clock: Clock | None = None,
        reserve_bytes: int = 0,
        node: str = "",
        own: bool = False,
    ) -> None:
        """Connect to the database at ``url`` and bring its schema up to date.

        ``directory`` keeps the files that belong beside the database; below ``reserve_bytes`` of
        free space there, only essential jobs are taken. ``node``: whose database it is and must
        be. ``own``: this process runs the node. Raises BadConfiguration, Unavailable (rule
        ``database-in-use``: another process runs a node on it).
        """
        self._url = url
        self._directory = directory
        self._clock = clock or SystemClock()
        self._classes = KnownClasses()
        self._idle: list[Connection] = []
        self._gate = threading.Lock()
        self._closed = False
        session = PostgresSession(url, directory, self._clock, reserve_bytes, node=node, own=own)
        self._writer = GroupWriter(session)

    @property
    def directory(self) -> Path:
        """See port."""
        return self._directory

    @property
    def step(self) -> float:
        """See port."""
        return pace.BY_SERVER

    def write(self, job: Callable[[WriteTransaction], T], *, essential: bool = False) -> Future[T]:
        """See port."""
        return self._writer.submit(job, essential=essential)

    @contextmanager
    def read(self) -> Iterator[PostgresRead]:
        """See port. Raises Unavailable while the server is away."""
        try:
            connection = self._begin()
            try:
                yield PostgresRead(connection, self._clock, known=self._classes)
            finally:
                self._give_back(connection)
        except psycopg.Error as error:
            raise translate(error) from error

    def watch_commits(self, told: Callable[[int, float], None]) -> None:
        """See port."""
        self._writer.on_commit = told

    def close(self) -> None:
        """See port."""
        self._writer.close()
        with self._gate:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(self) -> Connection:
        """Open a snapshot. Idle connections may be dead: then the server was restarted."""
        while True:
            connection, fresh = self._borrow()
            try:
                run(connection, _SNAPSHOT)
            except psycopg.Error:
                connection.close()
                if fresh:
                    raise
            else:
                return connection

    def _borrow(self) -> tuple[Connection, bool]:
        with self._gate:
            if self._closed:
                raise Unavailable("the store is closed", field="database")
            if self._idle:
                return self._idle.pop(), False
        return open_reader(self._url), True

    def _give_back(self, connection: Connection) -> None:
        with suppress(psycopg.Error):
            run(connection, "ROLLBACK")
        with self._gate:
            if not self._closed and len(self._idle) < _IDLE_READERS and not is_lost(connection):
                self._idle.append(connection)
                return
        connection.close()
