"""What names an object that waits for a second person waits with it, and goes when that goes."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import load_alliance
from ringwall.core import Conflict, NotFound, Precedence, parse_statement_id
from ringwall.exchange import HeldRelease, SecondPerson
from ringwall.exchange.naming import Naming, spread
from ringwall.exchange.stating import SLICE
from ringwall.policy import HoldRule, HoldRules
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually
from tests.exchange.redaction_world import (
    MOMENT,
    all_running,
    bundle,
    everything_of,
    identity,
    plain,
)

pytestmark = pytest.mark.anyio
RULES = HoldRules((HoldRule("people", "order 4", to=("dorne",), object_types=("identity",)),))


@pytest.fixture
def world(tmp_path: Path) -> World:
    described = DESCRIPTION.replace("    object_types: [indicator]\n", "") + (
        "  arden-release: {member: arden, name: R, roles: [release-officer], tlp: RED, "
        "nationality: arden}\n"
        "  arden-low: {member: arden, name: L, roles: [analyst], tlp: CLEAR, nationality: arden}\n"
        "  arden-junior: {member: arden, name: J, roles: [release-officer], tlp: CLEAR}\n"
    )
    world = World(tmp_path)
    world.alliance = load_alliance(described)
    return world


@pytest.fixture
def arden(world: World) -> Peer:
    return Peer(world, "arden-1", holds=RULES)


class Officer:
    """The second person at a node."""

    def __init__(self, peer: Peer) -> None:
        self.reader = peer.alliance.readers["arden-release"]
        self.second = SecondPerson(
            member=peer.member,
            kernel=peer.kernel,
            store=peer.store,
            clock=peer.store._clock,
            wake=peer.outbox.wake,
        )

    def waiting(self, rule: str = "") -> list[HeldRelease]:
        return [each for each in self.second.waiting(self.reader) if rule in ("", each.rule)]

    def confirm(self, rule: str) -> None:
        (held,) = self.waiting(rule)
        self.second.confirm(self.reader, held.key)

    def refuse(self, rule: str) -> None:
        (held,) = self.waiting(rule)
        self.second.refuse(self.reader, held.key)


def report(*names: str) -> dict[str, Any]:
    document = {"type": "report", "spec_version": "2.1", "id": f"report--{uuid.uuid4()}"}
    document |= {"created": MOMENT, "modified": MOMENT, "published": MOMENT, "name": "r"}
    return document | {"object_refs": list(names)}


def kinds(peer: Peer) -> list[str]:
    return sorted(row.object_type for row in peer.holds())


async def marked(arden: Peer, dorne: Peer, lane: Precedence | None = None) -> None:
    """Wait until all that could go before something stated now has come."""
    mark = plain(name="mark")
    await arden.submit(json.dumps(mark).encode(), precedence=lane)
    await eventually(lambda: any(row.object_id == mark["id"] for row in dorne.holds()), "the mark")


@pytest.mark.parametrize("how", ["before", "first", "last"])
async def test_it_goes_at_once_to_others_and_with_what_it_names_to_whom_that_waits_for(
    world: World, arden: Peer, how: str
) -> None:
    borduria, dorne = Peer(world, "borduria-1"), Peer(world, "dorne-1")
    who = identity()
    naming = report(who["id"])
    parts = {"before": [[who], [naming]], "first": [[who, naming]], "last": [[naming, who]]}[how]
    officer = Officer(arden)
    async with all_running(arden, borduria, dorne):
        for each in parts:
            assert not (await arden.submit(bundle(*each))).refused
        await eventually(lambda: kinds(borduria) == ["identity", "report"], "nothing waits here")
        await marked(arden, dorne)
        assert kinds(dorne) == ["indicator"]
        (held,) = officer.waiting("names-held")
        assert (held.nodes, held.names) == (("dorne-1",), (who["id"],))
        assert held.clause == "it names what waits for a second person"
        officer.confirm("people")
        await eventually(lambda: kinds(dorne) == ["identity", "indicator", "report"], "both")
        assert officer.waiting() == []
    assert arden.audit("release-narrowed") == []


async def test_who_submits_it_is_told_for_whom_it_waits_and_why(arden: Peer) -> None:
    who = identity()
    for dry_run in (True, False):
        parts = bundle(report(who["id"]), who, plain())
        submitted = (await arden.submit(parts, dry_run=dry_run)).submitted
        waits = {
            each.object.partition("--")[0]: {to.member: to.waits for to in each.recipients}
            for each in submitted
        }
        named = "it names what waits for a second person"
        assert waits == {
            "identity": {"borduria": "", "dorne": "order 4"},
            "report": {"borduria": "", "dorne": named},
            "indicator": {"borduria": "", "dorne": ""},
        }


async def test_before_it_is_confirmed_the_other_node_has_no_byte_of_its_id(
    world: World, arden: Peer
) -> None:
    dorne = Peer(world, "dorne-1")
    who = identity()
    async with all_running(arden, dorne):
        await arden.submit(bundle(who))
        await arden.submit(bundle(report(who["id"]), plain(created_by_ref=who["id"])))
        await marked(arden, dorne)
    assert who["id"].encode() not in everything_of(dorne, world)


async def test_what_names_one_of_a_later_slice_waits_too(world: World, arden: Peer) -> None:
    dorne = Peer(world, "dorne-1")
    who, officer = identity(), Officer(arden)
    others = [plain(name=f"number {number}") for number in range(SLICE)]
    async with all_running(arden, dorne):
        assert not (await arden.submit(bundle(report(who["id"]), *others, who))).refused
        await eventually(lambda: len(dorne.holds()) == SLICE, "all the others")
        await marked(arden, dorne, Precedence.BULK)
        assert set(kinds(dorne)) == {"indicator"}
        (held,) = officer.waiting("names-held")
        assert held.lane == "BULK"
        officer.confirm("people")
        await eventually(lambda: len(dorne.holds()) == SLICE + 3, "and these two")
    assert arden.audit("release-narrowed") == []


async def test_what_names_what_names_it_waits_too(world: World, arden: Peer) -> None:
    dorne = Peer(world, "dorne-1")
    who, officer = identity(), Officer(arden)
    inner = report(who["id"])
    outer = report(inner["id"])
    async with all_running(arden, dorne):
        await arden.submit(bundle(outer, inner, who))
        await arden.submit(bundle(report(outer["id"])))
        await marked(arden, dorne)
        assert kinds(dorne) == ["indicator"]
        officer.confirm("people")
        await eventually(lambda: kinds(dorne).count("report") == 3, "all three")
        assert officer.waiting() == []


async def test_it_waits_for_the_last_of_what_it_names(world: World, arden: Peer) -> None:
    dorne = Peer(world, "dorne-1")
    one, two, officer = identity(), identity(), Officer(arden)
    async with all_running(arden, dorne):
        for each in (one, two):
            await arden.submit(bundle(each))
        inner = report(one["id"], two["id"])
        await arden.submit(bundle(inner, report(inner["id"])))
        first, second = officer.waiting("people")
        officer.second.confirm(officer.reader, first.key)
        await marked(arden, dorne)
        assert kinds(dorne) == ["identity", "indicator"]
        officer.second.confirm(officer.reader, second.key)
        await eventually(lambda: kinds(dorne).count("report") == 2, "both reports")


async def test_of_what_is_refused_it_tells_nothing_when_it_goes(world: World, arden: Peer) -> None:
    dorne = Peer(world, "dorne-1")
    who, officer = identity(), Officer(arden)
    closed = report(who["id"])
    async with all_running(arden, dorne):
        await arden.submit(bundle(who, closed, plain(created_by_ref=who["id"], name="open")))
        officer.refuse("people")
        await eventually(lambda: kinds(dorne) == ["indicator"], "without its author")
        await marked(arden, dorne)
        assert kinds(dorne) == ["indicator", "indicator"]
        assert officer.waiting() == []
    assert who["id"].encode() not in everything_of(dorne, world)


async def test_what_is_withdrawn_waits_no_more_and_holds_nothing_back(
    world: World, arden: Peer
) -> None:
    dorne = Peer(world, "dorne-1")
    who, officer = identity(), Officer(arden)
    async with all_running(dorne):
        stated = (await arden.submit(bundle(who))).submitted[0].statement
        await arden.submit(bundle(plain(created_by_ref=who["id"])))
        assert len(officer.waiting()) == 2
        arden.intake.withdraw(arden.reader, [parse_statement_id(stated)])
        assert officer.waiting("people") == []
        async with all_running(arden):
            await eventually(lambda: kinds(dorne) == ["indicator"], "what named it")
        assert officer.waiting() == []


async def test_of_several_that_wait_together_the_others_still_do(arden: Peer) -> None:
    officer = Officer(arden)
    both = bundle(identity("a"), identity("b"))
    submitted = (await arden.submit(both, "TLP:GREEN//REL TO dorne")).submitted
    first, second = (each.statement for each in submitted)
    arden.intake.withdraw(arden.reader, [parse_statement_id(first)])
    (held,) = officer.waiting()
    assert held.statements == (second,)
    assert held.objects == (submitted[1].object,)
    officer.confirm("people")
    assert arden.states(second) == {"dorne-1": "queued"}
    assert arden.states(first) == {}


async def test_nobody_confirms_it_before_what_it_names(arden: Peer) -> None:
    who, officer = identity(), Officer(arden)
    await arden.submit(bundle(who))
    await arden.submit(bundle(report(who["id"])))
    with pytest.raises(Conflict) as caught:
        officer.confirm("names-held")
    assert (caught.value.field, caught.value.rule) == ("release", "names-held")
    officer.refuse("names-held")
    assert [each.rule for each in officer.waiting()] == ["people"]


async def test_who_may_not_read_what_waits_is_not_told_that_something_waits_for_it(
    arden: Peer,
) -> None:
    who, officer = identity(), Officer(arden)
    await arden.submit(bundle(who), "TLP:GREEN")
    await arden.submit(bundle(report(who["id"])), "TLP:CLEAR")
    (held,) = officer.waiting("names-held")
    officer.reader = arden.alliance.readers["arden-junior"]
    assert officer.waiting() == []
    with pytest.raises(NotFound):
        officer.second.refuse(officer.reader, held.key)


async def test_who_may_not_read_what_waits_learns_nothing_by_naming_it(
    world: World, arden: Peer
) -> None:
    """The id is known to it from elsewhere, and how its own statement fares must not tell."""
    dorne, officer = Peer(world, "dorne-1"), Officer(arden)
    who = identity()
    async with all_running(arden, dorne):
        await arden.submit(bundle(who), "TLP:GREEN")
        arden.reader = arden.alliance.readers["arden-low"]
        await arden.submit(bundle(plain(created_by_ref=who["id"])), "TLP:CLEAR")
        await eventually(lambda: kinds(dorne) == ["indicator"], "at once")
    assert [each.rule for each in officer.waiting()] == ["people"]


names = st.sampled_from("abcdefgh")
nodes = st.frozensets(st.sampled_from(["n1", "n2", "n3"]))
items = st.lists(st.builds(Naming, st.tuples(names), st.frozensets(names), nodes), max_size=8)


@given(st.dictionaries(names, nodes), items)
def test_no_item_goes_where_something_that_it_names_does_not(
    waiting: dict[str, frozenset[str]], found: list[Naming]
) -> None:
    waits = spread(waiting, found)
    after = dict(waiting)
    for item, wait in zip(found, waits, strict=True):
        assert set(wait.nodes) <= item.nodes
        for name in item.objects:
            after[name] = after.get(name, frozenset()) | set(wait.nodes)
    for item, wait in zip(found, waits, strict=True):
        shut = frozenset[str]().union(*(after.get(name, frozenset()) for name in item.names))
        assert set(wait.nodes) == item.nodes & shut


def test_two_that_name_each_other_do_not_wait_for_nothing() -> None:
    here = frozenset({"n1"})
    pair = [Naming(("a",), frozenset("b"), here), Naming(("b",), frozenset("a"), here)]
    assert [wait.nodes for wait in spread({"c": here}, pair)] == [(), ()]
