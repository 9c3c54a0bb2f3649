"""Numbers of statements: ascending, unique, and without a count in their gaps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.core import ManualClock
from ringwall.exchange.numbering import LONGEST_GAP, least_number, random_gap
from tests.exchange.engine_world import Peer, World, indicator

START = datetime(2026, 11, 22, tzinfo=UTC)


def test_the_least_number_follows_the_clock() -> None:
    later = least_number(START + timedelta(seconds=1))
    assert later - least_number(START) == 1_000_000
    assert least_number(datetime(2001, 1, 1, tzinfo=UTC)) == 1
    assert least_number(datetime(2300, 1, 1, tzinfo=UTC)) < 2**53


def test_gaps_are_random_and_bounded() -> None:
    gaps = {random_gap() for _ in range(200)}
    assert len(gaps) > 100
    assert all(0 <= gap < LONGEST_GAP for gap in gaps)


@pytest.mark.anyio
async def test_what_lies_between_two_visible_statements_cannot_be_counted(tmp_path: Path) -> None:
    """With the clock standing, three hidden statements leave the gap that none would leave."""
    clock = ManualClock(START)
    differences = []
    for hidden in (0, 3):
        folder = tmp_path / str(hidden)
        folder.mkdir()
        arden = Peer(World(folder, clock), "arden-1")
        await arden.submit(indicator())
        for _ in range(hidden):
            await arden.submit(indicator(), label="TLP:RED")
        await arden.submit(indicator())
        numbers = [int(name.partition(":")[2]) for name in arden.names()]
        assert numbers == sorted(set(numbers))
        assert numbers[0] >= least_number(START)
        differences.append(numbers[-1] - numbers[0])
    assert all(1 <= each <= 5 * LONGEST_GAP for each in differences)


@pytest.mark.anyio
async def test_numbers_ascend_although_the_clock_goes_back(tmp_path: Path) -> None:
    clock = ManualClock(START)
    arden = Peer(World(tmp_path, clock), "arden-1")
    await arden.submit(indicator())
    clock.advance(-timedelta(days=3))
    await arden.submit(indicator())
    first, second = (int(name.partition(":")[2]) for name in arden.names())
    assert first < second <= first + LONGEST_GAP
