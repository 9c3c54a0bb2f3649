"""Passing on: no way round a second person, and no more shown or told than each may have."""

import json
from datetime import timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from ringwall.core import Forbidden, StatementId, parse_statement_id
from ringwall.exchange.redacting import Redactor
from ringwall.labels import Tlp
from ringwall.policy import HoldRule, HoldRules, RedactionRule, RedactionRules
from ringwall.store import WriteTransaction
from tests.exchange.engine_world import eventually, indicator
from tests.exchange.redaction_world import identity
from tests.sharing.relay_world import Chain, Station
from tests.sharing.test_relays import THREE_HOPS, at_borduria

pytestmark = pytest.mark.anyio
LATER = "2026-02-01T00:00:00.000Z"
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"


def with_two_officers(directory: Path) -> Chain:
    rule = HoldRule(name="outside", clause="order 9", to=("caledon",))
    made = Chain(directory, holds=HoldRules(two_person=(rule,)))
    made["arden"].peer.intake._own_rules._holds = HoldRules()
    return made


def bound_by(station: Station, *rules: RedactionRule) -> None:
    """Let a station withhold by other rules from now on."""
    kernel, nodes = station.peer.kernel, station.relays._registry.standing
    station.relays._passing._redactor = Redactor(kernel, nodes, RedactionRules(rules))


def withholding(field: str) -> RedactionRule:
    return RedactionRule(f"no-{field}", ("caledon",), (field,), "order 1")


