"""What only a server can do to us: go away, be shared, be set up badly, or say too much."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ringwall.core import (
    BadConfiguration,
    IntegrityFailure,
    InternalFault,
    RingwallError,
    StatementId,
    StorageFull,
    Unavailable,
)
from ringwall.store.postgresql import PostgresStore, session
from ringwall.store.postgresql.connection import translate
from tests.store.pg_server import PgServer
from tests.store.samples import NODE, add, statement

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def pg_store(pg_url: str, tmp_path: Path) -> Iterator[PostgresStore]:
    opened = PostgresStore(pg_url, tmp_path)
    yield opened
    opened.close()


def test_nothing_of_psycopg_is_imported_for_sqlite(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; import ringwall.node, ringwall.cli, ringwall.store as s\n"
        f"s.SqliteStore(pathlib.Path({str(tmp_path / 'x.db')!r})).close()\n"
        "sys.exit(any(name.startswith('psycopg') for name in sys.modules))"
    )
    paths = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    assert subprocess.run([sys.executable, "-c", script], env=paths, check=False).returncode == 0


# --- the trap: what commits late ---


def test_a_naive_cursor_skips_what_commits_late(pg_url: str) -> None:
    """The trap itself, with a sequence and two connections: this is what ours must not do."""
    with psycopg.connect(pg_url, autocommit=True) as reader:
        reader.execute("CREATE TABLE naive (number bigserial PRIMARY KEY)")
        with psycopg.connect(pg_url) as early, psycopg.connect(pg_url) as late:
            late.execute("INSERT INTO naive DEFAULT VALUES")
            early.execute("INSERT INTO naive DEFAULT VALUES")
            early.commit()
            seen = [row[0] for row in reader.execute("SELECT number FROM naive WHERE number > 0")]
            cursor = max(seen)
            late.commit()
            after = reader.execute("SELECT number FROM naive WHERE number > %s", (cursor,))
            seen += [row[0] for row in after]
    assert seen == [2]  # 1 is there, and nobody who pages will ever see it


def test_our_cursor_never_passes_what_is_not_committed(pg_url: str, tmp_path: Path) -> None:
    """Two processes' worth of writers: the second waits, so orders become visible ascending."""
    first, second = PostgresStore(pg_url, tmp_path), PostgresStore(pg_url, tmp_path)
    written, release = threading.Event(), threading.Event()

    def slow(tx: Any) -> int | None:
        order = add(tx, statement(1))
        written.set()
        assert release.wait(10)
        return order

    late = first.write(slow)
    assert written.wait(10)
    early = second.write(lambda tx: add(tx, statement(2)))
    time.sleep(0.2)
    seen, cursor = read_on(second, 0)
    assert seen == []
    assert not early.done()
    release.set()
    assert (late.result(10), early.result(10)) == (1, 2)
    more, cursor = read_on(second, cursor)
    assert seen + more == [1, 2]
    first.close()
    second.close()


