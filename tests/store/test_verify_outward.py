"""Verification of what left and what lets readers in, of indexes, order and the file beside."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs

from ringwall.core import Precedence, SystemClock
from ringwall.store import (
    Checkpoints,
    EnvelopeRow,
    Store,
    TokenRow,
    decision_document,
    verify_store,
)
from ringwall.trust import AuditTree
from tests.store.samples import NODE, NOW, accept, statement
from tests.store.tampering import Sound, SoundServer, sound_database
from tests.store.test_verify import KEYS, REGISTRY, named, signed

OURS = {number: statement(number) for number in (1, 2, 3, 4, 7)}
EXPIRES = "2027-03-01T08:00:00.000000Z"


def take(tx: Any, sequence: int, *audience: str) -> int:
    """Accept a statement with its release, as the intake does."""
    decided = structs.replace(OURS[sequence], decision=decision_document("v1", audience, []))
    order = accept(tx, decided, audience=list(audience))
    tx.enqueue([order], Precedence.ROUTINE, audience)
    return order


def seal(tx: Any, sequence: int, *nodes: str) -> None:
    """Store the envelope of a statement with its entry and proof, as the outbox does."""
    data = b"sealed %d" % sequence
    recipients = {node: tx.next_position(node, "ROUTINE") for node in nodes}
    name = f"e{sequence}"
    tx.put_envelope(
        EnvelopeRow(
            name, "ROUTINE", "statement", f"m{sequence}", data, recipients, (sequence,), NOW
        )
    )
    entry = {"envelope": name, "lane": "ROUTINE", "sha256": hashlib.sha256(data).hexdigest()}
    held = {"recipients": recipients, "statements": [f"{NODE}:{sequence}"]}
    tx.append_audit("sealed", {**entry, **held})
    shared, own = signed(OURS[sequence], KEYS[NODE])
    tx.set_proofs(shared, [(sequence, own)])
    tx.dequeue([sequence])


def let_in(tx: Any) -> None:
    digest = hashlib.sha256(b"secret").digest()
    tx.put_token(TokenRow("t1", digest, "ana", "", NOW, EXPIRES))
    entry = {"token": "t1", "reader": "ana", "expires": EXPIRES, "sha256": digest.hex()}
    tx.append_audit("token-created", entry)


class Kept(NamedTuple):
    """A node's database, and its folder with the file beside it."""

    database: Sound
    directory: Path

    @property
    def log(self) -> bytes:
        return (self.directory / "checkpoints.log").read_bytes()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A node's data: 1 and 2 were sealed, 3 waits, 4 is for nobody, one token was given."""
    server = request.getfixturevalue("pg_server") if request.param == "postgresql" else None
    path = tmp_path_factory.mktemp("sound")
    made = sound_database(server, path)
    store = made.open()
    checkpoints = Checkpoints(
        node=NODE, alliance=REGISTRY.alliance, keys=KEYS[NODE], store=store, clock=SystemClock()
    )
    jobs: list[Callable[[Any], Any]] = [
        lambda tx: take(tx, 1, "bbb-1", "ccc-1"),
        lambda tx: take(tx, 2, "bbb-1"),
        lambda tx: take(tx, 3, "bbb-1"),
        lambda tx: take(tx, 4),
        let_in,
        lambda tx: seal(tx, 1, "bbb-1", "ccc-1"),
        lambda tx: seal(tx, 2, "bbb-1"),
    ]
    for job in jobs:
        store.write(job).result()
        checkpoints.sign_if_grown()
    store.close()
    return Kept(made, path)


@pytest.fixture
def tamper(sound: Kept, tmp_path: Path) -> Callable[..., set[tuple[str, str, str]]]:
    """Change a copy behind the program's back and return what verification names."""

    def change(script: str, log: bytes | None = None) -> set[tuple[str, str, str]]:
        (tmp_path / "checkpoints.log").write_bytes(sound.log if log is None else log)
        store = sound.database.changed(tmp_path, script)
        try:
            return named(verify_store(store, registry=REGISTRY, node=NODE))
        finally:
            store.close()

    return change


Tamper = Callable[..., set[tuple[str, str, str]]]


def test_a_sound_store_has_no_findings(tamper: Tamper) -> None:
    assert tamper("SELECT 1") == set()


