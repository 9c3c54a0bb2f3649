"""What is being answered at this moment, so that the same is not begun twice."""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from ringwall.core import Conflict


class InProgress:
    """The keys of requests that are running in this process; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Hashable] = set()

    def running(self) -> int:
        """Return how many keys are held now."""
        with self._lock:
            return len(self._running)

    @contextmanager
    def claim(self, key: Hashable) -> Iterator[None]:
        """Hold ``key`` for a while. Raises Conflict (rule ``in-progress``) if somebody has it."""
        with self._lock:
            if key in self._running:
                raise Conflict(
                    "a request with this key is being answered: ask again when it is done",
                    field="idempotency-key",
                    rule="in-progress",
                )
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)
