"""Verification names what was tampered with: one byte, one row, one log at a time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringwall.labels import label_document
from ringwall.store import CheckpointRow, Finding, NewStatement, SqliteStore, verify_store
from ringwall.trust import (
    AuditTree,
    NodeKeys,
    Registry,
    leaf_hash,
    seal_envelope,
    sign_checkpoint,
    statement_item,
)
from tests.store.samples import AMBER, NODE, NOW, accept, registry, statement
from tests.store.tampering import Sound, SoundFile, sound_database

KEYS = {NODE: NodeKeys.generate(), "bbb-1": NodeKeys.generate()}
REGISTRY = registry(KEYS)


def signed(new: NewStatement, keys: NodeKeys) -> tuple[bytes, bytes]:
    """Return both parts of the proof of a statement that its origin sealed for us."""
    item = statement_item(
        origin=new.id.origin,
        sequence=new.id.sequence,
        body=new.body,
        seed=new.seed,
        label=label_document(new.label),
        purpose=new.release_class.purpose,
    )
    sealed = seal_envelope(
        keys,
        alliance=REGISTRY.alliance,
        registry=1,
        origin=new.id.origin,
        lane="ROUTINE",
        kind="statement",
        items=[item],
        recipients={NODE: (KEYS[NODE].public(), 1)},
        at=NOW,
    )
    shared, (own,) = sealed.batch.encode()
    return shared, own


def checkpoint(tx: Any) -> None:
    size, root = tx.audit_size(), tx.audit_root()
    one = sign_checkpoint(KEYS[NODE], REGISTRY.alliance, NODE, size, root)
    tx.put_checkpoint(CheckpointRow(size, root, one.note.encode(), one.ml_dsa_65, NOW))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A database with statements of ours and of another node, and two checkpoints."""
    server = request.getfixturevalue("pg_server") if request.param == "postgresql" else None
    made = sound_database(server, tmp_path_factory.mktemp("sound"))
    store = made.open()
    ours = [statement(n, label=AMBER if n % 2 else statement().label) for n in range(1, 6)]
    for new in ours:
        store.write(lambda tx, new=new: accept(tx, new)).result()
    store.write(checkpoint).result()
    for number in (1, 2):
        theirs = statement(number, origin="bbb-1")
        order = store.write(lambda tx, new=theirs: accept(tx, new, "received")).result()
        shared, own = signed(theirs, KEYS["bbb-1"])
        store.write(lambda tx, s=shared, item=(order, own): tx.set_proofs(s, [item])).result()
    store.write(lambda tx: tx.append_audit("read", {"reader": "ana", "count": 1})).result()
    store.write(checkpoint).result()
    store.close()
    return made


@pytest.fixture
def tamper(sound: Sound, tmp_path: Path) -> Callable[..., list[Finding]]:
    """Change a copy behind the program's back and return what verification finds."""

    def change(*scripts: str, registry: Registry = REGISTRY, node: str = NODE) -> list[Finding]:
        store = sound.changed(tmp_path, *scripts)
        try:
            return verify_store(store, registry=registry, node=node)
        finally:
            store.close()

    return change


Tamper = Callable[..., list[Finding]]


def named(findings: list[Finding]) -> set[tuple[str, str, str]]:
    return {(one.table, one.id, one.check) for one in findings}


def flip_byte(
    path_change: Tamper, sound: Sound, table: str, column: str, where: str, at: int
) -> Any:
    """Read a blob from the sound database, flip one bit of one byte and write it."""
    (blob,) = sound.rows(f"SELECT {column} FROM {table} WHERE {where}")[0]
    changed = bytearray(blob)
    changed[at] ^= 1
    return path_change(f"UPDATE {table} SET {column} = x'{changed.hex()}' WHERE {where}")


def test_a_sound_store_has_no_findings(tamper: Tamper) -> None:
    assert tamper("SELECT 1") == []


