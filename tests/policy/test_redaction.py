"""Redaction rules: read strictly, and a rule that cannot be understood withholds from everybody."""

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import BadConfiguration
from ringwall.policy import NO_REDACTIONS, RedactionRule, RedactionRules, read_redactions
from tests.exchange.engine_world import DESCRIPTION

ALLIANCE = load_alliance(DESCRIPTION)
RULES = """
redactions:
  no-victims:
    to: [dorne]
    object_types: [indicator, report]
    fields: [description, external_references]
    clause: national instruction 7, article 3
  no-authors:
    to: [allies]
    fields: [created_by_ref]
    clause: law 4
"""


def test_rules_name_whom_they_concern() -> None:
    rules = read_redactions(RULES, ALLIANCE)

    def names(object_type: str, member: str) -> list[str]:
        return [rule.name for rule in rules.concerning(ALLIANCE, object_type, member)]

    assert names("indicator", "dorne") == ["no-victims"]
    assert names("indicator", "borduria") == ["no-authors"]
    assert names("malware", "dorne") == []
    assert names("x-own", "borduria") == ["no-authors"]
    assert rules.rules[1].clause == "national instruction 7, article 3"
    assert NO_REDACTIONS.concerning(ALLIANCE, "indicator", "dorne") == []


def test_a_rule_for_a_name_that_is_unknown_is_for_everybody() -> None:
    rules = RedactionRules((RedactionRule("old", ("gone",), ("name",), "law 1"),))
    for member in ALLIANCE.members:
        assert rules.concerning(ALLIANCE, "malware", member) == list(rules.rules)


@pytest.mark.parametrize(
    ("before", "after", "field", "rule"),
    [
        ("to: [dorne]", "to: [nowhere]", "/redactions/no-victims/to", "unknown-name"),
        ("to: [dorne]", "to: []", "/redactions/*/to", "shape"),
        ("to: [dorne]", "from: [dorne]", "/redactions/*", "shape"),
        (
            "[indicator, report]",
            "[indicator, raport]",
            "/redactions/no-victims/object_types",
            "unknown-type",
        ),
        ("[description, external_references]", "[]", "/redactions/*/fields", "shape"),
        ("[description, external_references]", "['a.b']", "/redactions/*/fields/0", "shape"),
        ("[description, external_references]", "description", "/redactions/*/fields", "shape"),
        ("clause: law 4", "claws: law 4", "/redactions/*", "shape"),
        ("clause: law 4", "clause: ''", "/redactions/*/clause", "shape"),
        ("no-authors:", "No Authors:", "/redactions", "shape"),
        ("to: [allies]", "to: 7", "/redactions/*/to", "shape"),
        ("redactions:", "redaction:", "", "shape"),
        ("no-authors:", "no-victims:", "line 8, column 3", "duplicate-key"),
    ],
)
def test_a_document_with_a_mistake_is_refused_by_place_and_rule(
    before: str, after: str, field: str, rule: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_redactions(RULES.replace(before, after, 1), ALLIANCE)
    assert (caught.value.rule, caught.value.field) == (rule, field)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "to: [dorne]",
            f"to: [{'n' * 61}]",
            f"redactions.yaml, /redactions/no-victims/to: '{'n' * 61}' is not known",
        ),
        ("redactions:", "redaction:", "redactions.yaml, /: Object contains unknown field "),
        ("clause: law 4", "clause: ''", "redactions.yaml, /redactions/*/clause: Expected `str` "),
        ("redactions:", "redactions: [", "redactions.yaml, line 4, column 7: "),
    ],
)
def test_a_refusal_names_the_file_the_place_and_the_problem(
    before: str, after: str, message: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_redactions(RULES.replace(before, after, 1), ALLIANCE)
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("types", "field"),
    [
        ("[]", "id"),
        ("[]", "type"),
        ("[]", "created"),
        ("[]", "revoked"),
        ("[indicator]", "pattern"),
        ("[indicator]", "modified"),
        ("[relationship]", "source_ref"),
        ("[x-own]", "spec_version"),
    ],
)
def test_what_an_object_cannot_be_without_is_not_withheld(types: str, field: str) -> None:
    changed = RULES.replace("[indicator, report]", types, 1)
    with pytest.raises(BadConfiguration) as caught:
        read_redactions(changed.replace("description", field, 1), ALLIANCE)
    assert (caught.value.field, caught.value.rule) == ("/redactions/no-victims/fields", "needed")
    kind = types.strip("[]") or "an object"
    assert caught.value.message == (
        "redactions.yaml, /redactions/no-victims/fields: "
        f"{field} cannot be withheld: {kind} is none without it"
    )


def test_a_rule_for_every_type_may_name_what_some_require() -> None:
    changed = RULES.replace("[indicator, report]", "[]").replace("description", "name")
    assert read_redactions(changed, ALLIANCE).rules[1].object_types == ()


def test_what_only_some_types_require_is_withheld_from_the_others() -> None:
    changed = RULES.replace("[indicator, report]", "[indicator]").replace("description", "name")
    assert read_redactions(changed, ALLIANCE).rules[1].fields[0] == "name"
