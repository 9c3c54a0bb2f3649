"""Redactions where they are kept: granular markings, wider ones, the proofs, older programs."""

import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.core import parse_statement_id
from ringwall.exchange import Sealer
from ringwall.stix import read_object
from ringwall.store import ReaderView, verify_store
from ringwall.trust import (
    decode_proof,
    object_digest,
    redact,
    statement_item,
)
from ringwall.trust.documents import to_text
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator
from tests.exchange.redaction_world import (
    GREEN,
    LOW,
    RED,
    SECRET,
    all_running,
    everything_of,
    told,
    trio,
)
from tests.exchange.test_engine_faults import deliver, forge

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, description=DESCRIPTION + LOW)


def granular(**changes: Any) -> bytes:
    marks = [{"marking_ref": RED, "selectors": ["description"]}]
    return indicator(
        description=SECRET, granular_markings=marks, object_marking_refs=[GREEN], **changes
    )


async def test_a_marked_property_goes_to_those_whom_its_marking_lets_have_it(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    async with all_running(arden, borduria, dorne):
        submitted = (await arden.submit(granular())).submitted[0]
        await eventually(lambda: len(borduria.holds()) == len(dorne.holds()) == 1, "arrival")
    for peer in (borduria, dorne):  # TLP:RED is for whom REL TO names, and it names nobody
        shown = json.loads(peer.holds()[0].body)
        assert "description" not in shown
        assert "granular_markings" not in shown
    fields = {one.field: one.rule for one in told(submitted, "dorne").withheld}
    assert fields == {"description": "granular-marking", "granular_markings": "granular-markings"}
    mine = arden.holds()[0]
    assert json.loads(mine.body)["description"] == SECRET
    low = arden.alliance.readers["arden-low"]
    view = ReaderView(arden.store, arden.kernel, low, route="test")
    assert b"orchard" not in view.page(limit=9)[0].body
    assert view.search("orchard", limit=9) == []
    assert verify_store(arden.store, registry=world.registry, node="arden-1") == []
    assert b"orchard" not in everything_of(dorne, world)


@pytest.mark.parametrize("guess", [b"7741", b"7742"])
async def test_whoever_may_not_read_a_property_learns_nothing_by_stating_it(
    world: World, guess: bytes
) -> None:
    arden = Peer(world, "arden-1")
    raw = granular()
    await arden.submit(raw)
    low = arden.alliance.readers["arden-low"]
    guessed = arden.intake.submit(low, raw.replace(b"7741", guess))
    assert [one.known for one in guessed.submitted] == [False]
    assert guessed.refused == ()


def sealed_again(world: World, stated: Any, position: int, *withheld: str) -> bytes:
    """Seal a statement of arden's for dorne once more, with other fields withheld."""
    sealer = Sealer(
        node="arden-1",
        keys=world.keys["arden-1"],
        alliance="trial",
        registry=world.registry,
        clock=world.clock,
    )
    body, disclosure = (
        redact(stated.body, stated.seed, withheld) if withheld else (stated.body, b"")
    )
    item = statement_item(
        origin="arden-1",
        sequence=stated.id.sequence,
        body=body,
        seed=b"" if withheld else stated.seed,
        label={"tlp": "GREEN"},
        purpose="collective-defence",
        disclosure=disclosure,
    )
    return sealer.seal("ROUTINE", "statement", [item], {"dorne-1": position})[0].data


@pytest.mark.usefixtures("each_store")
async def test_a_wider_redaction_takes_the_place_of_a_narrower_and_never_back(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(description=SECRET, name="Beacon"))
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
        stated, place = arden.holds()[0], world.registry.nodes["dorne-1"].place
        stream = world.hub.streams["ROUTINE"]
        stream.append(((place,), sealed_again(world, stated, 2, "description", "name")))
        stream.append(((place,), sealed_again(world, stated, 3)))
        world.hub.ring()
        await eventually(lambda: dorne.holds()[0].body == stated.body, "the whole")
        stream.append(((place,), sealed_again(world, stated, 4, "description")))
        world.hub.ring()
        await arden.submit(indicator())
        await eventually(lambda: len(dorne.holds()) == 2, "what comes after")
    assert dorne.holds()[0].body == stated.body
    assert [one["statements"] for one in dorne.audit("widened")] == [[str(stated.id)]]
    assert not dorne.audit("equivocation")
    assert not dorne.audit("quarantined")
    assert verify_store(dorne.store, registry=world.registry, node="dorne-1") == []


async def test_another_object_under_the_same_number_is_equivocation_redacted_or_not(
    world: World,
) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(description=SECRET))
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
        stated, place = arden.holds()[0], world.registry.nodes["dorne-1"].place
        other = msgspec.structs.replace(
            stated, body=stated.body.replace(b"203.0.113.9", b"1.1.1.1")
        )
        world.hub.streams["ROUTINE"].append(
            ((place,), sealed_again(world, other, 2, "description"))
        )
        world.hub.ring()
        await eventually(lambda: bool(dorne.audit("equivocation")), "equivocation")
    assert b"203.0.113.9" in dorne.holds()[0].body


