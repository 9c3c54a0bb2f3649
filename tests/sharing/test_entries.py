"""The entries of a catalogue: groups, rough amounts, ids that mean nothing, and nothing beside."""

import random
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from ringwall.alliance import Alliance, load_alliance
from ringwall.labels import Tlp, label_from_document, terms_from_document
from ringwall.policy import CompiledPolicy, ReleaseClass, release_class
from ringwall.sharing.discovery import Discovery, load_discovery
from ringwall.sharing.entries import (
    MOST_ENTRIES,
    Entry,
    covered_classes,
    entries_for,
    may_know,
    shown_label,
)
from tests.policy import cases, oracle
from tests.policy.world import NOW, WORLD, classified, stated, tag
from tests.sharing.test_discovery import rules

SECRET = bytes(32)
DAY = "2026-05-30"
Tally = list[tuple[ReleaseClass, dict[str, int]]]


def entries(
    discovery: Discovery, tally: Tally, node: str = "borduria-1", **options: Any
) -> list[Entry]:
    at = options.get("at", NOW)
    alliance: Alliance = options.get("alliance", WORLD)
    released = options.get("released", lambda release, member: False)
    covered = covered_classes(alliance, discovery, tally, at)
    secret = options.get("secret", SECRET)
    return entries_for(alliance, covered, node, at, released=released, secret=secret)


def green(object_type: str = "indicator", *sectors: str) -> ReleaseClass:
    terms = {"sectors": list(sectors)} if sectors else {}
    return stated({"tlp": "GREEN"}, terms, object_type=object_type)


def test_an_entry_shows_what_its_rule_shows_and_nothing_else() -> None:
    tally: Tally = [(green("indicator", "energy"), {DAY: 7})]
    (every,) = entries(rules(show=["type", "sector", "day", "label", "purpose"]), tally)
    assert (every.type, every.sectors, every.time) == ("indicator", ("energy",), DAY)
    assert (every.label, every.purpose) == ({"tlp": "GREEN"}, "collective-defence")
    (only,) = entries(rules(show=["month"]), tally)
    fields = {"id": only.id, "amount": "some", "ceiling": "AMBER", "time": "2026-05"}
    assert msgspec.to_builtins(only) == fields
    (kind,) = entries(rules(show=["type"]), tally)
    assert (kind.type, kind.time, kind.sectors, kind.label) == ("indicator", "", None, None)


def test_amounts_are_rough_and_a_small_group_is_not_there_at_all() -> None:
    found = {}
    for count in (4, 5, 9, 10, 99, 100, 999, 1000):
        shown = entries(rules(), [(green(), {DAY: count})])
        found[count] = shown[0].amount if shown else ""
    words = ["", "some", "some", "tens", "tens", "hundreds", "hundreds", "thousands"]
    assert list(found.values()) == words
    (one,) = entries(rules(at_least=1), [(green(), {DAY: 1})])
    assert one.amount == "some"


def test_what_was_stated_today_or_this_month_is_counted_later() -> None:
    tally: Tally = [(green(), {"2026-05-31": 5, "2026-06-01": 50})]
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    times = {
        word: {entry.time for entry in entries(rules(as_of=word), tally, at=at)}
        for word in ("now", "day", "month")
    }
    assert times == {
        "now": {"2026-05-31", "2026-06-01"},
        "day": {"2026-05-31"},
        "month": {DAY[:8] + "31"},
    }
    later = entries(rules(as_of="month"), tally, at=datetime(2026, 7, 1, tzinfo=UTC))
    assert [entry.time for entry in later] == ["2026-06-01", "2026-05-31"]


def test_ids_differ_between_nodes_and_keys_and_stay_while_the_amount_changes() -> None:
    few, many = [(green(), {DAY: 5})], [(green(), {DAY: 500})]
    here, there = entries(rules(), few), entries(rules(), few, "caledon-1")
    other = entries(rules(), few, secret=bytes([1] * 32))
    assert len({here[0].id, there[0].id, other[0].id}) == 3
    assert entries(rules(), many)[0].id == here[0].id
    assert entries(rules(), many)[0].amount != here[0].amount


def test_what_is_released_is_not_listed_and_nobody_else_is_told() -> None:
    tally: Tally = [(green(), {DAY: 9})]
    assert entries(rules(), tally, released=lambda release, member: member == "borduria") == []
    assert entries(rules(to=["caledon"]), tally) == []
    assert len(entries(rules(to=["caledon"]), tally, "caledon-1")) == 1