def test_a_cursor_that_pages_while_many_write_meets_all(pg_url: str, tmp_path: Path) -> None:
    stores = [PostgresStore(pg_url, tmp_path) for _ in range(3)]
    reader = PostgresStore(pg_url, tmp_path)

    def work(store: PostgresStore, base: int) -> None:
        for number in range(base, base + 40):
            store.write(lambda tx, n=number: add(tx, statement(n))).result(20)

    threads = [
        threading.Thread(target=work, args=(store, 1 + 100 * place))
        for place, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    met: list[int] = []
    cursor = 0
    while any(thread.is_alive() for thread in threads):
        seen, cursor = read_on(reader, cursor)
        met += seen
    met += read_on(reader, cursor)[0]
    assert met == list(range(1, 121))
    for store in (*stores, reader):
        store.close()


def read_on(store: PostgresStore, cursor: int) -> tuple[list[int], int]:
    with store.read() as tx:
        orders = [row.order for row in tx.rows(tx.release_classes(), after=cursor, limit=1000)]
    return orders, max(orders, default=cursor)


# --- whose database it is ---


def test_a_second_node_on_a_database_is_refused(pg_url: str, tmp_path: Path) -> None:
    node = PostgresStore(pg_url, tmp_path, own=True)
    with pytest.raises(Unavailable) as refused:
        PostgresStore(pg_url, tmp_path, own=True)
    assert (refused.value.rule, refused.value.field) == ("database-in-use", "database_url")
    command = PostgresStore(pg_url, tmp_path)  # a command beside the running node
    command.write(lambda tx: tx.set_meta("token", b"1")).result(10)
    command.close()
    node.close()
    again = PostgresStore(pg_url, tmp_path, own=True)
    again.close()


def test_the_database_of_another_node_is_refused(pg_url: str, tmp_path: Path) -> None:
    PostgresStore(pg_url, tmp_path, node="aaa-1").close()
    PostgresStore(pg_url, tmp_path, node="aaa-1").close()
    with pytest.raises(BadConfiguration) as refused:
        PostgresStore(pg_url, tmp_path, node="bbb-1")
    assert refused.value.rule == "database-of-another"


# --- the server goes away ---


@pytest.fixture(scope="module")
def mortal() -> Iterator[PgServer]:
    """A server that tests may kill."""
    server = PgServer()
    yield server
    server.close()


@pytest.fixture
def mortal_store(mortal: PgServer, tmp_path: Path) -> Iterator[PostgresStore]:
    mortal.start()
    opened = PostgresStore(mortal.fresh_schema(), tmp_path, own=True)
    yield opened
    mortal.start()
    opened.close()


def there(store: PostgresStore) -> list[int]:
    with store.read() as tx:
        return [one.id.sequence for one in tx.statements(tx.release_classes(), limit=1000)]


def come_back(store: PostgresStore) -> None:
    """Wait until the store works again by itself."""
    deadline = time.monotonic() + 20
    while True:
        try:
            store.write(lambda tx: tx.set_meta("back", b"1")).result(20)
            return
        except Unavailable:
            assert time.monotonic() < deadline, "it never came back"
            time.sleep(0.05)


def test_a_server_that_dies_within_a_transaction_loses_nothing_accepted(
    mortal: PgServer, mortal_store: PostgresStore
) -> None:
    mortal_store.write(lambda tx: add(tx, statement(1))).result(10)
    assert there(mortal_store) == [1]
    runs: list[int] = []

    def job(tx: Any) -> None:
        add(tx, statement(2))
        if not runs:
            mortal.kill()
        runs.append(1)
        add(tx, statement(3))

    with pytest.raises(Unavailable):
        mortal_store.write(job).result(30)
    with pytest.raises(Unavailable) as refused, mortal_store.read():
        pass
    assert refused.value.status == 503
    with pytest.raises(Unavailable):
        mortal_store.write(lambda tx: tx.set_meta("x", b"")).result(30)
    mortal.start()
    come_back(mortal_store)
    assert there(mortal_store) == [1]
    mortal_store.write(lambda tx: add(tx, statement(2))).result(10)
    assert there(mortal_store) == [1, 2]


def test_a_server_that_restarts_between_requests_is_not_noticed_by_readers(
    mortal: PgServer, mortal_store: PostgresStore
) -> None:
    mortal_store.write(lambda tx: add(tx, statement(1))).result(10)
    assert there(mortal_store) == [1]  # a connection waits in the pool
    mortal.kill()
    mortal.start()
    assert there(mortal_store) == [1]
    come_back(mortal_store)


def lose_commit(
    monkeypatch: pytest.MonkeyPatch, mortal: PgServer, *, arrived: bool, back: bool = True
) -> None:
    """Kill the server around the next COMMIT, so that its answer is never heard."""
    original = session.run

    def run(connection: Any, script: str) -> None:
        if script != "COMMIT":
            original(connection, script)
            return
        monkeypatch.setattr(session, "run", original)
        if arrived:
            original(connection, script)
        mortal.kill()
        if back:
            threading.Timer(0.3, mortal.start).start()
        connection.execute("SELECT 1")  # fails: the server is gone

    monkeypatch.setattr(session, "run", run)


def test_a_commit_whose_answer_was_lost_is_found_and_not_run_again(
    mortal: PgServer, mortal_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    lose_commit(monkeypatch, mortal, arrived=True)
    future = mortal_store.write(lambda tx: (runs.append(1), add(tx, statement(1)))[1])
    assert future.result(40) == 1
    assert runs == [1]
    assert there(mortal_store) == [1]


def test_a_commit_that_never_arrived_is_run_again(
    mortal: PgServer, mortal_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    lose_commit(monkeypatch, mortal, arrived=False)
    future = mortal_store.write(lambda tx: (runs.append(1), add(tx, statement(1)))[1])
    assert future.result(40) == 1
    assert runs == [1, 1]
    assert there(mortal_store) == [1]


@pytest.mark.parametrize("arrived", [True, False])
def test_a_commit_nobody_can_tell_about_is_called_that_and_not_run_again(
    mortal: PgServer, mortal_store: PostgresStore, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    monkeypatch.setattr(session, "_DOUBT_SECONDS", 0.3)
    runs: list[int] = []
    lose_commit(monkeypatch, mortal, arrived=arrived, back=False)
    future = mortal_store.write(lambda tx: (runs.append(1), add(tx, statement(1)))[1])
    with pytest.raises(Unavailable) as unknown:
        future.result(40)
    assert unknown.value.rule == "outcome-unknown"
    mortal.start()
    come_back(mortal_store)
    assert runs == [1]
    assert there(mortal_store) == ([1] if arrived else [])


def test_a_connection_ended_by_the_administrator_comes_back(
    mortal: PgServer, mortal_store: PostgresStore
) -> None:
    """It ends within a job; the job is run again on a new connection, as its owner."""
    runs: list[int] = []

    def job(tx: Any) -> int | None:
        order = add(tx, statement(1))
        runs.append(1)
        if len(runs) == 1:
            pid = tx._sql.info.backend_pid
            mortal.execute(f"SELECT pg_terminate_backend({pid})")
        return add(tx, statement(2)) and order

    assert mortal_store.write(job).result(20) == 1
    assert runs == [1, 1]
    assert there(mortal_store) == [1, 2]


# --- how the server is set up ---


def test_a_commit_waits_for_the_disk_whatever_the_default(
    pg_server: PgServer, tmp_path: Path
) -> None:
    name = pg_server.fresh_database()
    pg_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    opened = PostgresStore(pg_server.url(name), tmp_path)
    show = "SHOW synchronous_commit"
    assert opened.write(lambda tx: tx._row(show)).result(10) == ("on",)  # type: ignore[attr-defined]
    opened.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_confirmed_is_refused(
    mortal: PgServer, tmp_path: Path, setting: str
) -> None:
    mortal.start()
    url = mortal.fresh_schema()
    mortal.execute(f"ALTER SYSTEM SET {setting} = off")
    mortal.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(BadConfiguration) as refused:
            wait_for_refusal(url, tmp_path)
    finally:
        mortal.execute(f"ALTER SYSTEM RESET {setting}")
        mortal.execute("SELECT pg_reload_conf()")
    assert refused.value.rule == setting.replace("_", "-")


def wait_for_refusal(url: str, directory: Path) -> None:
    """Open until the server has read its new settings."""
    for _ in range(100):
        PostgresStore(url, directory).close()
        time.sleep(0.05)


def test_a_database_in_another_encoding_is_refused(pg_server: PgServer, tmp_path: Path) -> None:
    pg_server.execute(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    with pytest.raises(BadConfiguration) as refused:
        PostgresStore(pg_server.url("latin"), tmp_path)
    assert refused.value.rule == "encoding"


def test_a_schema_that_is_not_there_is_named(pg_server: PgServer, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration) as refused:
        PostgresStore(pg_server.url(schema="nowhere"), tmp_path)
    assert refused.value.rule == "schema"


def test_a_url_that_is_none_is_refused_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration) as refused:
        PostgresStore("postgresql://u:sesame@host/db?nonsense=1", tmp_path)
    assert refused.value.rule == "database-url"
    assert "sesame" not in str(refused.value)


def test_a_server_that_is_not_there_is_unavailable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(Unavailable):
        PostgresStore(f"postgresql://u:sesame@/db?host={tmp_path}", tmp_path)
    assert "No such file" in caplog.text
    assert "sesame" not in caplog.text


# --- what it says ---

MEANINGS: dict[str, type[RingwallError]] = {
    "53100": StorageFull,
    "53200": Unavailable,
    "53300": Unavailable,
    "55P03": Unavailable,
    "40P01": Unavailable,
    "57014": Unavailable,
    "57P03": Unavailable,
    "08006": Unavailable,
    "XX001": IntegrityFailure,
    "XX002": IntegrityFailure,
    "58030": IntegrityFailure,
    "28P01": BadConfiguration,
    "42501": BadConfiguration,
    "23505": InternalFault,
    "42601": InternalFault,
}


@pytest.mark.parametrize("code", MEANINGS)
def test_an_error_says_what_it_means_and_nothing_of_what_the_server_said(
    pg_server: PgServer, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"DO $$ BEGIN RAISE EXCEPTION 'sesame' USING ERRCODE = '{code}'; END $$"
    with psycopg.connect(pg_server.url()) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute(said)  # type: ignore[call-overload]
    error = translate(raised.value)
    assert type(error) is MEANINGS[code]
    assert code in str(error)
    assert "sesame" not in str(error)
    assert "sesame" in caplog.text


def test_text_that_postgresql_cannot_hold_is_found_nowhere(pg_store: PostgresStore) -> None:
    pg_store.write(lambda tx: add(tx, statement(1))).result(10)
    with pg_store.read() as tx:
        classes = tx.release_classes()
        for text in ("\0", "beacon\0", "\ud800", "a" * 5000 + "\0"):
            assert tx.versions(text, classes) == []
            assert tx.statement(StatementId(text, 1), classes) is None
            assert tx.document("kind", text, text, "") is None
            tx.search(text, classes, 5)
    reason = pg_store.write(
        lambda tx: (tx.advance_position("bbb-1", "ROUTINE", 1, "no\0!"), tx.receipts_due())[1]
    ).result(10)[0]
    assert reason.rejected == ((1, "no\ufffd!"),)


def test_every_text_is_compared_by_bytes(pg_store: PostgresStore) -> None:
    loose = pg_store.write(
        lambda tx: tx._rows(  # type: ignore[attr-defined]
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND data_type = 'text' "
            "AND collation_name IS DISTINCT FROM 'C'"
        )
    ).result(10)
    assert loose == []


def test_numbers_are_not_taken_by_what_is_rolled_back(pg_store: PostgresStore) -> None:
    def fails(tx: Any) -> None:
        add(tx, statement(1))
        raise ValueError

    assert isinstance(pg_store.write(fails).exception(10), ValueError)
    assert pg_store.write(lambda tx: add(tx, statement(2))).result(10) == 1
    with pg_store.read() as tx:
        assert tx.statement_by_id(StatementId(NODE, 2)) is not None
