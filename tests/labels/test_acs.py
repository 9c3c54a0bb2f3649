"""Who may have what an ACS marking controls."""

import pytest

from ringwall.labels import AcsControls, permits, permits_sharing
from ringwall.labels.acs import ACS_EXTENSION, AcsRule, acs_text, for_decision
from tests.labels.any_label import ACS_PROPERTIES

OPEN = AcsControls(classification="U", access_default=True)
CLOSED = AcsControls(classification="U")
GBR = frozenset({"GBR", "GOV"})


def some(*values: str) -> frozenset[str]:
    return frozenset(values)


def rule(name: str, *values: str, permit: bool) -> AcsRule:
    return AcsRule(permit, ((name, some(*values)),))


def test_the_default_decides_where_nothing_else_does() -> None:
    assert permits(OPEN, GBR) == (True, "acs-access-privilege-default", "ACS default: permit")
    assert permits(CLOSED, GBR) == (False, "acs-access-privilege-default", "ACS default: deny")


@pytest.mark.parametrize(
    ("controls", "token", "fact"),
    [
        (AcsControls(), "acs-classification", "missing has no classification policy here"),
        (
            AcsControls(classification="S", access_default=True),
            "acs-classification",
            "ACS classification S has no classification policy here",
        ),
        (
            AcsControls(classification="U", access_default=True, unknown=("a", "b")),
            "acs-unknown",
            "ACS not understood: a, b",
        ),
        (
            AcsControls(classification="U", access_default=True, determinations=some("NF")),
            "acs-formal-determination",
            "ACS NF: only USA",
        ),
        (
            AcsControls(classification="U", access_default=True, display_only=some("GBR")),
            "acs-display-only",
            "ACS display only: GBR",
        ),
        (
            AcsControls(classification="U", access_default=True, display_only=some("FRA")),
            "acs-display-only",
            "ACS display only: FRA",
        ),
        (
            AcsControls(
                classification="U",
                access_default=True,
                one_of=(("permitted_nationalities", some("USA", "AUS")),),
            ),
            "acs-permitted-nationalities",
            "ACS permitted_nationalities: AUS, USA",
        ),
        (
            AcsControls(
                classification="U",
                access_default=True,
                one_of=(
                    ("permitted_nationalities", some("GBR")),
                    ("permitted_organizations", some("USA.USG")),
                ),
            ),
            "acs-permitted-organizations",
            "ACS permitted_organizations: USA.USG",
        ),
        (
            AcsControls(
                classification="U",
                access_default=True,
                each_of=(("sensitivity", some("GOV", "LES")),),
            ),
            "acs-sensitivity",
            "ACS sensitivity: LES not held",
        ),
    ],
)
def test_every_control_can_deny_what_the_default_permits(
    controls: AcsControls, token: str, fact: str
) -> None:
    permit, by, why = permits(controls, GBR)
    assert (permit, by) == (False, token)
    assert why.endswith(fact)


def test_controls_that_a_member_meets_open_nothing_by_themselves() -> None:
    met = {
        "one_of": (("permitted_nationalities", some("GBR")), ("entity", some("ALL"))),
        "each_of": (("caveat", some("GOV")),),
        "determinations": some("PUBREL"),
    }
    assert permits(AcsControls(classification="U", access_default=True, **met), GBR)[0]
    assert not permits(AcsControls(classification="U", **met), GBR)[0]


def test_a_permitted_nationality_may_keep_what_others_may_only_look_at() -> None:
    controls = AcsControls(
        classification="U",
        access_default=True,
        display_only=some("FRA"),
        one_of=(("permitted_nationalities", some("GBR", "FRA")),),
    )
    assert permits(controls, GBR)[0]
    assert permits(controls, some("FRA"))[1] == "acs-display-only"


def test_foreign_nationals_are_all_but_those_of_the_usa() -> None:
    controls = AcsControls(classification="U", access_default=True, determinations=some("NF"))
    assert permits(controls, some("USA"))[0]


def test_a_permit_opens_and_a_deny_beats_it() -> None:
    ours = rule("permitted_nationalities", "GBR", permit=True)
    all_but = rule("permitted_organizations", "ALL", permit=False)
    opened = AcsControls(classification="U", access=(ours,))
    assert permits(opened, GBR) == (
        True, "acs-access-privilege", "ACS permit: permitted_nationalities GBR"
    )  # fmt: skip
    assert not permits(opened, some("FRA"))[0]
    for access in [(ours, all_but), (all_but, ours)]:
        decided = permits(AcsControls(classification="U", access=access), GBR)
        assert decided == (
            False, "acs-access-privilege", "ACS deny: permitted_organizations ALL"
        )  # fmt: skip


def test_every_dimension_of_a_permit_must_fit() -> None:
    scope = (("permitted_nationalities", some("GBR")), ("permitted_organizations", some("X")))
    controls = AcsControls(classification="U", access=(AcsRule(True, scope),))
    assert not permits(controls, GBR)[0]
    assert permits(controls, some("GBR", "X"))[0]


def test_a_permit_for_people_of_a_kind_is_not_for_a_member_without_that_kind() -> None:
    controls = AcsControls(classification="U", access=(rule("entity", "CTR", permit=True),))
    assert not permits(controls, GBR)[0]
    assert permits(controls, GBR | {"CTR"})[0]


def test_a_deny_for_some_of_its_people_denies_a_member() -> None:
    scope = (("permitted_nationalities", some("GBR")), ("entity", some("CTR")))
    controls = AcsControls(classification="U", access_default=True, access=(AcsRule(False, scope),))
    assert not permits(controls, GBR)[0]
    assert permits(controls, some("FRA"))[0]


def test_an_organisation_is_no_more_than_its_own_code() -> None:
    controls = AcsControls(
        classification="U",
        access_default=True,
        one_of=(("permitted_organizations", some("USA.USG")),),
    )
    assert not permits(controls, some("USA.USG.X"))[0]
    assert permits(controls, some("USA.USG"))[0]


def test_passing_on_needs_access_and_a_permit_of_its_own() -> None:
    sharing = (rule("sharing_scope", "GBR", permit=True),)
    both = AcsControls(classification="U", access_default=True, sharing=sharing)
    assert permits_sharing(both, GBR)[:2] == (True, "acs-further-sharing")
    assert permits_sharing(both, some("FRA"))[:2] == (False, "acs-further-sharing-default")
    no_access = AcsControls(classification="U", sharing_default=True)
    assert permits_sharing(no_access, GBR)[:2] == (False, "acs-access-privilege-default")


def test_a_decision_looks_at_what_is_controlled_not_at_who_wrote_it() -> None:
    text = acs_text(ACS_PROPERTIES)
    renamed = acs_text({**ACS_PROPERTIES, "name": "x", "identifier": "y"})
    assert for_decision(text) == for_decision(renamed) != text
    opened = acs_text({**ACS_PROPERTIES, "control_set": {"classification": "U"}})
    assert for_decision(opened) != for_decision(text)
    assert ACS_EXTENSION.startswith("extension-definition--3a65884d-")
