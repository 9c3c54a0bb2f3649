"""What is written beside the bytes to be quick: verification derives it again (SQLite)."""

import sqlite3
from pathlib import Path

import pytest

from ringwall.core import ManualClock, parse_timestamp
from ringwall.store import SqliteStore, verify_store
from ringwall.trust import NodeKeys
from tests.store.samples import NODE, NOW, accept, indicator, registry, statement

MARK = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
REPORT = "indicator--00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("sql", "table", "check"),
    [
        ("UPDATE objects SET marked = 0", "objects", "marked"),
        ("UPDATE objects SET marked = 1", "objects", "marked"),
        ("UPDATE statements SET contested = 0", "statements", "contested"),
        ("DELETE FROM object_references", "object_references", "targets"),
        (f"INSERT INTO object_references VALUES ('{REPORT}', 1)", "object_references", "targets"),
        ("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'statements'", "statements", "last"),
        ("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'objects'", "objects", "last"),
        ("DELETE FROM sqlite_sequence WHERE name = 'objects'", "objects", "last"),
    ],
)
def test_what_contradicts_the_bytes_is_found(
    tmp_path: Path, sql: str, table: str, check: str
) -> None:
    path = tmp_path / "node.db"
    store = SqliteStore(path, clock=ManualClock(parse_timestamp(NOW)))
    bodies = [
        indicator(1, object_marking_refs=[MARK]),
        indicator(2),
        indicator(2, name="again", x_told_by_ref=REPORT),
    ]
    for number, body in enumerate(bodies, start=1):
        store.write(lambda tx, n=number, b=body: accept(tx, statement(n, body=b))).result()
    known = registry({NODE: NodeKeys.generate()})
    assert verify_store(store, registry=known, node=NODE) == []
    store.close()
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()
    store = SqliteStore(path, clock=ManualClock(parse_timestamp(NOW)))
    found = verify_store(store, registry=known, node=NODE)
    store.close()
    assert {(one.table, one.check) for one in found} == {(table, check)}
