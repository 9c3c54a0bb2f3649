"""A store of each kind: what lets a reader in lies in its documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.store import Store
from tests.store.stores import open_store


@pytest.fixture
def store(each_store: None, tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "node.db")
    yield made
    made.close()
