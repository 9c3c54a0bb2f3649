"""The event stream: live, resumable, complete under concurrent arrivals, cut off with its right."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ringwall.client import Client, Event
from ringwall.client.events import read_events
from ringwall.server import access, build_app, events
from ringwall.server.limits import account_of_reader
from ringwall.store import ReaderView
from tests.server.world import World, indicator


def take(stream: Iterator[Event], number: int) -> list[Event]:
    return [next(stream) for _ in range(number)]


def names(found: list[Event]) -> list[str]:
    return [event.data["statement"] for event in found]


def test_a_stream_starts_with_the_present_and_carries_what_arrives(world: World) -> None:
    world.submit(indicator("long ago"), label="TLP:GREEN")
    with world.http("watch") as http, http.stream("GET", "/api/v1/events") as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["content-type"].startswith("text/event-stream")
        (stated,) = world.submit(indicator("just now"), label="TLP:AMBER")
        event = next(read_events(answer.iter_lines()))
    assert event.data["statement"] == stated
    assert "order" not in event.data
    assert (event.data["title"], event.data["label"]) == ("just now", "TLP:AMBER")
    assert (event.data["origin"], event.data["source"]) == ("arden-1", "arden")


def test_a_stream_resumes_after_the_last_event_id(world: World) -> None:
    stated = world.submit(*(indicator(f"resume {n}") for n in range(3)), label="TLP:GREEN")
    with world.http("watch") as http:
        first = http.get("/api/v1/statements?latest=3&limit=1").json()
        headers = {"last-event-id": first["next"]}
        with http.stream("GET", "/api/v1/events", headers=headers) as answer:
            found = take(read_events(answer.iter_lines()), 2)
        wrong = http.get("/api/v1/events", headers={"last-event-id": "x"})
    assert names(found) == stated[1:]
    assert wrong.status_code == 422


def test_nothing_is_lost_or_doubled_between_catching_up_and_live(world: World) -> None:
    start = world.place("watch")
    stated: list[str] = []

    def arrive() -> None:
        for number in range(40):
            stated.extend(world.submit(indicator(f"race {number}"), label="TLP:GREEN"))

    arriving = threading.Thread(target=arrive)
    arriving.start()
    found: list[Event] = []
    after = start
    with Client(world.url, world.tokens["watch"]) as client:
        while len(found) < 40:  # reconnect all the time while statements keep arriving
            found += take(client.events(after=after), min(3, 40 - len(found)))
            after = found[-1].id
    arriving.join()
    assert names(found) == stated


def test_an_arrival_is_pushed_within_milliseconds(world: World) -> None:
    delays: list[float] = []
    with Client(world.url, world.tokens["watch"]) as client:
        stream = client.events(after=world.place("watch"))
        for number in range(20):
            world.submit(indicator(f"quick {number}"), label="TLP:GREEN")
            committed = time.monotonic()
            next(stream)
            delays.append(time.monotonic() - committed)
    assert sorted(delays)[10] < 0.05  # generous for a shared machine; typically 3 to 5 ms


def test_one_delivered_batch_is_one_audit_entry(world: World) -> None:
    after = world.place("watch")
    world.submit(*(indicator(f"batch {n}") for n in range(5)), label="TLP:GREEN")
    with world.store.read() as snapshot:
        size = snapshot.audit_size()
    with Client(world.url, world.tokens["watch"]) as client:
        take(client.events(after=after), 5)
    with world.store.read() as snapshot:
        entries = snapshot.audit_entries(size, 10)
    shown = [entry.leaf for entry in entries if b'"count":0' not in entry.leaf]
    assert len(shown) == 1  # a stream of another test may end with a look that shows nothing
    assert b'"count":5' in shown[0]


def test_a_stream_ends_when_the_credential_is_withdrawn(own_world: World) -> None:
    headers = {"authorization": f"Bearer {own_world.tokens['watch']}"}
    with httpx.stream(
        "GET", f"{own_world.url}/api/v1/events", headers=headers, trust_env=False, timeout=10
    ) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        own_world.store.write(
            lambda tx: tx.revoke_token("watch", "2026-01-02T00:00:00.000000Z")
        ).result()
        own_world.submit(indicator("too late"), label="TLP:GREEN")
        (event,) = read_events(lines)
    assert event.name == "end"
    assert "too late" not in str(event.data)


def test_a_wrong_credential_is_written_down_in_a_thread(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write waits for the disk, so the event loop must not do it."""
    where: list[str] = []
    real = access.count_failure

    def count(*given: Any) -> None:
        where.append(threading.current_thread().name)
        real(*given)

    monkeypatch.setattr(access, "count_failure", count)
    with own_world.http("watch") as http, http.stream("GET", "/api/v1/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        own_world.store.write(
            lambda tx: tx.revoke_token("watch", "2026-01-02T00:00:00.000000Z")
        ).result()
        own_world.submit(indicator("too late"), label="TLP:GREEN")
        (event,) = read_events(lines)
    assert event.name == "end"
    assert [name[:4] for name in where] == ["http"]


def test_a_quiet_stream_sends_heartbeats(own_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < events.HEARTBEAT < 60  # proxies cut what is silent for a minute
    monkeypatch.setattr(events, "HEARTBEAT", 0.05)
    with own_world.store.read() as snapshot:
        size = snapshot.audit_size()
    with own_world.http("watch") as http, http.stream("GET", "/api/v1/events") as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert [next(lines) for _ in range(3)] == [": listening", ": still here", ": still here"]
    with own_world.store.read() as snapshot:
        assert snapshot.audit_size() == size + 1  # a heartbeat reads nothing


def test_large_objects_are_read_and_written_out_beside_the_event_loop(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that catches up on megabytes must not hold up sealing, nor other readers."""
    threads: set[str] = set()
    follow, encode = ReaderView.follow, events.with_object

    def following(view: ReaderView, choose: Any) -> Any:
        threads.add(threading.current_thread().name[:4])
        return follow(view, choose)

    def encoding(statement: Any) -> Any:
        threads.add(threading.current_thread().name[:4])
        return encode(statement)

    monkeypatch.setattr(ReaderView, "follow", following)
    monkeypatch.setattr(events, "with_object", encoding)
    stated = own_world.submit(
        *(indicator(f"large {n}", description="x" * 200_000) for n in range(50)), label="TLP:GREEN"
    )
    path = "/api/v1/events?after=0"
    with own_world.http("watch") as http, http.stream("GET", path) as answer:
        found = take(read_events(answer.iter_lines()), 50)
    assert sorted(names(found)) == sorted(stated)
    assert all("object" in event.data for event in found)
    assert threads == {"http"}


def test_a_listener_who_is_gone_at_once_leaves_its_place(own_world: World) -> None:
    app = build_app(own_world.context)
    token = own_world.tokens["watch"].encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/events",
        "raw_path": b"/api/v1/events",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token)],
        "client": ("127.0.0.1", 1),
    }

    async def gone(message: Any) -> None:
        raise OSError("the connection is closed")

    async def silent() -> Any:
        await asyncio.Event().wait()

    async def listen() -> None:
        for _ in range(own_world.context.limits.reader_streams + 1):
            with contextlib.suppress(OSError):
                await asyncio.wait_for(app(dict(scope), silent, gone), 10)

    asyncio.run(listen())
    account = account_of_reader("watch")
    for _ in range(own_world.context.limits.reader_streams):
        app._endpoint.gate.open_stream(account)
