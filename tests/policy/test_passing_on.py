"""How far agreements along a way let a received statement go any further."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ringwall.alliance import Agreement, Alliance
from ringwall.labels import Terms
from ringwall.policy import NO_FURTHER, Limit, ReleaseClass, further, passing_on, way_to
from tests.policy.world import NOW, WORLD, changed, stated

AFTERWARDS = datetime(2027, 6, 1, tzinfo=UTC)
TERMS = {"onward_to": ["caledon", "dorne", "elbe"], "hops": 5}
GREEN = stated({"tlp": "GREEN"}, TERMS)


def members(*names: str) -> frozenset[str]:
    return frozenset(names)


def agreement(name: str, *parties: str, to: tuple[str, ...] = (), hops: int = 0) -> Agreement:
    return msgspec.structs.replace(
        WORLD.agreements[0],
        id=name,
        title=name.capitalize(),
        clause="article 1",
        parties=members(*parties),
        onward_to=members(*to),
        hops=hops,
    )


def under(*agreements: Agreement) -> Alliance:
    return changed(agreements=agreements)


INNER = agreement("inner", "arden", "borduria", to=("caledon", "elbe"), hops=3)
OUTER = agreement("outer", "borduria", "caledon", to=("dorne", "elbe"), hops=2)


def relayed(*way: str, **terms: Any) -> ReleaseClass:
    asked = stated({"tlp": "GREEN"}, {**TERMS, **terms})
    return msgspec.structs.replace(asked, relayed=way)


def test_a_limit_is_what_all_permit_and_less_after_every_hop() -> None:
    wide, narrow = Limit(members("caledon", "dorne"), 3), Limit(members("dorne", "elbe"), 1)
    assert wide.within(narrow) == narrow.within(wide) == Limit(members("dorne"), 1)
    assert wide.after_a_hop() == Limit(members("caledon", "dorne"), 2)
    assert narrow.after_a_hop().after_a_hop().hops == 0
    assert Limit(frozenset(), 0) == NO_FURTHER


def test_a_way_begins_with_whom_the_originator_sent_it_to() -> None:
    assert way_to(GREEN, "borduria", "caledon") == ("borduria", "caledon")
    longer = relayed("borduria", "caledon")
    assert way_to(longer, "caledon", "dorne") == ("borduria", "caledon", "dorne")


def test_the_agreement_under_which_it_came_lets_it_go_on() -> None:
    found, limit = passing_on(under(INNER, OUTER), GREEN, "borduria", "caledon", NOW)
    assert (found.gate, found.outcome, found.rule) == ("passing-on", "pass", "agreed")
    assert found.source == "agreement inner, article 1"
    assert found.fact == "Inner (article 1) lets borduria pass it on to caledon"
    assert limit == Limit(members("caledon", "elbe"), 3)


def test_what_was_passed_on_goes_on_under_the_agreement_of_the_last_step() -> None:
    asked = relayed("borduria", "caledon")
    found, limit = passing_on(under(INNER, OUTER), asked, "caledon", "dorne", NOW)
    assert found.fact == "Outer (article 1) lets caledon pass it on to dorne"
    assert limit == Limit(members("dorne", "elbe"), 2)


@pytest.mark.parametrize(
    ("agreements", "to", "at", "who"),
    [
        ((INNER,), "dorne", NOW, "Inner (article 1) does not let"),
        (
            (agreement("inner", "arden", "borduria", to=("caledon",)),),
            *("caledon", NOW, "Inner (article 1) does not let"),
        ),
        (
            (agreement("one", "arden", "borduria"), agreement("two", "arden", "borduria")),
            *("caledon", NOW, "One (article 1), Two (article 1) does not let"),
        ),
        ((INNER,), "caledon", AFTERWARDS, "no agreement in force lets"),
        ((OUTER,), "caledon", NOW, "no agreement in force lets"),
    ],
)
def test_where_no_agreement_lets_it_go_on_it_stays(
    agreements: tuple[Agreement, ...], to: str, at: datetime, who: str
) -> None:
    found, limit = passing_on(under(*agreements), GREEN, "borduria", to, at)
    assert (found.gate, found.outcome, found.rule) == ("passing-on", "deny", "not-agreed")
    assert (found.source, found.fact) == ("agreements", f"{who} borduria pass it on to {to}")
    assert limit == NO_FURTHER


def test_of_several_agreements_the_one_that_reaches_farthest_counts() -> None:
    short = agreement("short", "arden", "borduria", to=("caledon", "elbe", "dorne"), hops=1)
    narrow = agreement("narrow", "arden", "borduria", to=("caledon",), hops=3)
    elsewhere = agreement("elsewhere", "arden", "borduria", to=("elbe",), hops=8)
    for order in ((short, narrow, INNER, elsewhere), (elsewhere, INNER, narrow, short)):
        found, limit = passing_on(under(*order), GREEN, "borduria", "caledon", NOW)
        assert found.source == "agreement inner, article 1"
        assert limit == Limit(members("caledon", "elbe"), 3)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, Limit(members("elbe"), 2)),
        ({"hops": 3}, Limit(members("elbe"), 2)),
        ({"hops": 2}, Limit(members("elbe"), 1)),
        ({"hops": 1}, NO_FURTHER),
        ({"onward_to": ["caledon", "dorne"]}, NO_FURTHER),
        ({"onward_to": ["allies"]}, Limit(members("elbe"), 2)),
    ],
)
def test_further_is_what_both_steps_and_the_terms_permit(
    terms: dict[str, Any], expected: Limit
) -> None:
    """Inner: 3 hops to caledon and elbe, one of them to caledon; outer: 2 to dorne and elbe."""
    asked = relayed(**terms)
    assert further(under(INNER, OUTER), asked, "borduria", "caledon", NOW) == expected


def test_every_hop_before_counts_against_the_terms() -> None:
    third = agreement("third", "caledon", "elbe", to=("dorne",), hops=4)
    last = agreement("last", "borduria", "caledon", to=("dorne", "elbe"), hops=4)
    alliance = under(INNER, last, third)
    for hops, expected in ((2, 0), (3, 1), (4, 2), (5, 3), (6, 3)):
        asked = relayed("borduria", "caledon", hops=hops)
        limit = further(alliance, asked, "caledon", "elbe", NOW)
        assert limit == (Limit(members("dorne"), expected) if expected else NO_FURTHER)


def test_the_last_step_may_end_it() -> None:
    ends = agreement("ends", "borduria", "caledon")
    assert further(under(INNER, ends), GREEN, "borduria", "caledon", NOW) == NO_FURTHER
    assert further(under(INNER), GREEN, "borduria", "caledon", NOW) == NO_FURTHER
    assert further(under(INNER, ends, OUTER), GREEN, "borduria", "caledon", NOW).hops == 2
    assert further(under(INNER, OUTER), GREEN, "borduria", "caledon", AFTERWARDS) == NO_FURTHER
    silent = msgspec.structs.replace(GREEN, terms=Terms())
    assert further(under(INNER, OUTER), silent, "borduria", "caledon", NOW) == NO_FURTHER
