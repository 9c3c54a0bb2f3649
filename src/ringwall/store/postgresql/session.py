"""The writer's connection: it comes back by itself, and a commit in doubt is looked up.

A transaction writes the number of its group into ``writers``, in a row of this session's own. If
the connection is lost while COMMIT is on its way, the row tells afterwards whether the group is
there. Before it is read the lock that every writing transaction holds is taken: then the lost
transaction has ended, one way or the other. If the server does not come back in time, the outcome
stays unknown and is answered as that; nothing is run again.
"""

import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from ringwall.core import BadConfiguration, Clock, OperatorError, Unavailable
from ringwall.store.port import WriteTransaction
from ringwall.store.postgresql.base import Memory
from ringwall.store.postgresql.connection import Connection, is_lost, open_writer, run, translate
from ringwall.store.postgresql.locks import OWNING, WRITING, key_of, take
from ringwall.store.postgresql.migrations import migrate
from ringwall.store.postgresql.transaction import PostgresWrite
from ringwall.store.room import free_bytes
from ringwall.store.writer import OutcomeUnknown, TransactionLost

_LOG = logging.getLogger("ringwall.store")
_DOUBT_SECONDS = 20.0
"""So long a commit in doubt is looked up before its outcome is called unknown."""
_PAUSE = 0.1
_RETRY_SECONDS = 0.5
"""After a failed attempt to connect, jobs are refused at once for so long."""


