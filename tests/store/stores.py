"""Which database the nodes of a test run on: SQLite, or PostgreSQL where a test asks for it.

A world opens the databases of its nodes with :func:`open_store`. A test with the fixture
``each_store`` runs once on each of the two, one with ``on_postgresql`` on PostgreSQL alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from ringwall.core import Clock
from ringwall.store import SqliteStore, Store
from tests.store.pg_server import PgServer


class _Open(Protocol):
    def __call__(
        self, path: Path, *, clock: Clock | None = None, reserve_bytes: int = 0
    ) -> Store: ...


_chosen: list[_Open] = [SqliteStore]
"""The last one opens."""


def open_store(path: Path, *, clock: Clock | None = None, reserve_bytes: int = 0) -> Store:
    """Open the database at a path: the file there, or the schema that stands for it."""
    return _chosen[-1](path, clock=clock, reserve_bytes=reserve_bytes)


class _Schemas:
    """Opens schemas of a server, one for each path, and closes what a test leaves open."""

    def __init__(self, server: PgServer) -> None:
        self._server = server
        self._urls: dict[Path, str] = {}
        self._opened: list[Store] = []

    def __call__(self, path: Path, *, clock: Clock | None = None, reserve_bytes: int = 0) -> Store:
        from ringwall.store.postgresql import PostgresStore

        if path not in self._urls:
            self._urls[path] = self._server.fresh_schema()
        store = PostgresStore(
            self._urls[path], path.parent, clock=clock, reserve_bytes=reserve_bytes
        )
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()


@contextmanager
def on_server(server: PgServer) -> Iterator[None]:
    """Let databases be opened on a server meanwhile; they are closed at the end."""
    schemas = _Schemas(server)
    _chosen.append(schemas)
    try:
        yield
    finally:
        _chosen.remove(schemas)
        schemas.close()


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PgServer]:
    """One PostgreSQL server for the session."""
    server = PgServer()
    yield server
    server.close()


@pytest.fixture
def on_postgresql(pg_server: PgServer) -> Iterator[None]:
    """Let the nodes of a test run on PostgreSQL."""
    with on_server(pg_server):
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def each_store(request: pytest.FixtureRequest) -> None:
    """Run a test twice: with its nodes on SQLite, and on PostgreSQL."""
    if request.param == "postgresql":
        request.getfixturevalue("on_postgresql")
