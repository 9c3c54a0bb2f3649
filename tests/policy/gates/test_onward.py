"""The onward gate: what others pass on reaches only whom its originator's signed terms name."""

from typing import Any

import msgspec
import pytest

from ringwall.policy import GateResult, Question, ReleaseClass, named_members
from ringwall.policy.gates import onward_gate
from tests.policy.world import (
    NOW,
    WORLD,
    changed,
    classified,
    gate,
    member,
    reader,
    says,
    stated,
    whole,
)

GREEN = {"tlp": "GREEN"}
TO_CALEDON = {"onward_to": ["caledon"], "hops": 1}
TWO_HOPS = {"onward_to": ["caledon", "elbe"], "hops": 2}
WAY = ("borduria", "caledon")
ACS = "urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault="


def passed(
    label: dict[str, Any] = GREEN,
    terms: dict[str, Any] = TO_CALEDON,
    way: tuple[str, ...] = WAY,
    **more: str,
) -> ReleaseClass:
    """Something of arden's that others passed on over ``way``."""
    return msgspec.structs.replace(stated(label, terms, **more), relayed=way)


def denied(asked: ReleaseClass, name: str = "caledon") -> tuple[str, str, str]:
    found = gate(member(asked, name), "onward")
    assert found.outcome == "deny", found
    assert not member(asked, name).permit
    return found.rule, found.source, found.fact


def test_what_is_named_and_within_hops_passes_with_what_let_it() -> None:
    decision = member(passed(), "caledon")
    assert decision.permit
    fact = "arden lets it be passed on to caledon, hop 1 of 1"
    assert whole(decision, "onward") == ("pass", "named", "terms.onward_to", fact)
    longer = member(passed(terms=TWO_HOPS, way=("borduria", "caledon", "elbe")), "elbe")
    assert longer.permit
    assert gate(longer, "onward").fact.endswith("to elbe, hop 2 of 2")


def test_what_comes_from_its_originator_is_not_asked_about() -> None:
    decision = member(stated(GREEN, TO_CALEDON), "elbe")
    assert decision.permit
    assert "onward" not in {each.gate for each in decision.gates}
    found = onward_gate(Question(WORLD, stated(GREEN, TO_CALEDON), "elbe", NOW))
    assert found == GateResult("onward", "abstain", "none", "terms", "it comes from arden itself")


def test_a_group_names_its_members() -> None:
    assert member(passed(terms={"onward_to": ["allies"], "hops": 1}), "caledon").permit
    fewer = changed(groups={"allies": frozenset({"arden", "borduria"})})
    decision = member(passed(terms={"onward_to": ["allies"], "hops": 1}), "caledon", alliance=fewer)
    assert says(decision, "onward") == ("deny", "onward-to")


def test_the_first_on_the_way_is_an_addressee_and_need_not_be_named() -> None:
    """It has it from the originator itself: who is named is to whom it goes on from there."""
    assert member(passed(terms=TO_CALEDON, way=("elbe", "caledon")), "caledon").permit


@pytest.mark.parametrize(
    ("terms", "rule", "source", "fact"),
    [
        ({}, "no-onward", "terms.onward_to", "arden lets nobody pass it on"),
        ({"hops": 2}, "no-onward", "terms.onward_to", "arden lets nobody pass it on"),
        (
            {"onward_to": ["caledon"]},
            *("no-onward", "terms.onward_to", "arden lets nobody pass it on"),
        ),
        (
            {"onward_to": ["dorne", "elbe"], "hops": 1},
            *("onward-to", "terms.onward_to"),
            "arden lets it be passed on to dorne, elbe, and caledon is not meant",
        ),
        (
            {"onward_to": ["zembla"], "hops": 1},
            *("onward-to", "terms.onward_to"),
            "arden lets it be passed on to zembla, and caledon is not meant",
        ),
    ],
)
def test_terms_that_do_not_let_it(terms: dict[str, Any], rule: str, source: str, fact: str) -> None:
    assert denied(passed(terms=terms)) == (rule, source, fact)


def test_a_name_that_nobody_has_takes_nothing_from_the_others() -> None:
    assert member(passed(terms={"onward_to": ["caledon", "zembla"], "hops": 1}), "caledon").permit
    assert named_members(WORLD, ("zembla", "allies", "dorne")) == {
        *("arden", "borduria", "caledon", "elbe", "dorne"),
    }
    assert named_members(WORLD, ()) == frozenset()


def test_a_code_is_no_name_to_pass_on_to() -> None:
    """REL TO may say CAL; terms are of members and groups."""
    assert named_members(WORLD, ("CAL",)) == frozenset()


