"""The timing test finds a leak that is planted, and the even pace takes the real one away.

`tests/campaign/test_timing.py` asks for evidence with 100,000 calls of each class.
"""

import random
import sys
import time

import pytest

from ringwall.store import pace
from tests.server.timed_world import timed_world
from tests.server.timing import LIMIT, find, judge, sample

SMALL = 2000


def test_classes_of_one_kind_do_not_differ_and_others_do() -> None:
    chance = random.Random(7)
    noise = [[round(chance.gauss(50_000, 9_000)) for _ in range(20_000)] for _ in range(2)]
    assert judge(noise).t < LIMIT
    assert judge([noise[0], [each + 900 for each in noise[1]]]).t > LIMIT


def test_what_differs_in_the_fast_calls_only_is_found_by_cropping() -> None:
    """A long tail hides a difference from the mean of all calls."""
    chance = random.Random(7)

    def times(more: int) -> list[int]:
        calls = [round(chance.gauss(50_000, 2_000)) + more for _ in range(20_000)]
        return [each * 400 if chance.random() < 0.02 else each for each in calls]

    verdict = judge([times(0), times(300)])
    assert verdict.t > LIMIT
    assert verdict.crop > 0


def test_a_planted_leak_is_found() -> None:
    def spin(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    verdict = find(lambda n: lambda: spin(20e-6), lambda n: lambda: spin(26e-6), SMALL)
    assert verdict.t > LIMIT, verdict


def test_without_the_even_pace_a_withheld_statement_is_told_from_a_missing_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with timed_world() as node:
        withheld, missing = node.pairs()["statement"]
        even = judge(sample(withheld, missing, SMALL // 2))
        monkeypatch.setattr(pace, "even_out", lambda began, step: None)
        uneven = find(withheld, missing, SMALL)
    sys.stdout.write(f"with the even pace {even}\nwithout it {uneven}\n")
    assert uneven.t > LIMIT, uneven
    assert even.first > 1e6 * pace.IN_PROCESS
    assert even.second > 1e6 * pace.IN_PROCESS


@pytest.mark.usefixtures("each_store")
def test_what_shows_nothing_lasts_as_long_as_its_store_says() -> None:
    with timed_world() as node:
        step = node.world.store.step
        for kind, classes in node.pairs().items():
            for prepare in classes:
                began = time.monotonic()
                prepare(0)()
                assert time.monotonic() - began >= step, kind


def test_an_even_pace_ends_at_the_next_doubling() -> None:
    step = 0.004
    for passed, whole in ((0.0, 1), (0.7, 1), (1.2, 2), (2.5, 4), (5.0, 8)):
        began = pace.begin() - passed * step
        pace.even_out(began, step)
        lasted = pace.begin() - began
        assert lasted >= whole * step
        assert lasted < whole * step + 0.05  # a machine under load wakes us late
