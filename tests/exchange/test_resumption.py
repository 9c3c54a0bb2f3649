"""A node that comes back from an old backup: nothing is stated twice, nothing confirmed falsely."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import ringwall.exchange.intake as intake_module
from ringwall.core import BadEnvelope, format_timestamp
from ringwall.exchange.resumption import (
    MARGIN,
    Resumption,
    is_notice,
    mark_restored,
    read_notice,
)
from ringwall.store import SqliteStore, verify_store
from ringwall.trust import RegistryNode
from tests.exchange.engine_world import Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@contextlib.asynccontextmanager
async def all_running(*peers: Peer) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for peer in peers:
            await stack.enter_async_context(peer.running())
        yield


def database(world: World, node: str) -> Path:
    return world.directory / f"{node}.db"


def resumption(world: World, peer: Peer) -> Resumption:
    return Resumption(
        sealer=peer.outbox._sealer,
        outbox=peer.outbox,
        receipts=peer.receipts,
        store=peer.store,
        clock=world.clock,
        seconds=0.05,
    )


async def roll_back(
    world: World, peer: Peer, between: Callable[[], Any], *, mark: bool = True
) -> Peer:
    """Copy the closed database of a node, let ``between`` happen, and put the copy back."""
    path = database(world, peer.node)
    peer.store.close()
    kept = path.with_suffix(".kept")
    shutil.copy(path, kept)
    later = Peer(world, peer.node)
    await between(later)
    later.store.close()
    kept.replace(path)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    restored = Peer(world, peer.node)
    if mark:
        now = format_timestamp(world.clock.now())
        restored.store.write(lambda tx: mark_restored(tx, taken_at=now, now=now)).result()
    return restored


async def test_without_the_mark_peers_see_equivocation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the mark is for: this is what an unmarked copy does whose clock stands."""
    monkeypatch.setattr(intake_module, "least_number", lambda now: 1)
    monkeypatch.setattr(intake_module, "random_gap", lambda: 0)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")

    async def state_another(later: Peer) -> None:
        async with all_running(later, borduria):
            await later.submit(indicator(name="first life"))
            await eventually(lambda: len(borduria.holds()) == 1, "arrival")

    copy = await roll_back(world, arden, state_another, mark=False)
    async with all_running(copy, borduria):
        await copy.submit(indicator(name="second life"))
        await eventually(lambda: bool(borduria.audit("equivocation")), "equivocation")


async def test_a_restored_node_repeats_no_number_and_all_arrives(world: World) -> None:
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    async with all_running(arden, borduria):
        await arden.submit(indicator(name="kept"))
        await eventually(lambda: len(borduria.holds()) == 1, "first")

    async def state_more(later: Peer) -> None:
        async with all_running(later, borduria):
            for number in range(3):
                await later.submit(indicator(name=f"first life {number}"))
            await eventually(lambda: len(borduria.holds()) == 4, "first life")

    copy = await roll_back(world, arden, state_more)
    resuming = resumption(world, copy)
    assert resuming.settle()
    async with all_running(copy, borduria):
        telling = asyncio.create_task(resuming.run())
        sent = await copy.submit(indicator(name="second life"))
        await eventually(lambda: len(borduria.holds()) == 5, "second life")
        name = sent.submitted[0].statement
        await eventually(lambda: copy.states(name).get("borduria-1") == "received", "receipt")
        telling.cancel()
    assert int(name.partition(":")[2]) > MARGIN
    assert borduria.audit("equivocation") == []
    with borduria.store.read() as tx:
        assert tx.quarantined() == []
        (position,) = [
            row for row in tx.in_positions() if (row.origin, row.lane) == ("arden-1", "ROUTINE")
        ]
    assert position.position == position.highest == MARGIN + 2
    assert [(e["lane"], e["after"], e["to"]) for e in borduria.audit("positions-passed")][-1:] != []
    assert verify_store(copy.store, registry=world.registry, node="arden-1") == []


async def test_the_mark_keeps_numbers_apart_where_the_clock_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set back with the copy, so the time gives out the numbers of before."""
    monkeypatch.setattr(intake_module, "least_number", lambda now: 1)
    monkeypatch.setattr(intake_module, "random_gap", lambda: 0)
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")

    async def state_another(later: Peer) -> None:
        async with all_running(later, borduria):
            await later.submit(indicator(name="first life"))
            await eventually(lambda: len(borduria.holds()) == 1, "arrival")

    copy = await roll_back(world, arden, state_another)
    assert resumption(world, copy).settle()
    async with all_running(copy, borduria):
        sent = await copy.submit(indicator(name="second life"))
        await eventually(lambda: len(borduria.holds()) == 2, "both lives")
    assert int(sent.submitted[0].statement.partition(":")[2]) > MARGIN
    assert borduria.audit("equivocation") == []


async def test_what_was_on_its_way_under_an_old_number_is_still_taken_in(world: World) -> None:
    """The first life's envelope waits at the hub while the notice overtakes it."""
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")

    async def state_unheard(later: Peer) -> None:
        async with all_running(later):
            await later.submit(indicator(name="in transit"))
            await eventually(lambda: bool(world.hub.streams.get("ROUTINE")), "at the hub")

    copy = await roll_back(world, arden, state_unheard)
    held, world.hub.streams["ROUTINE"] = world.hub.streams["ROUTINE"], []
    resuming = resumption(world, copy)
    resuming.settle()
    async with all_running(copy, borduria):
        await asyncio.wait_for(asyncio.gather(resuming.run(), hear_all_nodes(world)), timeout=10)
        world.hub.streams["ROUTINE"] += held
        world.hub.ring()
        await eventually(lambda: len(borduria.holds()) == 1, "what was in transit")
    with borduria.store.read() as tx:
        assert tx.quarantined() == []