def test_everybody_after_the_first_must_be_named() -> None:
    asked = passed(terms={"onward_to": ["elbe"], "hops": 2}, way=("borduria", "caledon", "elbe"))
    assert denied(asked, "elbe") == (
        *("onward-to", "terms.onward_to"),
        "arden lets it be passed on to elbe, and caledon is not meant",
    )


def test_more_hops_than_the_originator_permits() -> None:
    asked = passed(terms={**TWO_HOPS, "hops": 1}, way=("borduria", "caledon", "elbe"))
    assert denied(asked, "elbe") == ("hops", "terms.hops", "hop 2, and arden permits 1")


@pytest.mark.parametrize(
    "way",
    [
        ("caledon",),
        ("arden", "caledon"),
        ("borduria", "arden", "caledon"),
        ("caledon", "borduria", "caledon"),
        ("borduria", "borduria", "caledon"),
    ],
)
def test_what_is_no_way_leads_to_nobody(way: tuple[str, ...]) -> None:
    asked = passed(terms={"onward_to": ["allies", "zembla"], "hops": 8}, way=way)
    assert denied(asked)[:2] == ("way", "relayed")
    listed = ", ".join(way)
    assert denied(asked)[2] == f"it came over {listed}, which is no way"


@pytest.mark.parametrize(
    ("way", "origin", "stranger"),
    [
        (("zembla", "caledon"), "arden", "zembla"),
        (("zembla", "borduria", "caledon"), "arden", "zembla"),
        (("borduria", "zembla", "caledon"), "arden", "zembla"),
        (("", "caledon"), "arden", ""),
        (WAY, "zembla", "zembla"),
        (("ruritania", "caledon"), "zembla", "zembla"),
    ],
)
def test_what_came_by_whoever_is_no_member_any_more_closes(
    way: tuple[str, ...], origin: str, stranger: str
) -> None:
    """No agreement joins an originator to the last one on the way, so none ends when it leaves."""
    terms = {"onward_to": ["allies", "zembla"], "hops": 8}
    assert denied(passed(terms=terms, way=way, origin=origin)) == (
        *("unknown-member", "alliance.members"),
        f"it came by {stranger}, which is no member of world",
    )


def test_what_a_peer_calls_a_way_is_shown_without_its_control_characters() -> None:
    asked = passed(way=("\x1b[2J", "caledon"))
    assert denied(asked)[2].isprintable()
    away = passed(way=("borduria", "\x1b[2J"))
    assert denied(away)[2].isprintable()


def test_it_is_the_holders_and_nobody_elses() -> None:
    asked = passed(terms={"onward_to": ["allies"], "hops": 3})
    assert denied(asked, "elbe") == (
        *("not-holder", "relayed"),
        "it was passed on to caledon and nobody else",
    )
    assert denied(asked, "borduria")[0] == "not-holder"
    longer = passed(terms=TWO_HOPS, way=("borduria", "caledon", "elbe"))
    assert denied(longer)[2] == "it was passed on to elbe and nobody else"
    found = {name for name in WORLD.members if member(asked, name).permit}
    assert found == {"arden", "caledon"}


def test_its_originator_always_may_have_its_own() -> None:
    for way in (WAY, ("caledon",), ("borduria", "arden")):
        decision = member(passed(terms={}, way=way), "arden")
        assert decision.permit
        assert whole(decision, "onward") == (
            *("pass", "originator", "label", "arden is the originator"),
        )


@pytest.mark.parametrize("tlp", ["AMBER+STRICT", "RED"])
def test_some_levels_stay_with_those_who_got_it(tlp: str) -> None:
    asked = passed({"tlp": tlp, "rel_to": ["borduria", "caledon"]})
    fact = f"TLP:{tlp} stays with those who got it"
    assert denied(asked) == ("tlp", "label.tlp", fact)
    assert member(stated({"tlp": tlp, "rel_to": ["borduria", "caledon"]}), "caledon").permit


@pytest.mark.parametrize("tlp", ["CLEAR", "GREEN", "AMBER"])
def test_others_may_be_passed_on(tlp: str) -> None:
    assert member(passed({"tlp": tlp}), "caledon").permit


def test_the_tlp_of_an_iep_counts() -> None:
    asked = passed({"tlp": "GREEN", "iep": [{"tlp": "red"}], "rel_to": ["caledon"]})
    assert denied(asked)[0] == "tlp"


def test_a_classification_without_a_tlp_may_be_passed_on_as_its_rel_to_says() -> None:
    secret = classified("SECRET")
    terms = {"onward_to": ["borduria", "dorne"], "hops": 1}
    assert member(passed(secret, terms, ("elbe", "borduria")), "borduria").permit
    closed = {**secret, "rel_to": ["elbe"]}
    decision = member(passed(closed, terms, ("elbe", "borduria")), "borduria")
    assert says(decision, "onward") == ("pass", "named")
    assert says(decision, "rel-to") == ("deny", "not-named")
    assert not decision.permit


