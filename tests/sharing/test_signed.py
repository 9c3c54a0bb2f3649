"""What a party signs: the text, and the members that its names mean at that moment."""

import json

import msgspec
import pytest

from ringwall.alliance import Agreement, Alliance, agreement_document, load_alliance, read_agreement
from ringwall.core import BadSignature
from ringwall.sharing.signed import Held, check_signature, in_effect, make_signature
from ringwall.trust import NodeKeys, PublicKeys

ALLIANCE = load_alliance(
    """
alliance: {id: trial, name: Trial, kind: exercise}
members:
  aa: {name: A, kind: nation, nodes: {aa-1: {place: 1}}}
  bb: {name: B, kind: nation, nodes: {bb-1: {place: 2}}}
  cc: {name: C, kind: nation, nodes: {cc-1: {place: 3}}}
groups: {pair: [aa, bb], far: [cc]}
agreements: {}
readers: {}
"""
)
KEYS = {f"{name}-1": NodeKeys.generate() for name in ("aa", "bb", "cc")}


def find(node: str) -> tuple[str, PublicKeys] | None:
    return (node.partition("-")[0], KEYS[node].public()) if node in KEYS else None


def document(**changes: object) -> bytes:
    book: dict[str, object] = {
        "agreement": {"alliance": "trial", "id": "pact", "version": 1},
        "title": "Pact",
        "parties": ["pair"],
        "purposes": ["collective-defence"],
        "highest_tlp": "AMBER",
        "valid_from": "2020-01-01",
        "valid_until": "2040-01-01",
        "clause": "article 1",
    }
    return agreement_document(json.dumps(book | changes))


def with_group(name: str, *members: str) -> Alliance:
    return msgspec.structs.replace(ALLIANCE, groups=ALLIANCE.groups | {name: frozenset(members)})


def signed(alliance: Alliance, text: bytes, *members: str, before: Held | None = None) -> Held:
    """Sign as the alliance reads the text now, keeping what others signed before."""
    agreement = read_agreement(alliance, text)
    made = {
        name: make_signature(
            KEYS[f"{name}-1"],
            "signature",
            alliance.id,
            agreement,
            name,
            f"{name}-1",
            "2026-01-01T00:00:00.000000Z",
        )
        for name in members
    }
    return Held(text.decode(), {**(before.signatures if before else {}), **made})


def counting(alliance: Alliance, held: Held) -> list[Agreement]:
    return list(in_effect(alliance, [held], find))


def test_a_group_that_grows_takes_the_word_of_all_who_signed_before() -> None:
    text = document()
    held = signed(ALLIANCE, text, "aa", "bb")
    assert [each.id for each in counting(ALLIANCE, held)] == ["pact"]
    grown = with_group("pair", "aa", "bb", "cc")
    assert counting(grown, held) == []
    joined = signed(grown, text, "cc", before=held)
    assert counting(grown, joined) == []
    again = signed(grown, text, "aa", "bb", before=joined)
    (agreement,) = counting(grown, again)
    assert agreement.parties == {"aa", "bb", "cc"}


def test_a_group_that_shrinks_closes_it_too() -> None:
    text = document(parties=["pair", "far"])
    held = signed(ALLIANCE, text, "aa", "bb", "cc")
    assert len(counting(ALLIANCE, held)) == 1
    assert counting(with_group("pair", "aa"), held) == []


@pytest.mark.parametrize("place", ["givers", "receivers"])
def test_every_group_in_it_counts(place: str) -> None:
    text = document(parties=["aa", "bb", "cc"], **{place: ["pair"]})
    held = signed(ALLIANCE, text, "aa", "bb", "cc")
    assert len(counting(ALLIANCE, held)) == 1
    assert counting(with_group("pair", "aa", "bb", "cc"), held) == []


def test_to_whom_it_lets_pass_on_counts() -> None:
    text = document(onward={"to": ["far"], "hops": 1})
    held = signed(ALLIANCE, text, "aa", "bb")
    assert len(counting(ALLIANCE, held)) == 1
    assert counting(with_group("far", "cc", "bb"), held) == []


def test_a_withdrawal_counts_whatever_became_of_groups() -> None:
    text = document()
    agreement = read_agreement(ALLIANCE, text)
    given = make_signature(
        KEYS["aa-1"], "withdrawal", "trial", agreement, "aa", "aa-1", "2026-01-01T00:00:00.000000Z"
    )
    grown = read_agreement(with_group("pair", "aa", "bb", "cc"), text)
    check_signature(given, "withdrawal", "trial", grown, "aa", find)
    with pytest.raises(BadSignature):
        check_signature(given, "signature", "trial", grown, "aa", find)


def later(version: int, **changes: object) -> bytes:
    return document(agreement={"alliance": "trial", "id": "pact", "version": version}, **changes)


def ids(alliance: Alliance, *held: Held) -> list[tuple[str, int]]:
    found = in_effect(alliance, held, find, member="aa")
    return [(each.id, each.version) for each in found]


def test_no_older_version_comes_back_when_a_group_of_the_newer_one_grows() -> None:
    wide = signed(ALLIANCE, document(parties=["aa", "bb"]), "aa", "bb")
    narrow = signed(ALLIANCE, later(2, highest_tlp="GREEN"), "aa", "bb")
    assert ids(ALLIANCE, wide, narrow) == [("pact", 2)]
    assert ids(with_group("pair", "aa", "bb", "cc"), wide, narrow) == []
    assert ids(with_group("pair", "aa"), wide, narrow) == []


def test_no_older_version_comes_back_when_a_group_of_the_newer_one_is_gone() -> None:
    wide = signed(ALLIANCE, document(parties=["aa", "bb"]), "aa", "bb")
    narrow = signed(ALLIANCE, later(2, highest_tlp="GREEN"), "aa", "bb")
    assert ids(msgspec.structs.replace(ALLIANCE, groups={}), wide, narrow) == []


def test_a_proposal_that_is_not_signed_by_all_closes_nothing_yet() -> None:
    wide = signed(ALLIANCE, document(parties=["aa", "bb"]), "aa", "bb")
    for members in (("aa",), ("bb",)):
        proposed = signed(ALLIANCE, later(2), *members)
        assert ids(ALLIANCE, wide, proposed) == [("pact", 1)]


def test_what_this_member_never_signed_closes_nothing_whatever_becomes_of_it() -> None:
    wide = signed(ALLIANCE, document(parties=["aa", "bb"]), "aa", "bb")
    proposed = signed(ALLIANCE, later(10**9), "bb")
    assert ids(with_group("pair", "aa", "bb", "cc"), wide, proposed) == [("pact", 1)]
    assert ids(msgspec.structs.replace(ALLIANCE, groups={}), wide, proposed) == [("pact", 1)]


def test_those_who_are_left_in_a_smaller_group_may_sign_again() -> None:
    before = with_group("pair", "aa", "bb", "cc")
    held = signed(before, document(), "aa", "bb", "cc")
    assert ids(before, held) == [("pact", 1)]
    assert ids(ALLIANCE, held) == []
    assert ids(ALLIANCE, signed(ALLIANCE, document(), "aa", "bb", before=held)) == [("pact", 1)]
