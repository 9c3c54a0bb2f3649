"""Receipts: what each node confirmed, and evidence that somebody else can verify."""

import base64
import hashlib
from typing import Any, NamedTuple

import pytest

from ringwall.core import NotFound, format_timestamp
from ringwall.exchange.receipts import read_receipt
from ringwall.server.routes import ALL_CONTENT, OPERATIONS, ROUTES
from ringwall.store import EnvelopeRow, WriteTransaction
from ringwall.trust import (
    NodeKeys,
    Proof,
    Signature,
    encode_proof,
    receipt_item,
    seal_envelope,
    verify_receipt,
)
from tests.server.world import World, indicator

NODE, LANE = "borduria-1", "ROUTINE"


class Sent(NamedTuple):
    """A statement that was sent to Borduria at ``position``."""

    statement: str
    position: int


@pytest.fixture(scope="module", autouse=True)
def borduria(world: World) -> NodeKeys:
    return world.registry.setdefault(NODE, NodeKeys.generate())


def send(world: World, name: str, label: str = "TLP:GREEN") -> Sent:
    """State something and send it, as the outbox does."""
    (statement,) = world.submit(indicator(name), label=label)
    position = 0

    def job(tx: WriteTransaction) -> None:
        nonlocal position
        order = tx.last_order()
        position = tx.next_position(NODE, LANE)
        row = EnvelopeRow(
            id=statement,
            lane=LANE,
            kind="statement",
            message_id=statement,
            data=b"sealed",
            recipients={NODE: position},
            statements=(order,),
            created_at=format_timestamp(world.clock.now()),
        )
        tx.dequeue([order])
        tx.put_envelope(row)
        tx.mark_published([row.id], "primary", row.created_at)

    world.store.write(job).result()
    return Sent(statement, position)


def confirm(world: World, position: int, *rejected: tuple[int, str]) -> bytes:
    """Take in a receipt that Borduria really signed; return the evidence as it is kept."""
    told = [{"position": at, "reason": why} for at, why in rejected]
    content = {
        "v": 1,
        "recipient": NODE,
        "origin": "arden-1",
        "at": format_timestamp(world.clock.now()),
        "lanes": {LANE: {"position": position, "rejected": told}},
    }
    sealed = seal_envelope(
        world.registry[NODE],
        alliance=world.alliance.id,
        registry=1,
        origin=NODE,
        lane="CONTROL",
        kind="receipt",
        items=[receipt_item(origin=NODE, sequence=0, content=content)],
        recipients={"arden-1": (world.keys.public(), position)},
        at=content["at"],
    )
    proof = sealed.batch.proof(0)
    (row,) = read_receipt(content, sender=NODE, me="arden-1", evidence=proof)
    assert world.store.write(lambda tx: tx.put_receipt(row)).result()
    return encode_proof(proof)


def ask(world: World, statement: str, reader: str = "releaser") -> dict[str, Any]:
    with world.http(reader) as http:
        answer = http.get(f"/api/v1/statements/{statement}/receipt")
    assert answer.status_code == 200, answer.text
    (receipt,) = answer.json()["receipts"]
    document: dict[str, Any] = receipt
    return document


def as_proof(document: dict[str, Any]) -> Proof:
    """Read the JSON of a proof as an outsider would."""

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    return Proof(
        raw(document["leaf"]),
        raw(document["salt"]),
        tuple(map(raw, document["path"])),
        document["index"],
        document["size"],
        raw(document["payload"]),
        Signature(raw(document["ed25519"]), raw(document["ml_dsa_65"])),
        document["key_id"],
    )


def test_what_is_confirmed_comes_with_evidence_that_an_outsider_verifies(world: World) -> None:
    sent = send(world, "confirmed")
    before = ask(world, sent.statement)
    evidence = confirm(world, sent.position)
    after = ask(world, sent.statement)
    assert (before["state"], before["proof"], before["evidence"]) == ("sent", None, "")
    assert (after["state"], after["confirmed"]) == ("received", sent.position)
    assert (after["verified"], after["withheld"]) == (True, "")
    assert after["evidence"] == hashlib.sha256(evidence).hexdigest()
    proof = as_proof(after["proof"])
    leaf = verify_receipt(proof, world.registry[NODE].public(), world.alliance.id)
    assert leaf["content"]["lanes"][LANE]["position"] == after["position"]
    assert encode_proof(proof) == evidence


def test_evidence_that_tells_of_other_statements_is_withheld(world: World) -> None:
    secret, open_one = send(world, "secret", "TLP:RED"), send(world, "open")
    confirm(world, open_one.position, (secret.position, "its secret reason"))
    shown = ask(world, open_one.statement)
    own = ask(world, secret.statement)
    assert (shown["proof"], shown["verified"]) == (None, True)
    assert shown["withheld"]
    assert "secret reason" not in str(shown)
    assert (own["state"], own["reason"]) == ("rejected", "its secret reason")
    assert own["proof"] is not None


