"""A figure, and the clock that all benches share."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One measured value beside the value that the alternative reaches here and now."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    """The alternative's value in the same unit; None if nothing comparable exists."""
    against: str = ""
    """What the baseline is."""

    @property
    def ratio(self) -> float | None:
        """`value / baseline`."""
        return self.value / self.baseline if self.baseline else None


def microseconds(job: Callable[[], object], *, per: int = 1, seconds: float = 0.25) -> float:
    """Microseconds of CPU that one of the `per` things done by `job` takes.

    The best of several rounds: noise on a shared machine only ever adds time. Garbage collection
    stays on, because a node runs with it.
    """
    job()
    gc.collect()
    times = 1
    while (spent := _cpu_seconds(job, times)) < seconds / ROUNDS:
        times = max(times * 2, int(times * seconds / ROUNDS / max(spent, 1e-6)))
    best = min(spent, *(_cpu_seconds(job, times) for _ in range(ROUNDS - 1)))
    return best / times / per * 1e6


def _cpu_seconds(job: Callable[[], object], times: int) -> float:
    started = time.process_time()
    for _ in range(times):
        job()
    return time.process_time() - started