def test_the_first_rule_that_names_a_member_counts_for_a_statement() -> None:
    first = {"name": "first", "to": ["borduria"], "show": ["type"]}
    second = {"name": "second", "to": ["allies"], "show": ["sector"]}
    common = {"highest_tlp": "AMBER", "clause": "letter 1"}
    both = load_discovery(
        msgspec.json.encode({"rules": [{**first, **common}, {**second, **common}]}), WORLD
    )
    tally: Tally = [(green("indicator", "energy"), {DAY: 9})]
    (entry,) = entries(both, tally)
    assert (entry.type, entry.sectors) == ("indicator", None)
    (entry,) = entries(both, tally, "caledon-1")
    assert (entry.type, entry.sectors) == ("", ("energy",))


def test_a_shown_label_says_how_sensitive_it_is_and_not_whom_it_is_for() -> None:
    crypto, address = tag("CRYPTO", "A"), tag("REL", "ARD")
    label = label_from_document(classified("SECRET", crypto, address, tlp="AMBER", pap="RED"))
    shown = shown_label(WORLD, label)
    assert (shown.tlp, shown.rel_to, shown.pap) == (Tlp.AMBER, None, None)
    assert shown.confidentiality is not None
    assert [each.tag for each in shown.confidentiality.categories] == ["CRYPTO"]


def test_readers_know_of_an_entry_by_clearance_nationality_and_role() -> None:
    named = {"highest_classification": {"ARDEN": "SECRET"}}
    secret = stated(classified("SECRET", tag("CRYPTO", "A")))
    (entry,) = entries(rules(**named), [(secret, {DAY: 5})])
    boris = WORLD.readers["boris"]

    def knows(**changes: Any) -> bool:
        reader = msgspec.structs.replace(boris, **changes)
        alliance = msgspec.structs.replace(WORLD, readers={"boris": reader})
        return may_know(alliance, entry, "arden", reader, NOW)

    assert knows()
    assert not knows(clearances=())
    assert not knows(nationality="caledon")
    assert not knows(roles=frozenset({"administrator"}))
    assert not knows(roles=frozenset({"submitter"}))
    assert not may_know(WORLD, entry, "arden", msgspec.structs.replace(boris, id="b"), NOW)


def test_without_a_shown_label_an_entry_is_for_who_may_see_all_that_its_rule_covers() -> None:
    (entry,) = entries(rules(show=["type"]), [(green(), {DAY: 9})])
    boris = msgspec.structs.replace(WORLD.readers["boris"], tlp=Tlp.GREEN)
    alliance = msgspec.structs.replace(WORLD, readers={"boris": boris})
    assert not may_know(alliance, entry, "arden", boris, NOW)
    assert may_know(WORLD, entry, "arden", WORLD.readers["boris"], NOW)


def test_an_entry_whose_label_is_not_understood_is_for_nobody() -> None:
    strange = Entry("0" * 32, "some", Tlp.CLEAR, label={"tlp": "CLEAR", "colour": "blue"})
    none = Entry("0" * 32, "some", Tlp.CLEAR, label={})
    for entry in (strange, none):
        assert not may_know(WORLD, entry, "arden", WORLD.readers["boris"], NOW)


def test_more_than_fit_leaves_out_the_oldest() -> None:
    days = {f"2026-{1 + n // 28 % 5:02d}-{1 + n % 28:02d}": 5 for n in range(140)}
    tally: Tally = [(green(f"x-type-{n}"), days) for n in range(15)]
    found = entries(rules(), tally)
    assert len(found) == MOST_ENTRIES < 15 * 140
    assert min(entry.time for entry in found) > min(days)


# --- whatever the rules and the statements: nothing hidden changes a byte ---


