"""Withdrawal: what has not left is taken back as if it had not been; what has left stays."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core import Forbidden, NotFound, StatementId, Unavailable, parse_statement_id
from ringwall.exchange import SUBMITTING_ROLES, withdraw
from ringwall.exchange.withdrawal import WITHDRAWING_ROLES
from ringwall.store import verify_store
from tests.exchange.engine_world import Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def arden(world: World) -> Iterator[Peer]:
    peer = Peer(world, "arden-1")
    yield peer
    peer.store.close()


def take_back(peer: Peer, *statements: str) -> None:
    ids = [parse_statement_id(each) for each in statements]
    withdraw(peer.store, peer.node, peer.reader, ids)


def waiting(peer: Peer) -> int:
    with peer.store.read() as tx:
        return sum(tx.counts().outbox.values())


def findings(world: World, peer: Peer) -> list[object]:
    return list(verify_store(peer.store, registry=world.registry, node=peer.node))


async def test_what_waits_is_taken_back_and_never_leaves(world: World, arden: Peer) -> None:
    gone = (await arden.submit(indicator(name="gone"))).submitted[0]
    kept = (await arden.submit(indicator(name="kept"))).submitted[0]
    take_back(arden, gone.statement)
    assert [str(row.id) for row in arden.holds()] == [kept.statement]
    assert (waiting(arden), findings(world, arden)) == (1, [])
    borduria = Peer(world, "borduria-1")
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 1, "the other one")
    assert [str(row.id) for row in borduria.holds()] == [kept.statement]
    assert arden.states(gone.statement) == {}
    assert findings(world, arden) == []


async def test_what_was_for_nobody_is_taken_back_too(world: World, arden: Peer) -> None:
    kept = (await arden.submit(indicator(), label="TLP:RED//REL TO none")).submitted[0]
    take_back(arden, kept.statement)
    assert arden.holds() == []
    assert findings(world, arden) == []


async def test_it_can_be_stated_again_even_otherwise(world: World, arden: Peer) -> None:
    name = f"indicator--{uuid.uuid4()}"
    first = (await arden.submit(indicator(id=name, name="one"))).submitted[0]
    take_back(arden, first.statement)
    other = await arden.submit(indicator(id=name, name="other"))
    assert not other.refused
    take_back(arden, other.submitted[0].statement)
    again = (await arden.submit(indicator(id=name, name="one"))).submitted[0]
    assert (again.known, again.statement) == (False, arden.names()[-1])
    assert [str(row.id) for row in arden.holds()] == arden.names()[-1:]
    assert findings(world, arden) == []


async def test_what_is_sealed_stays_and_nothing_else_goes_with_it(
    world: World, arden: Peer
) -> None:
    borduria = Peer(world, "borduria-1")
    left = (await arden.submit(indicator())).submitted[0]
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
    here = (await arden.submit(indicator())).submitted[0]
    with pytest.raises(Forbidden) as refused:
        take_back(arden, here.statement, left.statement)
    assert (refused.value.rule, refused.value.field) == ("released", "statement")
    assert len(arden.holds()) == 2
    with pytest.raises(Forbidden):
        withdraw(
            borduria.store, borduria.node, borduria.reader, [parse_statement_id(left.statement)]
        )
    with pytest.raises(NotFound):
        withdraw(arden.store, arden.node, arden.reader, [StatementId("arden-1", 99)])


@pytest.mark.usefixtures("each_store")
async def test_what_is_withdrawn_while_it_is_being_sealed_is_sealed_anew_without_it(
    world: World, arden: Peer
) -> None:
    """The outbox reads, seals for a while, and then stores: in between lies a withdrawal."""
    gone = (await arden.submit(indicator())).submitted[0]
    kept = (await arden.submit(indicator())).submitted[0]
    pending = arden.outbox._pending("ROUTINE")
    assert pending is not None
    sealed = arden.outbox._seal(pending)
    take_back(arden, gone.statement)
    with pytest.raises(Unavailable):
        arden.store.write(lambda tx: arden.outbox._keep(pending, sealed, tx)).result()
    borduria = Peer(world, "borduria-1")
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 1, "what was kept")
    assert [str(row.id) for row in borduria.holds()] == [kept.statement]
    assert findings(world, arden) == []


async def test_only_who_may_submit_may_withdraw(world: World, arden: Peer) -> None:
    stated = (await arden.submit(indicator())).submitted[0]
    admin = world.alliance.readers["dorne-admin"]
    with pytest.raises(Forbidden) as refused:
        withdraw(arden.store, arden.node, admin, [parse_statement_id(stated.statement)])
    assert refused.value.rule == "role"
    assert WITHDRAWING_ROLES == SUBMITTING_ROLES


async def test_every_withdrawal_is_in_the_log(arden: Peer) -> None:
    stated = (await arden.submit(indicator())).submitted[0]
    take_back(arden, stated.statement)
    (entry,) = arden.audit("withdrawn")
    assert (entry["statement"], entry["reader"]) == (stated.statement, "arden-analyst")
