"""An object with very many versions: a feed may restate one every minute, for years."""

from collections.abc import Callable
from typing import Any

import pytest

from ringwall.store import SqliteStore, Store, WriteTransaction
from tests.store.samples import NODE, add, indicator, statement

Do = Callable[[Callable[[Any], Any]], Any]


def version(number: int) -> str:
    return f"2026-02-01T00:{number // 60:02d}:{number % 60:02d}.000Z"


def test_versions_are_told_apart_within_a_job_that_adds_one(store: Store, do: Do) -> None:
    name = statement(1).object_id

    def ask(tx: WriteTransaction) -> list[list[int]]:
        def stated() -> list[int]:
            return [len(tx.statements_about(NODE, name, version(n))) for n in range(4)]

        before = stated()
        add(tx, statement(1, body=indicator(1, modified=version(2)), version=version(2)))
        between = stated()
        add(tx, statement(2, body=indicator(1, modified=version(2)), version=version(2)))
        return [before, between, stated()]

    assert do(ask) == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 2, 0]]


def test_a_slice_of_versions_costs_one_walk_over_those_that_are_there(store: Store, do: Do) -> None:
    """A walk for each version once let a feed of 100,000 of them stop the writer for an hour."""
    if not isinstance(store, SqliteStore):
        pytest.skip("SQLite has one key for all versions of an object")
    name = statement(1).object_id

    def fill(tx: WriteTransaction) -> None:
        tx.add_statements(
            [
                statement(n, body=indicator(1, modified=version(n)), version=version(n))
                for n in range(1, 501)
            ]
        )

    def steps(tx: Any, count: int) -> int:
        walked = [0]

        def tick() -> int:
            walked[0] += 1
            return 0

        tx._sql.set_progress_handler(tick, 100)
        for n in range(count):
            tx.statements_about(NODE, name, version(1000 + n))
        tx._sql.set_progress_handler(None, 0)
        return walked[0]

    do(fill)
    assert do(lambda tx: steps(tx, 100)) < 3 * do(lambda tx: steps(tx, 1))
