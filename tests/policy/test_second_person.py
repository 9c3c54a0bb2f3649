"""Two-person release: which statements wait for whom, and which rules are refused when read."""

from typing import Any

import pytest

from ringwall.core import BadConfiguration
from ringwall.labels import Tlp
from ringwall.policy import NO_HOLDS, HoldRule, HoldRules, read_hold_rules
from tests.policy.world import WORLD, classified, stated

RESTRICTED = classified("RESTRICTED")
ALSO_ARDEN = {"policy": "ARDEN", "classification": "RESTRICTED"}


def waits(
    rule: dict[str, Any], label: dict[str, Any], to: str = "dorne", kind: str = "indicator"
) -> bool:
    made = HoldRule("partner", "standing order 4", **rule)
    return made.concerns(WORLD, stated(label, object_type=kind), to)


@pytest.mark.parametrize("to", sorted(WORLD.members))
@pytest.mark.parametrize("label", [{"tlp": "CLEAR"}, {"tlp": "RED"}, RESTRICTED], ids=repr)
def test_a_rule_that_names_nothing_concerns_everything(to: str, label: dict[str, Any]) -> None:
    assert waits({}, label, to)


@pytest.mark.parametrize(
    ("names", "held"),
    [
        (("dorne",), {"dorne"}),
        (("dorne", "elbe"), {"dorne", "elbe"}),
        (("allies",), {"arden", "borduria", "caledon", "elbe"}),
        (("dorne", "allies"), set(WORLD.members)),
    ],
)
def test_a_rule_concerns_the_members_and_groups_that_it_names(
    names: tuple[str, ...], held: set[str]
) -> None:
    assert {name for name in WORLD.members if waits({"to": names}, {"tlp": "CLEAR"}, name)} == held


def test_a_name_that_the_alliance_has_lost_holds_back_from_everybody() -> None:
    for name in WORLD.members:
        assert waits({"to": ("gone",)}, {"tlp": "CLEAR"}, name)
        assert waits({"to": ("dorne", "gone")}, {"tlp": "CLEAR"}, name)


@pytest.mark.parametrize(
    ("kind", "held"), [("report", True), ("malware", True), ("indicator", False)]
)
def test_a_rule_concerns_the_types_that_it_names(kind: str, held: bool) -> None:
    assert waits({"object_types": ("report", "malware")}, {"tlp": "RED"}, kind=kind) is held


@pytest.mark.parametrize(
    ("label", "held"),
    [
        ({"tlp": "CLEAR"}, False),
        ({"tlp": "GREEN"}, False),
        ({"tlp": "AMBER"}, True),
        ({"tlp": "AMBER+STRICT"}, True),
        ({"tlp": "RED"}, True),
        (RESTRICTED, True),
        ({**RESTRICTED, "tlp": "GREEN"}, False),
    ],
    ids=repr,
)
def test_a_rule_holds_from_its_level_on_and_whatever_has_no_level(
    label: dict[str, Any], held: bool
) -> None:
    assert waits({"lowest_tlp": Tlp.AMBER}, label) is held


@pytest.mark.parametrize(
    ("label", "held"),
    [
        (RESTRICTED, True),
        (classified("OFFEN", policy="CALEDON"), False),
        (classified("OFFEN", policy="CALEDON", alternatives=[ALSO_ARDEN]), True),
        ({"tlp": "RED"}, False),
    ],
    ids=repr,
)
def test_a_rule_concerns_what_is_classified_or_also_worded_under_its_policies(
    label: dict[str, Any], held: bool
) -> None:
    assert waits({"policies": ("ARDEN", "ALLIED")}, label) is held


@pytest.mark.parametrize(
    ("label", "to", "kind", "held"),
    [
        ({**RESTRICTED, "tlp": "AMBER"}, "dorne", "report", True),
        ({**RESTRICTED, "tlp": "AMBER"}, "elbe", "report", False),
        ({**RESTRICTED, "tlp": "AMBER"}, "dorne", "indicator", False),
        ({**RESTRICTED, "tlp": "GREEN"}, "dorne", "report", False),
        ({"tlp": "AMBER"}, "dorne", "report", False),
    ],
)
def test_every_part_of_a_rule_must_fit(
    label: dict[str, Any], to: str, kind: str, held: bool
) -> None:
    rule = {
        "to": ("dorne",),
        "object_types": ("report",),
        "lowest_tlp": Tlp.AMBER,
        "policies": ("ARDEN",),
    }
    assert waits(rule, label, to, kind) is held


def test_the_first_rule_that_concerns_it_is_named() -> None:
    supply = HoldRule("supply", "annex D", to=("dorne",))
    low, all_of_it = HoldRule("amber", "order 4", lowest_tlp=Tlp.AMBER), HoldRule("all", "order 5")
    amber, green = stated({"tlp": "AMBER"}), stated({"tlp": "GREEN"})
    rules = HoldRules((supply, low, all_of_it))
    assert rules.holding(WORLD, amber, "dorne") is supply
    assert rules.holding(WORLD, amber, "elbe") is low
    assert rules.holding(WORLD, green, "elbe") is all_of_it
    assert HoldRules((supply, low)).holding(WORLD, green, "elbe") is None
    assert NO_HOLDS.holding(WORLD, amber, "dorne") is None


