"""From schema 3 to 4 with data in it: the same answers as if it had been stored by schema 4."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ringwall.core import canonical_json
from ringwall.labels import label_document
from ringwall.stix import search_text
from ringwall.store import NewReference, NewStatement, SqliteStore, decision_document, verify_store
from ringwall.store.sqlite.connection import open_writer
from ringwall.store.sqlite.migrations import migrate
from ringwall.store.sqlite.schema import MIGRATIONS
from ringwall.trust import AuditTree, NodeKeys, decode_proof, encode_proof, leaf_hash, object_digest
from tests.store.samples import AMBER, GREEN, NODE, NOW, add, indicator, registry, statement
from tests.store.test_verify import KEYS, REGISTRY, signed

FIRST = decision_document("v1", ["bbb-1"], [{"member": "bbb", "permit": True}])
LATER = decision_document("v2", [], [])


def relationship(sequence: int, source: int, target: int) -> NewStatement:
    """Return a statement that refers to two others."""
    document = json.loads(indicator(sequence))
    for name in ("pattern", "pattern_type", "valid_from", "name"):
        del document[name]
    document |= {
        "type": "relationship",
        "id": document["id"].replace("indicator", "relationship"),
        "relationship_type": "related-to",
        "source_ref": f"indicator--00000000-0000-4000-8000-{source:012x}",
        "target_ref": f"indicator--00000000-0000-4000-8000-{target:012x}",
        "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
    }
    return statement(sequence, body=canonical_json(document), object_type="relationship")


def at(order: int) -> str:
    return f"{NOW[:20]}{order:06}Z"


def decided(new: NewStatement) -> NewStatement:
    return structs.replace(new, decision=FIRST) if new.id.origin == NODE else new


@pytest.fixture(scope="module")
def news() -> list[NewStatement]:
    """Ours and another node's, two of one object, two versions, a pair that refers."""
    newer = "2026-02-07T00:00:00.000Z"
    made = [
        statement(1),
        statement(2, label=AMBER),
        statement(3, body=indicator(1, modified=newer), version=newer),
        relationship(4, 1, 2),
        structs.replace(statement(1, origin="bbb-1", body=indicator(2)), submitted_by=""),
        statement(5, body=indicator(6, pattern="[file:name = 'x'] OR [file:name = 'x']")),
    ]
    return [
        structs.replace(decided(new), received_at=at(order)) for order, new in enumerate(made, 1)
    ]


def first_light(path: Path, news: list[NewStatement]) -> None:
    """Fill a database of schema 3 as the program of then did."""
    sql = open_writer(path)
    migrate(sql, path, MIGRATIONS[:3])
    sql.execute("BEGIN")
    labels = {GREEN: 1, AMBER: 2}
    for label, number in labels.items():
        document = canonical_json(label_document(label))
        sql.execute("INSERT INTO labels VALUES (?, ?)", (number, document))
    sql.execute("INSERT INTO decisions VALUES (1, ?), (2, ?)", (FIRST, LATER))
    sql.execute("INSERT INTO sequences VALUES (?, 5)", (NODE,))
    tree = AuditTree()
    for order, new in enumerate(news, 1):
        put_statement(sql, order, new, labels[new.label])
        ours = new.id.origin == NODE
        entry: dict[str, Any] = {
            "kind": "accepted" if ours else "received",
            "at": new.received_at,
            "statement": str(new.id),
            "digest": object_digest(new.body, new.seed).hex(),
            "label": label_document(new.label),
            "purpose": new.release_class.purpose,
            "lane": str(new.lane),
            "version": new.version,
        }
        if ours:
            more = {"reader": "ana", "received_at": new.received_at, "audience": ["bbb-1"]}
            sql.execute("INSERT INTO releases VALUES (?, ?, 1, ?)", (order, order, new.received_at))
            sql.execute("INSERT INTO outbox VALUES (?, 'ROUTINE', '[\"bbb-1\"]')", (order,))
            entry |= more
        leaf = canonical_json(entry)
        tree.append(leaf_hash(leaf))
        sql.execute("INSERT INTO audit VALUES (?, ?, ?)", (order - 1, leaf, leaf_hash(leaf)))
    narrowed = {"kind": "release-narrowed", "at": NOW, "statement": f"{NODE}:2", "nodes": ["bbb-1"]}
    leaf = canonical_json(narrowed)
    tree.append(leaf_hash(leaf))
    sql.execute("INSERT INTO audit VALUES (?, ?, ?)", (len(news), leaf, leaf_hash(leaf)))
    sql.execute("INSERT INTO releases (statement, decision, at) VALUES (2, 2, ?)", (NOW,))
    sql.execute("DELETE FROM outbox WHERE statement = 2")
    sql.execute(
        "UPDATE audit_state SET size = ?, frontier = ?", (tree.size, b"".join(tree.frontier))
    )
    sql.execute("INSERT INTO lane_counts VALUES ('ROUTINE', ?)", (len(news),))
    put_object(sql, 90, "indicator--loaded", "indicator", "", indicator(90))
    sql.execute("INSERT INTO reference_objects VALUES (1, 'set', 90, ?)", (NOW,))
    sql.execute("COMMIT")
    sql.close()


