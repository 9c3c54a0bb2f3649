"""Does the time of an answer tell? Welch's t-test over two classes of calls, as dudect does it.

Reparaz, Balasch and Verbauwhede, "dude, is my code constant time?" (DATE 2017): calls of both
classes are timed in random order, and the test is repeated with the slow calls cut off at rising
percentiles, because what a class adds is easily lost in the tail. The largest |t| counts; below
4.5 there is no evidence of a difference. In process and without a network: far nearer than any
reader is.
"""

import gc
import math
import random
import time
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from statistics import median
from typing import NamedTuple

LIMIT = 4.5
CROPS = 100
ROUNDS = 20
_LEAST = 500
"""A crop that leaves a class fewer calls than this says nothing."""
_WARM = 200
Ask = Callable[[], object]


class Verdict(NamedTuple):
    """The largest |t|, at which crop (0: all calls), and the medians of both classes in µs."""

    t: float
    crop: int
    first: float
    second: float

    def __str__(self) -> str:
        return (
            f"|t| = {self.t:.2f} (crop {self.crop}), medians {self.first:.2f} and"
            f" {self.second:.2f} µs"
        )


def sample(
    first: Callable[[int], Ask], second: Callable[[int], Ask], number: int
) -> list[list[int]]:
    """Time ``number`` calls of each class, in random order; returns ns per class.

    ``first`` and ``second`` prepare the call of a number, which is not timed.
    """
    order = [0, 1] * number
    random.SystemRandom().shuffle(order)
    for prepare in (first, second):
        for at in range(_WARM):
            prepare(at)()
    times: list[list[int]] = [[], []]
    clock = time.perf_counter_ns
    gc.collect()
    gc.disable()
    try:
        for number_of_call, kind in enumerate(order):
            if not number_of_call % 2000:  # between two calls, and never within one
                gc.collect()
            call = (first, second)[kind](len(times[kind]))
            began = clock()
            call()
            times[kind].append(clock() - began)
    finally:
        gc.enable()
    return times


def find(first: Callable[[int], Ask], second: Callable[[int], Ask], number: int) -> Verdict:
    """Sample a leak that is there until it shows: a machine under load hides it for a while.

    Where there is none, all ``ROUNDS`` looks together show one in less than one run in a thousand.
    """
    times: list[list[int]] = [[], []]
    for _ in range(ROUNDS):
        for mine, more in zip(times, sample(first, second, number), strict=True):
            mine += more
        verdict = judge(times)
        if verdict.t > LIMIT:
            break
    return verdict


class _Sorted:
    """The times of a class, ascending, with what mean and variance of any beginning need."""

    def __init__(self, times: list[int]) -> None:
        self.times = sorted(times)
        centre = self.times[len(times) // 2]  # so that the squares stay small
        self._centre = centre
        self._sums = list(accumulate((each - centre for each in self.times), initial=0))
        squares = ((each - centre) ** 2 for each in self.times)
        self._squares = list(accumulate(squares, initial=0))

    def below(self, bound: float) -> int:
        """Return how many are below a bound."""
        return bisect_left(self.times, bound)

    def moments(self, number: int) -> tuple[float, float]:
        """Return mean and variance of the ``number`` shortest."""
        mean = self._sums[number] / number
        spread = (self._squares[number] - number * mean * mean) / (number - 1)
        return mean + self._centre, max(spread, 0.0)


def judge(times: list[list[int]]) -> Verdict:
    """Return the largest |t| over all crops."""
    both = sorted(times[0] + times[1])
    classes = [_Sorted(each) for each in times]
    found = [(_welch(classes, [len(each) for each in times]), 0)]
    for crop in range(1, CROPS + 1):
        bound = both[min(int(len(both) * (1 - 0.5 ** (10 * crop / CROPS))), len(both) - 1)]
        numbers = [each.below(bound) for each in classes]
        if min(numbers) >= _LEAST:
            found.append((_welch(classes, numbers), crop))
    t, crop = max(found)
    return Verdict(t, crop, *(median(each) / 1000 for each in times))


def _welch(classes: list[_Sorted], numbers: list[int]) -> float:
    """Return Welch's |t| of the shortest so many of each class."""
    pairs = zip(classes, numbers, strict=True)
    (mean, spread), (other, others) = (one.moments(number) for one, number in pairs)
    error = math.sqrt(spread / numbers[0] + others / numbers[1])
    apart = abs(mean - other)
    return apart / error if error else math.inf if apart else 0.0
