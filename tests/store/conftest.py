"""The stores that the contract suite runs over, and what most tests start from."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from ringwall.store import SqliteStore, Store, WriteTransaction

T = TypeVar("T")
Do = Callable[[Callable[[WriteTransaction], T]], T]


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each backend."""
    opened = {"sqlite": lambda: SqliteStore(tmp_path / "ringwall.db")}[request.param]()
    yield opened
    opened.close()


@pytest.fixture
def do(store: Store) -> Do[object]:
    """Run a job and wait until it is durable."""

    def run(job: Callable[[WriteTransaction], T]) -> T:
        return store.write(job).result(timeout=10)

    return run
