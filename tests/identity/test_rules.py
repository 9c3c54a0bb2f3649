"""The member's rules: from claims to attributes, nothing without a rule, nothing misread."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import Alliance, Clearance, load_alliance
from ringwall.core import BadConfiguration
from ringwall.identity.federated import asserted_person
from ringwall.identity.rules import Attributes, attributes, load_rules, one_line, read_secret
from ringwall.labels import Category, Tlp
from tests.identity.alliances import ALLIANCE

HEAD = "provider: {issuer: 'https://idp.example', client_id: node}\n"
RULES = """
rules:
  - when: {groups: {contains: cti}}
    give: {roles: [analyst], tlp: GREEN, communities: [fusion]}
  - when: {groups: {contains: cti}, level: [2, 3]}
    give: {roles: [watch-officer], tlp: AMBER, clearances: {national: {classification: SECRET}}}
  - when: {verified: true}
    give: {nationality: arden}
  - when: {/realm_access/roles: {contains: "a/b"}}
    give: {communities: [inner]}
  - when: {country: BO}
    give: {nationality: borduria}
  - when: {group: cleared}
    give: {clearances: {national: {classification: OPEN, categories: {SAP: [A]}}}}
"""


@pytest.fixture(scope="module")
def alliance() -> Alliance:
    return load_alliance(ALLIANCE)


def made(alliance: Alliance, **claims: Any) -> Attributes:
    return attributes(load_rules(HEAD + RULES, alliance), claims, alliance)


def test_nobody_gets_anything_without_a_rule(alliance: Alliance) -> None:
    said = made(alliance, name="Ada", roles=["administrator"], tlp="RED", admin=True)
    assert said == Attributes("Ada")


def test_rules_that_apply_add_up(alliance: Alliance) -> None:
    said = made(alliance, name="Ada", groups=["x", "cti"], level=3, verified=True)
    assert said.roles == {"analyst", "watch-officer"}
    assert (said.tlp, said.nationality, said.communities) == (Tlp.AMBER, "arden", {"fusion"})
    assert said.clearances == (Clearance("national", "SECRET"),)
    assert said.contradiction == ""


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": "cti"},  # not a list
        {"groups": [["cti"]]},
        {"groups": {"cti": True}},
        {"groups": ["CTI", "cti "]},
        {"verified": 1},
        {"verified": "true"},
        {"level": "3"},
        {"groups": ["cti2"], "level": 2},
        {"realm_access": {"roles": "a/b"}},
        {"/realm_access/roles": ["a/b"]},
        {"realm_access": ["roles"]},
    ],
)
def test_what_only_looks_alike_gives_nothing(alliance: Alliance, claims: dict[str, Any]) -> None:
    assert made(alliance, **claims) == Attributes("")


def test_a_pointer_reads_inside_a_claim(alliance: Alliance) -> None:
    assert made(alliance, realm_access={"roles": ["a/b"]}).communities == {"inner"}


def test_every_condition_of_a_rule_must_hold(alliance: Alliance) -> None:
    assert made(alliance, groups=["cti"], level=4).roles == {"analyst"}
    assert made(alliance, level=2).roles == frozenset()


def test_rules_that_contradict_each_other_let_nobody_in(alliance: Alliance) -> None:
    said = made(alliance, verified=True, country="BO")
    assert said.contradiction == "nationality"
    said = made(alliance, groups=["cti"], level=2, group="cleared")
    assert said.contradiction == "clearances"
    assert made(alliance, group="cleared").clearances == (
        Clearance("national", "OPEN", (Category("SAP", ("A",)),)),
    )


@pytest.mark.parametrize("rule", ["contradiction", "separation-of-duties", "no-role"])
def test_who_has_no_standing_is_refused(alliance: Alliance, rule: str) -> None:
    given = {
        "contradiction": "[{when: {a: 1}, give: {nationality: arden}}, "
        "{when: {a: 1}, give: {nationality: borduria}}]",
        "separation-of-duties": "[{when: {a: 1}, give: {roles: [administrator, analyst]}}]",
        "no-role": "[{when: {a: 1}, give: {roles: [auditor], tlp: RED}}]",
    }[rule]
    rules = load_rules(f"{HEAD}rules: {given}", alliance)
    said = asserted_person(alliance, "arden", rules, {"a": 1, "sub": "x"}, datetime.now(UTC))
    assert said.refused == rule
    if rule == "no-role":
        assert said.beyond == (("roles", "auditor"), ("tlp", "RED"))
        assert said.person.reader.roles == frozenset()


BAD = {
    "an unknown key": ("rules: []\nrule: []", "", "shape"),
    "an unknown key of the provider": (
        "provider: {issuer: a, client_id: b, secret: c}\nrules: []", "/provider", "shape"),
    "an unknown key of a rule": ("rules: [{when: {a: 1}, give: {}, x: {}}]", "/rules/0", "shape"),
    "an unknown key of what is given": (
        "rules: [{when: {a: 1}, give: {role: [analyst]}}]", "/rules/0/give", "shape"),
    "an unknown condition": (
        "rules: [{when: {a: {matches: x}}, give: {}}]", "/rules/0/when", "shape"),
    "a rule for everybody": ("rules: [{when: {}, give: {}}]", "/rules/0/when", "shape"),
    "an unknown role": (
        "rules: [{when: {a: 1}, give: {roles: [root]}}]", "/rules/0/give/roles", "unknown-role"),
    "an unknown nation": (
        "rules: [{when: {a: 1}, give: {nationality: syldavia}}]",
        "/rules/0/give/nationality", "unknown-name"),
    "an unknown TLP": ("rules: [{when: {a: 1}, give: {tlp: PINK}}]", "/rules/0/give/tlp", "shape"),
    "an unknown policy": (
        "rules: [{when: {a: 1}, give: {clearances: {x: {classification: SECRET}}}}]",
        "/rules/0/give/clearances/x", "unknown-name"),
    "a clearance of no form": (
        "rules: [{when: {a: 1}, give: {clearances: {national: {}}}}]",
        "/rules/0/give/clearances", "shape"),
    "a clearance with an unknown key": (
        "rules: [{when: {a: 1}, give: {clearances: {national: {classification: OPEN, x: 1}}}}]",
        "/rules/0/give/clearances", "shape"),
    "a session without an end": ("rules: []\nsession_hours: 13", "/session_hours", "shape"),
    "a double key": ("rules: []\nrules: []", "line 3, column 1", "duplicate-key"),
    "an issuer without TLS": (
        "provider: {issuer: 'http://idp.example', client_id: b}\nrules: []",
        "/provider/issuer", "issuer"),
    "an issuer that is no URL": (
        "provider: {issuer: 'https://[', client_id: b}\nrules: []", "/provider/issuer", "issuer"),
    "no rules": ("", "", "shape"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "place", "rule"), BAD.values(), ids=list(BAD))
def test_a_document_that_is_not_wholly_right_is_refused_with_its_place(
    alliance: Alliance, text: str, place: str, rule: str
) -> None:
    head = "" if text.startswith("provider") else HEAD
    with pytest.raises(BadConfiguration) as refused:
        load_rules(head + text, alliance)
    assert (refused.value.field.partition("[")[0], refused.value.rule) == (place, rule)
    assert "identity.yaml" in str(refused.value)


def test_the_operator_guide_shows_a_document_that_is_read(alliance: Alliance) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text()
    (example,) = re.findall(r"```yaml\n(provider:.*?)```", guide, re.DOTALL)
    rules = load_rules(example, alliance)
    said = attributes(rules, {"groups": ["cti-analysts"]}, alliance)
    assert (said.roles, said.tlp, rules.session_hours) == ({"analyst"}, Tlp.AMBER, 8)


@given(st.text() | st.none() | st.integers() | st.lists(st.text()))
def test_any_name_becomes_one_line_that_shows_as_it_is(claim: Any) -> None:
    name = one_line(claim)
    assert name.isprintable()
    assert len(name) <= 80
    assert name == " ".join(name.split())


def test_a_usual_name_stays_as_it_is() -> None:
    for name in ("Ada Lovelace", "Łukasz Żółć", "李小龍", "O'Neil-Smith"):
        assert one_line(name) == name


def test_a_secret_that_others_can_read_is_refused(alliance: Alliance, tmp_path: Path) -> None:
    rules = load_rules(
        "provider: {issuer: 'https://a', client_id: b, client_secret_file: s}\nrules: []", alliance
    )
    with pytest.raises(BadConfiguration) as missing:
        read_secret(rules.provider, tmp_path)
    (tmp_path / "s").write_text("x\n")
    (tmp_path / "s").chmod(0o644)
    with pytest.raises(BadConfiguration) as open_to_all:
        read_secret(rules.provider, tmp_path)
    (tmp_path / "s").chmod(0o600)
    assert read_secret(rules.provider, tmp_path) == "x"
    assert (missing.value.rule, open_to_all.value.rule) == ("unreadable", "mode")
