"""An operator's own cases: what they can say, and that a wrong expectation is told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import ringwall.demo
from ringwall.alliance import load_alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration
from ringwall.policy import CaseResult, Vetoes, read_cases, try_cases

DEMO = Path(ringwall.demo.__file__).with_name("alliance.yaml")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
EXAMPLE = load_alliance((Path(__file__).parent.parent / "alliance/example.yaml").read_bytes())
WRITTEN = """
cases:
  - name: Amber stays with the allies
    label: allied
    origin: arden
    object_type: indicator
    members: {borduria: permit, dorne: deny by rel-to, elbe-power: deny}
    readers: {arden-admin: deny by role, borduria-watch: permit}
  - name: The partnership ends
    label: "TLP:AMBER"
    origin: arden
    object_type: indicator
    at: "2027-12-01T00:00:00Z"
    members: {dorne: deny by agreement}
  - name: An embargo closes to everybody else
    label: "TLP:GREEN"
    origin: arden
    object_type: indicator
    terms: {embargo: "2027-01-01T00:00:00Z"}
    members: {arden: permit, borduria: deny by embargo}
"""


def outcomes(text: str, vetoes: str = "") -> dict[tuple[str, str], bool]:
    cases = read_cases(read_yaml(text, "cases"))
    found = try_cases(cases, EXAMPLE, NOW, Vetoes("arden", vetoes))
    return {(each.case, each.subject): each.met for each in found}


def test_what_is_expected_and_decided_so_is_met() -> None:
    found = outcomes(WRITTEN)
    assert len(found) == 8
    assert all(found.values())


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("borduria: permit,", "borduria: deny,", "borduria"),
        ("dorne: deny by rel-to", "dorne: deny by tlp", "dorne"),
        ("elbe-power: deny}", "elbe-power: permit}", "elbe-power"),
        ("borduria-watch: permit", "borduria-watch: deny", "borduria-watch"),
    ],
)
def test_what_is_decided_otherwise_is_told(old: str, new: str, subject: str) -> None:
    found = outcomes(WRITTEN.replace(old, new, 1))
    assert [case for case, met in found.items() if not met] == [
        ("Amber stays with the allies", subject)
    ]


def test_a_result_says_what_was_expected_and_why_it_was_decided_so() -> None:
    case = {"name": "a", "label": "TLP:RED", "origin": "arden", "object_type": "note"}
    expected = {"members": {"dorne": "permit"}, "readers": {"arden-admin": "deny by tlp"}}
    first, second = try_cases(read_cases({"cases": [case | expected]}), EXAMPLE, NOW)
    assert first == CaseResult(
        case="a",
        subject="dorne",
        expected="permit",
        met=False,
        reason="withheld from dorne: TLP:RED is for those whom REL TO names one by one, "
        "and it does not name dorne",
    )
    assert (second.subject, second.expected, second.met) == ("arden-admin", "deny by tlp", False)
    assert second.reason.startswith("withheld from arden-admin: the role administrator of ")


def test_a_veto_counts_for_readers_too() -> None:
    veto = '@id("quiet") forbid(principal == Reader::"borduria-watch", action, resource);'
    wanted = WRITTEN.replace("borduria-watch: permit", "borduria-watch: deny by veto")
    assert all(outcomes(wanted, veto).values())


def test_a_veto_counts() -> None:
    veto = '@id("quiet") forbid(principal == Member::"borduria", action, resource);'
    found = outcomes(WRITTEN, veto)
    assert not found["Amber stays with the allies", "borduria"]
    assert found["Amber stays with the allies", "dorne"]


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"origin": "zembla"}, "unknown-name", "no member is called 'zembla'"),
        ({"label": "unheard-of"}, "unknown-label", "label: 'unheard-of' is neither "),
        ({"members": {"zembla": "deny"}}, "unknown-name", "no member is called 'zembla'"),
        ({"readers": {"nobody": "deny"}}, "unknown-name", "no reader is called 'nobody'"),
        ({"at": "tomorrow"}, "timestamp", "at: "),
        ({"terms": {"moon": 1, "sun": 2}}, "terms", "terms not understood: moon, sun"),
    ],
)
def test_a_case_that_cannot_be_tried_is_refused_by_its_name(
    changes: dict[str, Any], rule: str, words: str
) -> None:
    case = {"name": "a", "label": "allied", "origin": "arden", "object_type": "note", **changes}
    with pytest.raises(BadConfiguration) as caught:
        list(try_cases(read_cases({"cases": [case]}), EXAMPLE, NOW))
    assert (caught.value.field, caught.value.rule) == ("a", rule)
    assert caught.value.message.startswith(f"cases, a: {words}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"members": {"dorne": "maybe"}}, "$.cases[0].members[...]"),
        ({"readers": {"ana": "deny by"}}, "$.cases[0].readers[...]"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"name": ""}, "$.cases[0].name"),
    ],
)
def test_cases_that_cannot_be_read_are_refused(changes: dict[str, Any], words: str) -> None:
    case = {"name": "a", "label": "allied", "origin": "arden", "object_type": "note", **changes}
    with pytest.raises(BadConfiguration) as caught:
        read_cases({"cases": [case]})
    assert (caught.value.field, caught.value.rule) == ("cases", "cases")
    assert caught.value.message.startswith("cases: ")
    assert words in caught.value.message


@pytest.mark.parametrize("expected", ["permit\n", "deny\n", "deny by moon", "deny by", "deny by "])
def test_an_expectation_that_says_something_else_is_refused(expected: str) -> None:
    case = {"name": "a", "label": "allied", "origin": "arden", "object_type": "note"}
    with pytest.raises(BadConfiguration) as caught:
        read_cases({"cases": [{**case, "members": {"dorne": expected}}]})
    assert (caught.value.field, caught.value.rule) == ("cases", "cases")


def test_cases_that_expect_nothing_are_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_cases({"cases": []})
    assert (caught.value.field, caught.value.rule) == ("cases", "cases")
    case = {"name": "a", "label": "allied", "origin": "arden", "object_type": "note"}
    with pytest.raises(BadConfiguration) as caught:
        list(try_cases(read_cases({"cases": [case]}), EXAMPLE, NOW))
    assert (caught.value.field, caught.value.rule) == ("a", "empty")
    assert caught.value.message == "cases, a: it expects nothing of any member or reader"


def test_a_type_that_nobody_knows_is_refused() -> None:
    case = {"name": "a", "label": "TLP:GREEN", "origin": "arden", "members": {"arden": "permit"}}
    with pytest.raises(BadConfiguration, match="no type is called 'indicatr'") as caught:
        list(try_cases(read_cases({"cases": [{**case, "object_type": "indicatr"}]}), EXAMPLE, NOW))
    assert (caught.value.field, caught.value.rule) == ("a", "unknown-type")
    (own,) = try_cases(read_cases({"cases": [{**case, "object_type": "x-own"}]}), EXAMPLE, NOW)
    assert own.met


@pytest.mark.parametrize(
    ("changes", "expected", "met"),
    [
        ({}, "permit", True),
        ({"relayed": []}, "deny by agreement", True),
        ({"terms": {}}, "deny by onward", True),
        ({"label": "TLP:AMBER+STRICT"}, "deny by onward", True),
        ({"relayed": ["caledon"]}, "deny by agreement", True),
        ({}, "deny by passing-on", False),
    ],
)
def test_a_case_asks_whether_something_may_be_passed_on(
    changes: dict[str, Any], expected: str, met: bool
) -> None:
    demo = load_alliance(DEMO.read_bytes())
    case = {
        "name": "an ally's warning reaches the operator that Arden sponsors",
        "label": "TLP:AMBER",
        "origin": "borduria",
        "object_type": "indicator",
        "terms": {"onward_to": ["elbe-power"], "hops": 1},
        "relayed": ["arden"],
        "members": {"elbe-power": expected},
    }
    read = read_cases({"cases": [case | changes]})
    (result,) = try_cases(read, demo, NOW)
    assert result.met is met, result.reason


def test_the_agreement_under_which_it_came_is_asked_too() -> None:
    demo = load_alliance(DEMO.read_bytes())
    kept = tuple(
        msgspec.structs.replace(each, onward_to=frozenset(), hops=0) for each in demo.agreements
    )
    case = {
        "name": "an agreement without onward keeps it",
        "label": "TLP:AMBER",
        "origin": "borduria",
        "object_type": "indicator",
        "terms": {"onward_to": ["elbe-power"], "hops": 1},
        "relayed": ["arden"],
        "members": {"elbe-power": "deny by passing-on"},
        "readers": {"elbe-power-analyst": "permit"},
    }
    read = read_cases({"cases": [case]})
    results = list(try_cases(read, msgspec.structs.replace(demo, agreements=kept), NOW))
    assert [each.met for each in results] == [True, True]


def test_nobody_unknown_passes_anything_on() -> None:
    demo = load_alliance(DEMO.read_bytes())
    case = {
        "name": "stranger",
        "label": "TLP:GREEN",
        "origin": "arden",
        "object_type": "note",
        "relayed": ["zembla"],
        "members": {"dorne": "deny"},
    }
    with pytest.raises(BadConfiguration) as refused:
        list(try_cases(read_cases({"cases": [case]}), demo, NOW))
    assert refused.value.rule == "unknown-name"