async def test_a_newer_version_is_nobodys_second_word(tmp_path: Path) -> None:
    made = with_two_officers(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        first = json.loads(indicator())
        stated = await made["arden"].state(json.dumps(first).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        await borduria.pass_on(stated, "caledon")
        await borduria.pass_on(stated, "caledon", who="second")
        await made["caledon"].until_has(stated)
        newer = json.dumps(first | {"modified": LATER, "name": "another"}).encode()
        again = await made["arden"].state(newer, terms=THREE_HOPS)
        await borduria.until_has(again)
        one = await borduria.pass_on(again, "caledon")
        assert one["caledon"].outcome == "waits"
        borduria.relays._following.look()
        assert [entry["statement"] for entry in borduria.peer.audit("relayed")] == [stated]
        # Nor is what followed by itself a first word, on which one officer would be enough.
        one = await borduria.pass_on(again, "caledon")
        assert one["caledon"].outcome == "waits"
        two = await borduria.pass_on(again, "caledon", who="second")
        assert two["caledon"].outcome == "sent"


async def test_what_follows_waits_for_two_officers_who_look(tmp_path: Path) -> None:
    made = with_two_officers(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        first = json.loads(indicator())
        stated = await made["arden"].state(json.dumps(first).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        for who in ("release", "second"):
            await borduria.pass_on(stated, "caledon", who=who)
        newer = json.dumps(first | {"modified": LATER}).encode()
        again = await made["arden"].state(newer, terms=THREE_HOPS)
        await eventually(
            lambda: again in [each["statement"] for each in borduria.peer.audit("relay-waits")],
            "the newer version waits",
        )
        one = await borduria.pass_on(again, "caledon", who="release")
        assert one["caledon"].outcome == "waits"


@pytest.mark.parametrize("refused", [False, True])
async def test_two_redactions_in_one_hand_do_not_add_up(tmp_path: Path, refused: bool) -> None:
    made = Chain(tmp_path)
    borduria, caledon = made["borduria"], made["caledon"]
    async with made.running():
        raw = indicator(description="where it was", name="who it was")
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        await borduria.until_has(stated)
        bound_by(borduria, withholding("description"))
        await borduria.pass_on(stated, "caledon")
        gone = await borduria.until_answered(stated, "caledon-1", "taken")
        assert gone.withheld == ("description",)
        if refused:
            heard, name = msgspec.structs.replace(gone, state="refused"), parse_statement_id(stated)
            keep = borduria.relays._book.keep_gone
            borduria.peer.store.write(lambda tx: keep(tx, name, heard)).result()
        bound_by(borduria, withholding("name"))
        again = await borduria.pass_on(stated, "caledon")
        assert again["caledon"].outcome == ("sent" if refused else "known")
        gone = await borduria.until_answered(stated, "caledon-1", "taken")
        assert set(gone.withheld) == ({"description", "name"} if refused else {"description"})
        assert b"where it was" not in (await caledon.until_has(stated)).body


async def test_less_withheld_than_before_goes_again(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        raw = indicator(description="where it was", name="who it was")
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        await borduria.until_has(stated)
        bound_by(borduria, withholding("description"), withholding("name"))
        await borduria.pass_on(stated, "caledon")
        await made["caledon"].until_has(stated)
        bound_by(borduria, withholding("name"))
        again = await borduria.pass_on(stated, "caledon")
        assert again["caledon"].outcome == "sent"


async def test_a_refusal_names_the_gate_that_decided(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        stated = await at_borduria(made)
        bound_by(borduria, withholding("pattern"))
        shut = (await borduria.pass_on(stated, "caledon"))["caledon"]
        assert shut.outcome == "withheld"
        (denied,) = [each for each in shut.gates if each.outcome == "deny"]
        assert (denied.gate, denied.rule) == ("redaction", "nothing-left")
        assert denied.fact in shut.reason
        bound_by(borduria)
        registry = borduria.relays._registry
        revoked = msgspec.structs.replace(registry.nodes["caledon-1"], revoked_at="2020")
        nodes = {**registry.nodes, "caledon-1": revoked}
        borduria.relays._passing._registry = msgspec.structs.replace(registry, nodes=nodes)
        shut = (await borduria.pass_on(stated, "caledon"))["caledon"]
        (denied,) = [each for each in shut.gates if each.outcome == "deny"]
        assert (denied.gate, denied.rule) == ("node", "no-node")


async def test_the_list_names_no_property_that_the_officer_may_not_see(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        raw = json.loads(indicator(description="for higher clearances", name="a name"))
        raw["granular_markings"] = [{"marking_ref": AMBER, "selectors": ["description"]}]
        stated = await made["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        bound_by(borduria, withholding("name"))
        await borduria.pass_on(stated, "caledon", who="junior")
        for who, expected in (("junior", {"name"}), ("release", {"name", "description"})):
            listed = (await borduria.gone(stated, who=who))["caledon-1"]
            assert set(listed.withheld) - {"granular_markings"} == expected
            assert ("granular_markings" in listed.withheld) is (who == "release")


async def test_the_list_tells_nothing_of_objects_that_the_officer_may_not_read(
    tmp_path: Path,
) -> None:
    made = Chain(tmp_path)
    borduria, author = made["borduria"], identity()
    async with made.running():
        kept = await made["arden"].state(json.dumps(author).encode(), "TLP:AMBER")
        raw = indicator(created_by_ref=author["id"])
        stated = await made["arden"].state(raw, terms=THREE_HOPS)
        for name in (kept, stated):
            await borduria.until_has(name)
        sent = await borduria.pass_on(stated, "caledon", who="junior")
        assert sent["caledon"].withheld == ()
        assert (await borduria.gone(stated, who="junior"))["caledon-1"].withheld == ()
        listed = (await borduria.gone(stated))["caledon-1"]
        assert listed.withheld == ("created_by_ref",)


async def test_officers_of_other_members_do_not_list(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        stated = await at_borduria(made)
        stranger = made.alliance.readers["arden-release"]
        name = parse_statement_id(stated)
        with pytest.raises(Forbidden):
            borduria.relays.listing(stranger, borduria.view("release"), name)


async def test_a_marked_property_that_a_rule_is_about_wants_two_officers(tmp_path: Path) -> None:
    rule = HoldRule("amber", "order 5", to=("caledon",), lowest_tlp=Tlp.AMBER)
    made = Chain(tmp_path, holds=HoldRules(two_person=(rule,)))
    made["arden"].peer.intake._own_rules._holds = HoldRules()
    borduria = made["borduria"]
    async with made.running():
        raw = json.loads(indicator(description="for higher clearances"))
        raw["granular_markings"] = [{"marking_ref": AMBER, "selectors": ["description"]}]
        stated = await made["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        first = await borduria.pass_on(stated, "caledon", dry_run=True)
        assert first["caledon"].outcome == "waits"
        # Who may not read it does not pass it on either, so that nothing wants a second word.
        rest = await borduria.pass_on(stated, "caledon", who="junior", dry_run=True)
        assert rest["caledon"].outcome == "would-go"


async def test_who_may_not_read_a_property_gives_no_word_on_it(tmp_path: Path) -> None:
    made = with_two_officers(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        raw = json.loads(indicator(description="for higher clearances"))
        raw["granular_markings"] = [{"marking_ref": AMBER, "selectors": ["description"]}]
        stated = await made["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        for who, expected in (("junior", "waits"), ("release", "waits"), ("second", "sent")):
            asked = await borduria.pass_on(stated, "caledon", who=who)
            assert asked["caledon"].outcome == expected, who
        came = await made["caledon"].until_has(stated)
        assert b"for higher clearances" in came.body


async def test_two_officers_pass_on_what_both_may_read(tmp_path: Path) -> None:
    made = with_two_officers(tmp_path)
    borduria = made["borduria"]
    async with made.running():
        raw = json.loads(indicator(description="for higher clearances"))
        raw["granular_markings"] = [{"marking_ref": AMBER, "selectors": ["description"]}]
        stated = await made["arden"].state(json.dumps(raw).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        assert (await borduria.pass_on(stated, "caledon"))["caledon"].outcome == "waits"
        sent = await borduria.pass_on(stated, "caledon", who="junior")
        assert sent["caledon"].outcome == "sent"
        came = await made["caledon"].until_has(stated)
        assert b"for higher clearances" not in came.body


async def test_a_proof_that_was_damaged_stops_no_worker(tmp_path: Path) -> None:
    made = Chain(tmp_path)
    borduria = made["borduria"]
    async with made["arden"].running(), borduria.peer.running():
        first = json.loads(indicator())
        newer = json.dumps(first | {"modified": LATER}).encode()
        stated = await made["arden"].state(json.dumps(first).encode(), terms=THREE_HOPS)
        await borduria.until_has(stated)
        await borduria.pass_on(stated, "caledon")
        again = await made["arden"].state(newer, terms=THREE_HOPS)
        await borduria.until_has(again)
        for each in (stated, again):
            name = parse_statement_id(each)
            borduria.peer.store.write(partial(damage, name)).result()
        borduria.relays._following.look()
        (entry,) = borduria.peer.audit("relay-not-followed")
        assert entry["statement"] == again
        made.world.clock.advance(timedelta(minutes=1))
        borduria.peer.messages.wake()
        await eventually(lambda: borduria.peer.audit("message-closed") != [], "the first is closed")


def damage(name: StatementId, tx: WriteTransaction) -> None:
    held = tx.statement_by_id(name)
    assert held is not None
    tx.set_proofs(b"damaged", [(held.order, b"too")])
