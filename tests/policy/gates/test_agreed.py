"""The agreement gate: who gives, who receives, what, how high, when, and at what price."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ringwall.core import InternalFault
from ringwall.policy import SKEW, Question
from ringwall.policy.gates import agreement_gate, boundaries, covering_agreements, in_force
from tests.policy.world import (
    NOW,
    WORLD,
    changed,
    classified,
    gate,
    member,
    stated,
    whole,
)

MUTUAL, ONE_WAY = WORLD.agreements
ENERGY = {"sectors": ["energy"]}


def opens(
    label: dict[str, Any], terms: dict[str, Any], origin: str, receiver: str, **more: str
) -> bool:
    asked = stated(label, terms, origin=origin, **more)
    return gate(member(asked, receiver), "agreement").outcome == "pass"


def test_givers_give_and_receivers_receive() -> None:
    assert opens({"tlp": "AMBER"}, ENERGY, "arden", "dorne")
    assert not opens({"tlp": "AMBER"}, ENERGY, "borduria", "dorne")  # a party that does not give
    assert not opens({"tlp": "AMBER"}, ENERGY, "dorne", "arden")
    assert not opens({"tlp": "AMBER"}, ENERGY, "caledon", "dorne")  # no party
    wider = msgspec.structs.replace(ONE_WAY, receivers=None)
    asked = stated({"tlp": "AMBER"}, ENERGY)
    alliance = changed(agreements=(wider,))
    assert gate(member(asked, "borduria", alliance=alliance), "agreement").outcome == "pass"
    assert gate(member(asked, "caledon", alliance=alliance), "agreement").outcome == "deny"


@pytest.mark.parametrize(
    ("sectors", "expected"),
    [
        (["energy"], True),
        (["energy", "water"], True),
        (["energy", "health"], False),
        (["health"], False),
        ([], False),
    ],
)
def test_every_sector_must_be_covered_and_one_be_named(sectors: list[str], expected: bool) -> None:
    assert opens({"tlp": "AMBER"}, {"sectors": sectors}, "arden", "dorne") is expected
    assert opens({"tlp": "AMBER"}, {"sectors": sectors}, "arden", "borduria")


@pytest.mark.parametrize(
    ("label", "terms", "more", "rule", "fact"),
    [
        (
            {"tlp": "AMBER"},
            ENERGY,
            {"purpose": "sales"},
            "purpose",
            "the purpose sales is not covered by Supply to Dorne (annex D)",
        ),
        (
            {"tlp": "AMBER"},
            ENERGY,
            {"object_type": "note"},
            "object-type",
            "the type note is not covered by Supply to Dorne (annex D)",
        ),
        (
            {"tlp": "AMBER"},
            {"sectors": ["energy", "health"]},
            {},
            "sectors",
            "the sector energy, health is not covered by Supply to Dorne (annex D)",
        ),
        (
            {"tlp": "AMBER"},
            {},
            {},
            "sectors",
            "the sector that is not named is not covered by Supply to Dorne (annex D)",
        ),
        (
            {"tlp": "AMBER+STRICT"},
            ENERGY,
            {},
            "highest-tlp",
            "TLP:AMBER+STRICT is above what is covered by Supply to Dorne (annex D)",
        ),
        (
            classified("SECRET"),
            ENERGY,
            {},
            "highest-classification",
            "ARDEN:SECRET is above what is covered by Supply to Dorne (annex D)",
        ),
        (
            classified("OFFEN", policy="CALEDON"),
            ENERGY,
            {},
            "highest-classification",
            "CALEDON:OFFEN is above what is covered by Supply to Dorne (annex D)",
        ),
        (
            classified("SECRET", policy="ZEMBLA"),
            ENERGY,
            {},
            "highest-classification",
            "ZEMBLA:SECRET is above what is covered by Supply to Dorne (annex D)",
        ),
    ],
)
def test_the_condition_that_fails_is_named_with_its_clause(
    label: dict[str, Any], terms: dict[str, Any], more: dict[str, str], rule: str, fact: str
) -> None:
    decision = member(stated(label, terms, **more), "dorne")
    source = "agreement one-way, annex D"
    assert whole(decision, "agreement") == ("deny", rule, source, fact)


def test_unlabelled_content_is_above_every_agreement() -> None:
    decision = member(stated({}, ENERGY), "dorne")
    assert whole(decision, "agreement")[1:] == (
        "highest-tlp",
        "agreement one-way, annex D",
        "TLP:none is above what is covered by Supply to Dorne (annex D)",
    )


def test_who_shares_no_agreement() -> None:
    decision = member(stated({"tlp": "CLEAR"}, origin="caledon"), "dorne")
    fact = "no agreement joins caledon and dorne"
    assert whole(decision, "agreement") == ("deny", "no-agreement", "", fact)


def test_the_highest_classification_may_pass() -> None:
    assert opens(classified("RESTRICTED"), ENERGY, "arden", "dorne")
    assert opens(classified("OPEN"), ENERGY, "arden", "dorne")
    assert not opens(classified("SECRET"), ENERGY, "arden", "dorne")
    assert not opens(classified("RESTRICTED", tlp="RED"), ENERGY, "arden", "dorne")
    unknown = msgspec.structs.replace(ONE_WAY, highest_classification={"ARDEN": "HIGHEST"})
    asked = stated(classified("OPEN"), ENERGY)
    decision = member(asked, "dorne", alliance=changed(agreements=(unknown,)))
    assert gate(decision, "agreement").rule == "highest-classification"
    missing = stated(classified("HIGHEST"), ENERGY)
    assert gate(member(missing, "borduria"), "agreement").rule == "highest-classification"


def test_the_last_agreement_to_fall_out_is_explained() -> None:
    """Mutual exchange falls out by its purpose; what is left then decides the words."""
    other = msgspec.structs.replace(MUTUAL, id="other", title="Other", clause="c", receivers=None)
    narrow = msgspec.structs.replace(other, purposes=frozenset({"exercise"}))
    low = msgspec.structs.replace(MUTUAL, highest_classification={})
    alliance = changed(agreements=(narrow, low))
    decision = member(stated(classified("SECRET")), "borduria", alliance=alliance)
    assert whole(decision, "agreement")[1:] == (
        "highest-classification",
        "agreement mutual, article 3",
        "ARDEN:SECRET is above what is covered by Mutual exchange (article 3)",
    )


def test_dates_are_named_with_every_agreement_that_would_cover_it() -> None:
    later = msgspec.structs.replace(
        MUTUAL, id="later", title="Later", clause="c", valid_from="2026-12-01T00:00:00.000000Z"
    )
    past = msgspec.structs.replace(MUTUAL, valid_until="2026-02-01T00:00:00.000000Z")
    alliance = changed(agreements=(past, later))
    decision = member(stated({"tlp": "GREEN"}), "borduria", alliance=alliance)
    assert whole(decision, "agreement") == (
        "deny",
        "dates",
        "agreement mutual, article 3; agreement later, c",
        "not in force now: Mutual exchange (article 3), Later (c)",
    )
    assert decision.until == "2026-12-01T00:02:00.000000Z"


def test_the_first_agreement_in_force_is_quoted() -> None:
    past = msgspec.structs.replace(MUTUAL, id="past", valid_until="2026-02-01T00:00:00.000000Z")
    decision = member(
        stated({"tlp": "GREEN"}), "borduria", alliance=changed(agreements=(past, MUTUAL))
    )
    fact = "Mutual exchange (article 3) is in force"
    source = "agreement mutual, article 3"
    assert whole(decision, "agreement") == ("pass", "in-force", source, fact)
    decision = member(stated({"tlp": "GREEN"}), "arden")
    fact = "arden is the originator"
    assert whole(decision, "agreement") == ("pass", "originator", "label", fact)


def test_boundaries_are_narrowed_by_the_skew() -> None:
    opened, shut = datetime(2026, 1, 1, tzinfo=UTC) + SKEW, datetime(2027, 1, 1, tzinfo=UTC) - SKEW
    assert boundaries(MUTUAL) == (opened, shut)
    assert [in_force(MUTUAL, at) for at in (opened - SKEW, opened, shut)] == [False, True, False]


def test_duties_come_with_what_opened() -> None:
    asked = stated({"tlp": "GREEN"})
    assert member(asked, "borduria").duties == ("encrypt", "no-copies", "report")
    assert member(asked, "arden").duties == ()
    assert member(stated({"tlp": "RED"}), "borduria").duties == ()
    shut = msgspec.structs.replace(
        MUTUAL, id="shut", obligations=("burn",), valid_until="2026-02-01T00:00:00.000000Z"
    )
    both = changed(agreements=(shut, MUTUAL))
    assert member(asked, "borduria", alliance=both).duties == ("encrypt", "no-copies", "report")


def test_an_agreement_that_was_taken_away_opens_nothing() -> None:
    asked = stated({"tlp": "GREEN"})
    assert member(asked, "borduria").permit
    decision = member(asked, "borduria", alliance=changed(agreements=()))
    assert gate(decision, "agreement").rule == "no-agreement"


def test_what_covers_and_was_not_found_is_a_fault_of_ours() -> None:
    """Whoever asks the gate brings what covers; an explanation that is wrong must not be given."""
    asked = Question(WORLD, stated({"tlp": "GREEN"}), "borduria", NOW)
    with pytest.raises(InternalFault, match="an agreement covers a release") as caught:
        agreement_gate(asked, [])
    assert caught.value.rule == "agreement"


def test_covering_agreements_are_those_of_any_time() -> None:
    asked = Question(WORLD, stated({"tlp": "AMBER"}, ENERGY), "dorne", NOW)
    assert covering_agreements(asked) == [ONE_WAY]
