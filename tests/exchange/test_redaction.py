"""Redactions between nodes: what is withheld from a member is nowhere that this member can look.

Arden states; borduria may have all of it, dorne less: by arden's rules, by granular markings, or
because an object names another that dorne may not have.
"""

import json
import uuid
from hashlib import sha256
from pathlib import Path

import pytest

from ringwall.core import canonical_json
from ringwall.store import verify_store
from ringwall.trust import (
    decode_proof,
    field_salts,
    verify_proof,
)
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator
from tests.exchange.redaction_world import (
    GREEN,
    LOW,
    MOMENT,
    RED,
    RULES,
    SECRET,
    all_running,
    bundle,
    everything_of,
    identity,
    plain,
    told,
    trio,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, description=DESCRIPTION + LOW)


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


async def test_what_two_members_hold_together_is_what_each_was_to_have(world: World) -> None:
    rules = """
redactions:
  north: {to: [dorne], fields: [description, labels], clause: law 1}
  south: {to: [borduria], fields: [name, labels], clause: law 2}
"""
    arden, borduria, dorne = trio(world, rules)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(description=SECRET, name="Beacon", labels=["grey-heron"]))
        await eventually(lambda: len(borduria.holds()) == len(dorne.holds()) == 1, "arrival")
    stated = arden.holds()[0]
    fields = sorted(json.loads(stated.body))
    salts = dict(zip(fields, field_salts(stated.seed, len(fields)), strict=True))
    shown = {peer.node: set(json.loads(peer.holds()[0].body)) for peer in (borduria, dorne)}
    assert shown["borduria-1"] == set(fields) - {"name", "labels"}
    assert shown["dorne-1"] == set(fields) - {"description", "labels"}
    both = everything_of(borduria, world) + everything_of(dorne, world)
    assert {name for name, salt in salts.items() if salt in both} == set(fields) - {"labels"}
    assert stated.seed not in both
    assert b"grey-heron" not in both
