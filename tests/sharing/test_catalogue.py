"""The catalogue between two nodes: told by rule, kept, taken back, and nothing beside it."""

import asyncio
import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.core import BadEnvelope, format_timestamp
from ringwall.exchange import CONTROL
from ringwall.exchange.resumption import mark_restored
from ringwall.sharing import NO_DISCOVERY, Wanted
from ringwall.sharing.catalogue import MOST_KEPT
from ringwall.sharing.entries import LARGEST_ENTRY, MOST_ENTRIES, Entry
from ringwall.sharing.telling import PIECE_BYTES, Changes, _pieces
from tests.exchange.engine_world import eventually, indicator
from tests.sharing.offices import ALLIANCE, START, Office, Two, discovery

pytestmark = pytest.mark.anyio

ENTRY = {"id": "ab" * 16, "amount": "some", "ceiling": "AMBER", "type": "indicator"}


def changes(*put: dict[str, Any], drop: tuple[str, ...] = (), series: str = "") -> dict[str, Any]:
    return {"v": 1, "series": series, "put": list(put), "drop": list(drop)}


async def test_a_rule_tells_of_what_is_withheld_and_of_nothing_more(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery(sectors=["energy"]))
    async with two.running():
        secrets = []
        for label, sectors in (
            ("TLP:AMBER", ("energy",)),
            ("TLP:AMBER", ()),
            ("TLP:RED", ("energy",)),
        ):
            thing = json.loads(indicator(name=f"canary {label} {sectors}"))
            stated = await two.arden.state(json.dumps(thing).encode(), label, sectors=sectors)
            secrets += [thing["id"], stated, "canary"]
        (seen,) = await two.tell(lambda entries: len(entries) == 1)
    assert (seen.owner, seen.node, seen.entry.amount) == ("arden", "arden-1", "some")
    assert (seen.entry.type, seen.entry.sectors, seen.entry.time) == (
        "indicator",
        ("energy",),
        "2026-03-10",
    )
    assert seen.entry.label == {"tlp": "AMBER"}
    kept = two.dorne.told()
    assert kept
    for secret in secrets:
        assert secret.encode() not in kept
    assert two.dorne.peer.holds() == []
    assert [each["to"] for each in two.arden.peer.audit("catalogue-told")] == ["dorne-1"]


async def test_without_a_rule_nobody_is_told_and_no_message_goes(tmp_path: Path) -> None:
    two = Two(tmp_path, NO_DISCOVERY)
    async with two.running():
        await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
    assert two.arden.peer.audit("message-posted") == []


async def test_what_is_released_is_not_listed(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery(highest_tlp="RED"))
    async with two.running():
        await two.arden.state(label="TLP:GREEN")
        await two.arden.state(label="TLP:AMBER")
        (seen,) = await two.tell(lambda entries: len(entries) == 1)
    assert seen.entry.label == {"tlp": "AMBER"}


