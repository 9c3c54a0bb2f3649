"""Group commit: isolation of jobs, durability before the answer, snapshots beside it."""

import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import InternalFault, StatementId, Unavailable
from ringwall.store import SqliteStore, Store
from tests.store.samples import NODE, add, statement

Do = Callable[[Callable[[Any], Any]], Any]


def block(store: Store) -> tuple[threading.Event, Future[Any]]:
    """Hold the writer in a job until the event is set: what is queued then makes one group."""
    started, release = threading.Event(), threading.Event()

    def job(tx: Any) -> None:
        started.set()
        assert release.wait(10)

    future = store.write(job)
    assert started.wait(10)
    return release, future


def test_a_job_that_raises_is_rolled_back_alone(store: Store) -> None:
    def fails(tx: Any) -> None:
        add(tx, statement(2))
        raise ValueError("no")

    release, _ = block(store)
    futures = [
        store.write(lambda tx: add(tx, statement(1))),
        store.write(fails),
        store.write(lambda tx: add(tx, statement(3))),
    ]
    release.set()
    assert futures[0].result() is not None
    with pytest.raises(ValueError, match="no"):
        futures[1].result()
    assert futures[2].result() is not None
    with store.read() as tx:
        found = [tx.statement_by_id(StatementId(NODE, n)) is not None for n in (1, 2, 3)]
    assert found == [True, False, True]


