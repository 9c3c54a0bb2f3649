"""The onward gate: how far an originator's terms let others pass something on."""

from typing import Any

import msgspec
import pytest

from ringwall.policy import Question, ReleaseClass
from ringwall.policy.gates import named_members, onward_gate
from tests.policy.world import NOW, WORLD, classified, gate, member, says, stated, whole

GREEN = {"tlp": "GREEN"}
TWO_HOPS = {"onward_to": ["caledon", "elbe"], "hops": 2}
ACS = "urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault="


def passed_on(
    way: tuple[str, ...], terms: dict[str, Any] = TWO_HOPS, label: dict[str, Any] = GREEN
) -> ReleaseClass:
    """A release class of arden's that came over the members of ``way``."""
    return msgspec.structs.replace(stated(label, terms), relayed=way)


def denied(asked: ReleaseClass, name: str) -> tuple[str, str, str]:
    decision = member(asked, name)
    assert not decision.permit
    outcome, *why = whole(decision, "onward")
    assert outcome == "deny"
    return why[0], why[1], why[2]


def test_what_its_originator_sent_is_not_asked_about() -> None:
    found = onward_gate(Question(WORLD, stated(GREEN), "caledon", NOW))
    assert (found.gate, found.outcome, found.rule, found.source, found.fact) == (
        *("onward", "abstain", "none", "terms", "it comes from arden itself"),
    )
    assert "onward" not in {result.gate for result in member(stated(GREEN), "caledon").gates}


@pytest.mark.parametrize(
    ("way", "hop"),
    [(("borduria", "caledon"), 1), (("dorne", "caledon"), 1), (("borduria", "elbe", "caledon"), 2)],
)
def test_whom_the_terms_name_may_have_it_over_so_many_hops(way: tuple[str, ...], hop: int) -> None:
    """Whom the originator sent it to itself need not stand in the terms."""
    fact = f"arden lets it be passed on to caledon, hop {hop} of 2"
    decision = member(passed_on(way), "caledon")
    assert whole(decision, "onward") == ("pass", "named", "terms.onward_to", fact)
    assert decision.permit is (way[-2] != "dorne")  # which has no agreement with caledon


def test_the_originator_may_have_its_own_whatever_way_it_came() -> None:
    decision = member(passed_on(("borduria", "caledon"), {}), "arden")
    fact = "arden is the originator"
    assert whole(decision, "onward") == ("pass", "originator", "label", fact)
    assert decision.permit


@pytest.mark.parametrize(
    "way", [("caledon",), ("borduria", "arden", "caledon"), ("caledon", "elbe", "caledon")]
)
def test_a_way_that_nothing_can_have_come_is_none(way: tuple[str, ...]) -> None:
    fact = f"it came over {', '.join(way)}, which is no way"
    terms = {"onward_to": ["allies"], "hops": 8}
    assert denied(passed_on(way, terms), "caledon") == ("way", "relayed", fact)


def test_it_is_for_the_one_that_holds_it() -> None:
    asked = passed_on(("borduria", "caledon"))
    fact = "it was passed on to caledon and nobody else"
    assert denied(asked, "elbe") == ("not-holder", "relayed", fact)
    assert denied(asked, "borduria") == ("not-holder", "relayed", fact)


@pytest.mark.parametrize("terms", [{}, {"hops": 2}, {"onward_to": ["caledon"]}])
def test_without_names_or_without_hops_nobody_passes_it_on(terms: dict[str, Any]) -> None:
    asked = passed_on(("borduria", "caledon"), terms)
    fact = "arden lets nobody pass it on"
    assert denied(asked, "caledon") == ("no-onward", "terms.onward_to", fact)


def test_a_hop_more_than_the_terms_give_is_denied() -> None:
    asked = passed_on(("borduria", "elbe", "caledon"), {**TWO_HOPS, "hops": 1})
    assert denied(asked, "caledon") == ("hops", "terms.hops", "hop 2, and arden permits 1")


@pytest.mark.parametrize(
    ("way", "names", "stranger"),
    [
        (("borduria", "caledon"), ["dorne", "elbe"], "caledon"),
        (("borduria", "dorne", "caledon"), ["caledon", "elbe"], "dorne"),
        (("borduria", "caledon"), ["zembla"], "caledon"),
    ],
)
def test_everybody_on_the_way_after_the_first_must_be_meant(
    way: tuple[str, ...], names: list[str], stranger: str
) -> None:
    asked = passed_on(way, {"onward_to": names, "hops": 2})
    listed = ", ".join(names)
    fact = f"arden lets it be passed on to {listed}, and {stranger} is not meant"
    assert denied(asked, "caledon") == ("onward-to", "terms.onward_to", fact)


def test_a_name_that_nobody_has_means_nobody_and_takes_nothing_from_the_others() -> None:
    assert named_members(WORLD, ("aaa", "dorne", "zembla")) == {"dorne"}
    assert named_members(WORLD, ("zembla",)) == frozenset()
    assert named_members(WORLD, ("allies", "dorne")) == set(WORLD.members)
    terms = {"onward_to": ["aaa", "caledon"], "hops": 1}
    assert member(passed_on(("borduria", "caledon"), terms), "caledon").permit


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        *(({"tlp": level}, False) for level in ("CLEAR", "GREEN", "AMBER")),
        (classified("SECRET"), False),
        *(({"tlp": level, "rel_to": ["caledon"]}, True) for level in ("AMBER+STRICT", "RED")),
    ],
)
def test_what_tlp_keeps_with_its_recipients_is_not_passed_on(
    label: dict[str, Any], kept: bool
) -> None:
    asked = passed_on(("borduria", "caledon"), label=label)
    assert member(asked, "caledon").permit is not kept
    if kept:
        fact = f"TLP:{label['tlp']} stays with those who got it"
        assert denied(asked, "caledon") == ("tlp", "label.tlp", fact)


def test_an_acs_marking_must_permit_that_it_is_shared_further() -> None:
    def marked(sharing: str, name: str = "caledon", **more: Any) -> ReleaseClass:
        control_set = {"classification": "U"}
        acs = [{"control_set": control_set, "policy_reference": ACS + sharing, **more}]
        return passed_on(("borduria", name), label={"tlp": "GREEN", "acs": acs})

    assert member(marked("permit"), "caledon").permit
    rule, source, fact = denied(marked("deny"), "caledon")
    assert (rule, source, fact) == (
        *("acs-further-sharing-default", "label.acs", "ACS default: deny"),
    )
    assert denied(passed_on(("borduria", "zembla")), "zembla")[0] == "onward-to"


@pytest.mark.parametrize("code", ["CAL", "caledon"])
def test_a_member_is_meant_in_an_acs_marking_by_its_code_or_its_name(code: str) -> None:
    further = [{"rule_effect": "permit", "sharing_scope": [code]}]
    control_set = {"classification": "U"}
    marking = {"control_set": control_set, "policy_reference": ACS + "deny"}
    label = {"tlp": "GREEN", "acs": [marking | {"further_sharing": further}]}
    for name, outcome in (("caledon", "pass"), ("elbe", "deny")):
        asked = passed_on(("borduria", name), label=label)
        assert says(member(asked, name), "onward")[0] == outcome
        assert (gate(member(asked, name), "acs").outcome) == "pass"
