"""Embargoes: nobody else has it before the time, and everybody who may has it after."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import InvalidInput, ManualClock, format_timestamp
from ringwall.labels import Terms
from ringwall.policy import SKEW
from ringwall.sharing import Embargoes, PastSender
from ringwall.sharing.embargoes import LATE
from ringwall.store import verify_store
from tests.exchange.engine_world import Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio
START = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def embargoes(world: World, peer: Peer) -> Embargoes:
    past = PastSender(
        node=peer.node,
        member=peer.member,
        kernel=peer.kernel,
        store=peer.store,
        clock=world.clock,
        recipients=world.registry.nodes.keys() - {peer.node},
    )
    return Embargoes(
        member=peer.member,
        kernel=peer.kernel,
        store=peer.store,
        clock=world.clock,
        past=past,
        wake=peer.outbox.wake,
        announce=peer.arrivals.published,
    )


@pytest.mark.usefixtures("each_store")
async def test_an_embargo_keeps_everybody_out_until_its_end_and_then_it_is_sent(
    tmp_path: Path,
) -> None:
    clock = ManualClock(START)
    world = World(tmp_path, clock)
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1")
    kept = Terms(embargo=format_timestamp(START + HOUR))
    async with arden.running(), dorne.running():
        told = (await arden.submit(indicator(), terms=kept)).submitted[0]
        assert not any(to.permit for to in told.recipients)
        assert all("keeps it back until" in to.reason for to in told.recipients)
        open_at_once = (await arden.submit(indicator())).submitted[0]
        await eventually(lambda: len(dorne.holds()) == 1, "what has no embargo")
        worker = embargoes(world, arden)
        clock.advance(HOUR)
        await asyncio.to_thread(worker.look)
        await asyncio.sleep(0.2)
        assert len(dorne.holds()) == 1
        clock.advance(SKEW)
        await asyncio.to_thread(worker.look)
        await eventually(lambda: len(dorne.holds()) == 2, "what was kept back")
        assert [str(row.id) for row in dorne.holds()] == [open_at_once.statement, told.statement]
        await asyncio.to_thread(worker.look)
    assert len(arden.audit("released-further")) == 1
    assert len(arden.holds()) == 2


async def test_a_node_that_was_down_at_the_end_catches_up(tmp_path: Path) -> None:
    clock = ManualClock(START)
    world = World(tmp_path, clock)
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1")
    async with arden.running():
        await arden.submit(indicator(), terms=Terms(embargo=format_timestamp(START + HOUR)))
    clock.advance(10 * HOUR)
    async with arden.running(), dorne.running():
        await asyncio.to_thread(embargoes(world, arden).look)
        await eventually(lambda: len(dorne.holds()) == 1, "what was kept back")


async def test_what_was_decided_before_the_end_and_stored_after_it_is_sent_as_well(
    tmp_path: Path,
) -> None:
    clock = ManualClock(START)
    world = World(tmp_path, clock)
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1")
    kept = Terms(embargo=format_timestamp(START + HOUR))
    worker = embargoes(world, arden)
    write = arden.store.write

    def slowly(job: Any, **options: Any) -> Any:
        """The moment comes, and is looked at, between the decision and the transaction."""
        arden.store.write = write  # type: ignore[method-assign]
        clock.advance(HOUR + SKEW)
        worker.look()
        return write(job, **options)

    async with arden.running(), dorne.running():
        await arden.submit(indicator(), terms=kept)
        arden.store.write = slowly  # type: ignore[method-assign]
        await arden.submit(indicator(), terms=kept)
        await eventually(lambda: len(dorne.holds()) == 1, "what was there")
        clock.advance(LATE)
        await asyncio.to_thread(worker.look)
        await eventually(lambda: len(dorne.holds()) == 2, "what came too late for the first look")


async def test_a_clock_that_was_ahead_for_a_while_loses_nothing(tmp_path: Path) -> None:
    clock = ManualClock(START)
    world = World(tmp_path, clock)
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1")
    worker = embargoes(world, arden)
    async with arden.running(), dorne.running():
        await arden.submit(indicator(), terms=Terms(embargo=format_timestamp(START + HOUR)))
        clock.advance(1000 * HOUR)
        await asyncio.to_thread(worker.look)
        await eventually(lambda: len(dorne.holds()) == 1, "the first")
        clock.advance(-1000 * HOUR)
        await arden.submit(indicator(), terms=Terms(embargo=format_timestamp(START + 2 * HOUR)))
        clock.advance(3 * HOUR)
        await asyncio.to_thread(worker.look)
        clock.advance(1000 * HOUR)
        await eventually(lambda: len(dorne.holds()) == 2, "both")


@pytest.mark.usefixtures("each_store")
async def test_the_terms_are_signed_and_arrive(tmp_path: Path) -> None:
    world = World(tmp_path)
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1")
    terms = Terms(sectors=("energy",), onward_to=("allies",), hops=2)
    async with arden.running(), dorne.running():
        await arden.submit(indicator(), terms=terms)
        await eventually(lambda: len(dorne.holds()) == 1, "arrival")
    with dorne.store.read() as tx:
        (row,) = dorne.holds()
        assert tx.release_classes()[row.release_class].terms == terms
    for peer in (arden, dorne):
        assert verify_store(peer.store, registry=world.registry, node=peer.node) == []


async def test_terms_that_were_changed_in_the_database_are_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    arden = Peer(world, "arden-1")
    await arden.submit(indicator(), terms=Terms(sectors=("energy",)))
    await arden.submit(indicator())
    raw = sqlite3.connect(tmp_path / "arden-1.db")
    raw.execute("UPDATE statements SET release_class = (SELECT max(id) FROM release_classes)")
    raw.commit()
    raw.close()
    found = verify_store(arden.store, registry=world.registry, node="arden-1")
    assert {(each.id, each.check) for each in found} == {(arden.names()[0], "terms")}


@pytest.mark.parametrize(
    ("terms", "field", "rule"),
    [
        (Terms(onward_to=("zembla",), hops=1), "onward_to", "unknown-name"),
        (Terms(onward_to=("dorne",)), "hops", "hops"),
        (Terms(hops=2), "hops", "hops"),
        (Terms(unknown=("moon",)), "terms", "terms"),
        (Terms(embargo="9999-12-31T23:59:59.999999Z"), "embargo", "timestamp"),
        (Terms(embargo="0001-01-01T00:00:00.000000Z"), "embargo", "timestamp"),
        (Terms(embargo="tomorrow"), "embargo", "timestamp"),
    ],
)
async def test_terms_that_contradict_themselves_are_refused(
    tmp_path: Path, terms: Terms, field: str, rule: str
) -> None:
    arden = Peer(World(tmp_path), "arden-1")
    with pytest.raises(InvalidInput) as caught:
        await arden.submit(indicator(), terms=terms)
    assert (caught.value.field, caught.value.rule) == (field, rule)