@pytest.mark.parametrize(
    ("opened", "found"),
    [
        (["ccc-1", "ddd-1"], set()),
        (["ccc-1"], {("releases", "aaa-1:1", "wider"), ("outbox", "aaa-1:1", "audience")}),
    ],
)
def test_a_later_release_reaches_whom_an_entry_opened_it_to_and_nobody_else(
    store: Store, opened: list[str], found: set[tuple[str, str, str]]
) -> None:

    def further(tx: Any) -> None:
        order = take(tx, 1, "bbb-1")
        tx.dequeue([order])
        tx.add_release(order, "v1", ["bbb-1", "ccc-1", "ddd-1"], [], NOW)
        entry = {"reason": "its embargo has ended", "statements": [f"{NODE}:1"], "nodes": opened}
        tx.append_audit("released-further", entry)
        tx.enqueue([order], Precedence.BULK, ["ccc-1", "ddd-1"])

    store.write(further).result()
    assert named(verify_store(store, registry=REGISTRY, node=NODE)) == found


@pytest.mark.parametrize("kind", ["release-held", "release-refused"])
def test_what_waits_for_a_second_person_or_was_refused_need_not_be_sealed(
    store: Store, kind: str
) -> None:

    def held(tx: Any) -> None:
        tx.dequeue([take(tx, 1, "bbb-1")])

    store.write(held).result()
    missing = ("outbox", "aaa-1:1", "missing")
    assert named(verify_store(store, registry=REGISTRY, node=NODE)) == {missing}
    entry = {"statements": [f"{NODE}:1"], "nodes": ["bbb-1"], "rule": "partner"}
    store.write(lambda tx: tx.append_audit(kind, entry)).result()
    assert named(verify_store(store, registry=REGISTRY, node=NODE)) == set()


WIDER = '(SELECT decision FROM statements WHERE "order" = 1)'
CHANGES = {
    "envelope bytes": (
        "UPDATE envelopes SET data = x'00' WHERE id = 'e1'",
        ("envelopes", "e1", "sha256"),
    ),
    "envelope bytes gone too soon": (
        "UPDATE envelopes SET data = NULL WHERE id = 'e1'",
        ("envelopes", "e1", "data"),
    ),
    "envelope lane": (
        "UPDATE envelopes SET lane = 'BULK' WHERE id = 'e1'",
        ("envelopes", "e1", "lane"),
    ),
    "envelope recipient": (
        "UPDATE envelope_recipients SET node = 'ddd-1' WHERE node = 'ccc-1'",
        ("envelope_recipients", "e1", "recipients"),
    ),
    "envelope statement": (
        "UPDATE envelope_statements SET statement = 4 WHERE statement = 1",
        ("envelope_statements", "e1", "statements"),
    ),
    "envelope goes": (
        (
            "DELETE FROM envelope_recipients WHERE envelope = 1; "
            "DELETE FROM envelope_statements WHERE envelope = 1; "
            "DELETE FROM envelopes WHERE id = 'e1'"
        ),
        ("envelopes", "e1", "missing"),
    ),
    "envelope slipped in": (
        (
            "INSERT INTO envelopes (id, lane, kind, message_id, created_at) "
            "VALUES ('e9', 'ROUTINE', 'statement', 'm9', '')"
        ),
        ("envelopes", "e9", "audit"),
    ),
    "positions given again": (
        "UPDATE out_positions SET position = 1 WHERE node = 'bbb-1'",
        ("out_positions", "bbb-1 ROUTINE", "position"),
    ),
    "version": (
        "UPDATE objects SET version = '2030-01-01T00:00:00.000Z' WHERE id = 2",
        ("statements", "aaa-1:2", "version"),
    ),
    "type": (
        "UPDATE objects SET object_type = 'malware' WHERE id = 2",
        ("statements", "aaa-1:2", "object-id"),
    ),
    "submitter": (
        "UPDATE statements SET submitted_by = 'eve' WHERE \"order\" = 2",
        ("statements", "aaa-1:2", "submitted-by"),
    ),
    "time of arrival": (
        "UPDATE statements SET received_at = '2026-03-01T09:00:00.000000Z' WHERE \"order\" = 4",
        ("statements", "aaa-1:4", "received-at"),
    ),
    "time of arrival before the last": (
        "UPDATE statements SET received_at = '2025-03-01T09:00:00.000000Z' WHERE \"order\" = 4",
        ("statements", "aaa-1:4", "received-at"),
    ),
    "order": (
        'UPDATE statements SET "order" = 9 WHERE "order" = 1',
        ("statements", "aaa-1:1", "order"),
    ),
    "own proof goes": (
        "DELETE FROM proofs WHERE statement = 2",
        ("statements", "aaa-1:2", "proof"),
    ),
    "release goes": (
        'UPDATE statements SET decision = NULL WHERE "order" = 4',
        ("releases", "aaa-1:4", "audience"),
    ),
    "release replaced": (
        f'UPDATE statements SET decision = {WIDER} WHERE "order" = 3',
        ("releases", "aaa-1:3", "audience"),
    ),
    "release widened later": (
        f"INSERT INTO releases (statement, decision, at) VALUES (3, {WIDER}, '')",
        ("releases", "aaa-1:3", "wider"),
    ),
    "outbox widened": (
        """UPDATE outbox SET audience = '["bbb-1","ccc-1"]' WHERE statement = 3""",
        ("outbox", "aaa-1:3", "audience"),
    ),
    "outbox for nobody": (
        """INSERT INTO outbox (statement, lane, audience) VALUES (4, 'ROUTINE', '["bbb-1"]')""",
        ("outbox", "aaa-1:4", "audience"),
    ),
    "outbox emptied": ("DELETE FROM outbox", ("outbox", "aaa-1:3", "missing")),
    "numbers again": ("UPDATE sequences SET last = 2", ("sequences", "aaa-1", "last")),
    "token slipped in": (
        f"INSERT INTO tokens VALUES ('t9', x'{'09' * 32}', 'ana', '', '', '', '')",
        ("tokens", "t9", "audit"),
    ),
    "token of another": ("UPDATE tokens SET reader = 'eve'", ("tokens", "t1", "reader")),
    "token for longer": ("UPDATE tokens SET expires = ''", ("tokens", "t1", "expires")),
    "token exchanged": (f"UPDATE tokens SET hash = x'{'09' * 32}'", ("tokens", "t1", "hash")),
    "observable goes": (
        "DELETE FROM observables_recent WHERE statement = 2",
        ("observables", "aaa-1:2", "values"),
    ),
    "observable slipped in": (
        "INSERT INTO observables VALUES (7, 2)",
        ("observables", "aaa-1:2", "values"),
    ),
    "search words slipped in": (
        "INSERT INTO search (rowid, text) VALUES (2, 'harmless')",
        ("search", "2", "terms"),
    ),
    "search words go": (
        "INSERT INTO search (search) VALUES ('delete-all')",
        ("search", "3", "terms"),
    ),
}


