"""Gates that look at the label and at the member that would receive."""

from typing import Any

import msgspec
import pytest

from ringwall.alliance import NodeSeat
from ringwall.policy.gates import Question, fit_seats
from tests.policy.world import (
    NOW,
    WORLD,
    changed,
    classified,
    member,
    says,
    stated,
    tag,
    whole,
)


def permitted(label: dict[str, Any], origin: str = "arden") -> set[str]:
    return {name for name in WORLD.members if member(stated(label, origin=origin), name).permit}


def test_classification_asks_for_a_clearance_of_others_only() -> None:
    source = "label.confidentiality"
    decision = member(stated(classified("SECRET")), "arden")
    fact = "arden is the originator"
    assert whole(decision, "classification") == ("pass", "originator", source, fact)
    decision = member(stated({"tlp": "RED"}), "borduria")
    fact = "it is not classified"
    assert whole(decision, "classification") == ("abstain", "none", source, fact)
    decision = member(stated(classified("TOP")), "borduria")
    assert whole(decision, "classification") == (
        "deny",
        "level",
        "members.borduria.clearances",
        "borduria is not cleared: ARDEN:SECRET is below TOP",
    )
    decision = member(stated(classified("SECRET")), "stranger")
    assert says(decision, "classification") == ("deny", "policy")


def test_a_classified_label_without_rel_to_is_for_its_originator_only() -> None:
    label = classified("SECRET")
    del label["rel_to"]
    assert permitted(label) == {"arden"}
    assert permitted({**label, "tlp": "CLEAR"}) == {"arden"}
    fact = "it is classified and no REL TO names anybody"
    decision = member(stated(label), "borduria")
    assert whole(decision, "rel-to") == ("deny", "no-rel-to", "label.rel_to", fact)


def test_releasable_categories_name_recipients_by_their_codes() -> None:
    label = classified("SECRET", tag("REL", "BRD", "CAL"))
    assert permitted(label) == {"arden", "borduria", "caledon"}
    del label["rel_to"]
    assert permitted(label) == {"arden", "borduria", "caledon"}
    decision = member(stated(label), "borduria")
    source = "label.confidentiality.REL"
    assert whole(decision, "rel-to") == ("pass", "named", source, "REL TO names BRD, CAL")
    decision = member(stated(label), "elbe")
    assert whole(decision, "rel-to") == ("deny", "not-named", source, "REL TO names BRD, CAL only")
    assert permitted(classified("SECRET", tag("REL", "allies"))) == {
        *("arden", "borduria", "caledon", "elbe"),
    }


def test_rel_to_and_releasable_categories_must_both_name_a_member() -> None:
    label = classified("SECRET", tag("REL", "BRD", "CAL"))
    assert permitted({**label, "rel_to": ["borduria", "elbe"]}) == {"arden", "borduria"}
    assert permitted({**label, "rel_to": ["elbe"]}) == {"arden"}
    decision = member(stated({**label, "rel_to": ["borduria", "elbe"]}), "borduria")
    fact = "REL TO names borduria, elbe; BRD, CAL"
    assert whole(decision, "rel-to") == ("pass", "named", "label.rel_to", fact)


def test_a_code_that_nobody_has_closes_the_whole_list() -> None:
    label = classified("SECRET", tag("REL", "BRD", "ZEM"))
    assert permitted(label) == {"arden"}
    decision = member(stated(label), "borduria")
    fact = "REL TO names ZEM, which this alliance does not know"
    source = "label.confidentiality.REL"
    assert whole(decision, "rel-to") == ("deny", "unknown-name", source, fact)


def test_a_list_of_nobody() -> None:
    decision = member(stated({"tlp": "GREEN", "rel_to": []}), "borduria")
    assert whole(decision, "rel-to") == (
        *("deny", "not-named", "label.rel_to", "REL TO names nobody"),
    )
    decision = member(stated({"tlp": "GREEN"}), "borduria")
    fact = "the label has no REL TO"
    assert whole(decision, "rel-to") == ("abstain", "no-rel-to", "label", fact)
    decision = member(stated({"tlp": "GREEN", "rel_to": []}), "arden")
    fact = "arden is the originator"
    assert whole(decision, "rel-to") == ("pass", "originator", "label", fact)


