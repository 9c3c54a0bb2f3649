"""What of an ACS marking gates a release; what is not understood denies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.labels import AcsControls, acs_text, permits, read_controls
from ringwall.labels.acs import AcsRule
from tests.labels.any_label import ACS_PROPERTIES, json_values

POLICY = "urn:isa:policy:acs:ns:v3.0"
EVERYONE = frozenset({"USA", "GBR", "GOV", "LES", "USA.USG"})


def read(**properties: Any) -> AcsControls:
    whole = {**ACS_PROPERTIES, **properties}
    return read_controls(acs_text({name: value for name, value in whole.items() if value != ""}))


def rules(effect: str, action: str = "DSPLY", **scope: Any) -> list[dict[str, Any]]:
    scope = scope or {"entity": ["ALL"]}
    return [{"privilege_action": action, "privilege_scope": scope, "rule_effect": effect}]


def test_a_marking_as_it_is_found() -> None:
    assert read() == AcsControls(
        classification="U",
        determinations=frozenset({"FOUO"}),
        one_of=(("permitted_nationalities", frozenset({"USA", "GBR"})),),
        access=(AcsRule(True, (("permitted_organizations", frozenset({"ALL"})),)),),
        sharing=(AcsRule(True, (("sharing_scope", frozenset({"USA.USG"})),)),),
        access_default=True,
    )


@pytest.mark.parametrize(
    ("reference", "access", "sharing"),
    [
        (f"{POLICY}?privdefault=permit&sharedefault=permit", True, True),
        (f"{POLICY}?sharedefault=permit&privdefault=deny", False, True),
        (f"{POLICY}?sharedefault=permit", False, True),
        (POLICY, False, False),
        ("", False, False),
        (f"{POLICY}?privdefault=permit {POLICY}?privdefault=deny", False, False),
        (f"{POLICY}?privdefault=permit {POLICY}", False, False),
    ],
)
def test_a_missing_default_denies(reference: str, access: bool, sharing: bool) -> None:
    controls = read(policy_reference=reference)
    assert (controls.access_default, controls.sharing_default) == (access, sharing)
    assert controls.unknown == ()


@pytest.mark.parametrize(
    "reference",
    [
        f"{POLICY}?privdefault=allow",
        f"{POLICY}?privdefault=permit&privdefault=deny",
        f"{POLICY}?privdefault=permit&caveat=x",
        f"{POLICY}?privdefault=%70ermit",
        f"{POLICY}?",
        "urn:isa:policy:acs:ns:v4.0?privdefault=permit",
        "urn:x",
        1,
        ["urn:x"],
    ],
)
def test_a_policy_that_is_not_known_denies(reference: Any) -> None:
    assert read(policy_reference=reference).unknown == ("policy_reference",)


@pytest.mark.parametrize(
    ("control_set", "unknown"),
    [
        ("", "control_set"),
        ({"classification": "U", "caveats": ["x"]}, "control_set"),
        ([], "control_set"),
        ({}, "classification"),
        ({"classification": ["U"]}, "classification"),
        ({"classification": "U", "formal_determination": ["EYES-ONLY"]}, "formal_determination"),
        ({"classification": "U", "permitted_nationalities": []}, "permitted_nationalities"),
        ({"classification": "U", "permitted_nationalities": "USA"}, "permitted_nationalities"),
        ({"classification": "U", "sci_controls": [1]}, "sci_controls"),
        ({"classification": "U", "display_only": None}, "display_only"),
    ],
)
def test_a_control_that_is_not_understood_denies(control_set: Any, unknown: str) -> None:
    controls = read(control_set=control_set)
    assert unknown in controls.unknown
    assert not permits(controls, EVERYONE)[0]


def test_every_control_is_read() -> None:
    one = ["permitted_nationalities", "permitted_organizations", "shareability", "entity"]
    each = ["logical_authority_category", "sci_controls", "caveat", "sensitivity"]
    lists = {name: [name.upper()] for name in one + each}
    controls = read(control_set={"classification": "TS", "display_only": ["FRA"], **lists})
    assert controls.classification == "TS"
    assert controls.display_only == {"FRA"}
    assert controls.one_of == tuple((name, frozenset({name.upper()})) for name in one)
    assert controls.each_of == tuple((name, frozenset({name.upper()})) for name in each)
    assert controls.unknown == ()


@pytest.mark.parametrize(
    ("privilege", "unknown"),
    [
        (rules("forbid"), "rule_effect"),
        (rules("deny", action="SHOW"), "privilege_action"),
        (rules("deny", action=["DSPLY"]), "privilege_action"),
        (rules("deny", persons=["x"]), "privilege_scope"),
        (rules("deny", entity=[]), "entity"),
        ([{"privilege_action": "DSPLY", "rule_effect": "deny"}], "access_privilege"),
        ([{**rules("deny")[0], "until": "x"}], "access_privilege"),
        ({"privilege_action": "DSPLY"}, "access_privilege"),
        (["deny"], "access_privilege"),
        (None, "access_privilege"),
    ],
)
def test_a_rule_that_is_not_understood_denies(privilege: Any, unknown: str) -> None:
    assert unknown in read(access_privilege=privilege).unknown


def test_rules_for_other_actions_neither_open_nor_close() -> None:
    assert read(access_privilege=rules("deny", "CISAUSES")).access == ()
    assert read(access_privilege=rules("deny", "ALL")).access[0].permit is False


@pytest.mark.parametrize("sharing", [["x"], [{"rule_effect": "deny"}], {"sharing_scope": ["x"]}])
def test_a_rule_of_sharing_that_is_not_understood_denies(sharing: Any) -> None:
    assert read(further_sharing=sharing).unknown == ("further_sharing",)


def test_the_moment_of_disposition() -> None:
    stated = {"disposition_date": "2030-01-01T00:00:00Z", "disposition_process": "destroy"}
    assert read(resource_disposition=stated).disposition == "2030-01-01T00:00:00.000000Z"
    for wrong in ({}, [], "x", {"disposition_date": "soon"}, {"disposition_date": 1}):
        assert read(resource_disposition=wrong).unknown == ("resource_disposition",)


def test_a_property_that_nobody_knows_denies() -> None:
    assert read(x_caveat="eyes only").unknown == ("x_caveat",)
    assert read(declassification={"declass_period": 10}).unknown == ()


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a":1,"a":2}', "\ud800"])
def test_what_is_no_marking_denies(text: str) -> None:
    assert read_controls(text) == AcsControls(unknown=("acs",))


_parts = st.sampled_from(sorted({*ACS_PROPERTIES, "resource_disposition", "public_release", "x"}))


@given(st.dictionaries(_parts, json_values, max_size=4), st.sets(st.sampled_from(sorted(EVERYONE))))
def test_whatever_stands_there_never_fails_and_opens_only_unclassified(
    properties: dict[str, Any], codes: set[str]
) -> None:
    whole = {**ACS_PROPERTIES, **properties}
    permit, token, fact = permits(read_controls(acs_text(whole)), frozenset(codes))
    assert token.startswith("acs-")
    assert fact
    if permit:
        assert whole["control_set"]["classification"] == "U"
        assert codes & {"USA", "GBR"} or "control_set" in properties
