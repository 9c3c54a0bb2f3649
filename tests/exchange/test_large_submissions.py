"""A submission of several slices: nothing of it leaves before all of it is there."""

import asyncio
import itertools
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import StorageFull
from ringwall.exchange.stating import SLICE
from ringwall.node import Node
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


def naming(author: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any], list[Any]]:
    """Return what names the author by others, all in one slice, and enough to fill that."""
    first = plain(name="first", created_by_ref=author["id"])
    second = plain(name="second", x_list=[{"of": first["id"]}])
    return [second, first], plain(name="free"), [plain(name=f"{each}") for each in range(SLICE)]


class CrashError(BaseException):
    """Nothing is written after it."""


def only_the_first_slice(
    peer: Peer | Node, error: BaseException, patch: pytest.MonkeyPatch
) -> None:
    """Let one slice be written; the next ones end with an error, and after a crash all else."""
    write, slices = peer.store.write, itertools.count()

    def some(job: Any, **options: Any) -> Any:
        is_slice = getattr(getattr(job, "func", None), "__name__", "") == "_state"
        if (is_slice and next(slices) == 0) or (not is_slice and isinstance(error, StorageFull)):
            return write(job, **options)
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed

    patch.setattr(peer.store, "write", some)


async def test_after_a_crash_nothing_leaves_that_names_what_was_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    arden = Peer(world, "arden-1")
    author = identity() | {"object_marking_refs": [RED]}
    named, free, filling = naming(author)
    whole = bundle(*named, free, *filling, author)
    with monkeypatch.context() as patch:
        only_the_first_slice(arden, CrashError(), patch)
        with pytest.raises(CrashError):
            arden.intake.submit(arden.reader, whole, label="TLP:AMBER")
    arden.store.close()

    again, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    assert len(again.holds()) == SLICE
    again.intake.settle()
    again.intake.settle()  # and a second start finds nothing to end
    assert [entry["why"] for entry in again.audit("withdrawn")] == [
        "its submission was not finished"
    ] * 2
    async with all_running(again, borduria):
        await eventually(lambda: len(borduria.holds()) == SLICE - 2, "what names nothing")
        result = await again.submit(whole, label="TLP:AMBER")
        assert not result.refused
        assert sum(one.known for one in result.submitted) == SLICE - 2
        await eventually(lambda: len(borduria.holds()) == SLICE + 3, "all but the author")
    assert author["id"].encode() not in everything_of(borduria, world)


async def test_what_names_what_could_not_be_stored_is_refused_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    author = identity() | {"object_marking_refs": [RED]}
    named, free, filling = naming(author)
    concluded: list[Any] = []
    async with all_running(arden, borduria):
        with monkeypatch.context() as patch:
            only_the_first_slice(arden, StorageFull("no room", rule="storage-full"), patch)
            result = await arden.submit(
                bundle(*named, free, *filling, author),
                label="TLP:AMBER",
                conclude=lambda _, result: concluded.append(result),
            )
        await eventually(lambda: len(borduria.holds()) == SLICE - 2, "what names nothing")
    assert concluded == [result]
    refused = {one.object_id: (one.index, one.rule) for one in result.refused}
    assert refused[named[0]["id"]] == (0, "names-unstored")
    assert refused[named[1]["id"]] == (1, "names-unstored")
    assert refused[author["id"]] == (SLICE + 3, "storage-full")
    assert len(result.submitted) == SLICE - 2
    assert len(result.refused) == 6
    assert author["id"].encode() not in everything_of(borduria, world)