def test_red_is_for_those_who_are_named_one_by_one() -> None:
    assert permitted({"tlp": "RED", "rel_to": ["allies"]}) == {"arden"}
    assert permitted({"tlp": "RED", "rel_to": ["allies", "caledon"]}) == {"arden", "caledon"}
    decision = member(stated({"tlp": "RED", "rel_to": ["caledon"]}), "caledon")
    fact = "TLP:RED and REL TO names caledon itself"
    assert whole(decision, "tlp") == ("pass", "red-named", "label.tlp", fact)
    decision = member(stated({"tlp": "RED"}), "caledon")
    fact = "TLP:RED is for those whom REL TO names one by one, and it does not name caledon"
    assert whole(decision, "tlp") == ("deny", "red", "label.tlp", fact)


def test_other_levels_open_and_close_nothing() -> None:
    decision = member(stated({"tlp": "AMBER"}), "caledon")
    fact = "TLP:AMBER limits only what the recipient does next"
    assert whole(decision, "tlp") == ("pass", "onward", "label.tlp", fact)
    decision = member(stated({"tlp": "AMBER"}), "arden")
    fact = "arden is the originator"
    assert whole(decision, "tlp") == ("pass", "originator", "label.tlp", fact)
    fact = "the label has no TLP"
    decision = member(stated(classified("SECRET")), "borduria")
    assert whole(decision, "tlp") == ("abstain", "none", "label.tlp", fact)
    decision = member(stated({"rel_to": ["borduria"]}), "borduria")
    assert whole(decision, "tlp") == ("deny", "no-tlp", "label.tlp", fact)


def test_a_code_names_a_member_itself_if_it_is_its_alone() -> None:
    """In a TLP:RED label REL TO holds names; a code counts where it means one member."""
    members = dict(WORLD.members)
    for name in ("borduria", "caledon"):
        codes = members[name].codes | {"both"}
        members[name] = msgspec.structs.replace(members[name], codes=codes)
    members["borduria"] = msgspec.structs.replace(
        members["borduria"], codes=members["borduria"].codes | {"brd"}
    )
    alliance = changed(members=members)
    for code, expected in (("brd", True), ("both", False)):
        asked = stated({"tlp": "RED", "rel_to": [code]})
        assert member(asked, "borduria", alliance=alliance).permit is expected


@pytest.mark.parametrize(
    ("name", "rule", "source", "fact"),
    [
        ("stranger", "unknown-member", "alliance.members", "stranger is no member of world"),
        ("elbe", "no-node", "alliance.members", "elbe has no node"),
        (
            "dorne",
            "environment",
            "alliance.members.dorne.nodes",
            "the transport of dorne-1 is not post-quantum",
        ),
    ],
)
def test_who_has_no_node_to_receive_with(name: str, rule: str, source: str, fact: str) -> None:
    elbe = msgspec.structs.replace(WORLD.members["elbe"], nodes=())
    alliance = changed(members=WORLD.members | {"elbe": elbe})
    decision = member(stated({"tlp": "CLEAR"}), name, alliance=alliance)
    assert whole(decision, "node") == ("deny", rule, source, fact)
    assert not decision.permit


def test_a_member_with_a_fit_node_passes() -> None:
    passed = ("pass", "has-node", "alliance.members", "borduria has a node")
    assert whole(member(stated(classified("SECRET")), "borduria"), "node") == passed


def test_the_originator_needs_a_node_and_no_fit_one() -> None:
    asked = stated(classified("TOP"), origin="dorne")
    assert says(member(asked, "dorne"), "node") == ("pass", "has-node")
    dorne = msgspec.structs.replace(WORLD.members["dorne"], nodes=())
    alliance = changed(members=WORLD.members | {"dorne": dorne})
    assert says(member(asked, "dorne", alliance=alliance), "node") == ("deny", "no-node")


def seats(label: dict[str, Any], *nodes: NodeSeat) -> list[str]:
    borduria = msgspec.structs.replace(WORLD.members["borduria"], nodes=nodes)
    alliance = changed(members=WORLD.members | {"borduria": borduria})
    asked = Question(alliance, stated(label), "borduria", NOW)
    return [seat.id for seat in fit_seats(asked)]


