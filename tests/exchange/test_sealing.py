"""What is decided when it is sealed: by the policy and the registry of that moment."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.exchange.outbox import Outbox
from tests.exchange.engine_world import Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio


def revoke(world: World, node: str) -> None:
    """Go on under a registry in which the keys of a node are revoked."""
    gone = msgspec.structs.replace(world.registry.nodes[node], revoked_at="2026-01-02T00:00:00Z")
    nodes = {**world.registry.nodes, node: gone}
    world.registry = msgspec.structs.replace(world.registry, nodes=nodes)


async def test_nothing_is_sealed_for_a_node_whose_keys_are_revoked(tmp_path: Path) -> None:
    """Whoever has them could read it: also what was accepted before, messages and receipts."""
    world = World(tmp_path)
    first = Peer(world, "arden-1")
    stated = (await first.submit(indicator())).submitted[0].statement
    assert first.states(stated) == {"borduria-1": "queued", "dorne-1": "queued"}
    first.store.write(
        lambda tx: first.messages.post(tx, "dorne-1", "catalogue-again", {"v": 1})
    ).result()
    first.store.close()
    revoke(world, "dorne-1")
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 1, "the others get it")
        await asyncio.sleep(0.2)
    assert arden.states(stated).keys() == {"borduria-1"}
    gone = world.registry.nodes["dorne-1"].place
    assert not any(gone in places for each in world.hub.streams.values() for places, _ in each)


async def test_what_policy_closes_while_it_is_sealed_does_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partners withdraw from theirs after the decision, before the envelope is stored."""
    world = World(tmp_path)
    arden, borduria, dorne = (Peer(world, f"{name}-1") for name in ("arden", "borduria", "dorne"))
    seal = Outbox._seal
    mutual, partner = arden.alliance.agreements
    signed = msgspec.structs.replace(partner, digest="0" * 64)
    closed = msgspec.structs.replace(arden.alliance, agreements=(mutual,))
    arden.kernel.adopt(msgspec.structs.replace(arden.alliance, agreements=(mutual, signed)))

    def slowly(outbox: Outbox, pending: Any) -> Any:
        sealed = seal(outbox, pending)
        if outbox is arden.outbox and arden.kernel.alliance != closed:
            arden.kernel.adopt(closed)
        return sealed

    monkeypatch.setattr(Outbox, "_seal", slowly)
    async with arden.running(), borduria.running(), dorne.running():
        stated = (await arden.submit(indicator())).submitted[0]
        await eventually(lambda: len(borduria.holds()) == 1, "to whom it is open still")
        await asyncio.sleep(0.2)
    assert arden.states(stated.statement).keys() == {"borduria-1"}
    assert dorne.holds() == []
