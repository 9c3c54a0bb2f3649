"""An old registry raises an alarm, a very old one stops sending; reading goes on."""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.core import ManualClock, Unavailable
from ringwall.operations.registry_age import RegistryAge
from tests.exchange.engine_world import Peer, World, eventually, indicator

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)


def age(world: World, days: float) -> tuple[RegistryAge, ManualClock]:
    clock = ManualClock(ISSUED + timedelta(days=days))
    return RegistryAge(world.registry, clock, warning_days=30, stop_days=90), clock


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("days", "state"),
    [(-1, "ok"), (0, "ok"), (29.99, "ok"), (30, "old"), (89.99, "old"), (90, "too-old")],
)
def test_states_by_age(world: World, days: float, state: str) -> None:
    registry, _ = age(world, days)
    assert registry.state == state
    assert registry.seconds == pytest.approx(days * 86400)


def test_each_state_is_logged_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    registry, clock = age(world, 1)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            registry.check_sending()
        clock.advance(timedelta(days=40))
        for _ in range(3):
            registry.check_sending()
        clock.advance(timedelta(days=60))
        for _ in range(3):
            with pytest.raises(Unavailable, match="nothing is sent"):
                registry.check_sending()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]


@pytest.mark.anyio
async def test_it_stops_sending_statements_and_goes_on_reading(world: World) -> None:
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    registry, clock = age(world, 91)
    arden.outbox._check_sending = registry.check_sending
    async with contextlib.AsyncExitStack() as stack:
        for peer in (arden, borduria):
            await stack.enter_async_context(peer.running())
        own = (await arden.submit(indicator())).submitted[0].statement
        theirs = (await borduria.submit(indicator())).submitted[0].statement
        await eventually(lambda: len(arden.holds()) == 2, "arden reads")
        await eventually(lambda: borduria.states(theirs)["arden-1"] == "received", "and confirms")
        await asyncio.sleep(0.2)
        assert arden.states(own)["borduria-1"] == "queued"
        clock.advance(timedelta(days=-91))  # a newer registry, as far as the gate can tell
        await eventually(lambda: len(borduria.holds()) == 2, "nothing was lost")
