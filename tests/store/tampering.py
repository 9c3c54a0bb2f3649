"""A sound database of each backend, and copies of it that are changed behind the program's back."""

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Protocol

import psycopg

from ringwall.store import SqliteStore, Store
from tests.store.pg_server import PgServer

_HEX = re.compile(r"\bx'([0-9a-f]*)'")


class Sound(Protocol):
    """A database to be filled once and then only copied."""

    def open(self) -> Store:
        """Open it, to fill it."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read it without the program."""
        ...

    def changed(self, directory: Path, *scripts: str) -> Store:
        """Open a copy on which scripts have run that no constraint stops."""
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

    def changed(self, directory: Path, *scripts: str) -> Store:
        from ringwall.store.postgresql import PostgresStore

        copy = self._server.fresh_database(self._name)
        script = ";".join(_HEX.sub(r"'\\x\1'::bytea", one) for one in scripts)
        self._server.execute(f"SET session_replication_role = replica; {script}", copy)
        return PostgresStore(self._server.url(copy), directory)


def sound_database(server: PgServer | None, directory: Path) -> Sound:
    """Return an empty database: of a server, or of SQLite if there is none."""
    return SoundFile(directory) if server is None else SoundServer(server, directory)
