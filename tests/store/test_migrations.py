"""Migrations go forward, in order, whole or not at all, with a snapshot first."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core import BadConfiguration, StorageFull
from ringwall.store import SqliteStore
from ringwall.store.sqlite import settle_snapshots, snapshots
from ringwall.store.sqlite.connection import open_writer
from ringwall.store.sqlite.migrations import migrate, schema_version
from ringwall.store.sqlite.schema import MIGRATIONS
from tests.store.samples import accept, statement

ADD = "ALTER TABLE meta ADD COLUMN note TEXT NOT NULL DEFAULT '';"
FILL = "INSERT INTO meta (name, value, note) VALUES ('filled', x'31', 'by migration');"
BROKEN = "CREATE TABLE half (a INTEGER); INSERT INTO nowhere VALUES (1);"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of the present schema with one statement in it."""
    store = SqliteStore(tmp_path / "ringwall.db")
    store.write(lambda tx: accept(tx, statement())).result()
    store.close()
    return tmp_path / "ringwall.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_writer(path)
    yield opened
    opened.close()


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def test_a_new_database_gets_the_newest_schema_without_a_snapshot(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "new.db")
    assert migrate(connection, tmp_path / "new.db") is None
    assert schema_version(connection) == len(MIGRATIONS)
    assert "statements" in tables(connection)
    assert migrate(connection, tmp_path / "new.db") is None
    connection.close()
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]


def test_later_migrations_run_in_order_after_a_snapshot(
    connection: sqlite3.Connection, path: Path
) -> None:
    snapshot = migrate(connection, path, (*MIGRATIONS, ADD, FILL))
    assert schema_version(connection) == len(MIGRATIONS) + 2
    assert connection.execute("SELECT note FROM meta WHERE name = 'filled'").fetchone() == (
        "by migration",
    )
    assert snapshot == path.with_name(f"ringwall.db.before-v{len(MIGRATIONS) + 2}")
    assert snapshot.stat().st_mode & 0o777 == 0o600
    before = SqliteStore(snapshot)
    with before.read() as tx:
        assert tx.last_order() == 1
        assert tx.integrity_faults() == []
    before.close()


def test_a_migration_that_fails_leaves_the_database_to_the_old_program(
    connection: sqlite3.Connection, path: Path
) -> None:
    for _ in range(2):  # a second try is no different: it makes its snapshot again
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, (*MIGRATIONS, ADD, BROKEN))
    assert schema_version(connection) == len(MIGRATIONS)
    assert "half" not in tables(connection)
    assert not connection.in_transaction
    connection.close()
    old = SqliteStore(path)
    assert old.write(lambda tx: accept(tx, statement(2))).result() == 2
    old.close()
    assert [one.name for one in path.parent.glob("*.before-v*")] == [
        f"ringwall.db.before-v{len(MIGRATIONS) + 2}"
    ]


def test_without_room_for_the_snapshot_nothing_is_migrated(
    connection: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "free_bytes", lambda path: 4096)
    with pytest.raises(StorageFull) as refused:
        migrate(connection, path, (*MIGRATIONS, ADD))
    assert refused.value.rule == "copy-space"
    assert schema_version(connection) == len(MIGRATIONS)
    assert list(path.parent.glob("*before*")) == []


def test_a_snapshot_stays_until_the_second_start_with_the_schema(path: Path) -> None:
    kept = path.with_name(f"ringwall.db.before-v{len(MIGRATIONS)}")
    kept.write_bytes(b"the old database")
    for expected in ([], [kept]):
        command = SqliteStore(path)  # a command between the starts does not count
        command.close()
        started = SqliteStore(path)
        assert settle_snapshots(started, path) == expected
        started.close()
    assert not kept.exists()


def test_every_schema_on_the_way_can_be_brought_up_to_date(tmp_path: Path) -> None:
    for version in range(1, len(MIGRATIONS)):
        path = tmp_path / f"{version}.db"
        old = open_writer(path)
        migrate(old, path, MIGRATIONS[:version])
        old.close()
        opened = SqliteStore(path)
        with opened.read() as tx:
            assert tx.integrity_faults() == []
        opened.close()
        assert path.with_name(f"{version}.db.before-v{len(MIGRATIONS)}").is_file()


def test_a_database_of_a_newer_program_is_refused(
    connection: sqlite3.Connection, path: Path
) -> None:
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(BadConfiguration) as refused:
        SqliteStore(path)
    assert refused.value.rule == "schema-version"


def test_every_table_is_strict(connection: sqlite3.Connection) -> None:
    rows = connection.execute("PRAGMA table_list").fetchall()
    loose = {row[1] for row in rows if row[2] == "table" and not row[5]}
    assert {name for name in loose if not name.startswith("sqlite_")} == set()