ON_SERVER = {
    "observable goes": "DELETE FROM observables WHERE statement = 2",
    "search words slipped in": (
        "UPDATE search SET terms = terms || 'harmless'::tsvector WHERE object = 2"
    ),
    "search words go": "DELETE FROM search",
}
"""The same done to PostgreSQL's tables, where they are others."""


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_found_and_named(tamper: Tamper, sound: Kept, name: str) -> None:
    script, expected = CHANGES[name]
    if isinstance(sound.database, SoundServer):
        script = ON_SERVER.get(name, script)
    assert expected in tamper(script)


def cut_back(sound: Kept, entries: int) -> str:
    """Return the script that undoes the last envelope without a trace in the database."""
    tree = AuditTree()
    for (one,) in sound.database.rows(f'SELECT hash FROM audit ORDER BY "index" LIMIT {entries}'):
        tree.append(one)
    return (
        f'DELETE FROM audit WHERE "index" >= {entries}; '
        f"DELETE FROM checkpoints WHERE size > {entries}; "
        f"UPDATE audit_state SET size = {entries}, frontier = x'{b''.join(tree.frontier).hex()}'; "
        "DELETE FROM envelope_recipients WHERE envelope = 2; "
        "DELETE FROM envelope_statements WHERE envelope = 2; DELETE FROM envelopes WHERE id = 'e2';"
        "DELETE FROM proofs WHERE statement = 2; "
        """INSERT INTO outbox (statement, lane, audience) VALUES (2, 'ROUTINE', '["bbb-1"]')"""
    )


def test_a_database_cut_back_as_a_whole_is_betrayed_by_the_file(
    tamper: Tamper, sound: Kept
) -> None:
    assert tamper(cut_back(sound, 6)) == {("checkpoints.log", "7", "truncated")}


def test_another_log_of_the_same_length_is_betrayed_by_the_file(tamper: Tamper) -> None:
    forged = "UPDATE audit SET leaf = x'7b7d' WHERE \"index\" = 0; DELETE FROM checkpoints"
    found = tamper(forged)
    assert ("audit", "0", "leaf") in found
    assert ("checkpoints.log", "7", "root") in found


def test_a_line_that_was_altered_is_named_and_one_cut_off_is_not(
    tamper: Tamper, sound: Kept
) -> None:
    lines = sound.log.splitlines(keepends=True)
    altered = lines[0].replace(b"\\n2\\n", b"\\n3\\n").replace(b"\\n1\\n", b"\\n3\\n")
    log = altered + lines[1] + b"rubbish\n" + lines[2][:50]
    assert tamper("SELECT 1", log) == {
        ("checkpoints.log", "1", "signature"),
        ("checkpoints.log", "3", "signature"),
    }
