"""A bell that rings when statements became readable here: streams to readers wait on it.

Only the fact that something changed is passed; what a reader may see of it is read from the store
through that reader's own view, so the bell can leak nothing.
"""

import asyncio
import contextlib


class Arrivals:
    """Counts commits that added statements; any thread rings, coroutines of one loop wait."""

    def __init__(self) -> None:
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None

    @property
    def count(self) -> int:
        """How often the bell has rung."""
        return self._count

    def published(self) -> None:
        """Ring: call it from any thread, after the commit."""
        self._count += 1
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring)

    async def wait(self, seen: int, seconds: float) -> int:
        """Wait until the count differs from ``seen`` or ``seconds`` pass; return it."""
        self._loop = asyncio.get_running_loop()
        if self._changed is None:
            self._changed = asyncio.Event()
        if self._count == seen:
            with contextlib.suppress(TimeoutError):  # wait_for would lose a cancellation
                async with asyncio.timeout(seconds):
                    await self._changed.wait()
        return self._count

    def _ring(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = asyncio.Event()
