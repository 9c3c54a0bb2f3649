"""Intake, outbox, inbox and receipts together: what must be where, whatever happens between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from ringwall.alliance import load_alliance
from ringwall.core import Forbidden, InvalidInput, ManualClock, Precedence
from ringwall.trust import decode_proof, verify_proof
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator

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


def trio(world: World) -> tuple[Peer, Peer, Peer]:
    return Peer(world, "arden-1"), Peer(world, "borduria-1"), Peer(world, "dorne-1")


async def test_a_statement_reaches_whoever_may_have_it_and_nobody_else(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        green = (await arden.submit(indicator())).submitted[0]
        amber = (await arden.submit(indicator(), label="allied")).submitted[0]
        await eventually(lambda: len(borduria.holds()) == 2, "both at borduria")
        await eventually(lambda: len(dorne.holds()) == 1, "one at dorne")
        await eventually(
            lambda: set(arden.states(green.statement).values()) == {"received"}, "receipts"
        )
    assert [str(row.id) for row in dorne.holds()] == [green.statement]
    assert {to.member: to.permit for to in amber.recipients} == {"borduria": True, "dorne": False}
    withheld = next(to.reason for to in amber.recipients if to.member == "dorne")
    assert "REL TO names allies only" in withheld
    assert arden.states(amber.statement) == {"borduria-1": "received"}


async def test_what_arrives_is_byte_for_byte_what_was_stated_and_proves_itself(
    world: World,
) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(name="Zweite Stufe: Ü"))
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
    stated, arrived = arden.holds()[0], borduria.holds()[0]
    assert (arrived.body, arrived.seed, arrived.digest, arrived.label) == (
        stated.body,
        stated.seed,
        stated.digest,
        stated.label,
    )
    with borduria.store.read() as tx:
        kept = tx.statement_by_id(arrived.id)
    assert kept is not None
    assert kept.proof is not None
    leaf = verify_proof(
        decode_proof(*kept.proof),
        arrived.body,
        arrived.seed,
        world.keys["arden-1"].public(),
        "trial",
    )
    assert f"{leaf['origin']}:{leaf['sequence']}" == arden.names()[0]


async def test_redelivery_changes_nothing(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator())
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
        stream = world.hub.streams["ROUTINE"]
        stream.append(stream[0])  # the hub delivers the same envelope under a new number
        world.hub.disturb()
        await arden.submit(indicator())
        await eventually(lambda: len(borduria.holds()) == 2, "the next arrival")
    assert len(borduria.audit("received")) == 2
    assert not borduria.audit("quarantined")


async def test_what_was_sealed_before_a_crash_is_published_after_it_under_the_same_position(
    world: World,
) -> None:
    arden, borduria, dorne = trio(world)
    world.hub.reachable = False
    async with arden.running():
        await arden.submit(indicator())

        def sealed() -> bool:
            with arden.store.read() as tx:
                return len(tx.unpublished("ROUTINE")) == 1

        await eventually(sealed, "the envelope is stored")
    with arden.store.read() as tx:
        before = tx.unpublished("ROUTINE")[0]
    arden.store.close()
    world.hub.reachable = True
    again = Peer(world, "arden-1")
    async with all_running(again, borduria, dorne):
        await eventually(lambda: len(borduria.holds()) == 1, "arrival after the restart")
        await eventually(lambda: len(dorne.holds()) == 1, "arrival after the restart")
    assert [data for _, data in world.hub.streams["ROUTINE"]] == [before.data]


async def test_nothing_leaves_while_the_hub_is_away_and_all_of_it_afterwards(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        world.hub.reachable = False
        for _ in range(20):
            await arden.submit(indicator())
        world.hub.reachable = True
        world.hub.ring()
        await eventually(lambda: len(borduria.holds()) == 20, "all twenty")
    sequences = [row.id.sequence for row in borduria.holds()]
    assert sequences == sorted(sequences)


async def test_a_rebuilt_hub_is_read_from_its_start(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator())
        await eventually(lambda: len(borduria.holds()) == 1, "arrival")
        world.hub.rebuild()
        await arden.submit(indicator())
        await eventually(lambda: len(borduria.holds()) == 2, "arrival from the new hub")


async def test_a_tampered_envelope_is_kept_named_and_not_believed(world: World) -> None:
    arden, borduria, _ = trio(world)
    async with arden.running():
        await arden.submit(indicator())
        await eventually(lambda: bool(world.hub.streams.get("ROUTINE")), "published")
    places, data = world.hub.streams["ROUTINE"][0]
    world.hub.streams["ROUTINE"][0] = (places, data[:-1] + bytes([data[-1] ^ 1]))
    async with borduria.running():
        await eventually(lambda: bool(borduria.audit("quarantined")), "quarantine")
    assert borduria.holds() == []
    assert borduria.audit("quarantined")[0]["rule"] == "ciphertext"
    with borduria.store.read() as tx:
        assert [row.rule for row in tx.quarantined()] == ["ciphertext"]
        assert tx.in_position("arden-1", "ROUTINE") == 0


async def test_the_recipient_decides_again_and_says_so_in_its_receipt(world: World) -> None:
    narrow = load_alliance(
        DESCRIPTION.replace("parties: [allies, dorne]", "parties: [arden, dorne]")
    )
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    dorne = Peer(world, "dorne-1", alliance=narrow)
    async with all_running(arden, borduria, dorne):
        kept = (await arden.submit(indicator())).submitted[0].statement
        refused = (await borduria.submit(indicator())).submitted[0].statement
        await eventually(lambda: borduria.states(refused)["dorne-1"] == "rejected", "refusal")
        await eventually(lambda: arden.states(kept)["dorne-1"] == "received", "receipt")
        await eventually(
            lambda: borduria.states(refused)["arden-1"] in ("sent", "received"),
            "the other recipient",
        )
    assert [str(row.id) for row in dorne.holds()] == [kept]
    assert "no agreement joins borduria and dorne" in dorne.audit("refused")[0]["reason"]


async def test_an_agreement_that_ends_before_sealing_closes_at_once(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2029, 12, 31, 23, 50, tzinfo=UTC))
    world = World(tmp_path, clock)
    arden, borduria, dorne = trio(world)
    submitted = (await arden.submit(indicator())).submitted[0]
    assert all(to.permit for to in submitted.recipients)
    clock.advance(timedelta(hours=1))
    async with all_running(arden, borduria, dorne):
        await eventually(lambda: len(borduria.holds()) == 1, "the ally has it")
        await asyncio.sleep(0.1)
    assert dorne.holds() == []
    assert arden.audit("release-narrowed")[0]["nodes"] == ["dorne-1"]
    with arden.store.read() as tx:
        assert [row.audience for row in tx.releases(1)][-1] == ("borduria-1",)


async def test_a_full_recipient_takes_nothing_and_loses_nothing(world: World) -> None:
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1", reserve_bytes=2**62)
    async with all_running(arden, borduria):
        await arden.submit(indicator())
        await eventually(lambda: bool(world.hub.streams.get("ROUTINE")), "published")
        await asyncio.sleep(0.2)
        assert ("ROUTINE", "borduria-1") not in world.hub.acknowledged
    borduria.store.close()
    relieved = Peer(world, "borduria-1")
    async with relieved.running():
        await eventually(lambda: len(relieved.holds()) == 1, "arrival once there is room")


async def test_nothing_is_acknowledged_before_it_is_stored(world: World) -> None:
    arden, borduria, _ = trio(world)
    seen: list[bool] = []
    acknowledge = borduria.transport.acknowledge

    async def watching(lane: str, stream_sequence: int) -> None:
        if lane == "ROUTINE":
            with borduria.store.read() as tx:
                position = tx.inbox_position("hub1", lane)
            seen.append(position is not None and position.stream_sequence >= stream_sequence)
        await acknowledge(lane, stream_sequence)

    borduria.transport.acknowledge = watching  # type: ignore[method-assign]
    async with all_running(arden, borduria):
        await arden.submit(indicator())
        await eventually(lambda: bool(seen), "an acknowledgement")
    assert all(seen)


async def test_the_same_submission_again_after_a_recipient_left_the_alliance(world: World) -> None:
    arden = Peer(world, "arden-1")
    raw = indicator()
    stated = (await arden.submit(raw)).submitted[0]
    members = {name: each for name, each in arden.alliance.members.items() if name != "dorne"}
    mutual = arden.alliance.agreements[:1]
    arden.kernel.adopt(msgspec.structs.replace(arden.alliance, members=members, agreements=mutual))
    again = (await arden.submit(raw)).submitted[0]
    assert (again.statement, again.known) == (stated.statement, True)
    said = {to.member: to.permit for to in again.recipients}
    assert said == {"borduria": True, "dorne": False}


async def test_the_same_submission_again_is_the_same_statement(world: World) -> None:
    arden = Peer(world, "arden-1")
    raw = indicator()
    first = await arden.submit(raw)
    again = await arden.submit(raw)
    assert again.submitted[0].known
    assert again.submitted[0].statement == first.submitted[0].statement
    other_label = await arden.submit(raw, label="TLP:AMBER")
    assert other_label.submitted[0].statement != first.submitted[0].statement
    assert len(arden.audit("accepted")) == 2


async def test_another_content_under_the_same_version_is_refused(world: World) -> None:
    arden = Peer(world, "arden-1")
    name = "indicator--7f1ed1b4-3d44-4a51-b2d0-6f3d6f6c2f11"
    await arden.submit(indicator(id=name, name="one"))
    result = await arden.submit(indicator(id=name, name="two"))
    assert [(refusal.rule, refusal.field) for refusal in result.refused] == [
        ("conflicting-version", "/modified")
    ]
    assert len(arden.holds()) == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "unlabelled"),
        (
            {"object_marking_refs": ["marking-definition--5f9e2b0a-93f0-44a5-9c5e-0d5a5a1a8a77"]},
            "unknown-marking",
        ),
    ],
)
async def test_nothing_without_an_understood_label_is_stored(
    world: World, changes: dict[str, object], rule: str
) -> None:
    arden = Peer(world, "arden-1")
    result = await arden.submit(indicator(**changes), label="")
    assert [refusal.rule for refusal in result.refused] == [rule]
    assert result.refused[0].field == "/object_marking_refs"
    assert not result.submitted
    assert arden.holds() == []


async def test_a_dry_run_says_who_would_get_it_and_stores_nothing(world: World) -> None:
    arden = Peer(world, "arden-1")
    result = await arden.submit(indicator(), dry_run=True)
    assert result.dry_run
    assert {to.member: to.permit for to in result.submitted[0].recipients} == {
        "borduria": True,
        "dorne": True,
    }
    assert arden.holds() == []
    assert not arden.audit("accepted")


async def test_whoever_may_not_submit_is_refused(world: World) -> None:
    dorne = Peer(world, "dorne-1")
    administrator = dorne.alliance.readers["dorne-admin"]
    foreign = dorne.alliance.readers["arden-analyst"]
    for reader in (administrator, foreign):
        with pytest.raises(Forbidden):
            dorne.intake.submit(reader, indicator(), label="TLP:GREEN")
    with pytest.raises(InvalidInput) as refused:
        dorne.intake.submit(dorne.reader, indicator(), label="TLP:GREEN", purpose="marketing")
    assert refused.value.rule == "purpose"


async def test_lanes_do_not_wait_for_each_other(world: World) -> None:
    arden, borduria, dorne = trio(world)
    async with all_running(arden, borduria, dorne):
        await arden.submit(indicator(), precedence=Precedence.FLASH)
        await arden.submit(indicator(), precedence=Precedence.BULK)
        await eventually(lambda: len(dorne.holds()) == 2, "both lanes")
    assert {str(row.lane) for row in dorne.holds()} == {"FLASH", "BULK"}
    assert set(world.hub.streams) - {"CONTROL"} == {"FLASH", "BULK"}
