"""What hostile peers, altered rows and unlucky clocks do to the exchange: each was a real fault."""

import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock, StorageFull, canonical_json
from ringwall.exchange import arriving
from ringwall.exchange import inbox as inbox_module
from ringwall.exchange.outbox import Sealer
from ringwall.labels import NO_TERMS
from ringwall.stix import StixObject, read_object
from ringwall.store import ReceiptDue
from ringwall.trust import receipt_item, statement_digest, statement_item
from tests.exchange.engine_world import DESCRIPTION, Peer, World, eventually, indicator

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def forge(world: World, lane: str, body: bytes, **changes: Any) -> bytes:
    """Seal what arden's real keys would sign if arden's node were hostile."""
    sealer = Sealer(
        node="arden-1",
        keys=world.keys["arden-1"],
        alliance="trial",
        registry=world.registry,
        clock=world.clock,
    )
    item = statement_item(
        origin="arden-1",
        sequence=1,
        body=body,
        seed=b"s" * 32,
        label={"tlp": "GREEN"},
        purpose="collective-defence",
        **changes,
    )
    return sealer.seal(lane, "statement", [item], {"borduria-1": 1})[0].data


def canonical(raw: bytes) -> bytes:
    import json

    return canonical_json(json.loads(raw))


async def deliver(world: World, lane: str, *envelopes: bytes) -> Peer:
    """Put envelopes before borduria and let it take in all of them."""
    borduria = Peer(world, "borduria-1")
    world.hub.streams[lane] = [(frozenset({2}), data) for data in envelopes]
    async with borduria.running():

        def settled() -> bool:
            with borduria.store.read() as tx:
                position = tx.inbox_position("hub1", lane)
            return position is not None and position.stream_sequence == len(envelopes)

        await eventually(settled, "everything settled")
    return borduria


async def test_a_statement_in_the_control_lane_is_quarantined(world: World) -> None:
    borduria = await deliver(world, "CONTROL", forge(world, "CONTROL", canonical(indicator())))
    assert [entry["rule"] for entry in borduria.audit("quarantined")] == ["lane"]


async def test_what_is_no_valid_stix_is_quarantined_and_the_next_one_taken(world: World) -> None:
    wrong = canonical_json({"type": "indicator", "id": "indicator--1"})
    right = forge(world, "ROUTINE", canonical(indicator()))
    borduria = await deliver(world, "ROUTINE", forge(world, "ROUTINE", wrong), right)
    assert len(borduria.audit("quarantined")) == 1
    assert len(borduria.holds()) == 1


async def test_what_is_not_canonical_is_refused(world: World) -> None:
    spaced = canonical(indicator()).replace(b'["malicious-', b'[ "malicious-')
    borduria = await deliver(world, "ROUTINE", forge(world, "ROUTINE", spaced))
    assert borduria.audit("quarantined")
    assert borduria.holds() == []


async def test_onward_terms_that_nobody_understands_deny(world: World) -> None:
    data = forge(world, "ROUTINE", canonical(indicator()), onward={"until_full_moon": 3})
    borduria = await deliver(world, "ROUTINE", data)
    assert "until_full_moon" in borduria.audit("refused")[0]["reason"]
    assert borduria.holds() == []


async def test_a_defect_of_ours_stops_one_message_and_not_the_lane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(body: bytes) -> StixObject:
        if b"poison" in body:
            raise ZeroDivisionError("a defect")
        return read_object(body)

    monkeypatch.setattr(arriving, "read_object", broken)
    poison = forge(world, "ROUTINE", canonical(indicator(name="poison")))
    right = forge(world, "ROUTINE", canonical(indicator()))
    borduria = await deliver(world, "ROUTINE", poison, right)
    assert [entry["rule"] for entry in borduria.audit("quarantined")] == ["internal"]
    assert len(borduria.holds()) == 1


async def test_a_batch_that_cannot_be_stored_is_settled_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox_module.received_entries

    def broken(stored: Any) -> Any:
        if any(b"poison" in new.body for new in stored):
            raise ZeroDivisionError("a defect in the transaction")
        return real(stored)

    monkeypatch.setattr(inbox_module, "received_entries", broken)
    poison = forge(world, "ROUTINE", canonical(indicator(name="poison")))
    right = forge(world, "ROUTINE", canonical(indicator()))
    borduria = await deliver(world, "ROUTINE", poison, right)
    assert [entry["rule"] for entry in borduria.audit("quarantined")] == ["internal"]
    assert len(borduria.holds()) == 1