FLIPS = {
    "body": ("objects", "body", "id = 3", 40, ("objects", "3", "sha256")),
    "body, for its statement": (
        "objects",
        "body",
        "id = 3",
        40,
        ("statements", "aaa-1:3", "statement-digest"),
    ),
    "seed": (
        "statements",
        "seed",
        "sequence = 2 AND origin = 'aaa-1'",
        5,
        ("statements", "aaa-1:2", "statement-digest"),
    ),
    "digest": (
        "statements",
        "digest",
        "sequence = 4 AND origin = 'aaa-1'",
        0,
        ("statements", "aaa-1:4", "digest"),
    ),
    "label": ("labels", "document", "id = 1", 10, ("statements", "aaa-1:1", "label")),
    "label, in its class": ("labels", "document", "id = 1", 10, ("release_classes", "1", "key")),
    "class key": ("release_classes", "key", "id = 1", 30, ("release_classes", "1", "key")),
    "proof": ("proofs", "own", "statement = 6", -40, ("statements", "bbb-1:1", "proof")),
    "salt of a proof": ("proofs", "own", "statement = 6", -1, ("statements", "bbb-1:1", "proof")),
    "signature of a batch": (
        "proof_batches",
        "shared",
        "id = 1",
        -200,
        ("statements", "bbb-1:1", "proof"),
    ),
    "audit leaf": ("audit", "leaf", '"index" = 2', 30, ("audit", "2", "leaf-hash")),
    "audit leaf, in the tree": ("audit", "leaf", '"index" = 2', 30, ("audit_state", "1", "root")),
    "audit leaf, in the checkpoint": (
        "audit",
        "leaf",
        '"index" = 2',
        30,
        ("checkpoints", "5", "root"),
    ),
    "audit hash": ("audit", "hash", '"index" = 3', 0, ("audit", "3", "leaf-hash")),
    "frontier": ("audit_state", "frontier", "id = 1", 0, ("audit_state", "1", "root")),
    "checkpoint note": ("checkpoints", "note", "size = 5", -9, ("checkpoints", "5", "signature")),
    "checkpoint text": ("checkpoints", "note", "size = 5", 20, ("checkpoints", "5", "signature")),
    "checkpoint signature": (
        "checkpoints",
        "signature",
        "size = 5",
        99,
        ("checkpoints", "5", "signature"),
    ),
    "checkpoint root": ("checkpoints", "root", "size = 5", 0, ("checkpoints", "5", "note")),
}


@pytest.mark.parametrize("name", FLIPS)
def test_one_flipped_bit_is_found_and_named(tamper: Tamper, sound: Sound, name: str) -> None:
    table, column, where, at, expected = FLIPS[name]
    assert expected in named(flip_byte(tamper, sound, table, column, where, at))


@pytest.mark.parametrize("column", ["seed", "digest"])
def test_a_flip_in_one_statement_accuses_no_other(
    tamper: Tamper, sound: Sound, column: str
) -> None:
    found = flip_byte(tamper, sound, "statements", column, '"order" = 2', 7)
    assert {(one.table, one.id) for one in found} == {("statements", "aaa-1:2")}


