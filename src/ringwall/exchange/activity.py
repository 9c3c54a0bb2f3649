"""Whether intake is at work: what may wait gives way to it.

A feed that comes in and is sealed at the same time shares one interpreter lock between both. Its
sender waits for the first, nobody for the second.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

REST_SECONDS = 0.05
"""So long after a submission the next of the same feed may still come."""


class Activity:
    """Counts the submissions that are being taken in; any thread."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._running = 0
        self._begun: dict[str, int] = {}
        self._unfinished: list[tuple[str, int]] = []
        self._ended = float("-inf")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count one submission for as long as it takes."""
        with self._gate:
            self._running += 1
        try:
            yield
        finally:
            with self._gate:
                self._running -= 1
                self._ended = time.monotonic()

    @contextmanager
    def unfinished(self, lane: str, after: int) -> Iterator[None]:
        """Count what is stored in a lane after an order as unfinished, for as long as it takes."""
        mine = (lane, after)
        with self._gate:
            self._begun[lane] = self._begun.get(lane, 0) + 1
            self._unfinished.append(mine)
        try:
            yield
        finally:
            with self._gate:
                self._unfinished.remove(mine)

    def finished(self, lane: str) -> tuple[int, int | None]:
        """Return how many unfinished ones a lane had so far, and up to which order all is whole.

        None: everything that is stored in the lane is.
        """
        with self._gate:
            ends = [after for each, after in self._unfinished if each == lane]
            return self._begun.get(lane, 0), min(ends, default=None)

    @property
    def is_busy(self) -> bool:
        """Tell whether a submission is, or was just now, being taken in."""
        return self._running > 0 or time.monotonic() - self._ended < REST_SECONDS
