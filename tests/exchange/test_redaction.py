"""Redactions between nodes: what is withheld from a member is nowhere that this member can look.

Arden states; borduria may have all of it, dorne less: by arden's rules, by granular markings, or
because an object names another that dorne may not have.
"""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.core import canonical_json, parse_statement_id
from ringwall.exchange import Sealer
from ringwall.stix import read_object
from ringwall.store import ReaderView, verify_store
from ringwall.trust import (
    decode_proof,
    field_salts,
    object_digest,
    open_envelope,
    redact,
    statement_item,
    verify_proof,
)
from ringwall.trust.documents import to_text
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator
from tests.exchange.test_engine_faults import deliver, forge

pytestmark = pytest.mark.anyio

SECRET = "the orchard at Lower Mill, 7741"
RULES = """
redactions:
  no-sites:
    to: [dorne]
    object_types: [indicator]
    fields: [description, external_references]
    clause: national instruction 7
"""
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
LOW = """  arden-low: {member: arden, name: L, roles: [analyst, submitter], tlp: GREEN}
  arden-feed: {member: arden, name: F, roles: [submitter], tlp: RED}
  arden-drop: {member: arden, name: D, roles: [submitter], tlp: GREEN}
"""
MOMENT = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, description=DESCRIPTION + LOW)


@contextlib.asynccontextmanager
async def all_running(*peers: Peer) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for peer in peers:
            await stack.enter_async_context(peer.running())
        yield


def trio(world: World, redactions: str = RULES) -> tuple[Peer, Peer, Peer]:
    arden = Peer(world, "arden-1", redactions=redactions)
    return arden, Peer(world, "borduria-1"), Peer(world, "dorne-1")


def identity(name: str = "Author") -> dict[str, Any]:
    document = {"type": "identity", "spec_version": "2.1", "name": name}
    document |= {"id": f"identity--{uuid.uuid4()}", "created": MOMENT, "modified": MOMENT}
    return document


def bundle(*objects: dict[str, Any]) -> bytes:
    document = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": list(objects)}
    return json.dumps(document).encode()