def test_terms_name_nobody_whom_the_label_closes_out() -> None:
    asked = passed({**GREEN, "rel_to": ["borduria"]})
    assert says(member(asked, "caledon"), "rel-to") == ("deny", "not-named")
    assert not member(asked, "caledon").permit


def shared(default: str = "deny", *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    controls = {"classification": "U", **more}
    marking = {"control_set": controls, "policy_reference": ACS + default}
    return {**GREEN, "acs": [marking | ({"further_sharing": list(rules)} if rules else {})]}


def test_an_acs_marking_says_to_whom_it_may_be_passed_on() -> None:
    permit = {"sharing_scope": ["CAL"], "rule_effect": "permit"}
    deny = {"sharing_scope": ["caledon"], "rule_effect": "deny"}
    assert member(passed(shared("permit")), "caledon").permit
    assert member(passed(shared("deny", permit)), "caledon").permit
    assert denied(passed(shared())) == (
        *("acs-further-sharing-default", "label.acs", "ACS default: deny"),
    )
    assert denied(passed(shared("permit", deny, permit))) == (
        *("acs-further-sharing", "label.acs", "ACS deny: sharing_scope caledon"),
    )
    assert member(stated(shared("deny", deny)), "caledon").permit  # from its originator itself
    two = {**GREEN, "acs": [*shared("permit")["acs"], *shared()["acs"]]}
    assert denied(passed(two))[0] == "acs-further-sharing-default"


def test_an_acs_marking_that_closes_it_to_a_member_is_asked_here_too() -> None:
    closed = shared("permit", permitted_nationalities=["BRD"])
    assert denied(passed(closed))[:2] == ("acs-permitted-nationalities", "label.acs")


def test_an_acs_marking_is_asked_about_a_member_without_codes() -> None:
    deny = {"sharing_scope": ["elbe"], "rule_effect": "deny"}
    terms = {"onward_to": ["elbe"], "hops": 1}
    asked = passed(shared("permit", deny), terms, ("borduria", "elbe"))
    assert denied(asked, "elbe")[0] == "acs-further-sharing"


def test_only_an_agreement_with_whoever_passed_it_on_opens_it() -> None:
    """Dorne gets from arden; borduria may pass nothing on to it, whatever arden's terms say."""
    label, terms = {"tlp": "AMBER"}, {"onward_to": ["dorne"], "hops": 1, "sectors": ["energy"]}
    decision = member(passed(label, terms, ("borduria", "dorne")), "dorne")
    assert says(decision, "onward") == ("pass", "named")
    assert whole(decision, "agreement")[1:] == (
        *("no-agreement", "", "no agreement joins borduria and dorne"),
    )
    gives = msgspec.structs.replace(
        WORLD.agreements[1],
        givers=None,
        receivers=None,
        parties=frozenset({"borduria", "caledon"}),
    )
    only = changed(agreements=(gives,))
    from_borduria = passed(label, {**TO_CALEDON, "sectors": ["energy"]})
    assert says(member(from_borduria, "caledon", alliance=only), "agreement") == (
        *("pass", "in-force"),
    )
    from_arden = stated(label, {"sectors": ["energy"]})
    assert not member(from_arden, "caledon", alliance=only).permit


def test_the_giver_is_the_one_before_the_holder() -> None:
    assert stated(GREEN).giver == "arden"
    assert passed().giver == "borduria"
    assert passed(way=("borduria", "elbe", "caledon")).giver == "elbe"
    assert passed(way=("borduria",)).giver == "arden"


def test_a_reader_of_the_holder_sees_it_and_nobody_else() -> None:
    asked = passed({"tlp": "AMBER"})
    assert reader(asked, "carla").permit
    assert reader(asked, "ana").permit  # of its originator
    for name in ("boris", "elsa"):
        assert says(reader(asked, name), "onward") == ("deny", "not-holder")


def test_time_alone_never_changes_what_the_terms_do_not_let() -> None:
    assert member(passed(terms={}), "caledon").until is None
    assert member(passed(), "caledon").until is not None


def test_an_embargo_holds_for_what_is_passed_on_too() -> None:
    asked = passed(terms={**TO_CALEDON, "embargo": "2026-06-02T00:00:00Z"})
    decision = member(asked, "caledon", at=NOW)
    assert says(decision, "embargo") == ("deny", "embargo")
    assert decision.until == "2026-06-02T00:02:00.000000Z"
