"""Workers end when they are told to, although what they wait for comes in the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ringwall.exchange import Arrivals
from tests.exchange.engine_world import Peer, World

pytestmark = pytest.mark.anyio
STEPS = range(5)
"""So many turns of the event loop lie between what comes and the word to end."""


async def ends(work: Coroutine[Any, Any, Any], come: Callable[[], None], steps: int) -> bool:
    """Tell whether a worker ends that is told so a few turns after what it waits for came."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0.2)
    come()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    _, still = await asyncio.wait([task], timeout=2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not still


@pytest.mark.parametrize("steps", STEPS)
async def test_retries_end_while_policy_changes(tmp_path: Path, steps: int) -> None:
    inbox = Peer(World(tmp_path), "arden-1").inbox
    assert await ends(inbox.run_retries(), inbox._changed.set, steps)


@pytest.mark.parametrize("steps", STEPS)
async def test_who_waits_for_arrivals_ends_while_one_comes(steps: int) -> None:
    arrivals = Arrivals()

    async def follow() -> None:
        seen = arrivals.count
        while True:
            seen = await arrivals.wait(seen, 60)

    assert await ends(follow(), arrivals.published, steps)
