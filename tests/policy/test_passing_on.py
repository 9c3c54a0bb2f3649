"""Passing on: what the agreements along a way let a holder pass on, to whom, how far."""

from datetime import UTC, datetime
from itertools import permutations, product
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from ringwall.alliance import Agreement, Alliance
from ringwall.labels import Tlp
from ringwall.policy import (
    NO_FURTHER,
    SKEW,
    Limit,
    ReleaseClass,
    further,
    named_members,
    passing_on,
    way_to,
)
from tests.policy import oracle
from tests.policy.cases import (
    GROUPS,
    MEMBERS,
    START,
    agreement,
    case,
    description,
    moment,
    randoms,
    some,
    stamp,
)
from tests.policy.read import read_book, read_case
from tests.policy.world import NOW, WORLD, changed, classified, stated

GREEN = {"tlp": "GREEN"}
OPEN = {"onward_to": ["allies", "dorne"], "hops": 8}
MUTUAL = WORLD.agreements[0]
AFTER = datetime(2027, 1, 1, tzinfo=UTC)


def pact(
    name: str, *parties: str, onward: tuple[str, ...] = (), hops: int = 0, **more: Any
) -> Agreement:
    """An agreement as mutual exchange is, of these parties."""
    return msgspec.structs.replace(
        MUTUAL,
        id=name,
        title=name.capitalize(),
        clause=f"clause of {name}",
        parties=frozenset(parties),
        onward_to=frozenset(onward),
        hops=hops,
        **more,
    )


def world(*agreements: Agreement) -> Alliance:
    return changed(agreements=agreements)


def released(
    label: dict[str, Any] = GREEN,
    terms: dict[str, Any] = OPEN,
    way: tuple[str, ...] = (),
) -> ReleaseClass:
    """Something of arden's."""
    return msgspec.structs.replace(stated(label, terms), relayed=way)


FIRST = pact("first", "arden", "borduria", onward=("caledon", "elbe"), hops=3)
SECOND = pact("second", "borduria", "caledon", onward=("elbe", "dorne"), hops=2)
BOTH = world(FIRST, SECOND)


# What the agreement lets, under which the holder has it.


def test_an_agreement_with_onward_lets_its_receiver_pass_it_on() -> None:
    result, limit = passing_on(BOTH, released(), "borduria", "caledon", NOW)
    assert (result.gate, result.outcome, result.rule) == ("passing-on", "pass", "agreed")
    assert result.source == "agreement first, clause of first"
    assert result.fact == "First (clause of first) lets borduria pass it on to caledon"
    assert limit == Limit(frozenset({"caledon", "elbe"}), 3)


@pytest.mark.parametrize(
    "agreement",
    [
        pact("first", "arden", "borduria"),
        pact("first", "arden", "borduria", onward=("caledon",)),
        pact("first", "arden", "borduria", onward=("elbe",), hops=2),
        pact("first", "arden", "borduria", hops=2),
    ],
)
def test_an_agreement_without_onward_for_it_does_not(agreement: Agreement) -> None:
    result, limit = passing_on(world(agreement, SECOND), released(), "borduria", "caledon", NOW)
    assert (result.gate, result.outcome, result.rule) == ("passing-on", "deny", "not-agreed")
    assert result.source == "agreements"
    fact = "First (clause of first) does not let borduria pass it on to caledon"
    assert result.fact == fact
    assert limit == NO_FURTHER


def test_an_agreement_under_which_it_did_not_come_says_nothing() -> None:
    away = pact("away", "arden", "elbe", onward=("caledon",), hops=4)
    result, limit = passing_on(world(away), released(), "borduria", "caledon", NOW)
    assert result.outcome == "deny"
    assert result.fact == "no agreement in force lets borduria pass it on to caledon"
    assert limit == NO_FURTHER


def test_without_any_agreement_nothing_is_passed_on() -> None:
    result, limit = passing_on(world(), released(), "borduria", "caledon", NOW)
    assert (result.outcome, limit) == ("deny", NO_FURTHER)