def put_object(
    sql: sqlite3.Connection, row: int, name: str, kind: str, version: str, body: bytes
) -> None:
    digest = hashlib.sha256(body).digest()
    sql.execute(
        "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", (row, name, kind, version, digest, body)
    )


def put_statement(sql: sqlite3.Connection, order: int, new: NewStatement, label: int) -> None:
    digest = hashlib.sha256(new.body).digest()
    found = sql.execute("SELECT id FROM objects WHERE sha256 = ?", (digest,)).fetchone()
    if found is None:
        put_object(sql, order, new.object_id, new.object_type, new.version, new.body)
        text = search_text(new.body)
        sql.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (order, text))
    key = new.release_class.key()
    sql.execute(
        "INSERT OR IGNORE INTO release_classes (key, origin, object_type, label, purpose) "
        "VALUES (?, ?, ?, ?, ?)",
        (key, new.release_class.origin, new.object_type, label, new.release_class.purpose),
    )
    (release_class,) = sql.execute(
        "SELECT id FROM release_classes WHERE key = ?", (key,)
    ).fetchone()
    sql.execute(
        "INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order,
            *new.id,
            found[0] if found else order,
            label,
            release_class,
            "ROUTINE",
            new.submitted_by,
            new.received_at,
            new.seed,
            object_digest(new.body, new.seed),
        ),
    )
    for one in new.observables:
        sql.execute("INSERT INTO observables VALUES (?, ?, ?)", (one.value, one.kind, order))
        # Under another kind as well: schema 4 keeps a value once.
        sql.execute("INSERT INTO observables VALUES (?, 'other', ?)", (one.value, order))
    if new.id.origin != NODE:
        proof = stand_alone(new)
        sql.execute("INSERT INTO proofs VALUES (?, ?)", (order, proof))


def stand_alone(new: NewStatement) -> bytes:
    """Return the proof as it was stored by itself."""
    return encode_proof(decode_proof(*signed(new, KEYS["bbb-1"])))


def answers(store: SqliteStore) -> Any:
    with store.read() as tx:
        classes = list(tx.release_classes())
        stored = tx.statements(classes, limit=99)
        ids = {one.object_id for one in stored}
        return {
            "statements": stored,
            "rows": tx.rows(classes, limit=99),
            "classes": tx.release_classes(),
            "releases": {one.order: tx.releases(one.order) for one in stored},
            "search": tx.search("beacon", classes, 99),
            "observable": [
                tx.by_observable(value, classes, 99)
                for value in ("c1.example.org", "c2.example.org", "x", "nothing")
            ],
            "versions": {name: tx.versions(name, classes) for name in ids},
            "index": tx.version_index(ids, classes),
            "referring": {name: tx.referring(name, classes, limit=9) for name in ids},
            "counts": tx.counts().statements,
            "reference": [(row.order, row.object_id, row.body) for row in tx.reference_page(0, 9)],
            "last": tx.last_order(),
        }