def random_rules(rng: Random, book: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for number in range(rng.randint(1, 3)):
        rule: dict[str, Any] = {
            "name": f"rule-{number}",
            "to": cases.some(rng, cases.MEMBERS + cases.GROUPS),
            "highest_tlp": rng.choice([*cases.LEVELS, "RED"]),
            "show": sorted({"label", *cases.some(rng, ["type", "sector", "purpose", "day"])}),
            "clause": "letter",
            "at_least": 1,
            "as_of": "now",
        }
        if cases.seldom(rng, 3):
            rule["object_types"] = cases.some(rng, cases.TYPES)
        if cases.seldom(rng, 3):
            rule["sectors"] = cases.some(rng, cases.SECTORS)
        if cases.seldom(rng, 3):
            rule["purposes"] = cases.some(rng, cases.PURPOSES)
        if not cases.seldom(rng, 3):
            levels = {name: rng.choice(["R1", "R2", "R3"]) for name in cases.POLICIES}
            rule["highest_classification"] = levels
        found.append(rule)
    return found


def tells(
    book: dict[str, Any], rule: dict[str, Any], case: dict[str, Any], member: str, at: datetime
) -> bool:
    """The naive oracle: may this rule tell this member that such a statement exists?"""
    label, terms = case["label"], case["terms"]
    if not any(member == name or member in book["groups"].get(name, []) for name in rule["to"]):
        return False
    if not oracle.is_understood(book, label) or not oracle.are_understood(terms):
        return False
    if oracle.is_too_early(terms.get("embargo"), at) or is_not_now(label, at):
        return False
    for names in oracle.lists_of(book, label):
        if not all(oracle.people(book, name) for name in names):
            return False
    if not is_about(rule, case) or not reaches(rule, label):
        return False
    clearances = book["members"][member].get("clearances", {})
    if "confidentiality" not in label:
        return True
    return oracle.is_cleared(
        book, label, clearances, lambda names: oracle.is_in(book, names, member)
    )


def is_not_now(label: dict[str, Any], at: datetime) -> bool:
    if oracle.is_too_late(label.get("review"), at) or label.get("acs"):
        return True
    return any(
        oracle.is_too_early(each.get("start"), at) or oracle.is_too_late(each.get("end"), at)
        for each in label.get("iep", [])
    )


def is_about(rule: dict[str, Any], case: dict[str, Any]) -> bool:
    if case["object_type"] not in rule.get("object_types", cases.TYPES):
        return False
    if "purposes" in rule and case["purpose"] not in rule["purposes"]:
        return False
    sectors = set(case["terms"].get("sectors", []))
    return "sectors" not in rule or bool(sectors and sectors <= set(rule["sectors"]))


def reaches(rule: dict[str, Any], label: dict[str, Any]) -> bool:
    order, highest = cases.LEVELS.index, rule.get("highest_classification", {})
    if order(oracle.tlp_of(label)) > order(rule["highest_tlp"]):
        return False
    stated = label.get("confidentiality")
    if stated is None:
        return True
    most = highest.get(stated["policy"])
    return most is not None and cases.RANKS[stated["classification"]] <= cases.RANKS[most]


@settings(max_examples=25)
@given(cases.randoms)
def test_a_catalogue_depends_on_nothing_that_its_rules_do_not_tell(source: random.Random) -> None:
    book = cases.description(source, readers=0)
    for agreement in book["agreements"].values():
        agreement |= {"valid_from": "2025-01-01", "valid_until": "2027-01-01"}
    alliance = load_alliance(cases.written(book))
    written = random_rules(source, book)
    discovery = load_discovery(cases.written({"rules": written}), alliance)
    at = cases.moment(source)
    stated_here = [{**cases.case(source), "origin": "aa", "relayed": []} for _ in range(8)]
    policy = CompiledPolicy(alliance)
    bits = {release: policy.recipients(release, at).bits for release in map(class_of, stated_here)}

    def released(release: ReleaseClass, name: str) -> bool:
        return name in policy.members(bits[release])

    def catalogue(chosen: list[dict[str, Any]], node: str) -> bytes:
        days = {f"2026-01-0{1 + n % 3}": 1 + n for n in range(2)}
        tally = [(class_of(case), days) for case in chosen]
        found = entries(discovery, tally, node, at=at, alliance=alliance, released=released)
        return msgspec.json.encode(found)

    for member in cases.MEMBERS[1:]:
        for node, seat in book["members"][member].get("nodes", {}).items():
            told = [
                case
                for case in stated_here
                if any(tells(book, rule, case, member, at) for rule in written)
                and oracle.is_fit(book, case["label"], seat)
                and not oracle.may_receive(book, case, member, at)
            ]
            assert catalogue(stated_here, node) == catalogue(told, node)
            for case in told:
                assert catalogue([case], node) != b"[]"


def class_of(case: dict[str, Any]) -> ReleaseClass:
    label, terms = label_from_document(case["label"]), terms_from_document(case["terms"])
    return release_class(case["origin"], case["object_type"], label, case["purpose"], terms)


@pytest.mark.parametrize("time", ["2026-13-99x", "yesterday", "2026-01-01T00:00:00Z"])
def test_an_entry_of_a_peer_has_the_form_of_ours(time: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"id": "0" * 32, "amount": "some", "ceiling": "RED", "time": time}, Entry)