def test_of_several_the_one_that_reaches_farthest_counts() -> None:
    near = pact("near", "arden", "borduria", onward=("caledon", "elbe", "dorne"), hops=1)
    far = pact("far", "arden", "borduria", onward=("caledon",), hops=4)
    wide = pact("wide", "arden", "borduria", onward=("caledon", "dorne"), hops=4)
    closed = pact("closed", "arden", "borduria", onward=("elbe", "dorne", "borduria"), hops=8)
    for order in ((near, far, wide, closed), (closed, wide, far, near)):
        result, limit = passing_on(world(*order), released(), "borduria", "caledon", NOW)
        assert result.source == "agreement wide, clause of wide"
        assert limit == Limit(frozenset({"caledon", "dorne"}), 4)


def test_all_that_do_not_let_it_are_named() -> None:
    one, two = pact("one", "arden", "borduria"), pact("two", "arden", "borduria", "elbe")
    result, _ = passing_on(world(one, two), released(), "borduria", "caledon", NOW)
    assert result.fact == (
        "One (clause of one), Two (clause of two) do not let borduria pass it on to caledon"
    )


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (datetime(2026, 1, 1, 0, 1, 59, tzinfo=UTC), "deny"),
        (datetime(2026, 1, 1, 0, 2, tzinfo=UTC), "pass"),
        (datetime(2026, 12, 31, 23, 57, 59, tzinfo=UTC), "pass"),
        (datetime(2026, 12, 31, 23, 58, tzinfo=UTC), "deny"),
    ],
)
def test_only_while_it_is_in_force(at: datetime, outcome: str) -> None:
    result, limit = passing_on(BOTH, released(), "borduria", "caledon", at)
    assert result.outcome == outcome
    assert (limit == NO_FURTHER) is (outcome == "deny")
    assert (further(BOTH, released(), "borduria", "caledon", at).hops > 0) is (outcome == "pass")


@pytest.mark.parametrize(
    "narrower",
    [
        {"highest_tlp": Tlp.CLEAR},
        {"givers": frozenset({"borduria"})},
        {"receivers": frozenset({"arden"})},
        {"object_types": frozenset({"note"})},
        {"purposes": frozenset({"exercise"})},
        {"sectors": frozenset({"energy"})},
    ],
)
def test_an_agreement_that_does_not_cover_it_lets_nothing(narrower: dict[str, Any]) -> None:
    alliance = world(msgspec.structs.replace(FIRST, **narrower), SECOND)
    result, _ = passing_on(alliance, released(), "borduria", "caledon", NOW)
    assert result.fact == "no agreement in force lets borduria pass it on to caledon"
    assert further(alliance, released(), "borduria", "caledon", NOW) == NO_FURTHER


def test_a_classification_is_within_the_agreement_it_came_under() -> None:
    low = pact("low", "arden", "borduria", onward=("caledon",), hops=2, highest_classification={})
    secret = released(classified("SECRET"))
    assert passing_on(BOTH, secret, "borduria", "caledon", NOW)[0].outcome == "pass"
    assert passing_on(world(low), secret, "borduria", "caledon", NOW)[0].outcome == "deny"


def test_who_has_it_from_another_asks_the_agreement_with_that_one() -> None:
    """At the second hop: caledon got it from borduria, so what those two agreed counts."""
    came = released(way=("borduria", "caledon"))
    result, limit = passing_on(BOTH, came, "caledon", "elbe", NOW)
    assert result.source == "agreement second, clause of second"
    assert limit == Limit(frozenset({"elbe", "dorne"}), 2)
    other = pact("other", "arden", "caledon", onward=("elbe",), hops=8)
    result, _ = passing_on(world(other), came, "caledon", "elbe", NOW)
    assert result.outcome == "deny"