def test_assurance_zone_and_transport_of_the_single_node() -> None:
    nodes = (
        NodeSeat("low", "borduria", 1, assurance=1, zone="red"),
        NodeSeat("enough", "borduria", 2, assurance=2),
        NodeSeat("high", "borduria", 3, assurance=3, zone="red"),
        NodeSeat("elsewhere", "borduria", 4, assurance=3, zone="blue"),
        NodeSeat("old", "borduria", 5, assurance=9, zone="red", post_quantum=False),
    )
    assert seats(classified("RESTRICTED"), *nodes) == ["low", "enough", "high", "elsewhere"]
    assert seats(classified("SECRET"), *nodes) == ["enough", "high", "elsewhere"]
    assert seats(classified("TOP"), *nodes) == ["high"]
    assert seats({"tlp": "RED"}, *nodes) == ["low", "enough", "high", "elsewhere"]
    assert seats({"tlp": "RED"}) == []
    stranger = Question(WORLD, stated({"tlp": "RED"}), "stranger", NOW)
    assert fit_seats(stranger) == ()


@pytest.mark.parametrize(
    ("level", "seat", "why"),
    [
        (
            "SECRET",
            NodeSeat("x", "borduria", 1, assurance=1),
            "x has assurance 1 and SECRET needs 2",
        ),
        (
            "TOP",
            NodeSeat("x", "borduria", 1, assurance=3, zone="blue"),
            "x stands in zone blue and TOP needs red",
        ),
        (
            "TOP",
            NodeSeat("x", "borduria", 1, assurance=3),
            "x stands in zone none and TOP needs red",
        ),
    ],
)
def test_why_a_node_is_not_fit(level: str, seat: NodeSeat, why: str) -> None:
    borduria = msgspec.structs.replace(WORLD.members["borduria"], nodes=(seat,))
    alliance = changed(members=WORLD.members | {"borduria": borduria})
    decision = member(stated(classified(level)), "borduria", alliance=alliance)
    source = "alliance.members.borduria.nodes"
    assert whole(decision, "node") == ("deny", "environment", source, why)


def test_every_zone_and_every_unknown_name_is_told() -> None:
    arden = WORLD.policies["ARDEN"]
    top = msgspec.structs.replace(arden.levels["TOP"], zones=frozenset({"red", "black"}))
    policy = msgspec.structs.replace(arden, levels=arden.levels | {"TOP": top})
    alliance = changed(policies=WORLD.policies | {"ARDEN": policy})
    decision = member(stated(classified("TOP")), "caledon", alliance=alliance)
    low = "caledon-1 has assurance 2 and TOP needs 3"
    assert whole(decision, "node")[3] == low
    strong = msgspec.structs.replace(WORLD.members["caledon"].nodes[0], assurance=9)
    caledon = msgspec.structs.replace(WORLD.members["caledon"], nodes=(strong,))
    alliance = msgspec.structs.replace(alliance, members=WORLD.members | {"caledon": caledon})
    decision = member(stated(classified("TOP")), "caledon", alliance=alliance)
    zones = "caledon-1 stands in zone blue and TOP needs black, red"
    assert whole(decision, "node")[3] == zones
    decision = member(stated({"tlp": "GREEN", "rel_to": ["dorne", "nobody", "zembla"]}), "dorne")
    names = "REL TO names nobody, zembla, which this alliance does not know"
    assert whole(decision, "rel-to") == ("deny", "unknown-name", "label.rel_to", names)


def test_a_level_needs_what_the_levels_below_it_need() -> None:
    """A policy that asks less for a higher level must not open a product to whom no part is."""
    arden = WORLD.policies["ARDEN"]
    levels = dict(arden.levels)
    levels["RESTRICTED"] = msgspec.structs.replace(levels["RESTRICTED"], assurance=3)
    levels["OPEN"] = msgspec.structs.replace(levels["OPEN"], assurance=9, obsolete=True)
    policy = msgspec.structs.replace(arden, levels=levels)
    alliance = changed(policies=WORLD.policies | {"ARDEN": policy})
    asked = stated(classified("SECRET"))
    assert member(asked, "caledon").permit
    assert not member(asked, "caledon", alliance=alliance).permit
    assert member(asked, "borduria", alliance=alliance).permit
