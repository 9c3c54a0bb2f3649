"""Redactions that came, and objects with properties for few: stored, shown, replaced, verified."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from msgspec import structs

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, Precedence, StatementId, canonical_json
from ringwall.labels import Label, label_document, parse_label
from ringwall.policy import Kernel
from ringwall.store import (
    NewStatement,
    ReaderView,
    Selection,
    Store,
    decision_document,
    verify_store,
)
from ringwall.store.parts import found_by
from ringwall.trust import (
    disclosure_digest,
    held_digest,
    object_digest,
    redact,
    statement_digest,
    verify_proof,
)
from ringwall.trust.statements import decode_proof
from tests.store.conftest import Do, OpenStore
from tests.store.samples import AMBER, GREEN, NODE, NOW, accept, add, indicator, statement
from tests.store.test_verify import KEYS, REGISTRY, signed
from tests.store.test_view import ALLIANCE

RED = parse_label("TLP:RED//REL TO aaa")
MARKING = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
PEER = "bbb-1"


def redacted(new: NewStatement, *withheld: str) -> NewStatement:
    """Return what the recipient of a redaction stores."""
    body, disclosure = redact(new.body, new.seed, withheld)
    seed, digest = disclosure_digest(disclosure), sha256(body).digest()
    found = found_by(body)
    return structs.replace(
        new,
        body=body,
        seed=seed,
        disclosure=disclosure,
        sha256=digest,
        digest=statement_digest(seed, digest),
        observables=found.observables,
        text=found.text,
        references=found.references,
        submitted_by="",
    )


def peers(number: int = 1, **more: Any) -> NewStatement:
    """A statement of another node, with a description that only some may have."""
    body = indicator(number, **{"description": "the hidden orchard"} | more)
    return statement(number, origin=PEER, body=body)


def parted(number: int = 1, label: Label = GREEN, part: Label = RED) -> NewStatement:
    """A statement of which the description is for fewer readers than the rest."""
    marks = [{"marking_ref": MARKING, "selectors": ["description"]}]
    body = indicator(number, description="the hidden orchard", granular_markings=marks)
    new = statement(number, body=body, label=label)
    found = found_by(body)
    return structs.replace(
        new,
        object_id=f"indicator--00000000-0000-4000-8000-{number:012x}",
        parts=(("description", structs.replace(new.release_class, label=part)),),
        observables=found.observables,
        text=found.text,
        references=found.references,
    )


def entry_of(new: NewStatement, kind: str) -> tuple[str, dict[str, Any]]:
    return kind, {
        "statements": [str(new.id)],
        "objects": [new.object_id],
        "versions": [new.version],
        "digests": [new.digest.hex()],
        "label": label_document(new.label),
        "purpose": new.release_class.purpose,
        "lane": str(new.lane),
        "received_at": new.received_at,
    }


def take(store: Store, new: NewStatement, whole: NewStatement) -> int:
    """Store what came from another node, with the proof of the whole."""

    def job(tx: Any) -> int:
        order: int = accept(tx, new, "received")
        shared, own = signed(whole, KEYS[PEER])
        tx.set_proofs(shared, [(order, own)])
        return order

    return store.write(job).result()


def test_a_redaction_comes_back_with_its_disclosure_and_is_proven(store: Store) -> None:
    whole = peers()
    new = redacted(whole, "description")
    take(store, new, whole)
    with store.read() as tx:
        held = tx.statement_by_id(new.id)
        assert held is not None
        assert (held.body, held.disclosure, held.seed) == (new.body, new.disclosure, new.seed)
        assert tx.statement(new.id, list(tx.release_classes())) == held
        assert tx.search("orchard", list(tx.release_classes()), 9) == []
    assert held.proof is not None
    proof = decode_proof(*held.proof)
    public = KEYS[PEER].public()
    verify_proof(proof, held.body, b"", public, "test", disclosure=held.disclosure)
    assert held_digest(held.body, held.seed, held.disclosure) == object_digest(
        whole.body, whole.seed
    )
    assert verify_store(store, registry=REGISTRY, node=NODE) == []


def test_a_wider_redaction_takes_the_place_of_the_narrower(store: Store, do: Do[Any]) -> None:
    whole = peers()
    narrow = redacted(whole, "description", "name")
    order = take(store, narrow, whole)
    other = peers(2)
    take(store, other, other)

    def widen(tx: Any) -> int:
        before = tx.statement_by_id(narrow.id)
        tx.drop_narrower(order)
        new = redacted(whole, "description")
        found: int = add(tx, new)
        shared, own = signed(whole, KEYS[PEER])
        tx.set_proofs(shared, [(found, own)])
        kind, entry = entry_of(new, "widened")
        tx.append_audit(kind, entry | {"replaced_order": order, "replaced_at": before.received_at})
        return found

    later = do(widen)
    assert later > order + 1
    with store.read() as tx:
        classes = list(tx.release_classes())
        assert [row.order for row in tx.search("beacon 1", classes, 9)] == [later]
        assert [row.order for row in tx.by_observable("c1.example.org", classes, 9)] == [later]
        assert [row.order for row in tx.rows(classes, limit=9)] == [order + 1, later]
        assert tx.counts().statements[Precedence.ROUTINE] == 2
    assert verify_store(store, registry=REGISTRY, node=NODE) == []


def test_the_object_of_the_narrower_stays_where_others_state_it(store: Store, do: Do[Any]) -> None:
    whole = peers()
    narrow = redacted(whole, "description", "name")
    order = take(store, narrow, whole)
    body = narrow.body
    do(lambda tx: add(tx, structs.replace(statement(7, origin="ccc-1", body=body))))
    do(lambda tx: tx.drop_narrower(order))
    with store.read() as tx:
        classes = list(tx.release_classes())
        assert [row.id for row in tx.versions(narrow.object_id, classes)] == [
            StatementId("ccc-1", 7)
        ]
        assert len(tx.by_observable("c1.example.org", classes, 9)) == 1


View = Callable[[str], ReaderView]


@pytest.fixture
def view(store: Store) -> View:
    alliance = load_alliance(ALLIANCE)
    kernel = Kernel(alliance, ManualClock(datetime(2026, 3, 1, 8, tzinfo=UTC)))
    return lambda name: ReaderView(store, kernel, alliance.readers[name], route="test")


def every_path(view: ReaderView, new: NewStatement) -> dict[str, list[bytes]]:
    """Return the bodies that a reader is shown, by the way it asked."""
    return {
        "page": [row.body for row in view.page(limit=9)],
        "rows": [row.body for row in view.look(lambda shown: shown.rows(limit=9))],
        "statement": [view.statement(new.id).body],
        "versions": [row.body for row in view.versions(new.object_id)],
        "search": [row.body for row in view.search("beacon", limit=9)],
        "value": [row.body for row in view.by_observable("c1.example.org", limit=9)],
        "found": [
            row.body
            for row in view.look(
                lambda shown: shown.statements(limit=9, selection=Selection(text="beacon"))
            )
        ],
    }


def test_a_property_for_few_is_shown_to_them_and_to_nobody_else(view: View, do: Do[Any]) -> None:
    new = parted()
    do(lambda tx: add(tx, new))
    base = json.loads(new.body)
    del base["description"], base["granular_markings"]
    for path, bodies in every_path(view("ana"), new).items():
        assert bodies == [new.body], path
    for reader in ("low", "boris"):
        for path, bodies in every_path(view(reader), new).items():
            assert bodies == [canonical_json(base)], (reader, path)


@pytest.mark.parametrize("reader", ["ana", "low", "boris"])
def test_nobody_finds_an_object_by_a_property_for_few(view: View, do: Do[Any], reader: str) -> None:
    do(lambda tx: add(tx, parted()))
    mine = view(reader)
    assert mine.search("orchard", limit=9) == []
    assert mine.look(lambda shown: shown.rows(limit=9, selection=Selection(text="orchard"))) == []


def test_what_is_shown_without_a_property_still_proves_itself(view: View, store: Store) -> None:
    new = parted()

    def job(tx: Any) -> None:
        order = add(tx, new)
        shared, own = signed(new, KEYS[NODE])
        tx.set_proofs(shared, [(order, own)])

    store.write(job).result()
    shown = view("low").statement(new.id)
    assert shown.proof is not None
    public = KEYS[NODE].public()
    leaf = verify_proof(
        decode_proof(*shown.proof), shown.body, b"", public, "test", disclosure=shown.disclosure
    )
    assert leaf["sequence"] == 1
    everything = shown.body + shown.seed + shown.disclosure + shown.digest
    assert new.seed not in everything
    assert b"orchard" not in everything
    assert all(row.seed == b"" for row in view("low").page(limit=9))
    whole = view("ana").statement(new.id)
    assert (whole.body, whole.seed, whole.disclosure) == (new.body, new.seed, b"")


def test_a_property_whose_class_is_damaged_is_for_nobody(
    view: View, store: Store, do: Do[Any]
) -> None:
    new = parted()
    do(lambda tx: add(tx, new))
    execute = store.write(lambda tx: tx._sql.execute("UPDATE parts SET fields = '{'"))
    execute.result()
    for bodies in every_path(view("ana"), new).values():
        assert all(b"orchard" not in body for body in bodies)


def test_classes_of_properties_that_were_changed_contradict_the_log(
    store: Store, do: Do[Any]
) -> None:
    new = parted()
    part = {str(new.id): {"description": label_document(RED)}}
    do(lambda tx: accept(tx, new, parts=part))
    assert verify_store(store, registry=REGISTRY, node=NODE) == []
    changed = "UPDATE parts SET fields = '{\"name\":1}'"
    for sql in (changed, "DELETE FROM parts"):
        do(lambda tx, sql=sql: tx._sql.execute(sql))
        findings = verify_store(store, registry=REGISTRY, node=NODE)
        assert ("statements", "parts") in {(one.table, one.check) for one in findings}


def test_a_disclosure_that_was_changed_is_found(store: Store, do: Do[Any]) -> None:
    whole = peers()
    take(store, redacted(whole, "description"), whole)
    do(lambda tx: tx._sql.execute("DELETE FROM disclosures"))
    findings = verify_store(store, registry=REGISTRY, node=NODE)
    assert [(one.table, one.check) for one in findings] == [("statements", "proof")]


def test_what_is_withheld_from_whom_waits_in_the_outbox(open_store: OpenStore) -> None:
    store = open_store()
    withheld = {"bbb-1": ["description", "name"]}

    def job(tx: Any) -> None:
        order = add(tx, parted())
        tx.enqueue([order], Precedence.ROUTINE, ["bbb-1", "ccc-1"], withheld)
        other = add(tx, statement(2))
        tx.enqueue([other], Precedence.ROUTINE, ["bbb-1"])

    store.write(job).result()
    with store.read() as tx:
        first, second = tx.outbox_batch("ROUTINE", 9, 10**6)
        names = {number: one.label for number, one in tx.release_classes().items()}
    assert first.withheld == {"bbb-1": ("description", "name")}
    assert {name: names[number] for name, number in first.parts.items()} == {"description": RED}
    assert (second.withheld, second.parts) == ({}, {})


def test_whoever_decides_learns_who_may_know_of_an_object(store: Store, do: Do[Any]) -> None:
    ours = structs.replace(statement(1), decision=decision_document("v", ["bbb-1"], []))
    do(lambda tx: add(tx, ours))
    do(lambda tx: add(tx, statement(5, origin=PEER, body=indicator(1), label=AMBER)))
    do(lambda tx: add(tx, statement(2)))
    with store.read() as tx:
        classes = tx.release_classes()
        found = {
            (classes[one.release_class].origin, one.audience)
            for one in tx.reaches([ours.object_id, "indicator--none"])
        }
    assert found == {("aaa", ("bbb-1",)), ("bbb", None)}
    do(lambda tx: tx.add_release(1, "w", [], [], NOW))
    with store.read() as tx:
        audiences = {one.audience for one in tx.reaches([ours.object_id])}
    assert audiences == {(), None}


@pytest.mark.parametrize(
    ("marks", "kept"),
    [
        ([{"marking_ref": MARKING, "selectors": ["description"]}], {"name", "pattern"}),
        (
            [{"marking_ref": MARKING, "selectors": ["labels.[0]", "name"]}],
            {"description", "pattern"},
        ),
        ([{"lang": "de", "selectors": ["description"]}], {"name", "pattern", "description"}),
        ([], {"name", "pattern", "description"}),
    ],
)
def test_an_object_is_found_by_what_carries_no_marking(
    marks: list[dict[str, Any]], kept: set[str]
) -> None:
    values = {"name": "alpha", "description": "beta", "pattern": "[domain-name:value = 'x.org']"}
    body = indicator(1, **(values | {"granular_markings": marks}))
    text = found_by(body).text
    assert {name for name, value in values.items() if value in text} == kept


def test_most_statements_have_no_parts(store: Store, do: Do[Any]) -> None:
    do(lambda tx: [add(tx, statement(1)), add(tx, parted(2))])
    with store.read() as tx:
        assert set(tx.parts([1, 2, 3])) == {2}
        assert tx.parts([]) == {}
