"""A restored node: what an old copy says of agreements counts when the other parties say it too."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import BadEnvelope, format_timestamp
from ringwall.exchange import Message
from ringwall.exchange.resumption import mark_restored
from tests.exchange.engine_world import Peer, World, eventually, indicator
from tests.sharing.test_agreements import (
    Bureau,
    Pair,
    digests,
    in_force,
    written,
)
from tests.sharing.test_agreements_against_wrong import overtaken, said_to

pytestmark = pytest.mark.anyio


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(World(tmp_path))


def back_up(pair: Pair) -> bytes:
    with sqlite3.connect(pair.world.directory / "arden-1.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (pair.world.directory / "arden-1.db").read_bytes()


def bring_back(pair: Pair, copy: bytes, name: str = "restored") -> None:
    """Let Arden's node go on from an earlier copy of its database."""
    pair.arden.peer.store.close()
    directory = pair.world.directory
    (directory / name).mkdir()
    (directory / name / "arden-1.db").write_bytes(copy)
    pair.world.directory = directory / name
    peer = Peer(pair.world, "arden-1")
    pair.world.directory = directory
    now = format_timestamp(pair.world.clock.now())
    peer.store.write(lambda tx: mark_restored(tx, taken_at=now, now=now)).result()
    pair.arden = Bureau(pair.world, peer)
    pair.arden.agreements.changed()


async def ask(pair: Pair) -> None:
    await asyncio.to_thread(pair.arden.agreements.ask_again)


async def test_what_was_withdrawn_since_the_backup_does_not_come_back_with_it(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
        copy = back_up(pair)
        await pair.dorne.do(pair.dorne.agreements.withdraw, pair.dorne.officer, digest)
        await pair.reach(pair.arden, digest, "withdrawn")
    bring_back(pair, copy)
    assert in_force(pair.arden) == []
    assert pair.arden.state(digest) == "not-affirmed"
    async with pair.running():
        stated = (await pair.arden.peer.submit(indicator(), label="TLP:AMBER")).submitted[0]
        assert not any(to.permit for to in stated.recipients if to.member == "dorne")
        await ask(pair)
        await pair.reach(pair.arden, digest, "withdrawn")
    assert in_force(pair.arden) == []


async def test_what_still_holds_counts_when_the_other_party_says_so(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
        copy = back_up(pair)
    bring_back(pair, copy)
    assert in_force(pair.arden) == []
    async with pair.running():
        await ask(pair)
        await pair.reach(pair.arden, digest, "in-force")
        await ask(pair)
        posted = pair.arden.peer.audit("message-posted")
        asked = [each["to"] for each in posted if each["kind_of"] == "agreement-again"]
        assert sorted(asked) == ["borduria-1", "dorne-1"]
    assert in_force(pair.arden) == [digest]
    bring_back(pair, back_up(pair), "again")
    assert in_force(pair.arden) == []


async def test_what_was_replaced_since_the_backup_is_not_said_to_hold(pair: Pair) -> None:
    async with pair.running():
        first = await pair.agree(written())
        copy = back_up(pair)
        second = (await pair.propose(overtaken(2, highest_tlp="CLEAR"))).digest
        await pair.dorne.do(pair.dorne.agreements.sign, pair.dorne.officer, second)
        await pair.reach(pair.arden, second, "in-force")
    bring_back(pair, copy)
    async with pair.running():
        await ask(pair)
        await eventually(lambda: second in digests(pair.arden), "told of")
        await pair.reach(pair.arden, second, "in-force")
        assert pair.arden.state(first) == "replaced"


@pytest.mark.usefixtures("each_store")
async def test_both_may_be_restored_and_say_to_each_other_what_they_hold(pair: Pair) -> None:
    async with pair.running():
        digest = await pair.agree(written())
    for bureau in (pair.arden, pair.dorne):
        now = format_timestamp(pair.world.clock.now())
        mark = lambda tx, at=now: mark_restored(tx, taken_at=at, now=at)  # noqa: E731
        bureau.peer.store.write(mark).result()
        assert in_force(bureau) == []
    async with pair.running():
        for bureau in (pair.arden, pair.dorne):
            await asyncio.to_thread(bureau.agreements.ask_again)
        await pair.reach(pair.arden, digest, "in-force")
        await pair.reach(pair.dorne, digest, "in-force")


async def test_what_is_signed_after_the_restore_needs_nobody_to_say_it_again(pair: Pair) -> None:
    bring_back(pair, back_up(pair))
    async with pair.running():
        digest = await pair.agree(written())
    assert in_force(pair.arden) == [digest]


@pytest.mark.parametrize(
    ("kind", "body", "rule"),
    [
        ("agreement-again", {"v": 1}, "shape"),
        ("agreement-again", {"v": 2, "series": ""}, "shape"),
        ("agreement-again", {"v": 1, "series": "x" * 41}, "shape"),
        ("agreement-still", {"v": 1, "series": "", "held": []}, "shape"),
        ("agreement-still", {"v": 1, "series": "2026-01-01T00:00:00Z", "held": {}}, "series"),
        ("agreement-still", {"v": 1, "series": "", "held": {}}, "agreement"),
    ],
)
async def test_a_malformed_message_is_refused(
    pair: Pair, kind: str, body: dict[str, Any], rule: str
) -> None:
    message = Message("0" * 32, kind, "dorne-1", "2026-01-01T00:00:00.000000Z", body)
    with pytest.raises(BadEnvelope) as caught:
        pair.arden.peer.store.write(lambda tx: said_to(pair.arden, message, tx)).result()
    assert caught.value.rule == rule


async def test_who_asks_and_confirms_nothing_fills_no_outbox(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ringwall.sharing.affirming.MOST_UNCONFIRMED", 3)
    await pair.arden.do(pair.arden.agreements.propose, pair.arden.officer, written())
    body = {"v": 1, "series": ""}
    message = Message("0" * 32, "agreement-again", "dorne-1", "2026-01-01T00:00:00.000000Z", body)
    for _ in range(2):
        pair.arden.peer.store.write(lambda tx: said_to(pair.arden, message, tx)).result()
    with pytest.raises(BadEnvelope) as caught:
        pair.arden.peer.store.write(lambda tx: said_to(pair.arden, message, tx)).result()
    assert caught.value.rule == "flood"


async def test_a_node_is_told_only_of_what_its_member_is_a_party_of(pair: Pair) -> None:
    await pair.arden.do(pair.arden.agreements.propose, pair.arden.officer, written())
    message = Message(
        "0" * 32,
        "agreement-again",
        "borduria-1",
        "2026-01-01T00:00:00.000000Z",
        {"v": 1, "series": ""},
    )
    pair.arden.peer.store.write(lambda tx: said_to(pair.arden, message, tx)).result()
    with pair.arden.peer.store.read() as tx:
        assert tx.documents("message-out", "borduria-1", message.at) == []