def test_nobody_who_is_not_there_passes_anything_on() -> None:
    for holder, to in (("zembla", "caledon"), ("borduria", "zembla"), ("", "")):
        result, limit = passing_on(BOTH, released(), holder, to, NOW)
        assert (result.outcome, limit) == ("deny", NO_FURTHER)
        assert further(BOTH, released(), holder, to, NOW) == NO_FURTHER


# How far the next one may go with it.


def test_the_next_one_may_as_far_as_both_agreements_and_the_terms_reach() -> None:
    left = further(BOTH, released(), "borduria", "caledon", NOW)
    assert left == Limit(frozenset({"elbe"}), 2)


@pytest.mark.parametrize(
    ("hops", "terms", "second", "left"),
    [
        (3, 8, 2, 2),
        (3, 8, 1, 1),
        (3, 8, 8, 2),
        (2, 8, 8, 1),
        (1, 8, 8, 0),
        (8, 8, 8, 7),
        (8, 3, 8, 2),
        (8, 2, 8, 1),
        (8, 1, 8, 0),
        (8, 0, 8, 0),
        (8, 8, 0, 0),
    ],
)
def test_the_hops_that_are_left(hops: int, terms: int, second: int, left: int) -> None:
    """Of agreement and terms the hop that is made now is gone; the next agreement's are whole."""
    alliance = world(
        pact("first", "arden", "borduria", onward=("caledon", "elbe"), hops=hops),
        pact("second", "borduria", "caledon", onward=("elbe",), hops=second),
    )
    asked = released(terms={"onward_to": ["caledon", "elbe"], "hops": terms})
    limit = further(alliance, asked, "borduria", "caledon", NOW)
    assert limit == (Limit(frozenset({"elbe"}), left) if left else NO_FURTHER)


def test_at_the_second_hop_the_terms_have_two_hops_less() -> None:
    wide = ("borduria", "caledon", "elbe", "dorne")
    alliance = world(
        pact("second", "borduria", "caledon", onward=wide, hops=8),
        pact("third", "caledon", "elbe", onward=wide, hops=8),
    )
    came = released(
        terms={"onward_to": ["allies", "dorne"], "hops": 3}, way=("borduria", "caledon")
    )
    assert further(alliance, came, "caledon", "elbe", NOW) == Limit(frozenset(wide), 1)
    last = msgspec.structs.replace(came, terms=msgspec.structs.replace(came.terms, hops=2))
    assert further(alliance, last, "caledon", "elbe", NOW) == NO_FURTHER


def test_terms_name_groups_and_nobody_by_a_name_that_is_not_known() -> None:
    wide = ("arden", "borduria", "caledon", "dorne", "elbe")
    alliance = world(
        pact("first", "arden", "borduria", onward=wide, hops=8),
        pact("second", "borduria", "caledon", onward=wide, hops=8),
    )

    def left(*names: str) -> Limit:
        asked = released(terms={"onward_to": list(names), "hops": 2})
        return further(alliance, asked, "borduria", "caledon", NOW)

    allies = frozenset({"arden", "borduria", "caledon", "elbe"})
    assert left("allies") == Limit(allies, 1)
    assert left("zembla", "dorne") == Limit(frozenset({"dorne"}), 1)
    assert left("zembla") == left() == NO_FURTHER


def test_agreements_that_share_nobody_leave_nothing() -> None:
    alliance = world(
        pact("first", "arden", "borduria", onward=("caledon", "elbe"), hops=8),
        pact("second", "borduria", "caledon", onward=("dorne",), hops=8),
    )
    assert further(alliance, released(), "borduria", "caledon", NOW) == NO_FURTHER


def test_of_several_agreements_with_the_next_one_the_farthest_counts() -> None:
    second = [
        pact("near", "borduria", "caledon", onward=("elbe", "dorne"), hops=1),
        pact("far", "borduria", "caledon", onward=("elbe",), hops=2),
        pact(
            "over", "borduria", "caledon", onward=("elbe",), hops=7, valid_until=MUTUAL.valid_from
        ),
    ]
    for order in (second, second[::-1]):
        left = further(world(FIRST, *order), released(), "borduria", "caledon", NOW)
        assert left == Limit(frozenset({"elbe"}), 2)


