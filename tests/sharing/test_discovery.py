"""What an owner lets others know of existing: the rules as written, and what they cover."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.alliance import NodeSeat
from ringwall.core import BadConfiguration
from ringwall.policy import Question
from ringwall.sharing.discovery import (
    NO_DISCOVERY,
    Discovery,
    DiscoveryRule,
    covers,
    load_discovery,
    may_be_told,
)
from tests.policy.world import NOW, WORLD, changed, classified, stated, tag

RULE = {
    "name": "energy",
    "to": ["allies"],
    "highest_tlp": "AMBER",
    "show": ["type", "day", "label"],
    "clause": "letter 12, 3b",
}


def rules(**changes: Any) -> Discovery:
    """One rule, read as an operator's file is; None takes a field out."""
    fields = {name: value for name, value in {**RULE, **changes}.items() if value is not None}
    return load_discovery(json.dumps({"rules": [fields]}), WORLD)


def rule(**changes: Any) -> DiscoveryRule:
    return rules(**changes).rules[0]


def is_covered(label: dict[str, Any], terms: dict[str, Any] | None = None, **changes: Any) -> bool:
    return covers(rule(**changes), Question(WORLD, stated(label, terms), "dorne", NOW))


def seats(label: dict[str, Any], member: str) -> list[str]:
    found: tuple[NodeSeat, ...] = may_be_told(Question(WORLD, stated(label), member, NOW))
    return [seat.id for seat in found]


def test_a_rule_is_read_with_its_groups_expanded_and_without_one_nobody_knows_anything() -> None:
    assert rule().to == {"arden", "borduria", "caledon", "elbe"}
    assert (rule().as_of, rule().at_least) == ("day", 5)
    assert load_discovery("rules: []", WORLD) == NO_DISCOVERY == Discovery()


@pytest.mark.parametrize(
    ("changes", "place", "broken"),
    [
        ({"to": ["nobody"]}, "/rules/0/to", "unknown-name"),
        ({"to": []}, "/rules/0/to", "shape"),
        ({"show": []}, "/rules/0/show", "shape"),
        ({"show": ["type", "title"]}, "/rules/0/show/1", "shape"),
        ({"show": ["day", "month"]}, "/rules/0/show", "contradiction"),
        ({"highest_tlp": "PURPLE"}, "/rules/0/highest_tlp", "shape"),
        ({"highest_tlp": None}, "/rules/0", "shape"),
        ({"clause": None}, "/rules/0", "shape"),
        ({"colour": "blue"}, "/rules/0", "shape"),
        ({"at_least": 0}, "/rules/0/at_least", "shape"),
        ({"as_of": "hour"}, "/rules/0/as_of", "shape"),
        (
            {"highest_classification": {"ARDEN": "HIGHEST"}},
            "/rules/0/highest_classification",
            "unknown-name",
        ),
        (
            {"highest_classification": {"ZEMBLA": "SECRET"}},
            "/rules/0/highest_classification",
            "unknown-name",
        ),
        (
            {"highest_classification": {"ARDEN": "SECRET"}, "show": ["type"]},
            "/rules/0/show",
            "contradiction",
        ),
    ],
)
def test_what_breaks_a_rule_is_named_with_its_place(
    changes: dict[str, Any], place: str, broken: str
) -> None:
    with pytest.raises(BadConfiguration) as failed:
        rules(**changes)
    assert (failed.value.field, failed.value.rule) == (place, broken)


def test_two_rules_of_one_name_and_a_doubled_key_are_refused() -> None:
    with pytest.raises(BadConfiguration) as twice:
        load_discovery(json.dumps({"rules": [RULE, RULE]}), WORLD)
    with pytest.raises(BadConfiguration) as doubled:
        load_discovery("rules: []\nrules: []", WORLD)
    assert (twice.value.field, twice.value.rule) == ("/rules/1/name", "unique-name")
    assert (doubled.value.field, doubled.value.rule) == ("line 2, column 1", "duplicate-key")


def test_a_rule_goes_as_high_as_it_says_and_no_higher() -> None:
    assert is_covered({"tlp": "AMBER"})
    assert not is_covered({"tlp": "AMBER+STRICT"})
    assert is_covered({"tlp": "RED"}, highest_tlp="RED")


