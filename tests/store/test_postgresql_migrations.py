"""Migrations of a PostgreSQL database: whole or not at all, and by one process at a time."""

import threading
from pathlib import Path

import psycopg
import pytest

from ringwall.core import BadConfiguration, Precedence, Unavailable
from ringwall.store import WriteTransaction
from ringwall.store.postgresql import PostgresStore
from ringwall.store.postgresql.connection import open_writer
from ringwall.store.postgresql.migrations import migrate, schema_version
from ringwall.store.postgresql.schema import MIGRATIONS
from ringwall.trust import object_digest
from tests.store.samples import NODE, accept, statement

ADD = "ALTER TABLE meta ADD COLUMN note text NOT NULL DEFAULT ''"
BROKEN = "CREATE TABLE half (a bigint); INSERT INTO nowhere VALUES (1)"


def test_later_migrations_run_whole_or_not_at_all(pg_url: str, tmp_path: Path) -> None:
    PostgresStore(pg_url, tmp_path).close()
    with open_writer(pg_url) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            migrate(connection, (*MIGRATIONS, ADD, BROKEN))
        assert schema_version(connection) == len(MIGRATIONS)
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)
        migrate(connection, (*MIGRATIONS, ADD))
        assert schema_version(connection) == len(MIGRATIONS) + 1
        connection.execute("SELECT note FROM meta")
    with pytest.raises(BadConfiguration) as refused:
        PostgresStore(pg_url, tmp_path)
    assert refused.value.rule == "schema-version"


def test_older_digests_are_made_anew_where_they_are_right(pg_url: str, tmp_path: Path) -> None:
    news = [statement(number) for number in (1, 2, 3)]
    store = PostgresStore(pg_url, tmp_path, node=NODE)
    store.write(lambda tx: [accept(tx, new) for new in news]).result()
    store.close()
    with psycopg.connect(pg_url) as connection:
        for new in news:
            digest = object_digest(new.body, new.seed)
            sql = "UPDATE statements SET digest = %s WHERE sequence = %s"
            connection.execute(sql, (digest, new.id.sequence))
        connection.execute("UPDATE statements SET seed = digest WHERE sequence = 2")
        for table in ("disclosures", "parts"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE outbox DROP COLUMN withheld")
        connection.execute("UPDATE schema_version SET version = 1")
    store = PostgresStore(pg_url, tmp_path, node=NODE)
    with store.read() as tx:
        held = {one.id.sequence: one.digest for one in tx.stored_statements(0, 9)}
    assert (held[1], held[3]) == (news[0].digest, news[2].digest)
    assert held[2] == object_digest(news[1].body, news[1].seed)
    store.close()


def test_what_waited_under_schema_2_is_sealed_whole_after(pg_url: str, tmp_path: Path) -> None:
    store = PostgresStore(pg_url, tmp_path, node=NODE)

    def job(tx: WriteTransaction) -> None:
        tx.enqueue([accept(tx, statement(1))], Precedence.ROUTINE, ["bbb-1"])

    store.write(job).result()
    store.close()
    with psycopg.connect(pg_url) as connection:
        for table in ("disclosures", "parts"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE outbox DROP COLUMN withheld")
        connection.execute("UPDATE schema_version SET version = 2")
    store = PostgresStore(pg_url, tmp_path, node=NODE)
    with store.read() as tx:
        (row,) = tx.outbox_batch("ROUTINE", 9, 10**6)
        assert (row.audience, row.withheld, row.parts) == (("bbb-1",), {}, {})
        assert tx.parts([row.order]) == {}
    store.close()


def test_no_schema_is_changed_under_a_running_node(pg_url: str, tmp_path: Path) -> None:
    node = PostgresStore(pg_url, tmp_path, own=True)
    with open_writer(pg_url) as connection:
        with pytest.raises(Unavailable) as refused:
            migrate(connection, (*MIGRATIONS, ADD))
        assert refused.value.rule == "database-in-use"
        assert schema_version(connection) == len(MIGRATIONS)
    node.close()


def test_two_that_open_an_empty_database_at_once_make_one_schema(
    pg_url: str, tmp_path: Path
) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            PostgresStore(pg_url, tmp_path).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