def plain(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(indicator(**changes))
    return document


def told(result: Any, member: str) -> Any:
    (said,) = [to for to in result.recipients if to.member == member]
    return said


def everything_of(peer: Peer, world: World) -> bytes:
    """Return every byte that a node holds, could open, or answers to its reader."""
    shown = ReaderView(peer.store, peer.kernel, peer.reader, route="test")
    answers = [msgspec.json.encode(msgspec.to_builtins(row)) for row in shown.page(limit=99)]
    found = b"".join(answers)
    for stream in world.hub.streams.values():
        for places, data in stream:
            if world.registry.nodes[peer.node].place in places:
                opened = open_envelope(
                    data,
                    me=peer.node,
                    keys=world.keys[peer.node],
                    alliance="trial",
                    registry=world.registry,
                )
                found += data + msgspec.msgpack.encode(opened.items)
    path = world.directory / f"{peer.node}.db"
    peer.store.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"').fetchall():
                found += b"\0".join(
                    value if isinstance(value, bytes) else str(value).encode() for value in row
                )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return found + path.read_bytes()


async def test_a_rule_withholds_a_field_and_nothing_of_it_gets_to_the_member(world: World) -> None:
    arden, borduria, dorne = trio(world)
    raw = indicator(description=SECRET, name="Beacon")
    async with all_running(arden, borduria, dorne):
        submitted = (await arden.submit(raw)).submitted[0]
        await eventually(lambda: len(borduria.holds()) == len(dorne.holds()) == 1, "arrival")
    whole, part = borduria.holds()[0], dorne.holds()[0]
    assert json.loads(whole.body)["description"] == SECRET
    assert set(json.loads(whole.body)) - set(json.loads(part.body)) == {"description"}
    said = told(submitted, "dorne")
    assert said.permit
    assert "without description (rule no-sites: national instruction 7)" in said.reason
    assert [(one.field, one.rule, one.source) for one in said.withheld] == [
        ("description", "redaction-rule", "no-sites")
    ]
    assert told(submitted, "borduria").withheld == ()
    stated = arden.holds()[0]
    held = everything_of(dorne, world)
    values = (b"orchard", b"Lower Mill", stated.seed)
    salts = field_salts(stated.seed, len(json.loads(stated.body)))
    withheld = salts[sorted(json.loads(stated.body)).index("description")]
    for value in (*values, withheld, stated.seed.hex().encode()):
        assert value not in held
    # A thousand guesses, of which the last is right, under every 32 bytes that dorne could try.
    guesses = [f"the orchard at Lower Mill, {number}" for number in range(6742, 7742)]
    digests = set()
    with Peer(world, "dorne-1").store.read() as tx:
        kept = tx.statement_by_id(part.id)
    assert kept is not None
    entries = [kept.disclosure[at : at + 33] for at in range(0, len(kept.disclosure), 33)]
    known = [entry[1:] for entry in entries if entry[0] == 0] + [kept.seed, bytes(32)]
    for guess in guesses:
        value = b'"description":' + canonical_json(guess)
        digests |= {sha256(b"\x03" + salt + value).digest() for salt in known}
        digests.add(sha256(value).digest())
    assert not any(digest in held for digest in digests)


async def test_a_redaction_proves_itself_at_its_recipient(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(description=SECRET))
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    name = dorne.holds()[0].id
    with dorne.store.read() as tx:
        kept = tx.statement_by_id(name)
    assert kept is not None
    assert kept.proof is not None
    public = world.keys["arden-1"].public()
    leaf = verify_proof(
        decode_proof(*kept.proof), kept.body, b"", public, "trial", disclosure=kept.disclosure
    )
    assert (leaf["origin"], leaf["sequence"]) == (name.origin, name.sequence)
    for peer in (arden, borduria, dorne):
        assert verify_store(peer.store, registry=world.registry, node=peer.node) == []
    assert dorne.audit("received")[0]["redacted"] == [str(name)]
    sealed = {tuple(one["recipients"]): one.get("withheld") for one in arden.audit("sealed")}
    assert sealed == {
        ("borduria-1",): None,
        ("dorne-1",): {str(name): ["description"]},
    }


async def test_an_author_that_a_member_may_not_have_is_not_named_to_it(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    author = identity("Cell 9")
    async with all_running(arden, borduria, dorne):
        await arden.submit(bundle(author), label="allied")
        named = await arden.submit(indicator(created_by_ref=author["id"]))
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
        await eventually(lambda: len(borduria.holds()) == 2, "arrival")
    assert "created_by_ref" not in json.loads(dorne.holds()[0].body)
    assert json.loads(borduria.holds()[1].body)["created_by_ref"] == author["id"]
    said = told(named.submitted[0], "dorne")
    assert "created_by_ref (it names an object that dorne may not have)" in said.reason
    assert author["id"].encode() not in everything_of(dorne, world)


@pytest.mark.parametrize("first", [True, False])
async def test_the_order_within_a_submission_does_not_matter(world: World, first: bool) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    author = identity()
    author["object_marking_refs"] = [RED]
    referring = plain(created_by_ref=author["id"], object_marking_refs=[GREEN])
    async with all_running(arden, borduria, dorne):
        result = await arden.submit(
            bundle(*([author, referring] if first else [referring, author]))
        )
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    assert len(result.submitted) == 2
    assert "created_by_ref" not in json.loads(dorne.holds()[0].body)


async def test_what_names_an_object_in_a_property_it_needs_is_withheld_whole(
    tmp_path: Path,
) -> None:
    wide = DESCRIPTION.replace("    object_types: [indicator]\n", "")
    world = World(tmp_path, description=wide)
    arden, borduria, dorne = trio(world, "redactions: {}")
    hidden, shown = plain(), plain()
    sighting = {"type": "sighting", "spec_version": "2.1", "sighting_of_ref": hidden["id"]}
    sighting |= {"id": f"sighting--{uuid.uuid4()}", "created": MOMENT, "modified": MOMENT}
    # Whoever names what is withheld only because of what it names is looked at again.
    note = {"type": "note", "spec_version": "2.1", "content": "c", "object_refs": [sighting["id"]]}
    note |= {"id": f"note--{uuid.uuid4()}", "created": MOMENT, "modified": MOMENT}
    async with all_running(arden, borduria, dorne):
        await arden.submit(bundle(hidden), label="allied")
        result = await arden.submit(bundle(note, sighting, shown))
        await eventually(lambda: len(dorne.holds()) == 1, "what dorne may have")
        await eventually(lambda: len(borduria.holds()) == 4, "all of it")
    said = {one.object: told(one, "dorne") for one in result.submitted}
    assert said[sighting["id"]].reason == (
        "withheld from dorne: sighting_of_ref (it names an object that dorne may not have), "
        "and no sighting can be without it"
    )
    assert not said[note["id"]].permit
    assert said[shown["id"]].permit
    held = everything_of(dorne, world)
    assert not any(each["id"].encode() in held for each in (hidden, sighting, note))


async def test_an_object_that_nobody_stated_here_may_be_named(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    stranger = f"identity--{uuid.uuid4()}"
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(created_by_ref=stranger))
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    assert json.loads(dorne.holds()[0].body)["created_by_ref"] == stranger


async def test_an_object_that_is_released_by_another_statement_may_be_named(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    cause = plain()
    async with all_running(arden, borduria, dorne):
        await arden.submit(bundle(cause), label="allied")
        newer = cause | {"modified": "2026-02-02T03:04:05.678Z"}
        await arden.submit(bundle(newer))
        reference = [{"source_name": "s", "description": "d", "x_ref": cause["id"]}]
        await arden.submit(indicator(external_references=reference))
        await eventually(lambda: len(dorne.holds()) == 2, "arrival")
    assert "external_references" in json.loads(dorne.holds()[1].body)


async def test_a_rule_that_leaves_no_valid_object_withholds_all_of_it(world: World) -> None:
    rule = RULES.replace("object_types: [indicator]", "object_types: []").replace(
        "description", "pattern"
    )
    arden, borduria, dorne = trio(world, rule)
    async with all_running(arden, borduria, dorne):
        submitted = (await arden.submit(indicator(name="Beacon"))).submitted[0]
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
    said = told(submitted, "dorne")
    assert (said.permit, [one.field for one in said.withheld]) == (False, ["pattern"])
    assert said.reason == (
        "withheld from dorne: pattern (rule no-sites: national instruction 7), "
        "and no indicator can be without it"
    )
    assert dorne.holds() == []
    assert arden.states(submitted.statement).keys() == {"borduria-1"}


async def test_an_identifier_made_from_content_does_not_betray_it(world: World) -> None:
    """The id of such an observable tests every guess of what it was made from."""
    rule = RULES.replace("[indicator]", "[]").replace("[dorne]", "[borduria]")
    rule = rule.replace("description", "name")
    arden, borduria, dorne = trio(world, rule)
    known = {"type": "file", "spec_version": "2.1", "name": "orders.doc", "size": 7}
    made = known | {"id": "file--" + str(uuid.uuid5(uuid.NAMESPACE_URL, "x"))}
    made["hashes"] = {"MD5": "0" * 32}
    random = made | {"id": f"file--{uuid.uuid4()}"}
    async with all_running(arden, borduria, dorne):
        first = (await arden.submit(bundle(made))).submitted[0]
        second = (await arden.submit(bundle(random))).submitted[0]
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
    assert not told(first, "borduria").permit
    assert "the identifier of the object is made from it" in told(first, "borduria").reason
    assert told(second, "borduria").permit
    assert "name" not in json.loads(borduria.holds()[0].body)


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


async def test_a_dry_run_says_what_would_be_withheld(world: World) -> None:
    arden = trio(world)[0]
    result = await arden.submit(indicator(description=SECRET), dry_run=True)
    assert "without description" in told(result.submitted[0], "dorne").reason
    assert arden.holds() == []


async def test_a_rule_made_after_intake_counts_when_it_is_sealed(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    submitted = (await arden.submit(indicator(description=SECRET))).submitted[0]
    assert told(submitted, "dorne").withheld == ()
    arden.store.close()
    strict = Peer(world, "arden-1", redactions=RULES)
    async with all_running(strict, borduria, dorne):
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    assert "description" not in json.loads(dorne.holds()[0].body)
    (entry,) = strict.audit("release-narrowed")
    assert (entry["nodes"], entry["withheld"]) == ([], {"dorne-1": ["description"]})
    with strict.store.read() as tx:
        released = tx.releases(1)[-1]
    assert released.audience == ("borduria-1", "dorne-1")
    assert "rule no-sites" in released.reasons[0]["reason"]
    assert verify_store(strict.store, registry=world.registry, node="arden-1") == []


async def test_a_rule_taken_back_after_intake_opens_nothing_that_was_decided(world: World) -> None:
    arden, borduria, dorne = trio(world)
    await arden.submit(indicator(description=SECRET))
    arden.store.close()
    lax = Peer(world, "arden-1")
    async with all_running(lax, borduria, dorne):
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    assert "description" not in json.loads(dorne.holds()[0].body)


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


async def test_whoever_may_not_read_an_object_learns_nothing_by_naming_it(world: World) -> None:
    arden = trio(world, "redactions: {}")[0]
    author, stranger = identity(), identity()
    await arden.submit(bundle(author), label="allied")
    low = arden.alliance.readers["arden-low"]
    answers = []
    for named in (author, stranger):
        raw = indicator(created_by_ref=named["id"])
        for dry_run in (True, False):
            result = arden.intake.submit(low, raw, label="TLP:GREEN", dry_run=dry_run)
            answers.append(result.submitted[0].recipients)
    assert answers == [answers[0]] * 4
    mine = (await arden.submit(indicator(created_by_ref=author["id"]))).submitted[0]
    assert told(mine, "dorne").withheld


async def test_a_tool_names_what_people_wrote_who_read_more_than_it_does(world: World) -> None:
    arden, borduria, dorne = trio(world, "redactions: {}")
    author = identity()
    async with all_running(arden, borduria, dorne):
        await borduria.submit(bundle(author), label="TLP:AMBER//REL TO arden")
        await eventually(lambda: len(arden.holds()) == 1, "arrival")
    withheld = {}
    for name in ("arden-feed", "arden-drop"):
        raw = indicator(created_by_ref=author["id"])
        result = arden.intake.submit(arden.alliance.readers[name], raw, label="TLP:GREEN")
        withheld[name] = [one.field for one in told(result.submitted[0], "dorne").withheld]
    assert withheld == {"arden-feed": ["created_by_ref"], "arden-drop": []}


async def test_reasons_speak_of_no_object_to_who_may_not_read_it(world: World) -> None:
    arden = trio(world, "redactions: {}")[0]
    author = identity()
    await arden.submit(bundle(author), label="allied")
    raw = indicator(created_by_ref=author["id"])
    first = (await arden.submit(raw)).submitted[0]
    assert "created_by_ref" in told(first, "dorne").reason
    again = arden.intake.submit(arden.alliance.readers["arden-low"], raw, label="TLP:GREEN")
    assert again.submitted[0].known
    said = told(again.submitted[0], "dorne")
    assert (said.permit, said.withheld) == (True, ())
    assert "without" not in said.reason
    assert said.reason == told(first, "dorne").reason.partition(";")[0]


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
