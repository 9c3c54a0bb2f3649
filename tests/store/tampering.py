"""A sound database of each backend, changed behind the program's back and never for good."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from ringwall.core import SystemClock
from ringwall.store import ReadTransaction, SqliteStore, Store
from tests.store.pg_server import PgServer

_HEX = re.compile(r"\bx'([0-9a-f]*)'")


class Readable(Protocol):
    """What verification asks of a store."""

    @property
    def directory(self) -> Path:
        """As of a store."""
        ...

    def read(self) -> AbstractContextManager[ReadTransaction]:
        """As of a store."""
        ...

    def close(self) -> None:
        """As of a store."""
        ...


class Sound(Protocol):
    """A database to be filled once and then only copied, or changed and put back."""

    def open(self) -> Store:
        """Open it, to fill it."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read it without the program."""
        ...

    def changed(self, directory: Path, *scripts: str) -> Readable:
        """Open it as it is after scripts that no constraint stops, until it is closed."""
        ...

    def copied(self, directory: Path) -> Store:
        """Open a copy, to write to it."""
        ...


class SoundFile:
    """A file of SQLite."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "ringwall.db"

    def open(self) -> Store:
        return SqliteStore(self.path)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.path)
        found = connection.execute(query).fetchall()
        connection.close()
        return found

    def changed(self, directory: Path, *scripts: str) -> Store:
        path = directory / "ringwall.db"
        shutil.copy(self.path, path)
        connection = sqlite3.connect(path)
        connection.executescript("PRAGMA foreign_keys = OFF;" + ";".join(scripts))
        connection.close()
        return SqliteStore(path)

    def copied(self, directory: Path) -> Store:
        return self.changed(directory)


class SoundServer:
    """A database of a PostgreSQL server. Scripts may write bytes as SQLite does: x'00ff'."""

    def __init__(self, server: PgServer, directory: Path) -> None:
        self._server = server
        self._directory = directory
        self._name = server.fresh_database()

    def open(self) -> Store:
        from ringwall.store.postgresql import PostgresStore

        return PostgresStore(self._server.url(self._name), self._directory)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._server.url(self._name)) as connection:
            return connection.execute(query, binary=True).fetchall()  # type: ignore[call-overload, no-any-return]

    def changed(self, directory: Path, *scripts: str) -> Readable:
        script = ";".join(_HEX.sub(r"'\\x\1'::bytea", one) for one in scripts)
        return _Uncommitted(self._server.url(self._name), directory, script)

    def copied(self, directory: Path) -> Store:
        from ringwall.store.postgresql import PostgresStore

        copy = self._server.fresh_database(self._name)
        return PostgresStore(self._server.url(copy), directory)


class _Uncommitted:
    """A database as its changes would leave it. To copy one for each would take a second."""

    def __init__(self, url: str, directory: Path, script: str) -> None:
        from ringwall.store.postgresql.connection import open_writer, run

        self.directory = directory
        self._connection = open_writer(url)
        run(self._connection, f"BEGIN; SET LOCAL session_replication_role = replica; {script}")

    @contextmanager
    def read(self) -> Iterator[ReadTransaction]:
        from ringwall.store.postgresql.transaction import PostgresRead

        yield PostgresRead(self._connection, SystemClock())

    def close(self) -> None:
        self._connection.close()


def sound_database(server: PgServer | None, directory: Path) -> Sound:
    """Return an empty database: of a server, or of SQLite if there is none."""
    return SoundFile(directory) if server is None else SoundServer(server, directory)
