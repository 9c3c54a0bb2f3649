"""The compiled form and the kernel say what the definition says, at every moment."""

import threading
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings

from ringwall.alliance import Alliance
from ringwall.core import parse_timestamp
from ringwall.policy import (
    CompiledPolicy,
    Kernel,
    ReleaseClass,
    compiled,
    decide_member,
    decide_reader,
)
from ringwall.policy.gates import Question, fit_seats
from tests.policy.cases import MEMBERS, START, case, cards, description, moment, randoms
from tests.policy.read import read_book, read_card, read_case
from tests.policy.world import NOW, WORLD, changed, classified, stated, tag

INSTANT = timedelta(microseconds=1)
MOMENTS = [
    START + timedelta(minutes=minute, microseconds=off)
    for minute in range(-3, 48)
    for off in (-1, 0)
]


class SetClock:
    """A clock that stands where it was put."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def definition(alliance: Alliance, release: ReleaseClass, at: datetime) -> set[str]:
    return {name for name in alliance.members if decide_member(alliance, release, name, at).permit}


def found(policy: CompiledPolicy, release: ReleaseClass, at: datetime) -> set[str]:
    return set(policy.members(policy.recipients(release, at).bits))


@settings(max_examples=40)
@given(randoms)
def test_recipients_are_those_of_the_definition(rng: Random) -> None:
    alliance = read_book(description(rng))
    policy = CompiledPolicy(alliance)
    for _ in range(12):
        release, at = read_case(case(rng)), moment(rng)
        assert found(policy, release, at) == definition(alliance, release, at)
        assert found(policy, release, at + timedelta(minutes=5)) == definition(
            alliance, release, at + timedelta(minutes=5)
        )


@settings(max_examples=25)
@given(randoms)
def test_until_is_never_later_than_the_first_change(rng: Random) -> None:
    """At every moment at which anything could change, and just before each of them."""
    alliance = read_book(description(rng))
    policy = CompiledPolicy(alliance)
    release, at = read_case(case(rng)), moment(rng)
    recipients = policy.recipients(release, at)
    later = [each for each in MOMENTS if each > at]
    changes = [each for each in later if found(policy, release, each) != found(policy, release, at)]
    if changes:
        assert recipients.until is not None
        assert at < recipients.until <= changes[0]
        assert found(policy, release, recipients.until - INSTANT) == found(policy, release, at)
    for name in MEMBERS:
        decision = decide_member(alliance, release, name, at)
        own = [
            each
            for each in later
            if decide_member(alliance, release, name, each).permit is not decision.permit
        ]
        if own:
            assert decision.until is not None
            assert at < parse_timestamp(decision.until) <= own[0]


@settings(max_examples=25)
@given(randoms)
def test_the_kernel_answers_as_the_definition_on_every_path(rng: Random) -> None:
    book = description(rng)
    alliance = read_book(book)
    clock = SetClock()
    kernel = Kernel(alliance, clock)
    readers = [read_card(card) for card in cards(rng, book).values()]
    classes = {number: read_case(case(rng)) for number in range(8)}
    nodes = {seat.id: seat.member for each in alliance.members.values() for seat in each.nodes}
    for _ in range(4):  # forwards and backwards: a clock may be set back
        at = clock.at = moment(rng)
        for release in classes.values():
            named = definition(alliance, release, at)
            assert {name for name in MEMBERS if kernel.may_receive(release, name)} == named
            fit = [
                seat.id
                for name in named - {release.origin}
                for seat in fit_seats(Question(alliance, release, name, at))
            ]
            assert kernel.audience(release, nodes=nodes) == tuple(sorted(fit))
            assert kernel.audience(release, nodes=[]) == ()
        for reader in readers:
            expected = {
                number
                for number, release in classes.items()
                if decide_reader(alliance, release, reader, at).permit
            }
            assert kernel.readable(classes, reader) == expected
            for number, release in classes.items():
                assert kernel.may_read(release, reader) is (number in expected)
                decided = kernel.decide_reader(release, reader)
                assert decided == decide_reader(alliance, release, reader, at)


def test_who_is_no_member_receives_nothing() -> None:
    kernel = Kernel(WORLD, SetClock())
    assert not kernel.may_receive(stated({"tlp": "CLEAR"}), "zembla")
    assert not kernel.may_receive(stated({"tlp": "CLEAR"}, origin="zembla"), "zembla")
    policy = CompiledPolicy(WORLD)
    assert policy.recipients(stated({"tlp": "CLEAR"}, origin="zembla"), NOW).bits == 0


def test_members_are_bits_by_name() -> None:
    policy = CompiledPolicy(WORLD)
    assert policy.names == ("arden", "borduria", "caledon", "dorne", "elbe")
    assert list(policy.members(0b10010)) == ["borduria", "elbe"]
    assert policy.recipients(stated({"tlp": "GREEN"}), NOW).bits == 0b10111
    assert policy.alliance is WORLD


def test_what_never_changes_has_no_until() -> None:
    policy = CompiledPolicy(WORLD)
    assert policy.recipients(stated({"rel_to": ["arden"]}), NOW).until is None
    lonely = stated({"tlp": "GREEN"}, origin="dorne")
    assert policy.recipients(lonely, NOW).until is None
    assert policy.recipients(stated({"tlp": "GREEN"}), NOW).until == datetime(
        2026, 12, 31, 23, 58, tzinfo=UTC
    )


def test_the_originator_is_among_the_recipients_unless_the_label_is_not_understood() -> None:
    policy = CompiledPolicy(WORLD)
    for label in (
        classified("SECRET", tag("CRYPTO", "C")),
        {"tlp": "RED", "rel_to": []},
        {"tlp": "CLEAR", "iep": [{"end": "2020-01-01T00:00:00Z"}]},
    ):
        assert found(policy, stated(label), NOW) == {"arden"}
    assert found(policy, stated({"tlp": "CLEAR"}, {"embargo": "2030-01-01T00:00:00Z"}), NOW) == {
        "arden"
    }
    assert found(policy, stated({"tlp": "CLEAR", "unknown": ["x"]}), NOW) == set()


def test_labels_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_MOST_REMEMBERED", 2)
    policy = CompiledPolicy(WORLD)
    labels = [{"tlp": level} for level in ("CLEAR", "GREEN", "AMBER", "RED")]
    for _ in range(2):
        for label in labels:
            assert found(policy, stated(label), NOW) == definition(WORLD, stated(label), NOW)
            assert len(policy._labels) <= 2


def test_after_adopt_nothing_old_is_answered() -> None:
    kernel = Kernel(WORLD, SetClock())
    asked, ana = stated({"tlp": "GREEN"}, origin="borduria"), WORLD.readers["ana"]
    nodes = ["arden-1", "caledon-1", "elbe-1"]

    def answers() -> list[bool]:
        return [
            kernel.may_receive(asked, "arden"),
            kernel.may_read(asked, ana),
            kernel.audience(asked, nodes=nodes) != (),
            kernel.readable({1: asked}, ana) == {1},
            dict(kernel.explain(asked))["arden"].permit,
            kernel.explain(asked, "arden")[0][1].permit,
            kernel.decide(asked, "arden", NOW).permit,
            kernel.decide_reader(asked, ana).permit,
        ]

    assert answers() == [True] * 8
    closed = changed(agreements=(), digest="closed")
    kernel.adopt(closed)
    assert answers() == [False] * 8
    assert kernel.alliance is closed
    assert kernel.version == "closed"
    kernel.adopt(WORLD)
    assert answers() == [True] * 8


def test_after_adopt_no_thread_gets_an_old_answer() -> None:
    """Many threads ask while one adopts; whoever asks afterwards hears the new policy."""
    kernel = Kernel(WORLD, SetClock())
    closed = changed(agreements=(), digest="closed")
    asked, ana = stated({"tlp": "GREEN"}, origin="borduria"), WORLD.readers["ana"]
    wrong: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            kernel.may_receive(asked, "arden")
            kernel.readable({1: asked}, ana)
            kernel.audience(asked, nodes=["arden-1"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(200):
        alliance, expected = (closed, False) if turn % 2 == 0 else (WORLD, True)
        kernel.adopt(alliance)
        for answer in (
            kernel.may_receive(asked, "arden"),
            kernel.may_read(asked, ana),
            kernel.audience(asked, nodes=["arden-1"]) != (),
            kernel.readable({1: asked}, ana) == {1},
        ):
            if answer is not expected:
                wrong.append(f"turn {turn}")
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_class_that_was_added_is_judged_too() -> None:
    kernel = Kernel(WORLD, SetClock())
    ana = WORLD.readers["ana"]
    one, two = stated({"tlp": "GREEN"}), stated({"tlp": "AMBER"})
    assert kernel.readable({1: one}, ana) == {1}
    assert kernel.readable({1: one, 2: two}, ana) == {1, 2}


def test_readers_of_one_name_and_different_rights_are_told_apart() -> None:
    kernel = Kernel(WORLD, SetClock())
    ana = WORLD.readers["ana"]
    narrow = msgspec.structs.replace(ana, roles=frozenset({"submitter"}))
    asked = stated({"tlp": "GREEN"}, origin="borduria")
    assert kernel.may_read(asked, ana)
    assert not kernel.may_read(asked, narrow)
    assert kernel.readable({1: asked}, ana) == {1}
    assert kernel.readable({1: asked}, narrow) == frozenset()