async def test_a_withdrawn_rule_takes_its_entries_back(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.running():
        await two.arden.state()
        await two.tell(lambda entries: len(entries) == 1)
        two.arden.open(two.world, NO_DISCOVERY)
        await two.tell(lambda entries: not entries)
    assert two.dorne.told() == b""


async def test_changes_are_told_once_and_only_where_something_shows(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.running():
        for _ in range(2):
            await two.arden.state()
        (first,) = await two.tell(lambda entries: len(entries) == 1)
        await two.arden.state()  # still "some": nothing to tell
        await asyncio.to_thread(two.arden.catalogue.refresh)
        assert len(two.arden.peer.audit("catalogue-told")) == 1
        for _ in range(7):
            await two.arden.state()
        (then,) = await two.tell(lambda entries: [e.entry.amount for e in entries] == ["tens"])
    assert then.id == first.id
    assert len(two.arden.peer.audit("catalogue-told")) == 2


async def test_what_was_stated_today_is_told_tomorrow(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery(as_of="day"))
    async with two.running():
        await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
        assert two.arden.peer.audit("catalogue-told") == []
        two.clock.advance(timedelta(hours=12))
        (seen,) = await two.tell(lambda entries: len(entries) == 1)
    assert seen.entry.time == "2026-03-10"


async def test_lost_messages_are_sent_again_and_later_changes_wait_for_them(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.arden.peer.running():
        await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
        two.world.hub.rebuild()  # whatever it held is lost, and dorne has seen nothing
        for _ in range(9):
            await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
        assert len(two.arden.peer.audit("catalogue-told")) == 1
        async with two.dorne.peer.running():
            two.clock.advance(timedelta(seconds=10))
            two.arden.peer.messages.wake()
            await eventually(lambda: len(two.dorne.entries("dorne-analyst")) == 1, "sent again")
            await eventually(lambda: two.dorne.peer.audit("message-taken") != [], "taken")
            await asyncio.sleep(0.3)
            seen = await two.tell(lambda entries: [e.entry.amount for e in entries] == ["tens"])
    assert len(seen) == 1


async def test_the_worker_tells_when_it_is_woken(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.running():
        worker = asyncio.create_task(two.arden.catalogue.run())
        await asyncio.sleep(0.1)
        await two.arden.state()
        two.arden.catalogue.wake()
        await eventually(lambda: len(two.dorne.entries("dorne-analyst")) == 1, "woken")
        worker.cancel()


async def test_readers_see_the_entries_that_they_are_cleared_for(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    two.dorne.take("arden-1", "catalogue", changes({**ENTRY, "label": {"tlp": "AMBER"}}))
    assert len(two.dorne.entries("dorne-analyst")) == 1
    assert len(two.dorne.entries("dorne-watch")) == 1
    for who in ("dorne-trainee", "dorne-tool", "dorne-admin"):
        assert two.dorne.entries(who) == []
    (read,) = [each for each in two.dorne.peer.audit("read") if each["reader"] == "dorne-watch"]
    assert (read["count"], len(read["result"])) == (1, 64)


async def test_filters_leave_out_what_does_not_tell_of_it(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    energy = {**ENTRY, "id": "cd" * 16, "sectors": ["energy"]}
    two.dorne.take("arden-1", "catalogue", changes(ENTRY))
    two.clock.advance(timedelta(hours=1))
    two.dorne.take("arden-1", "catalogue", changes(energy))
    two.dorne.take("borduria-1", "catalogue", changes({**ENTRY, "type": ""}))
    counts = {
        name: len(two.dorne.entries("dorne-analyst", **wanted))
        for name, wanted in {
            "all": {},
            "owner": {"owner": "arden"},
            "nobody": {"owner": "dorne"},
            "type": {"type": "indicator"},
            "sector": {"sector": "energy"},
            "since": {"since": format_timestamp(START)},
        }.items()
    }
    assert counts == {"all": 3, "owner": 2, "nobody": 0, "type": 2, "sector": 1, "since": 2}


async def test_pages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    names = [f"{number:032x}" for number in range(5)]
    two.dorne.take("arden-1", "catalogue", changes(*({**ENTRY, "id": name} for name in names)))
    seen, after = [], ""
    while True:
        reader = ALLIANCE.readers["dorne-analyst"]
        page, after = two.dorne.catalogue.page(reader, Wanted(), after=after, limit=2)
        seen += [known.entry.id for known in page]
        if not after:
            break
    assert seen == names


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ({**changes(), "v": 2}, "catalogue"),
        (changes(series="yesterday"), "catalogue"),
        ({"v": 1, "series": "", "put": []}, "catalogue"),
        ({**changes(), "more": 1}, "catalogue"),
        (changes({**ENTRY, "more": 1}), "catalogue"),
        (changes({**ENTRY, "id": "arden-1:17"}), "catalogue"),
        (changes({**ENTRY, "amount": "17"}), "catalogue"),
        (changes({**ENTRY, "time": "2026-03-10T11:22:33Z"}), "catalogue"),
        (changes({**ENTRY, "type": "x" * 251}), "catalogue"),
        (changes({**ENTRY, "label": "TLP:AMBER"}), "catalogue"),
        (changes(drop=("../../etc",)), "catalogue"),
        (changes(*({**ENTRY, "id": f"{n:032x}"} for n in range(MOST_ENTRIES + 1))), "catalogue"),
    ],
)
async def test_a_malformed_message_is_refused_whole(
    tmp_path: Path, body: dict[str, Any], rule: str
) -> None:
    two = Two(tmp_path, discovery())
    with pytest.raises(BadEnvelope) as failed:
        two.dorne.take("arden-1", "catalogue", body)
    assert failed.value.rule == rule
    assert two.dorne.told() == b""


async def test_a_node_keeps_no_more_entries_of_another_than_it_may_tell(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    full = [{**ENTRY, "id": f"{number:032x}"} for number in range(MOST_KEPT)]
    two.dorne.take("arden-1", "catalogue", changes(*full[:MOST_ENTRIES]))
    two.dorne.take("arden-1", "catalogue", changes(*full[MOST_ENTRIES:]))
    with pytest.raises(BadEnvelope) as failed:
        two.dorne.take("arden-1", "catalogue", changes(ENTRY))
    assert failed.value.rule == "catalogue-size"
    two.dorne.take("arden-1", "catalogue", changes(ENTRY, drop=(full[0]["id"],)))
    two.dorne.take("borduria-1", "catalogue", changes(ENTRY))


async def test_an_entry_has_a_size_on_both_sides(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    large = {**ENTRY, "label": {"tlp": "AMBER", "x": "y" * LARGEST_ENTRY}}
    with pytest.raises(BadEnvelope) as caught:
        two.dorne.take("arden-1", "catalogue", changes(large))
    assert caught.value.rule == "catalogue-size"
    sectors = tuple(f"{'s' * 240}{number}" for number in range(90))
    async with two.running():
        await two.arden.state(sectors=sectors)
        await two.arden.state()
        seen = await two.tell(lambda entries: len(entries) == 1)
    assert seen[0].entry.sectors == ()


async def test_one_node_cannot_take_back_what_another_told(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    two.dorne.take("arden-1", "catalogue", changes(ENTRY))
    two.dorne.take("borduria-1", "catalogue", changes(drop=(str(ENTRY["id"]),)))
    two.dorne.take("borduria-1", "catalogue", changes({**ENTRY, "type": "report"}))
    seen = {known.node: known.entry.type for known in two.dorne.entries("dorne-analyst")}
    assert seen == {"arden-1": "indicator", "borduria-1": "report"}


def restore(office: Office, at: str) -> None:
    """Mark a node as brought back from a backup, as `ringwall restore` does."""
    mark = partial(mark_restored, taken_at="2026-03-01T00:00:00.000000Z", now=at)
    office.peer.store.write(mark).result()


async def test_a_restored_owner_begins_anew_and_leaves_nothing_of_before(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    late = {**ENTRY, "type": "x-told-after-the-backup"}
    async with two.running():
        await two.arden.state()
        await two.tell(lambda entries: len(entries) == 1)
        two.dorne.take("arden-1", "catalogue", changes(late))
        restore(two.arden, format_timestamp(START))
        seen = await two.tell(lambda entries: [e.entry.type for e in entries] == ["indicator"])
        with pytest.raises(BadEnvelope) as failed:
            two.dorne.take("arden-1", "catalogue", changes(late))
    assert failed.value.rule == "catalogue-series"
    with two.arden.peer.store.read() as tx:
        told = two.arden.catalogue.told_entry(tx, "dorne-1", seen[0].entry.id)
    assert told == seen[0].entry


async def test_a_restored_owner_without_rules_takes_back_what_it_told_since(tmp_path: Path) -> None:
    two = Two(tmp_path, NO_DISCOVERY)
    two.dorne.take("arden-1", "catalogue", changes(ENTRY))
    async with two.running():
        restore(two.arden, format_timestamp(START))
        await two.tell(lambda entries: not entries)
    await asyncio.to_thread(two.arden.catalogue.refresh)
    assert len(two.arden.peer.audit("catalogue-told")) == 2  # each other node, once


@pytest.mark.usefixtures("each_store")
async def test_a_restored_recipient_asks_to_be_told_again(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.running():
        await two.arden.state()
        await two.tell(lambda entries: len(entries) == 1)
        two.dorne.take("arden-1", "catalogue", changes({**ENTRY, "type": "x-no-more"}))
        restore(two.dorne, format_timestamp(START))
        await asyncio.to_thread(two.dorne.catalogue.refresh)
        assert two.dorne.entries("dorne-analyst") == []
        await eventually(lambda: two.arden.peer.audit("message-taken") != [], "it is asked")
        await two.tell(lambda entries: [e.entry.type for e in entries] == ["indicator"])
        await asyncio.to_thread(two.dorne.catalogue.refresh)
        posted = two.dorne.peer.audit("message-posted")
    again = [each["to"] for each in posted if each["kind_of"] == "catalogue-again"]
    assert sorted(again) == ["arden-1", "borduria-1"]


async def test_what_was_under_way_when_it_was_asked_for_again_is_taken_back(tmp_path: Path) -> None:
    """It reaches a restored node after that forgot all it had, and holds no more by then."""
    two = Two(tmp_path, discovery())
    async with two.arden.peer.running():
        await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
        await eventually(lambda: CONTROL in two.world.hub.streams, "on its way")
        two.arden.take("dorne-1", "catalogue-again", {"v": 1})
    two.arden.open(two.world, discovery(sectors=["water"]))  # its rule covers nothing any more
    async with two.running():
        await eventually(lambda: len(two.dorne.entries("dorne-analyst")) == 1, "what was under way")
        await two.tell(lambda entries: entries == [])


async def test_who_asks_again_and_confirms_nothing_fills_no_outbox(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.arden.peer.running():
        await two.arden.state()
        await asyncio.to_thread(two.arden.catalogue.refresh)
        for _ in range(3):
            two.arden.take("dorne-1", "catalogue-again", {"v": 1})
            await asyncio.to_thread(two.arden.catalogue.refresh)
        assert len(two.arden.peer.audit("message-posted")) == 1
    with two.arden.peer.store.read() as tx:
        assert two.arden.catalogue.told_entry(tx, "dorne-1", "0" * 32) is None
    two.arden.take("borduria-1", "catalogue-again", {"v": 1})  # was never told of anything
    await asyncio.to_thread(two.arden.catalogue.refresh)
    assert len(two.arden.peer.audit("message-posted")) == 1


async def test_what_an_unknown_node_told_is_shown_to_nobody(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    two.dorne.take("zembla-1", "catalogue", changes(ENTRY))
    assert two.dorne.entries("dorne-analyst") == []


async def test_many_changes_go_in_pieces_that_fit_into_messages() -> None:
    entries = [
        msgspec.convert({**ENTRY, "id": f"{number:032x}", "type": "x" * 250}, Entry)
        for number in range(MOST_ENTRIES)
    ]
    drop = [f"{number:032x}" for number in range(MOST_ENTRIES, 2 * MOST_ENTRIES)]
    pieces = [msgspec.convert(piece, Changes) for piece in _pieces("", entries, drop)]
    assert [entry for piece in pieces for entry in piece.put] == entries
    assert [name for piece in pieces for name in piece.drop] == drop
    assert len(pieces) > 2
    assert all(len(msgspec.json.encode(piece)) < 2 * PIECE_BYTES for piece in pieces)


@pytest.mark.usefixtures("each_store")
async def test_two_worlds_that_differ_in_what_is_hidden_get_the_same_bytes(tmp_path: Path) -> None:
    told = []
    for number, hidden in enumerate((False, True)):
        place = tmp_path / str(number)
        place.mkdir()
        two = Two(place, discovery(object_types=["indicator"], sectors=["energy"]))
        two.arden.peer.store.write(
            lambda tx: tx.put_document("catalogue-secret", "arden", "this", bytes(32), "")
        ).result()
        async with two.running():
            for _ in range(3):
                await two.arden.state(sectors=("energy",))
            if hidden:
                await two.arden.state()
                await two.arden.state(label="TLP:RED", sectors=("energy",))
                await two.arden.state(label="TLP:AMBER", sectors=("energy", "water"))
                embargo = format_timestamp(START + timedelta(days=1))
                await two.arden.state(sectors=("energy",), embargo=embargo)
            await two.tell(lambda entries: len(entries) == 1)
        told.append(two.dorne.told())
    assert told[0] == told[1] != b""
