"""The compiled form and the kernel say what the definition says, for random alliances."""

from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings

from ringwall.alliance import Alliance
from ringwall.core import parse_timestamp
from ringwall.policy import CompiledPolicy, Kernel, ReleaseClass, decide_member, decide_reader
from ringwall.policy.gates import Question, fit_seats
from tests.policy.cases import MEMBERS, START, cards, case, description, moment, randoms
from tests.policy.differential import SetClock
from tests.policy.read import read_book, read_card, read_case

INSTANT = timedelta(microseconds=1)
MOMENTS = [
    START + timedelta(minutes=minute, microseconds=off)
    for minute in range(-3, 48)
    for off in (-1, 0)
]


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
    clock = SetClock(moment(rng))
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
