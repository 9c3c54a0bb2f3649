"""The stores that the contract suite runs over, and what most tests start from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ringwall.core import Clock
from ringwall.store import SqliteStore, Store, WriteTransaction
from tests.store.pg_server import PgServer

T = TypeVar("T")
Do = Callable[[Callable[[WriteTransaction], T]], T]
OpenStore = Callable[..., Store]


@pytest.fixture
def pg_url(pg_server: PgServer) -> str:
    """An empty schema on the server."""
    return pg_server.fresh_schema()


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenStore]:
    """Open one and the same database of each backend, as often as it is called."""
    opened: list[Store] = []
    if request.param == "sqlite":

        def make(clock: Clock | None) -> Store:
            return SqliteStore(tmp_path / "ringwall.db", clock=clock)
    else:
        from ringwall.store.postgresql import PostgresStore

        url = request.getfixturevalue("pg_url")

        def make(clock: Clock | None) -> Store:
            return PostgresStore(url, tmp_path, clock=clock)

    def open_one(clock: Clock | None = None) -> Store:
        opened.append(make(clock))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    """An empty store of each backend."""
    return open_store()


@pytest.fixture
def do(store: Store) -> Do[object]:
    """Run a job and wait until it is durable."""

    def run(job: Callable[[WriteTransaction], T]) -> T:
        return store.write(job).result(timeout=10)

    return run