def test_what_was_stored_by_first_light_is_told_as_if_it_were_stored_today(
    tmp_path: Path, news: list[NewStatement]
) -> None:
    first_light(tmp_path / "old.db", news)
    today = SqliteStore(tmp_path / "today.db")
    today.write(lambda tx: [add(tx, new) for new in news]).result()
    today.write(lambda tx: tx.add_release(2, "v2", (), [], NOW)).result()
    loaded = NewReference("indicator--loaded", "indicator", "", indicator(90))
    today.write(lambda tx: tx.put_reference("set", [loaded], NOW)).result()
    migrated = SqliteStore(tmp_path / "old.db")
    before, after = answers(today), answers(migrated)
    for name, expected in before.items():
        assert after[name] == expected, name
    assert [row.contested for row in after["rows"]] == [True, True, True, False, True, False]
    assert [row.marked for row in after["rows"]] == [False, False, False, True, False, False]
    assert verify_store(migrated, registry=REGISTRY, node=NODE) == []
    with migrated.read() as tx:
        theirs = tx.statement_by_id(news[4].id)
        assert theirs is not None
        assert theirs.proof == (stand_alone_of(tmp_path / f"old.db.before-v{len(MIGRATIONS)}"), b"")
    today.close()
    migrated.close()


def stand_alone_of(path: Path) -> bytes:
    old = sqlite3.connect(path)
    (proof,) = old.execute("SELECT proof FROM proofs").fetchone()
    old.close()
    return bytes(proof)


def test_what_comes_after_goes_on_from_what_was_there(
    tmp_path: Path, news: list[NewStatement]
) -> None:
    path = tmp_path / "old.db"
    first_light(path, news)
    old = open_writer(path)  # the newest rows went before: their numbers are never given out again
    old.execute("UPDATE sqlite_sequence SET seq = 50 WHERE name = 'statements'")
    old.execute("UPDATE sqlite_sequence SET seq = 700 WHERE name = 'objects'")
    old.commit()
    old.close()
    store = SqliteStore(path)
    again = statement(6, body=indicator(1))
    assert store.write(lambda tx: add(tx, again)).result() == 51
    assert store.write(lambda tx: add(tx, news[0])).result() is None
    with store.read() as tx:
        row = tx.rows(list(tx.release_classes()), after=50, limit=1)[0]
        assert row.contested
        assert row.received_at > at(len(news))
        assert len(tx.versions(again.object_id, list(tx.release_classes()))) == 3
    store.close()


def test_what_was_tampered_with_before_is_still_found_after(
    tmp_path: Path, news: list[NewStatement]
) -> None:
    path = tmp_path / "old.db"
    first_light(path, news)
    old = open_writer(path)
    old.execute("UPDATE statements SET lane = 'FLASH' WHERE sequence = 3")
    old.execute(
        "UPDATE statements SET seed = randomblob(32) WHERE sequence = 1 AND origin = ?", [NODE]
    )
    old.execute('UPDATE statements SET received_at = ? WHERE "order" = 2', (at(2)[:-2] + "9Z",))
    old.commit()
    old.close()
    store = SqliteStore(path)
    found = {(one.id, one.check) for one in verify_store(store, registry=REGISTRY, node=NODE)}
    assert {(f"{NODE}:3", "lane"), (f"{NODE}:2", "received-at")} <= found
    assert (f"{NODE}:1", "statement-digest") in found
    other = registry({NODE: NodeKeys.generate(), "bbb-1": NodeKeys.generate()})
    unproved = verify_store(store, registry=other, node=NODE)
    assert ("bbb-1:1", "proof") in {(one.id, one.check) for one in unproved}
    store.close()