def test_what_may_not_be_passed_on_now_goes_no_further() -> None:
    closed = pact("first", "arden", "borduria", onward=("elbe",), hops=8)
    assert further(world(closed, SECOND), released(), "borduria", "caledon", NOW) == NO_FURTHER
    assert further(BOTH, released(), "borduria", "caledon", AFTER) == NO_FURTHER


# Of any alliance.


@settings(max_examples=40)
@given(randoms)
def test_an_oracle_says_the_same_of_random_agreements(rng: Random) -> None:
    book = description(rng, readers=0)
    alliance, at = read_book(book), moment(rng)
    for _ in range(12):
        one = case(rng)
        if not oracle.is_understood(book, one["label"]) or not oracle.are_understood(one["terms"]):
            continue
        asked = read_case(one)
        holders = one["relayed"][-1:] if "relayed" in one else set(MEMBERS) - {one["origin"]}
        for holder, to in product(holders, [*MEMBERS, "zz"]):
            hops = oracle.may_pass_on(book, one, holder, to, at)
            result, limit = passing_on(alliance, asked, holder, to, at)
            assert (result.outcome == "pass", limit.hops) == (hops > 0, hops), (one, holder, to)


def letting_much(rng: Random) -> Alliance:
    """Any alliance, with agreements of which each lets much be passed on."""
    book = description(rng, readers=0)
    for number in range(6):
        one = book["agreements"][f"wide-{number}"] = agreement(rng, book["groups"])
        one["onward"] = {"to": some(rng, MEMBERS + GROUPS, least=3), "hops": rng.randint(1, 4)}
        one["valid_from"], one["highest_tlp"] = stamp(START - SKEW), "RED"
    return read_book(book)


@settings(max_examples=40)
@given(randoms)
def test_nothing_goes_further_than_its_terms_and_the_agreements_reach(rng: Random) -> None:
    alliance, at = letting_much(rng), moment(rng)
    for origin, holder, to in permutations(MEMBERS, 3):
        terms = {"onward_to": some(rng, MEMBERS + GROUPS, least=3), "hops": rng.randint(1, 4)}
        asked = stated(GREEN, terms, origin=origin)
        if rng.random() < 0.5:
            first = rng.choice([name for name in MEMBERS if name not in (origin, holder, to)])
            asked = msgspec.structs.replace(asked, relayed=(first, holder))
        left = further(alliance, asked, holder, to, at)
        if left == NO_FURTHER:
            continue
        result, agreed = passing_on(alliance, asked, holder, to, at)
        used = len(way_to(asked, holder, to)) - 1
        assert result.outcome == "pass"
        assert 0 < left.hops <= min(agreed.hops - 1, asked.terms.hops - used)
        assert left.members
        assert left.members <= agreed.members & named_members(alliance, asked.terms.onward_to)


# The way, and limits by themselves.


def test_a_way_begins_with_the_addressee_and_grows_by_each_hop() -> None:
    assert way_to(released(), "borduria", "caledon") == ("borduria", "caledon")
    came = released(way=("borduria", "caledon"))
    assert way_to(came, "caledon", "elbe") == ("borduria", "caledon", "elbe")


def test_two_limits_permit_what_both_do() -> None:
    one, two = Limit(frozenset({"a", "b"}), 3), Limit(frozenset({"b", "c"}), 2)
    assert one.within(two) == two.within(one) == Limit(frozenset({"b"}), 2)
    assert one.within(NO_FURTHER) == NO_FURTHER


def test_hops_end_at_none() -> None:
    assert Limit(frozenset({"a"}), 2).after_a_hop() == Limit(frozenset({"a"}), 1)
    assert Limit(frozenset({"a"}), 0).after_a_hop().hops == 0
