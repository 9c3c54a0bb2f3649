"""From schema 5 to 6 with data in it: nothing that was stored or waits is told differently."""

import sqlite3
from pathlib import Path

from ringwall.core import Precedence
from ringwall.store import SqliteStore, WriteTransaction, verify_store
from ringwall.store.sqlite.connection import open_writer
from ringwall.store.sqlite.migrations import migrate, schema_version
from ringwall.store.sqlite.schema import MIGRATIONS
from ringwall.trust import AuditTree, leaf_hash
from tests.store.samples import NODE, accept, statement
from tests.store.test_verify import REGISTRY


def to_schema_5(path: Path) -> None:
    """Take back what migration 6 does to a database, as the program before would have left it."""
    sql = sqlite3.connect(path)
    sql.executescript(
        "DROP TABLE disclosures; DROP TABLE parts; ALTER TABLE outbox DROP COLUMN withheld;"
        "PRAGMA user_version = 5;"
    )
    sql.close()


def test_what_waited_before_is_sealed_whole_after(tmp_path: Path) -> None:
    path = tmp_path / "ringwall.db"
    store = SqliteStore(path)

    def job(tx: WriteTransaction) -> None:
        for number in (1, 2):
            order = accept(tx, statement(number))
            tx.enqueue([order], Precedence.ROUTINE, ["bbb-1"])

    store.write(job).result()
    store.close()
    to_schema_5(path)
    store = SqliteStore(path)
    assert path.with_name("ringwall.db.before-v6").is_file() or len(MIGRATIONS) > 6
    with store.read() as tx:
        rows = tx.outbox_batch("ROUTINE", 9, 10**6)
        assert [(row.audience, row.withheld, row.parts) for row in rows] == [
            (("bbb-1",), {}, {}),
            (("bbb-1",), {}, {}),
        ]
        assert tx.parts([1, 2]) == {}
        held = tx.statement_by_id(rows[0].statement.id)
        assert held is not None
        assert held.disclosure == b""
    findings = {one.check for one in verify_store(store, registry=REGISTRY, node=NODE)}
    assert findings <= {"audience"}  # the samples' audit entries name no audience
    store.close()


def test_a_new_database_and_a_migrated_one_have_the_same_tables(tmp_path: Path) -> None:
    def tables(path: Path) -> set[tuple[str, str]]:
        sql = sqlite3.connect(path)
        rows = sql.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        sql.close()
        return set(rows)

    old, new = tmp_path / "old.db", tmp_path / "new.db"
    for path, steps in ((old, (MIGRATIONS[:5], MIGRATIONS)), (new, (MIGRATIONS,))):
        for migrations in steps:
            connection = open_writer(path)
            migrate(connection, path, migrations)
            assert schema_version(connection) == len(migrations)
            connection.close()
    assert tables(old) == tables(new)


def test_the_log_still_has_its_root(tmp_path: Path) -> None:
    path = tmp_path / "ringwall.db"
    store = SqliteStore(path)
    store.write(lambda tx: accept(tx, statement(1))).result()
    store.close()
    to_schema_5(path)
    store = SqliteStore(path)
    tree = AuditTree()
    with store.read() as tx:
        for entry in tx.audit_entries(0, 9):
            tree.append(leaf_hash(entry.leaf))
        assert tx.audit_root() == tree.root
    store.close()
