"""A submission of several slices: nothing of it leaves before all of it is there."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from ringwall.exchange.intake import SLICE
from tests.exchange.engine_world import Peer, World, eventually
from tests.exchange.redaction_world import RED, all_running, bundle, everything_of, identity, plain

pytestmark = pytest.mark.anyio


async def test_an_object_that_comes_later_is_not_named_to_who_may_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    author = identity() | {"object_marking_refs": [RED]}
    first = plain(created_by_ref=author["id"], x_list=[{"of": author["id"]}])
    others = [plain(name=f"number {number}") for number in range(SLICE + 1)]
    write = arden.store.write

    def slowly(job: Any, **options: Any) -> Any:
        """Every transaction is durable, and could be sealed, long before the next one."""
        future = write(job, **options)
        future.result()
        arden.outbox.wake("BULK")
        return future

    monkeypatch.setattr(arden.store, "write", slowly)
    async with all_running(arden, borduria):
        result = await arden.submit(bundle(first, *others, author), label="TLP:AMBER")
        assert not result.refused
        await eventually(lambda: len(borduria.holds()) == SLICE + 2, "all but the author")
        await asyncio.sleep(0.1)
    assert author["id"].encode() not in everything_of(borduria, world)


async def test_what_is_stored_leaves_although_the_rest_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    everything = [plain(name=f"number {number}") for number in range(2 * SLICE)]

    def unable(tx: Any, result: Any) -> None:
        time.sleep(1.0)  # meanwhile the outbox has looked, and found nothing that is whole
        raise ZeroDivisionError("a defect where the outcome is kept")

    async with all_running(arden, borduria):
        with pytest.raises(ZeroDivisionError):
            await arden.submit(bundle(*everything), label="TLP:AMBER", conclude=unable)
        await eventually(lambda: len(borduria.holds()) == 2 * SLICE, "all that was stored")