def test_types_purposes_and_sectors_narrow_a_rule() -> None:
    assert is_covered({"tlp": "GREEN"}, object_types=["indicator"])
    assert not is_covered({"tlp": "GREEN"}, object_types=["report"])
    assert not is_covered({"tlp": "GREEN"}, purposes=["exercise"])
    energy = {"sectors": ["energy"]}
    assert is_covered({"tlp": "GREEN"}, energy, sectors=["energy", "water"])
    assert not is_covered({"tlp": "GREEN"}, sectors=["energy"])
    both = {"sectors": ["energy", "health"]}
    assert not is_covered({"tlp": "GREEN"}, both, sectors=["energy"])


def test_what_is_not_wholly_understood_is_never_covered() -> None:
    everything: dict[str, Any] = {"highest_tlp": "RED"}
    assert is_covered({"tlp": "GREEN", "rel_to": ["arden"]}, **everything)
    for label in (
        {},
        {"tlp": "GREEN", "colour": "blue"},
        {"tlp": "GREEN", "unknown": ["marking-definition--1"]},
        {"tlp": "GREEN", "rel_to": ["arden", "strangers"]},
        {"tlp": "GREEN", "acs": [{"control_set": {"classification": "S"}}]},
        {"tlp": "GREEN", "review": "2026-01-01T00:00:00Z"},
        {"tlp": "GREEN", "iep": [{"name": "later", "start": "2027-01-01T00:00:00Z"}]},
        {"tlp": "GREEN", "iep": [{"name": "over", "end": "2026-01-01T00:00:00Z"}]},
    ):
        assert not is_covered(label, **everything), label
    assert not is_covered({"tlp": "GREEN"}, {"colour": "blue"}, **everything)


def test_what_is_under_an_embargo_is_not_covered_until_it_ends() -> None:
    until = NOW + timedelta(hours=1)
    release = stated({"tlp": "GREEN"}, {"embargo": until.strftime("%Y-%m-%dT%H:%M:%SZ")})
    before = Question(WORLD, release, "dorne", until)
    after = msgspec.structs.replace(before, at=until + timedelta(minutes=3))
    assert not covers(rule(), before)
    assert covers(rule(), after)


def test_nothing_classified_is_covered_unless_the_rule_names_policy_and_level() -> None:
    named = {"highest_classification": {"ARDEN": "RESTRICTED"}}
    restricted, secret = classified("RESTRICTED"), classified("SECRET")
    assert not is_covered(restricted)
    assert is_covered(restricted, **named)
    assert not is_covered(secret, **named)
    assert not is_covered(classified("OFFEN", policy="CALEDON"), **named)
    assert not is_covered({**restricted, "tlp": "RED"}, **named)
    assert not is_covered(classified("ATOMIC"), highest_classification={"ARDEN": "ATOMIC"})


def test_only_a_member_cleared_for_the_whole_label_may_be_told_at_a_node_fit_for_it() -> None:
    secret, crypto = classified("SECRET"), classified("SECRET", tag("CRYPTO", "B"))
    assert seats(secret, "borduria") == ["borduria-1"]  # the other node lacks the assurance
    assert seats({"tlp": "GREEN"}, "borduria") == ["borduria-1", "borduria-2"]
    assert seats(crypto, "borduria") == []
    assert seats(crypto, "arden") == ["arden-1"]
    assert seats(secret, "caledon") == ["caledon-1"]  # by the equivalence
    assert seats(secret, "dorne") == []
    assert seats({"tlp": "GREEN"}, "dorne") == []  # its transport is not post-quantum
    assert may_be_told(Question(changed(members={}), stated(secret), "arden", NOW)) == ()


def test_the_rules_in_the_operator_guide_are_rules() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text("utf-8")
    _, _, section = guide.partition("## Discovery and requests")
    text = section.partition("```yaml\n")[2].partition("```")[0]
    policies = {**WORLD.policies, "ALLIED": WORLD.policies["ARDEN"]}
    (read,) = load_discovery(text, changed(policies=policies)).rules
    assert (read.name, read.to) == ("energy-for-dorne", {"dorne"})