def test_rules_are_read_as_they_are_written() -> None:
    document = {
        "two_person": [
            {
                "name": "classified",
                "clause": "standing order 4",
                "to": ["dorne", "allies"],
                "object_types": ["report"],
                "lowest_tlp": "AMBER+STRICT",
                "policies": ["ARDEN"],
            },
            {"name": "rest", "clause": "order 5", "policies": ["ARDEN", "CALEDON"]},
            {"name": "own", "clause": "order 6", "object_types": ["x-own"]},
        ]
    }
    assert read_hold_rules(document, WORLD) == HoldRules(
        (
            HoldRule(
                "classified",
                "standing order 4",
                ("dorne", "allies"),
                ("report",),
                Tlp.AMBER_STRICT,
                ("ARDEN",),
            ),
            HoldRule("rest", "order 5", policies=("ARDEN", "CALEDON")),
            HoldRule("own", "order 6", object_types=("x-own",)),
        )
    )
    assert read_hold_rules({}, WORLD) == NO_HOLDS


WRITTEN = {"name": "a", "clause": "b"}


@pytest.mark.parametrize(
    ("document", "rule", "words"),
    [
        ([], "shape", "Expected `object`"),
        ({"two_persons": []}, "shape", "unknown field `two_persons`"),
        ({"two_person": [{"name": "a"}]}, "shape", "missing required field `clause`"),
        ({"two_person": [{**WRITTEN, "clause": ""}]}, "shape", "$.two_person[0].clause"),
        ({"two_person": [{**WRITTEN, "clause": "c" * 401}]}, "shape", "$.two_person[0].clause"),
        ({"two_person": [{**WRITTEN, "name": "No Name"}]}, "shape", "$.two_person[0].name"),
        ({"two_person": [{**WRITTEN, "too": []}]}, "shape", "unknown field `too`"),
        ({"two_person": [{**WRITTEN, "lowest_tlp": "PINK"}]}, "shape", "'PINK'"),
        ({"two_person": [{**WRITTEN, "name": "name\n"}]}, "shape", "$.two_person[0].name"),
        (
            {"two_person": [{**WRITTEN, "object_types": ["report", "x-own", "rapport", "z"]}]},
            "unknown-type",
            "a: no type is called 'rapport'",
        ),
        ({"two_person": [WRITTEN, WRITTEN]}, "unique-name", "two rules have one name"),
        (
            {"two_person": [{**WRITTEN, "to": ["dorne", "zembla"]}]},
            "unknown-name",
            "a: no member and no group is called 'zembla'",
        ),
        (
            {"two_person": [{**WRITTEN, "policies": ["ARDEN", "ZEMBLA", "X"]}]},
            "unknown-name",
            "a: no policy is called 'X'",
        ),
    ],
)
def test_rules_that_are_not_understood_are_refused(document: Any, rule: str, words: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_hold_rules(document, WORLD)
    assert (caught.value.field, caught.value.rule) == ("two_person", rule)
    assert caught.value.message.startswith("two_person: ")
    assert words in caught.value.message


def test_a_mistake_in_the_second_rule_is_found_too() -> None:
    second = {"name": "second", "clause": "c", "to": ["zembla"]}
    with pytest.raises(BadConfiguration, match="two_person: second: "):
        read_hold_rules({"two_person": [WRITTEN, second]}, WORLD)


def test_a_rule_concerns_what_is_also_worded_under_its_policies() -> None:
    other = {"policy": "CALEDON", "classification": "OFFEN"}
    assert waits({"policies": ("CALEDON",)}, {**RESTRICTED, "alternatives": [other]})
    assert not waits({"policies": ("CALEDON",)}, RESTRICTED)


def test_a_type_that_nobody_knows_would_hold_nothing_back() -> None:
    rule = {**WRITTEN, "object_types": ["x-ours", "report", "reprot"]}
    with pytest.raises(BadConfiguration, match="a: no type is called 'reprot'") as caught:
        read_hold_rules({"two_person": [rule]}, WORLD)
    assert (caught.value.field, caught.value.rule) == ("two_person", "unknown-type")
    rule["object_types"] = ["x-ours", "report"]
    assert read_hold_rules({"two_person": [rule]}, WORLD).two_person[0].name == "a"


@pytest.mark.parametrize("field", ["name", "to"])
def test_a_name_ends_where_it_ends(field: str) -> None:
    rule = {**WRITTEN, field: "dorne\n" if field == "name" else ["dorne\n"]}
    with pytest.raises(BadConfiguration) as caught:
        read_hold_rules({"two_person": [rule]}, WORLD)
    assert caught.value.rule == "shape"


def test_of_several_classes_any_that_a_rule_is_about_holds_all_of_them_back() -> None:
    rules = HoldRules((HoldRule("amber", "order 5", lowest_tlp=Tlp.AMBER),))
    low, high = stated({"tlp": "GREEN"}), stated({"tlp": "AMBER"})
    assert rules.holding_any(WORLD, (low, low), "dorne") is None
    for several in ((low, high), (high, low), (high,)):
        assert rules.holding_any(WORLD, several, "dorne") == rules.two_person[0]
    assert rules.holding_any(WORLD, (), "dorne") is None