async def test_the_proof_at_home_is_of_the_whole_whoever_got_less(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        submitted = (await arden.submit(indicator(description=SECRET))).submitted[0]
        await eventually(
            lambda: set(arden.states(submitted.statement).values()) == {"received"}, "receipts"
        )
    assert arden.states(submitted.statement).keys() == {"borduria-1", "dorne-1"}
    with arden.store.read() as tx:
        kept = tx.statement_by_id(parse_statement_id(submitted.statement))
    assert kept is not None
    assert kept.proof is not None
    leaf = json.loads(decode_proof(*kept.proof).leaf)
    assert leaf["object"] == to_text(object_digest(kept.body, kept.seed))


def marked(*selectors: str, ref: str = RED) -> bytes:
    marks = [{"marking_ref": ref, "selectors": list(selectors)}]
    return read_object(
        indicator(description=SECRET, granular_markings=marks, object_marking_refs=[GREEN])
    ).body


async def test_a_recipient_of_the_whole_shows_each_property_to_whom_it_is_for(
    tmp_path: Path,
) -> None:
    readers = "  borduria-low: {member: borduria, name: L, roles: [analyst], tlp: GREEN}\n"
    amber = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
    world = World(tmp_path, description=DESCRIPTION + readers)
    borduria = await deliver(
        world, "ROUTINE", forge(world, "ROUTINE", marked("description", ref=amber))
    )
    low = borduria.alliance.readers["borduria-low"]
    view = ReaderView(borduria.store, borduria.kernel, low, route="test")
    assert json.loads(borduria.holds()[0].body)["description"] == SECRET
    shown = view.statement(borduria.holds()[0].id)
    assert b"orchard" not in shown.body
    assert shown.disclosure
    assert borduria.audit("received")[0]["parts"]["arden-1:1"]["description"]["tlp"] == "AMBER"
    assert verify_store(borduria.store, registry=world.registry, node="borduria-1") == []


async def test_a_marking_that_nobody_understands_hides_its_property_from_everybody(
    world: World,
) -> None:
    own = f"marking-definition--{uuid.uuid4()}"
    body = marked("description", ref=own)
    borduria = await deliver(world, "ROUTINE", forge(world, "ROUTINE", body))
    shown = json.loads(borduria.holds()[0].body)
    assert "description" not in shown
    assert "granular_markings" not in shown


@pytest.mark.parametrize("selector", ["pattern", "id"])
async def test_a_property_that_is_needed_and_marked_above_the_whole_is_not_taken_in(
    world: World, selector: str
) -> None:
    borduria = await deliver(world, "ROUTINE", forge(world, "ROUTINE", marked(selector)))
    assert [entry["rule"] for entry in borduria.audit("quarantined")] == ["granular"]
    assert borduria.holds() == []


async def test_a_marked_property_that_is_needed_marks_the_whole(world: World) -> None:
    arden = Peer(world, "arden-1")
    result = await arden.submit(marked("pattern", "description"))
    assert result.submitted[0].label == "TLP:RED"
    assert not any(to.permit for to in result.submitted[0].recipients)


async def test_a_marking_that_is_not_understood_is_refused_with_its_property(world: World) -> None:
    arden = Peer(world, "arden-1")
    result = await arden.submit(marked("description", ref=f"marking-definition--{uuid.uuid4()}"))
    (refused,) = result.refused
    assert (refused.field, refused.rule) == ("/description", "unknown-marking")


async def test_what_an_older_program_could_not_read_is_taken_in_by_a_newer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arden, borduria, dorne = trio(world)
    with monkeypatch.context() as older:
        older.setattr("ringwall.trust.wire.READ_VERSIONS", frozenset({1}))
        async with all_running(arden, borduria, dorne):
            await arden.submit(indicator(description=SECRET))
            await eventually(lambda: len(borduria.holds()) == 1, "what is whole is read")
            await eventually(lambda: bool(dorne.audit("quarantined")), "the rest is kept")
    assert [entry["rule"] for entry in dorne.audit("quarantined")] == ["version"]
    async with dorne.running():
        await eventually(lambda: len(dorne.holds()) == 1, "what the newer program can read")
    with dorne.store.read() as tx:
        assert tx.quarantined() == []
        assert tx.in_position("arden-1", "ROUTINE") == 1
