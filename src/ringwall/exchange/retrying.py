"""Trying again: what the exchange does when the hub is away or the disk is full.

Nothing is dropped and nothing is skipped: the same step is tried until it works, more slowly as
it goes on. A defect of ours is not tried again quietly: it ends the worker, and the node with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ringwall.core import StorageFull, Unavailable

T = TypeVar("T")

PAUSES_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)

log = logging.getLogger("ringwall.exchange")


async def until_done(step: Callable[[], Awaitable[T]], what: str) -> T:
    """Await ``step()`` until it neither lacks its hub nor disk space; return what it returned."""
    tries = 0
    while True:
        try:
            return await step()
        except (Unavailable, StorageFull) as error:
            pause = PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)]
            if tries in (0, len(PAUSES_SECONDS)):
                log.warning("%s waits: %s", what, error)
            tries += 1
            await asyncio.sleep(pause)
