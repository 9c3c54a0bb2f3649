"""Two-person release: what a rule holds back leaves only by the word of a second officer."""

import json
from pathlib import Path

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import Forbidden, NotFound
from ringwall.exchange import SecondPerson
from ringwall.labels import Tlp
from ringwall.policy import HoldRule, HoldRules
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator
from tests.exchange.redaction_world import RED, bundle

pytestmark = pytest.mark.anyio
RULES = HoldRules((HoldRule("partner", "standing order 4", to=("dorne",)),))


def second_person(world: World, peer: Peer) -> SecondPerson:
    return SecondPerson(
        member=peer.member,
        kernel=peer.kernel,
        store=peer.store,
        clock=world.clock,
        wake=peer.outbox.wake,
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    described = DESCRIPTION + (
        "  arden-release: {member: arden, name: R, roles: [release-officer], tlp: RED, "
        "nationality: arden}\n"
        "  arden-low: {member: arden, name: L, roles: [release-officer], tlp: CLEAR}\n"
    )
    world = World(tmp_path)
    world.alliance = load_alliance(described)
    return world


@pytest.mark.usefixtures("each_store")
async def test_it_waits_for_some_goes_to_others_and_leaves_when_a_second_person_confirms(
    world: World,
) -> None:
    arden, borduria, dorne = (
        Peer(world, f"{each}-1", holds=RULES) for each in ("arden", "borduria", "dorne")
    )
    second = second_person(world, arden)
    release_officer = world.alliance.readers["arden-release"]
    async with arden.running(), borduria.running(), dorne.running():
        stated = (await arden.submit(indicator())).submitted[0].statement
        await eventually(lambda: len(borduria.holds()) == 1, "borduria needs no second word")
        (held,) = second.waiting(release_officer, "/held")
        assert (held.statements, held.nodes, held.rule) == ((stated,), ("dorne-1",), "partner")
        assert dorne.holds() == []
        second.confirm(release_officer, held.key)
        await eventually(lambda: len(dorne.holds()) == 1, "confirmed")
        assert second.waiting(release_officer, "/held") == []
        with pytest.raises(NotFound):
            second.confirm(release_officer, held.key)
    assert [entry["count"] for entry in arden.audit("read") if "held" in entry["route"]] == [1, 0]
    (entry,) = arden.audit("release-confirmed")
    assert (entry["reader"], entry["submitted_by"]) == ("arden-release", "arden-analyst")


async def test_the_first_person_is_not_the_second(world: World) -> None:
    arden = Peer(world, "arden-1", holds=RULES)
    arden.reader = world.alliance.readers["arden-release"]
    await arden.submit(indicator())
    second = second_person(world, arden)
    (held,) = second.waiting(arden.reader)
    with pytest.raises(Forbidden) as caught:
        second.confirm(arden.reader, held.key)
    assert caught.value.rule == "second-person"


async def test_only_an_officer_who_may_read_it_is_told_of_it(world: World) -> None:
    arden = Peer(world, "arden-1", holds=RULES)
    await arden.submit(indicator(), label="TLP:GREEN")
    second = second_person(world, arden)
    (held,) = second.waiting(world.alliance.readers["arden-release"])
    low = world.alliance.readers["arden-low"]
    assert second.waiting(low) == []
    with pytest.raises(NotFound):
        second.confirm(low, held.key)
    with pytest.raises(Forbidden):
        second.confirm(world.alliance.readers["arden-analyst"], held.key)


@pytest.mark.usefixtures("each_store")
async def test_what_is_refused_never_leaves_and_the_refusal_is_recorded(world: World) -> None:
    arden, dorne = Peer(world, "arden-1", holds=RULES), Peer(world, "dorne-1")
    second = second_person(world, arden)
    release_officer = world.alliance.readers["arden-release"]
    async with arden.running(), dorne.running():
        stated = (await arden.submit(indicator())).submitted[0].statement
        (held,) = second.waiting(release_officer)
        second.refuse(release_officer, held.key)
        marker = (await arden.submit(indicator(), label="TLP:GREEN//REL TO dorne")).submitted[0]
        (other,) = second.waiting(release_officer)
        second.confirm(release_officer, other.key)
        await eventually(lambda: len(dorne.holds()) == 1, "the other one")
    assert [str(row.id) for row in dorne.holds()] == [marker.statement]
    with arden.store.read() as tx:
        row = tx.statements_about("arden-1", arden.holds()[0].object_id, arden.holds()[0].version)
        last = tx.releases(row[0].order)[-1]
    assert str(row[0].id) == stated
    assert last.audience == ("borduria-1",)
    assert "standing order 4" in last.reasons[0]["reason"]


AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
FROM_AMBER = HoldRules((HoldRule("amber", "order 5", lowest_tlp=Tlp.AMBER),))


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_marked_property_that_a_rule_is_about_waits_with_its_object(
    world: World, dry_run: bool
) -> None:
    arden = Peer(world, "arden-1", holds=FROM_AMBER)
    marks = [{"marking_ref": AMBER, "selectors": ["description"]}]
    marked = json.loads(indicator(description="d", granular_markings=marks))
    both = bundle(marked, json.loads(indicator()))
    result = await arden.submit(both, label="TLP:GREEN", dry_run=dry_run)
    submitted = result.submitted
    waits = {each.object: {to.member: to.waits for to in each.recipients} for each in submitted}
    # Dorne gets the object without it, and at once.
    assert waits.pop(marked["id"]) == {"borduria": "order 5", "dorne": ""}
    assert list(waits.values()) == [{"borduria": "", "dorne": ""}]
    held = second_person(world, arden).waiting(world.alliance.readers["arden-release"])
    found = [(each.objects, each.nodes) for each in held]
    assert found == ([] if dry_run else [((marked["id"],), ("borduria-1",))])


async def test_a_marked_property_that_a_member_does_not_get_keeps_nothing_back(
    world: World,
) -> None:
    arden = Peer(world, "arden-1", holds=FROM_AMBER)
    marks = [{"marking_ref": RED, "selectors": ["description"]}]
    result = await arden.submit(
        indicator(description="d", granular_markings=marks), label="TLP:GREEN"
    )
    (one,) = result.submitted
    assert {to.waits for to in one.recipients} == {""}
    officer = world.alliance.readers["arden-release"]
    assert second_person(world, arden).waiting(officer) == []


async def test_only_an_officer_who_may_read_all_of_it_says_yes(world: World) -> None:
    arden = Peer(world, "arden-1", holds=FROM_AMBER)
    marks = [{"marking_ref": AMBER, "selectors": ["description"]}]
    raw = indicator(description="d", granular_markings=marks)
    await arden.submit(raw, label="TLP:CLEAR")
    second = second_person(world, arden)
    (held,) = second.waiting(world.alliance.readers["arden-release"])
    low = world.alliance.readers["arden-low"]
    assert second.waiting(low) == []
    with pytest.raises(NotFound):
        second.confirm(low, held.key)
