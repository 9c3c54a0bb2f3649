"""An operator's own cases: what they can say, and that a wrong expectation is told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ringwall.alliance import load_alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration
from ringwall.policy import Vetoes, read_cases, try_cases

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


def test_a_veto_counts() -> None:
    veto = '@id("quiet") forbid(principal == Member::"borduria", action, resource);'
    found = outcomes(WRITTEN, veto)
    assert not found["Amber stays with the allies", "borduria"]
    assert found["Amber stays with the allies", "dorne"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"origin": "zembla"}, "unknown-name"),
        ({"label": "unheard-of"}, "unknown-label"),
        ({"members": {"zembla": "deny"}}, "unknown-name"),
        ({"readers": {"nobody": "deny"}}, "unknown-name"),
        ({"members": {"dorne": "maybe"}}, "cases"),
        ({"surprise": 1}, "cases"),
        ({"at": "tomorrow"}, "timestamp"),
        ({"terms": {"moon": 1}}, "terms"),
    ],
)
def test_a_case_that_cannot_be_tried_is_refused(changes: dict[str, Any], rule: str) -> None:
    case = {"name": "a", "label": "allied", "origin": "arden", "object_type": "note", **changes}
    with pytest.raises(BadConfiguration) as caught:
        list(try_cases(read_cases({"cases": [case]}), EXAMPLE, NOW))
    assert caught.value.rule == rule