def test_a_job_alone_in_its_transaction_is_rolled_back_whole(store: Store, do: Do) -> None:
    """Also what it interned: a later job must not refer to rows that were undone."""

    def fails(tx: Any) -> None:
        add(tx, statement(1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        do(fails)
    with store.read() as tx:
        assert tx.statement_by_id(StatementId(NODE, 1)) is None
    do(lambda tx: add(tx, statement(2)))
    with store.read() as tx:
        assert tx.statement_by_id(StatementId(NODE, 2)) is not None
        assert len(tx.release_classes()) == 1


def test_a_job_undone_within_a_group_leaves_nothing_interned(store: Store) -> None:
    def fails(tx: Any) -> None:
        add(tx, statement(1))
        raise ValueError("no")

    release, _ = block(store)
    failed = store.write(fails)
    fine = store.write(lambda tx: add(tx, statement(2)))
    release.set()
    assert isinstance(failed.exception(), ValueError)
    assert fine.result() is not None
    with store.read() as tx:
        assert tx.statement_by_id(StatementId(NODE, 2)) is not None


def test_an_sql_error_is_an_internal_fault_and_harms_nobody_else(store: Store) -> None:
    release, _ = block(store)
    broken = store.write(lambda tx: tx.put_envelope(None))  # type: ignore[arg-type]
    unbound = store.write(lambda tx: tx.set_proofs(b"of nothing", [(99, b"own")]))
    fine = store.write(lambda tx: tx.set_meta("fine", b"yes"))
    release.set()
    with pytest.raises(AttributeError):
        broken.result()
    with pytest.raises(InternalFault):
        unbound.result()
    fine.result()


def test_what_waits_shares_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = count_commits(monkeypatch)
    store = SqliteStore(tmp_path / "ringwall.db")
    release, first = block(store)
    futures = [store.write(lambda tx, n=n: tx.set_meta(f"m{n}", b"")) for n in range(50)]
    release.set()
    for future in [first, *futures]:
        future.result()
    store.close()
    assert commits == ["COMMIT"] * 2


def count_commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    from ringwall.store.sqlite import store as module

    seen: list[str] = []
    original = module._Session._execute

    def counted(self: Any, sql: str) -> None:
        original(self, sql)
        if sql == "COMMIT":
            seen.append(sql)

    monkeypatch.setattr(module._Session, "_execute", counted)
    return seen


def test_nobody_is_told_before_another_connection_can_see_it(store: Store) -> None:
    seen: list[bool] = []

    def look(_: Future[Any]) -> None:
        with store.read() as tx:
            seen.append(tx.meta("told") == b"yes")

    release, _ = block(store)
    future = store.write(lambda tx: tx.set_meta("told", b"yes"))
    future.add_done_callback(look)
    release.set()
    future.result()
    store.close()
    assert seen == [True]


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """FULL in WAL mode is fsync at every commit; without it a power cut loses what was told."""
    store = SqliteStore(tmp_path / "ringwall.db")
    pragma = "PRAGMA {}"
    wanted = {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "page_size": 4096}
    for name, value in wanted.items():
        sql = pragma.format(name)
        job = store.write(lambda tx, sql=sql: tx._sql.execute(sql).fetchone()[0])
        assert job.result() == value
    store.close()


def test_a_snapshot_stays_as_it_was(store: Store, do: Do) -> None:
    do(lambda tx: tx.set_meta("name", b"before"))
    with store.read() as tx:
        do(lambda tx: tx.set_meta("name", b"after"))
        assert tx.meta("name") == b"before"
    with store.read() as tx:
        assert tx.meta("name") == b"after"


def test_a_snapshot_begins_when_it_is_opened(store: Store, do: Do) -> None:
    with store.read() as tx:
        do(lambda tx: tx.set_meta("name", b"after"))
        assert tx.meta("name") is None


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(InternalFault), store.read() as tx:
        tx._sql.execute("DELETE FROM statements")  # type: ignore[attr-defined]


def test_many_threads_write_and_read(store: Store) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            for number in range(20):
                sequence = base * 20 + number + 1
                order = store.write(lambda tx, s=sequence: add(tx, statement(s))).result()
                with store.read() as tx:
                    found = tx.statement_by_id(StatementId(NODE, sequence))
                    assert found is not None
                    assert found.order == order
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(base,)) for base in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with store.read() as tx:
        orders = [one.order for one in tx.statements(tx.release_classes(), limit=999)]
        assert orders == list(range(1, 161))


def test_a_cancelled_job_does_not_run(store: Store) -> None:
    release, _ = block(store)
    future = store.write(lambda tx: tx.set_meta("ran", b"yes"))
    assert future.cancel()
    release.set()
    store.write(lambda tx: None).result()
    with store.read() as tx:
        assert tx.meta("ran") is None


def test_closing_finishes_what_is_queued_and_takes_nothing_more(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ringwall.db")
    release, _ = block(store)
    queued = store.write(lambda tx: tx.set_meta("queued", b"yes"))
    closing = threading.Thread(target=store.close)
    closing.start()
    release.set()
    closing.join()
    assert queued.done()
    with pytest.raises(Unavailable):
        store.write(lambda tx: None).result()
    with pytest.raises(Unavailable), store.read():
        pass
    connection = sqlite3.connect(tmp_path / "ringwall.db")
    assert connection.execute("SELECT value FROM meta").fetchone() == (b"yes",)
    connection.close()


def test_the_log_is_copied_into_the_database_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen through a copy of the main file alone, without its log."""
    monkeypatch.setattr("ringwall.store.sqlite.store._CHECKPOINT_SECONDS", 0.01)
    store = SqliteStore(tmp_path / "ringwall.db")
    store.write(lambda tx: tx.set_meta("copied", b"0123456789abcdef")).result()
    deadline = time.monotonic() + 10
    while b"0123456789abcdef" not in (tmp_path / "ringwall.db").read_bytes():
        assert time.monotonic() < deadline, "the log was never copied"
        time.sleep(0.01)
    store.close()


def test_a_folder_that_is_gone_is_said_and_the_writer_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "ringwall.db")
    with monkeypatch.context() as gone:
        gone.setattr("ringwall.store.sqlite.connection.os.statvfs", _gone)
        with pytest.raises(Unavailable, match="No such file"):
            store.write(lambda tx: tx.set_meta("name", b"")).result(timeout=5)
    store.write(lambda tx: tx.set_meta("name", b"back")).result(timeout=5)
    store.close()


def _gone(path: Path) -> None:
    raise FileNotFoundError(2, "No such file or directory")


def test_no_connection_is_left_open(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("no list of open files on this system")
    for _ in range(3):
        store = SqliteStore(tmp_path / "ringwall.db")
        with store.read() as outer, store.read() as inner:
            assert outer.meta("x") is inner.meta("x") is None
        store.close()
    opened = [str(one.readlink()) for one in descriptors.iterdir() if one.is_symlink()]
    assert not [name for name in opened if name.startswith(str(tmp_path))]