CHANGES = {
    "an audit entry goes": ('DELETE FROM audit WHERE "index" = 4', ("audit", "4", "missing")),
    "the log is cut": ('DELETE FROM audit WHERE "index" >= 6', ("audit", "6", "size")),
    "the log is cut, for the checkpoint": (
        'DELETE FROM audit WHERE "index" >= 6',
        ("checkpoints", "8", "truncated"),
    ),
    "the log is cut, for a statement": (
        'DELETE FROM audit WHERE "index" >= 6',
        ("statements", "bbb-1:2", "audit"),
    ),
    "a statement goes": (
        (
            "DELETE FROM proofs WHERE statement = 7; DELETE FROM observables WHERE statement = 7; "
            'DELETE FROM statements WHERE "order" = 7'
        ),
        ("statements", "bbb-1:2", "missing"),
    ),
    "an object goes": ("DELETE FROM objects WHERE id = 2", ("statements", "2", "reference")),
    "another label": (
        'UPDATE statements SET label = 2 WHERE "order" = 1',
        ("statements", "aaa-1:1", "label"),
    ),
    "a wider class": (
        'UPDATE statements SET release_class = 2 WHERE "order" = 1',
        ("statements", "aaa-1:1", "release-class"),
    ),
    "another lane": (
        "UPDATE statements SET lane = 'FLASH' WHERE \"order\" = 1",
        ("statements", "aaa-1:1", "lane"),
    ),
    "another source": (
        "UPDATE release_classes SET origin = 'bbb' WHERE id = 1",
        ("statements", "aaa-1:1", "source"),
    ),
    "another purpose": (
        "UPDATE release_classes SET purpose = 'x' WHERE id = 1",
        ("statements", "aaa-1:1", "purpose"),
    ),
    "another origin": (
        "UPDATE statements SET origin = 'bbb-1', sequence = 9 WHERE \"order\" = 1",
        ("statements", "bbb-1:9", "audit"),
    ),
    "a proof goes": ("DELETE FROM proofs", ("statements", "bbb-1:1", "proof")),
    "swapped proofs": (
        "UPDATE proofs SET batch = 1, own = (SELECT own FROM proofs WHERE statement = 6)",
        ("statements", "bbb-1:2", "proof"),
    ),
    "swapped objects": (
        'UPDATE statements SET object = 4 WHERE "order" = 3',
        ("statements", "aaa-1:3", "statement-digest"),
    ),
    "a renamed object": (
        "UPDATE objects SET object_id = 'indicator--x' WHERE id = 3",
        ("statements", "aaa-1:3", "object-id"),
    ),
    "an entry that is not JSON": (
        "UPDATE audit SET leaf = x'ff' WHERE \"index\" = 1",
        ("audit", "1", "leaf"),
    ),
    "a body that is not JSON": (
        "UPDATE objects SET body = x'ff' WHERE id = 3",
        ("statements", "aaa-1:3", "statement-digest"),
    ),
    "a broken frontier": (
        "UPDATE audit_state SET frontier = x''",
        ("audit_state", "1", "frontier"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_found_and_named(tamper: Tamper, name: str) -> None:
    script, expected = CHANGES[name]
    assert expected in named(tamper(script))


def test_a_log_cut_back_with_its_state_is_betrayed_by_its_checkpoint(
    tamper: Tamper, sound: Sound
) -> None:
    hashes = [row[0] for row in sound.rows('SELECT hash FROM audit ORDER BY "index" LIMIT 4')]
    tree = AuditTree()
    for one in hashes:
        tree.append(one)
    found = tamper(
        'DELETE FROM audit WHERE "index" >= 4',
        f"UPDATE audit_state SET size = 4, frontier = x'{b''.join(tree.frontier).hex()}'",
    )
    assert {("checkpoints", "5", "truncated"), ("checkpoints", "8", "truncated")} <= named(found)
    assert ("audit_state", "1", "root") not in named(found)


def test_a_rewritten_log_is_betrayed_by_its_checkpoint(tamper: Tamper, sound: Sound) -> None:
    """Whoever owns the file can rebuild tree and state, but cannot sign for it."""
    leaves = [row[0] for row in sound.rows('SELECT leaf FROM audit ORDER BY "index"')]
    forged = json.loads(leaves[7]) | {"count": 0}
    leaves[7] = json.dumps(forged, sort_keys=True, separators=(",", ":")).encode()
    tree = AuditTree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    found = tamper(
        f"UPDATE audit SET leaf = x'{leaves[7].hex()}', hash = x'{leaf_hash(leaves[7]).hex()}' "
        'WHERE "index" = 7',
        f"UPDATE audit_state SET frontier = x'{b''.join(tree.frontier).hex()}'",
    )
    assert named(found) == {("checkpoints", "8", "root")}


def test_a_second_entry_for_a_statement_is_named_and_does_not_count(
    sound: Sound, tmp_path: Path
) -> None:
    """Whoever changed a statement cannot pin the change by entering it again."""
    store = sound.copied(tmp_path)
    other = statement(1, label=AMBER)
    entry = {
        "statements": ["aaa-1:1"],
        "versions": [other.version],
        "digests": [other.digest.hex()],
        "label": label_document(other.label),
        "purpose": other.release_class.purpose,
        "lane": "ROUTINE",
    }
    store.write(lambda tx: tx.append_audit("accepted", entry)).result()
    found = named(verify_store(store, registry=REGISTRY, node=NODE))
    store.close()
    assert found == {("audit", "8", "repeated")}


def test_what_pins_nothing_may_have_fields_of_any_type(sound: Sound, tmp_path: Path) -> None:
    store = sound.copied(tmp_path)
    for kind in ("agreement-signed", "accepted"):
        store.write(lambda tx, kind=kind: tx.append_audit(kind, {"version": 1})).result()
    found = named(verify_store(store, registry=REGISTRY, node=NODE))
    store.close()
    assert found == {("audit", "9", "leaf")}


def test_a_stranger_to_the_registry_is_named(tamper: Tamper) -> None:
    found = named(tamper("SELECT 1", registry=registry({NODE: KEYS[NODE]})))
    assert found == {("statements", f"bbb-1:{n}", "origin") for n in (1, 2)}


def test_keys_of_another_node_do_not_verify(tamper: Tamper) -> None:
    swapped = registry({NODE: KEYS["bbb-1"], "bbb-1": KEYS[NODE]})
    found = named(tamper("SELECT 1", registry=swapped))
    assert ("checkpoints", "5", "signature") in found
    assert ("statements", "bbb-1:1", "proof") in found
    assert ("checkpoints", "5", "key") in named(tamper("SELECT 1", node="ccc-1"))


def test_a_byte_flipped_in_the_file_is_found(sound: Sound, tmp_path: Path) -> None:
    """Not through SQL: the disk itself lies. PostgreSQL's pages have checksums of their own."""
    if not isinstance(sound, SoundFile):
        pytest.skip("the server's files are not ours to look into")
    raw = bytearray(sound.path.read_bytes())
    place = raw.index(b"beacon 3")
    raw[place] ^= 1
    path = tmp_path / "ringwall.db"
    path.write_bytes(raw)
    store = SqliteStore(path)
    found = named(verify_store(store, registry=REGISTRY, node=NODE))
    store.close()
    assert ("statements", "aaa-1:3", "statement-digest") in found