async def hear_all_nodes(world: World) -> None:
    """Let the third node take the notice too: the telling ends when all have confirmed."""
    dorne = Peer(world, "dorne-1")
    async with dorne.running():
        await eventually(lambda: len(dorne.audit("positions-passed")) == 5, "told")
        await asyncio.sleep(0.5)


async def test_a_receipt_for_the_first_life_confirms_nothing_of_the_second(world: World) -> None:
    """Positions are not used again, so an old receipt can only settle old envelopes."""
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")

    async def state_more(later: Peer) -> None:
        async with all_running(later, borduria):
            for number in range(3):
                await later.submit(indicator(name=f"first life {number}"))
            await eventually(lambda: len(borduria.holds()) == 3, "first life")
            await asyncio.sleep(0.2)

    copy = await roll_back(world, arden, state_more)
    resumption(world, copy).settle()
    async with copy.running():  # borduria is down; its receipt for three waits at the hub
        sent = await copy.submit(indicator(name="second life"))
        await eventually(lambda: bool(copy.audit("receipt")), "the old receipt")
        name = sent.submitted[0].statement
        assert copy.states(name)["borduria-1"] in ("queued", "sent")
        with copy.store.read() as tx:
            assert tx.quarantined() == []


async def test_settling_twice_passes_over_once_and_gives_new_nodes_the_floor(
    world: World,
) -> None:
    arden = Peer(world, "arden-1")
    assert not resumption(world, arden).settle()
    moment = format_timestamp(world.clock.now())
    arden.store.write(lambda tx: mark_restored(tx, taken_at=moment, now=moment)).result()
    resumption(world, arden).settle()
    newer = RegistryNode("dorne", 4, world.keys["dorne-1"].public(), moment)
    world.registry = type(world.registry)(
        **{
            **{name: getattr(world.registry, name) for name in world.registry.__struct_fields__},
            "nodes": {**world.registry.nodes, "dorne-2": newer},
        }
    )
    arden.store.close()
    again = Peer(world, "arden-1")
    assert resumption(world, again).settle()
    with again.store.read() as tx:
        assert tx.last_sequence("arden-1") == MARGIN
        assert tx.sent_position("dorne-2", "FLASH") == MARGIN
    assert len(again.audit("resumed")) == 1
    assert len(again.audit("restored")) == 1


async def test_a_node_restored_again_passes_over_again(world: World) -> None:
    arden = Peer(world, "arden-1")
    moment = format_timestamp(world.clock.now())
    for times in (1, 2):
        arden.store.write(lambda tx: mark_restored(tx, taken_at=moment, now=moment)).result()
        resumption(world, arden).settle()
        with arden.store.read() as tx:
            assert tx.last_sequence("arden-1") == times * MARGIN
            assert tx.sent_position("dorne-1", "FLASH") == times * MARGIN
    assert verify_store(arden.store, registry=world.registry, node="arden-1") == []


async def test_notices_and_receipts_take_positions_one_at_a_time(world: World) -> None:
    """Both seal for the same node in CONTROL; a position taken twice would end the worker."""
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    moment = format_timestamp(world.clock.now())
    arden.store.write(lambda tx: mark_restored(tx, taken_at=moment, now=moment)).result()
    resuming = resumption(world, arden)
    resuming._seconds = 0.0
    resuming.settle()
    async with all_running(arden, borduria):
        telling = asyncio.create_task(resuming.run())
        for number in range(10):
            await borduria.submit(indicator(name=f"busy {number}"))
        await eventually(lambda: len(arden.holds()) == 10, "all arrive")
        await asyncio.sleep(0.3)
        assert not telling.done() or telling.exception() is None
        telling.cancel()


GOOD = {
    "v": 1,
    "origin": "arden-1",
    "recipient": "borduria-1",
    "at": "2026-01-01T00:00:00Z",
    "unused_to": {"ROUTINE": 7},
}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"v": 2}, "notice"),
        ({"at": "yesterday"}, "notice"),
        ({"unused_to": {}}, "notice"),
        ({"unused_to": {"CONTROL": 1}}, "notice"),
        ({"unused_to": {"ROUTINE": 0}}, "notice"),
        ({"unused_to": {"ROUTINE": 2**53}}, "notice"),
        ({"unused_to": {"ROUTINE": True}}, "notice"),
        ({"more": 1}, "notice"),
        ({"origin": "dorne-1"}, "notice-party"),
        ({"recipient": "dorne-1"}, "notice-party"),
    ],
)
def test_a_malformed_or_foreign_notice_is_refused(change: dict[str, Any], rule: str) -> None:
    assert is_notice(GOOD)
    assert read_notice(GOOD, sender="arden-1", me="borduria-1") == {"ROUTINE": 7}
    with pytest.raises(BadEnvelope) as refused:
        read_notice({**GOOD, **change}, sender="arden-1", me="borduria-1")
    assert refused.value.rule == rule


def test_positions_never_move_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ringwall.db")

    def job(tx: Any) -> tuple[int, int, int]:
        tx.skip_positions("dorne-1", "FLASH", 9)
        tx.skip_positions("dorne-1", "FLASH", 4)
        tx.advance_position("arden-1", "FLASH", 12)
        first = tx.pass_positions("arden-1", "FLASH", 11)
        again = tx.pass_positions("arden-1", "FLASH", 5)
        return tx.sent_position("dorne-1", "FLASH"), first, again

    assert store.write(job).result() == (9, 12, 12)
    store.close()
