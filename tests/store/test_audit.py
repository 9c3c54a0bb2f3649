"""Contract suite: the audit log grows with the jobs that write it, and only with them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import ManualClock
from ringwall.store import CheckpointRow, SqliteStore, Store
from ringwall.trust import leaf_hash, merkle_root
from tests.store.conftest import OpenStore
from tests.store.samples import NOW

Do = Callable[[Callable[[Any], Any]], Any]


def recomputed(store: Store) -> bytes:
    with store.read() as tx:
        return merkle_root([leaf_hash(entry.leaf) for entry in tx.audit_entries(0, 10_000)])


def test_an_empty_log_has_the_empty_root(store: Store) -> None:
    with store.read() as tx:
        assert tx.audit_size() == 0
        assert tx.audit_root() == merkle_root([])
        assert tx.latest_checkpoint() is None


def test_entries_say_kind_and_time(open_store: OpenStore) -> None:
    clock = ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC))
    store = open_store(clock)
    assert store.write(lambda tx: tx.append_audit("login", {"reader": "ana"})).result() == 0
    with store.read() as tx:
        (entry,) = tx.audit_entries(0, 10)
    leaf = json.loads(entry.leaf)
    assert {key: leaf[key] for key in ("kind", "at", "reader")} == {
        "kind": "login",
        "at": NOW,
        "reader": "ana",
    }
    assert entry.hash == leaf_hash(entry.leaf)
    store.close()


def test_the_root_within_a_job_is_that_of_its_own_entries(store: Store, do: Do) -> None:
    def job(tx: Any) -> tuple[int, bytes]:
        tx.append_audit("a", {})
        tx.append_audit("b", {})
        return tx.audit_size(), tx.audit_root()

    assert do(job) == (2, recomputed(store))


def test_a_job_that_fails_leaves_no_entry(store: Store, do: Do) -> None:
    do(lambda tx: tx.append_audit("kept", {}))

    def fails(tx: Any) -> None:
        tx.append_audit("gone", {})
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        do(fails)
    assert do(lambda tx: tx.append_audit("next", {})) == 1
    with store.read() as tx:
        kinds = [json.loads(entry.leaf)["kind"] for entry in tx.audit_entries(0, 9)]
        assert kinds == ["kept", "next"]
        assert tx.audit_root() == recomputed(store)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12))
def test_the_root_is_always_that_of_the_entries(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[tuple[int, bool]]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("audit") / "ringwall.db")
    expected = 0
    futures = []
    for count, fails in jobs:

        def job(tx: Any, count: int = count, fails: bool = fails) -> None:
            for number in range(count):
                tx.append_audit("entry", {"number": number})
            if fails:
                raise ValueError("on purpose")

        futures.append(store.write(job))
        expected += 0 if fails else count
    for future, (_, fails) in zip(futures, jobs, strict=True):
        assert isinstance(future.exception(), ValueError) is fails
    with store.read() as tx:
        assert tx.audit_size() == expected
        assert [entry.index for entry in tx.audit_entries(0, 999)] == list(range(expected))
        assert tx.audit_root() == recomputed(store)
    store.close()


def test_entries_come_in_pages(store: Store, do: Do) -> None:
    do(lambda tx: [tx.append_audit("entry", {"number": n}) for n in range(5)])
    with store.read() as tx:
        assert [entry.index for entry in tx.audit_entries(2, 2)] == [2, 3]
        assert tx.audit_entries(5, 2) == []


def test_checkpoints_are_kept_and_the_largest_is_the_latest(store: Store, do: Do) -> None:
    rows = [CheckpointRow(size, b"r" * 32, b"note", b"signature", NOW) for size in (7, 3)]
    do(lambda tx: [tx.put_checkpoint(row) for row in rows])
    with store.read() as tx:
        assert tx.latest_checkpoint() == rows[0]
        assert tx.checkpoints() == rows[::-1]