def test_evidence_of_another_key_is_not_called_verified(world: World) -> None:
    sent = send(world, "another key")
    confirm(world, sent.position)
    held = world.registry[NODE]
    world.registry[NODE] = NodeKeys.generate()
    try:
        assert ask(world, sent.statement)["verified"] is False
    finally:
        world.registry[NODE] = held
    assert ask(world, sent.statement)["verified"] is True


def test_the_last_receipts_are_listed_for_who_operates(world: World) -> None:
    sent = send(world, "listed")
    evidence = confirm(world, sent.position)
    waiting = send(world, "waiting")
    with world.http("admin") as http:
        (row,) = http.get("/api/v1/receipts").json()["receipts"]
    assert (row["node"], row["member"], row["lane"]) == (NODE, "borduria", LANE)
    assert (row["sent"], row["confirmed"], row["backlog"]) == (waiting.position, sent.position, 1)
    assert row["evidence"] == hashlib.sha256(evidence).hexdigest()


def test_an_analyst_is_not_told_how_much_was_sent(world: World) -> None:
    """A position counts what was sent before, also what the analyst may not see."""
    sent = send(world, "counted")
    confirm(world, sent.position)
    told, untold = ask(world, sent.statement), ask(world, sent.statement, "analyst")
    assert (told["position"], told["confirmed"], told["withheld"]) == (sent.position,) * 2 + ("",)
    assert (untold["position"], untold["confirmed"], untold["proof"]) == (None, 0, None)
    assert (untold["state"], untold["verified"]) == (told["state"], True)
    assert untold["withheld"] == "it also tells how much was sent"
    for reader, position in (("analyst", None), ("releaser", sent.position)):
        with world.http(reader) as http:
            answer = http.get(f"/api/v1/statements/{sent.statement}/delivery").json()
        (way,) = [way for member in answer["members"] for way in member["nodes"]]
        assert way["position"] == position


def test_an_analyst_is_not_told_when_something_else_was_sent(world: World) -> None:
    """A later receipt has another moment and another digest, for it confirms more."""
    sent = send(world, "seen")
    confirm(world, sent.position)
    before = ask(world, sent.statement, "analyst")
    secret = send(world, "not for the analyst", "TLP:RED")
    confirm(world, secret.position)
    assert ask(world, sent.statement, "analyst") == before
    assert before["evidence"] == ""
    assert before["at"]


def test_a_node_that_left_the_alliance_spoils_no_answer(own_world: World) -> None:
    """What was sent to it stays told, without a member."""
    world = own_world
    (statement,) = world.submit(indicator("sent before it left"), label="TLP:GREEN")
    field = {"field": "name", "rule": "marking", "source": "a mark", "fact": "marked"}
    reason = {"node": "gone-1", "permit": True, "reason": "without name", "withheld": [field]}

    def job(tx: WriteTransaction) -> None:
        order, at = tx.last_order(), format_timestamp(world.clock.now())
        position = tx.next_position("gone-1", LANE)
        row = EnvelopeRow(
            id=statement,
            lane=LANE,
            kind="statement",
            message_id=statement,
            data=b"sealed",
            recipients={"gone-1": position},
            statements=(order,),
            created_at=at,
        )
        tx.dequeue([order])
        tx.put_envelope(row)
        tx.mark_published([row.id], "primary", at)
        tx.add_release(order, "a version", ["gone-1"], [reason], at)

    world.store.write(job).result()
    one = f"/api/v1/statements/{statement}"
    with world.http("releaser") as http:
        (told,) = http.get(f"{one}/receipt").json()["receipts"]
        assert (told["node"], told["member"], told["state"]) == ("gone-1", "", "sent")
        assert http.get(f"{one}/delivery").status_code == 200
        assert http.get(f"{one}/explanation").status_code == 200
        assert http.get("/api/v1/receipts").json()["receipts"][0]["member"] == ""
        assert http.get("/api/v1/peers").json()["peers"][0]["member"] == ""


def test_what_another_node_stated_has_its_receipts_there(world: World) -> None:
    foreign = world.receive(indicator("foreign"), label="TLP:GREEN", sequence=900)
    with world.http("analyst") as http, world.http("trainee") as trainee:
        assert http.get(f"/api/v1/statements/{foreign}/receipt").status_code == NotFound.status
        hidden = send(world, "hidden", "TLP:RED")
        withheld = trainee.get(f"/api/v1/statements/{hidden.statement}/receipt")
        missing = trainee.get("/api/v1/statements/arden-1:999999/receipt")
    assert (withheld.status_code, withheld.content) == (404, missing.content)


def test_both_routes_demand_what_delivery_and_peers_do() -> None:
    demanded = {route.path: route.access for route in ROUTES if "receipt" in route.path}
    assert list(demanded.values()) == [OPERATIONS, ALL_CONTENT]