class PostgresSession:
    """The writer's connection to one database (writer.Session)."""

    def __init__(
        self, url: str, directory: Path, clock: Clock, reserve: int, *, node: str, own: bool
    ) -> None:
        """Connect; with ``own`` also take the database for this process alone.

        Raises BadConfiguration (rules ``database-in-use``, ``database-url``, ``fsync`` and others
        of the server), Unavailable.
        """
        self._url = url
        self._directory = directory
        self._clock = clock
        self._reserve = reserve
        self._node = node
        self._own = own
        self._name = secrets.token_hex(8)
        self._group = 0
        self._memory = Memory()
        self._backend: tuple[Any, ...] | None = None
        self._saved = False
        self._not_before = 0.0
        self._connection: Connection | None = self._open()

    @property
    def connection(self) -> Connection:
        """The connection, opened anew if it was lost. Raises Unavailable, BadConfiguration."""
        if self._connection is None or is_lost(self._connection):
            self._drop()
            if time.monotonic() < self._not_before:
                raise Unavailable("the database cannot be reached now", field="database")
            try:
                self._connection = self._open()
            except OperatorError:
                self._not_before = time.monotonic() + _RETRY_SECONDS
                raise
            _LOG.warning("the database is back")
        return self._connection

    def _open(self) -> Connection:
        try:
            connection = open_writer(self._url)
            try:
                self._lock = key_of(connection, WRITING)
                self._end_former(connection)
                if self._own:
                    take(connection, OWNING)
                migrate(connection)
                self._settle_in(connection)
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            raise translate(error) from error
        return connection

    def _end_former(self, connection: Connection) -> None:
        """End our former connection at the server, which may not know yet that it is gone."""
        if self._backend is not None:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid = $1 AND backend_start = $2::text::timestamptz",
                self._backend,
            )
        self._backend = connection.execute(
            "SELECT pid::bigint, backend_start::text FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid()",
            binary=True,
        ).fetchone()

    def _settle_in(self, connection: Connection) -> None:
        """Check whose database it is, and forget sessions that did not end in order."""
        connection.execute("DELETE FROM writers WHERE at < now() - interval '1 day'")
        if not self._node:
            return
        connection.execute(
            "INSERT INTO meta VALUES ('node', $1) ON CONFLICT DO NOTHING", [self._node.encode()]
        )
        row = connection.execute("SELECT value FROM meta WHERE name = 'node'", binary=True)
        if row.fetchone() != (self._node.encode(),):
            raise BadConfiguration(
                f"the database is another node's, not {self._node}'s",
                field="database_url",
                rule="database-of-another",
            )

    def _drop(self) -> None:
        self._memory.clear()
        self._saved = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def begin(self) -> None:
        """See writer.Session. Waits for any other process that writes to end its transaction."""
        connection = self.connection
        self._group += 1
        self._saved = False
        try:
            run(
                connection,
                f"BEGIN; SELECT pg_advisory_xact_lock({self._lock}); "
                f"INSERT INTO writers VALUES ('{self._name}', {self._group}) "
                f"ON CONFLICT (session) DO UPDATE SET last = {self._group}, at = now()",
            )
        except psycopg.Error as error:
            self.rollback()
            raise translate(error) from error

    def run(self, job: Callable[[WriteTransaction], Any], *, alone: bool = False) -> Any:
        """See writer.Session."""
        connection = self._connection
        if connection is None:
            raise TransactionLost from Unavailable("the database was lost", field="database")
        transaction = PostgresWrite(connection, self._clock, self._memory)
        try:
            if not alone:
                self._save(connection)
            result = job(transaction)
            transaction.finish()
        except BaseException as error:
            failure = translate(error) if isinstance(error, psycopg.Error) else error
            self._undo(connection, failure, alone)
            if failure is error:
                raise
            raise failure from error
        return result

    def _save(self, connection: Connection) -> None:
        """Begin a savepoint; the one of the job before has done its duty."""
        ended = "RELEASE SAVEPOINT job; " if self._saved else ""
        run(connection, f"{ended}SAVEPOINT job")
        self._saved = True

    def _undo(self, connection: Connection, failure: BaseException, alone: bool) -> None:
        self._memory.clear()
        if is_lost(connection):
            raise TransactionLost from failure
        try:
            if alone:
                run(connection, "ROLLBACK")
                self.begin()
            else:
                run(connection, "ROLLBACK TO SAVEPOINT job")
        except (psycopg.Error, OperatorError):
            raise TransactionLost from failure

    def commit(self) -> None:
        """See writer.Session. Returns also if the connection was lost and the group is there."""
        connection = self._connection
        if connection is None:
            raise TransactionLost from Unavailable("the database was lost", field="database")
        try:
            run(connection, "COMMIT")
        except psycopg.Error as error:
            failure = translate(error)
            if _is_certain(error) or not self._is_there():
                raise failure from error
        self._memory.end()

    def _is_there(self) -> bool:
        """Tell whether the group whose COMMIT was not answered is in the database."""
        self._drop()
        deadline = time.monotonic() + _DOUBT_SECONDS
        while True:
            try:
                return self._look_up()
            except (psycopg.Error, OperatorError) as error:
                if time.monotonic() > deadline:
                    raise OutcomeUnknown from error
            time.sleep(_PAUSE)

    def _look_up(self) -> bool:
        self._not_before = 0.0
        connection = self.connection
        with connection.transaction():
            connection.execute(f"SELECT pg_advisory_xact_lock({self._lock})")
            row = connection.execute(
                "SELECT last FROM writers WHERE session = $1", [self._name], binary=True
            ).fetchone()
        return row == (self._group,)

    def rollback(self) -> None:
        """See writer.Session."""
        self._memory.clear()
        self._saved = False
        if self._connection is None:
            return
        try:
            if not is_lost(self._connection):
                run(self._connection, "ROLLBACK")
        except psycopg.Error:
            self._drop()

    def has_room(self) -> bool:
        """See writer.Session. The server's own disk is not ours to see; what lies beside is."""
        return free_bytes(self._directory) >= self._reserve

    def close(self) -> None:
        """See writer.Session."""
        connection = self._connection
        try:
            if connection is not None and not is_lost(connection):
                connection.execute("DELETE FROM writers WHERE session = $1", [self._name])
        except psycopg.Error as error:
            _LOG.warning("the database was closed without its answer: %s", error.sqlstate)
        finally:
            self._drop()


def _is_certain(error: psycopg.Error) -> bool:
    """Tell whether the server itself said that it did not commit: it did not just go away."""
    return error.sqlstate is not None and error.sqlstate[:2] not in ("08", "57")
