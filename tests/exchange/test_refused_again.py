"""What was refused at ingress is tried again: all of it, each statement for itself, and in time."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.alliance import Alliance
from ringwall.core import ManualClock
from ringwall.exchange import inbox as inbox_module
from ringwall.policy import SKEW
from ringwall.store import verify_store
from tests.exchange.engine_world import Peer, World, eventually, indicator
from tests.exchange.redaction_world import all_running, bundle, identity, plain

pytestmark = pytest.mark.anyio
START = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, clock=ManualClock(START))


@pytest.fixture
def arden(world: World) -> Peer:
    """A sender under whose agreement everything goes to dorne."""
    arden = Peer(world, "arden-1")
    arden.kernel.adopt(agreed(arden.alliance, object_types=None))
    return arden


def agreed(alliance: Alliance, **changes: Any) -> Alliance:
    """Change the agreement with dorne."""
    mutual, partner = alliance.agreements
    changed = msgspec.structs.replace(partner, **changes)
    return msgspec.structs.replace(alliance, agreements=(mutual, changed))


def adopt(peer: Peer, *types: str) -> None:
    peer.kernel.adopt(agreed(peer.alliance, object_types=frozenset(types)))
    peer.inbox.policy_changed()


def kinds(peer: Peer) -> list[str]:
    return sorted(row.object_type for row in peer.holds())


def rules(peer: Peer) -> list[str]:
    with peer.store.read() as tx:
        return [row.rule for row in tx.quarantined()]


def comes(peer: Peer, *types: str) -> Callable[[], bool]:
    return lambda: kinds(peer) == sorted(types)


async def test_what_stays_refused_keeps_nothing_else_out(
    world: World, arden: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "RETRY_ROWS", 2)
    dorne = Peer(world, "dorne-1")
    adopt(dorne, "report")
    async with all_running(arden, dorne):
        for number in range(5):
            await arden.submit(indicator())
            await eventually(lambda n=number: len(rules(dorne)) == n + 1, "refused")
        await arden.submit(bundle(identity()))
        await eventually(lambda: len(rules(dorne)) == 6, "all refused")
        adopt(dorne, "identity")
        await eventually(comes(dorne, "identity"), "behind five that stay refused")
    assert rules(dorne) == ["ingress"] * 5


async def test_each_statement_of_an_envelope_comes_in_when_it_may(
    world: World, arden: Peer
) -> None:
    dorne = Peer(world, "dorne-1")
    adopt(dorne, "report")
    await arden.submit(bundle(identity(), plain()))
    async with all_running(arden, dorne):
        await eventually(lambda: rules(dorne) == ["ingress"], "refused in one envelope")
        adopt(dorne, "identity")
        await eventually(comes(dorne, "identity"), "without the other")
        assert rules(dorne) == ["ingress"]
        size = audit_size(dorne)
        dorne.inbox.policy_changed()
        await asyncio.sleep(0.2)
        assert audit_size(dorne) == size
        adopt(dorne, "identity", "indicator")
        await eventually(comes(dorne, "identity", "indicator"), "the other")
        await eventually(lambda: rules(dorne) == [], "nothing stays refused")
    assert len(dorne.audit("refused")) == 2
    assert [len(each["statements"]) for each in dorne.audit("received")] == [1, 1]
    assert verify_store(dorne.store, registry=world.registry, node=dorne.node) == []


async def test_what_came_before_its_agreement_began_is_taken_in_when_it_does(
    world: World, arden: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(world.clock, ManualClock)
    monkeypatch.setattr(inbox_module, "LOOK_SECONDS", 0.02)
    dorne = Peer(world, "dorne-1")
    begins = (START + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    dorne.kernel.adopt(agreed(dorne.alliance, valid_from=begins))
    async with all_running(arden, dorne):
        await arden.submit(indicator())
        await eventually(lambda: rules(dorne) == ["ingress"], "refused for now")
    async with dorne.running():  # a restart forgets no moment
        world.clock.advance(timedelta(minutes=30))
        await asyncio.sleep(0.2)
        assert dorne.holds() == []
        world.clock.advance(timedelta(minutes=30) + SKEW)
        await eventually(comes(dorne, "indicator"), "its time has come")
        assert rules(dorne) == []


async def test_what_is_refused_while_the_node_runs_is_taken_in_when_its_time_comes(
    world: World, arden: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(world.clock, ManualClock)
    monkeypatch.setattr(inbox_module, "LOOK_SECONDS", 0.02)
    dorne = Peer(world, "dorne-1")
    begins = (START + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    dorne.kernel.adopt(agreed(dorne.alliance, valid_from=begins))
    async with all_running(arden, dorne):
        await arden.submit(indicator())
        await eventually(lambda: rules(dorne) == ["ingress"], "refused for now")
        world.clock.advance(timedelta(hours=1) + SKEW)
        await eventually(comes(dorne, "indicator"), "its time has come")


async def test_what_could_not_be_opened_and_is_refused_now_waits_for_that(
    world: World, arden: Peer
) -> None:
    dorne = Peer(world, "dorne-1")
    adopt(dorne, "report")
    async with all_running(arden, dorne):
        await arden.submit(bundle(identity(), plain()))
        await eventually(lambda: rules(dorne) == ["ingress"], "refused")
    unread(dorne)
    adopt(dorne, "identity")
    async with all_running(dorne):
        await eventually(comes(dorne, "identity"), "what may come in")
        await eventually(lambda: rules(dorne) == ["ingress"], "the rest has another reason now")


def unread(peer: Peer) -> None:
    """Let what is in quarantine be there as if its registry had not been known."""
    with peer.store.read() as tx:
        (row,) = tx.quarantined()

    def job(tx: Any) -> None:
        tx.drop_quarantined(row.id)
        fields = {"reason": row.reason, "at": row.at, "hub": row.hub, "lane": row.lane}
        number = row.stream_sequence
        tx.quarantine(row.data, rule="registry-number", stream_sequence=number, **fields)

    peer.store.write(job).result()


def audit_size(peer: Peer) -> int:
    with peer.store.read() as tx:
        return int(tx.audit_size())