async def test_a_number_used_twice_is_equivocation(world: World) -> None:
    first = forge(world, "ROUTINE", canonical(indicator(name="one")))
    second = forge(world, "ROUTINE", canonical(indicator(name="two")))
    borduria = await deliver(world, "ROUTINE", first, second)
    assert len(borduria.audit("equivocation")) == 1
    assert [row.body for row in borduria.holds()] == [
        row.body for row in borduria.holds() if b"one" in row.body
    ]


async def test_other_terms_under_the_same_number_are_equivocation(world: World) -> None:
    body = canonical(indicator())
    first = forge(world, "ROUTINE", body)
    second = forge(world, "ROUTINE", body, onward={"onward_to": ["dorne"], "hops": 1})
    borduria = await deliver(world, "ROUTINE", first, second)
    assert len(borduria.audit("equivocation")) == 1
    with borduria.store.read() as tx:
        (held,) = borduria.holds()
        assert tx.release_classes()[held.release_class].terms == NO_TERMS


async def test_a_row_altered_at_rest_is_not_signed(world: World) -> None:
    arden = Peer(world, "arden-1")
    await arden.submit(indicator())
    await arden.submit(indicator())
    with sqlite3.connect(world.directory / "arden-1.db") as raw:
        raw.execute(
            "UPDATE objects SET body = CAST(replace(CAST(body AS TEXT), '113.9', '113.1') AS BLOB)"
            " WHERE id = 1"
        )
    borduria = Peer(world, "borduria-1")
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 1, "the sound one")
    assert arden.audit("damaged")[0]["statement"] == arden.names()[0]
    assert str(borduria.holds()[0].id) == arden.names()[1]


async def test_a_row_that_has_no_object_digest_stops_no_lane(world: World) -> None:
    """Whoever alters a row with its digest is found by the audit log, and must not stop others."""
    arden = Peer(world, "arden-1")
    for _ in range(7):
        await arden.submit(indicator())
    with sqlite3.connect(world.directory / "arden-1.db") as raw:
        ((seed,),) = raw.execute('SELECT seed FROM statements WHERE "order" = 2')
        body = b'{"b":1, "a":2}'
        digest = statement_digest(seed, sha256(body).digest())
        raw.execute("UPDATE objects SET body = ? WHERE id = 2", (body,))
        raw.execute('UPDATE statements SET digest = ? WHERE "order" = 2', (digest,))
    borduria = Peer(world, "borduria-1")
    async with arden.running(), borduria.running():
        await eventually(lambda: len(borduria.holds()) == 6, "the sound ones")
        await arden.submit(indicator())
        await eventually(lambda: len(borduria.holds()) == 7, "and what comes after")
    assert [entry["statement"] for entry in arden.audit("damaged")] == arden.names()[1:2]


@pytest.mark.parametrize(("behind", "arrives"), [(60, True), (119, True), (300, False)])
async def test_a_recipient_whose_clock_is_a_little_behind_does_not_refuse_for_good(
    tmp_path: Path, behind: int, arrives: bool
) -> None:
    opening = datetime(2020, 1, 1, 0, 2, 0, tzinfo=UTC)
    clock = ManualClock(opening)
    world = World(tmp_path, clock)
    data = forge(world, "ROUTINE", canonical(indicator()))
    clock.advance(timedelta(seconds=-behind))
    borduria = await deliver(world, "ROUTINE", data)
    assert len(borduria.audit("received")) == (1 if arrives else 0)
    assert borduria.holds() == []  # readers wait for the opening by their own clock


async def test_a_resubmission_is_answered_with_the_decision_that_was_recorded(
    tmp_path: Path,
) -> None:
    clock = ManualClock(datetime(2019, 12, 31, tzinfo=UTC))
    arden = Peer(World(tmp_path, clock), "arden-1")
    raw = indicator()
    first = await arden.submit(raw)
    clock.advance(timedelta(days=2))
    again = await arden.submit(raw)
    assert again.submitted[0].known
    assert again.submitted[0].recipients == first.submitted[0].recipients
    assert not any(to.permit for to in again.submitted[0].recipients)


