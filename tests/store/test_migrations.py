"""Migrations go forward, in order, whole or not at all, with a snapshot first."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core import BadConfiguration
from ringwall.store import SqliteStore
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
    assert snapshot is not None
    assert snapshot.stat().st_mode & 0o777 == 0o600
    before = SqliteStore(snapshot)
    with before.read() as tx:
        assert tx.last_order() == 1
        assert tx.integrity_faults() == []
    before.close()


def test_a_migration_that_fails_leaves_the_schema_before_it(
    connection: sqlite3.Connection, path: Path
) -> None:
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, (*MIGRATIONS, ADD, BROKEN))
    assert schema_version(connection) == len(MIGRATIONS) + 1
    assert "half" not in tables(connection)
    assert not connection.in_transaction


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