async def test_a_reference_set_is_all_or_nothing_and_clear(world: World) -> None:
    arden = Peer(world, "arden-1")
    red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
    assert arden.intake.load_reference(arden.reader, "set", indicator()) == (1, [])
    count, refused = arden.intake.load_reference(
        arden.reader, "set", indicator(object_marking_refs=[red])
    )
    assert count == 0
    assert [refusal.rule for refusal in refused] == ["reference-label"]
    broken = indicator(pattern=5)
    assert arden.intake.load_reference(arden.reader, "set", broken)[0] == 0
    with arden.store.read() as tx:
        assert len(tx.reference_page(0, 10, "set")) == 1


async def test_what_a_hub_lost_is_sent_again(world: World) -> None:
    world.repair_seconds = 0.05
    arden, borduria = Peer(world, "arden-1"), Peer(world, "borduria-1")
    async with arden.running():
        await arden.submit(indicator())
        await eventually(
            lambda: arden.states(arden.names()[0])["borduria-1"] == "sent", "published"
        )
        world.hub.rebuild()
        async with borduria.running():
            await eventually(lambda: len(borduria.holds()) == 1, "arrival after the loss")
            await eventually(
                lambda: arden.states(arden.names()[0])["borduria-1"] == "received", "its receipt"
            )
    assert len(borduria.audit("received")) == 1


async def test_a_lost_receipt_and_the_refusal_in_it_are_made_good(world: World) -> None:
    narrow = load_alliance(
        DESCRIPTION.replace("parties: [allies, dorne]", "parties: [borduria, dorne]")
    )
    world.repair_seconds = 0.05
    arden, dorne = Peer(world, "arden-1"), Peer(world, "dorne-1", alliance=narrow)
    async with arden.running():
        await arden.submit(indicator())
        await eventually(lambda: arden.states(arden.names()[0])["dorne-1"] == "sent", "published")
    async with dorne.running():
        await eventually(lambda: bool(world.hub.streams.get("CONTROL")), "a receipt")
    world.hub.streams["CONTROL"] = []
    async with arden.running(), dorne.running():
        await eventually(
            lambda: arden.states(arden.names()[0])["dorne-1"] == "rejected", "the refusal"
        )


async def test_nobody_gives_a_receipt_for_another(world: World) -> None:
    arden = Peer(world, "arden-1")
    await arden.submit(indicator())
    async with arden.running():
        await eventually(lambda: bool(world.hub.streams.get("ROUTINE")), "published")
        content = {
            "v": 1,
            "recipient": "dorne-1",
            "origin": "arden-1",
            "at": "2026-01-01T00:00:00.000000Z",
            "lanes": {"ROUTINE": {"position": 1, "rejected": []}},
        }
        sealer = Sealer(
            node="borduria-1",
            keys=world.keys["borduria-1"],
            alliance="trial",
            registry=world.registry,
            clock=world.clock,
        )
        item = receipt_item(origin="borduria-1", sequence=0, content=content)
        data = sealer.seal("CONTROL", "receipt", [item], {"arden-1": 1})[0].data
        world.hub.streams.setdefault("CONTROL", []).append((frozenset({1}), data))
        world.hub.ring()
        await eventually(lambda: bool(arden.audit("quarantined")), "refusal")
    assert arden.audit("quarantined")[0]["rule"] == "receipt-party"
    assert "received" not in arden.states(arden.names()[0]).values()


def test_a_long_list_of_refusals_is_told_in_parts() -> None:
    from ringwall.exchange.receipts import _first_part

    rejected = tuple((position, "no") for position in range(2, 2002))
    part = _first_part(ReceiptDue("arden-1", "ROUTINE", 5000, rejected))
    assert len(part.rejected) == 500
    assert part.position == part.rejected[-1][0] == 501


async def test_a_full_disk_does_not_end_the_workers(world: World) -> None:
    arden = Peer(world, "arden-1", reserve_bytes=2**62)
    async with arden.running():
        with pytest.raises(StorageFull):
            await arden.submit(indicator())
    assert arden.holds() == []
