"""What one caller and all together may ask: rates, numbers at once, turns, sizes, time."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import TooMany, Unavailable
from ringwall.server.limits import (
    DEFAULT_LIMITS,
    Gate,
    KnownCallers,
    Rates,
    RequestLimits,
    credential_key,
    network_of,
)
from tests.server.world import World, bundle, indicator

pytestmark = pytest.mark.anyio


class Hand:
    """A clock that is set by hand, in seconds."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_a_burst_and_then_its_rate() -> None:
    clock = Hand()
    rates = Rates(clock)
    assert [rates.take("a", 2.0, 3) for _ in range(3)] == [0, 0, 0]
    assert rates.take("a", 2.0, 3) == pytest.approx(0.5)
    assert rates.take("b", 2.0, 3) == 0
    clock.now += 0.5
    assert rates.take("a", 2.0, 3) == 0
    assert rates.take("a", 2.0, 3) > 0


@given(steps=st.lists(st.floats(0, 3), max_size=200))
def test_no_more_passes_than_burst_and_rate_allow(steps: list[float]) -> None:
    clock = Hand()
    rates, passed = Rates(clock), 0
    for step in steps:
        clock.now += step
        passed += rates.take("a", 1.5, 4) == 0
    assert passed <= 4 + 1.5 * sum(steps) + 1e-6


async def test_too_many_at_once_are_refused_and_those_begun_are_not() -> None:
    gate = Gate(RequestLimits(reader_requests=2, all_requests=3), 1)
    gate.begin("reader:a")
    gate.begin("reader:a")
    with pytest.raises(TooMany) as caught:
        gate.begin("reader:a")
    assert caught.value.rule == "concurrency"
    gate.begin("reader:b")
    with pytest.raises(Unavailable) as full:
        gate.begin("reader:c")
    assert full.value.rule == "overload"
    gate.end("reader:a")
    gate.begin("reader:c")
    for account in ("reader:a", "reader:b", "reader:c"):
        gate.end(account)
    assert gate.begun == 0


async def test_event_streams_have_bounds_of_their_own() -> None:
    gate = Gate(RequestLimits(reader_streams=1, all_streams=2), 1)
    gate.open_stream("reader:a")
    with pytest.raises(TooMany, match="event streams"):
        gate.open_stream("reader:a")
    gate.open_stream("reader:b")
    with pytest.raises(Unavailable):
        gate.open_stream("reader:c")
    gate.close_stream("reader:a")
    gate.open_stream("reader:c")


async def test_who_asks_much_does_not_starve_who_asks_little() -> None:
    """Of 4 threads one caller gets 3; then threads go round by turns."""
    gate = Gate(RequestLimits(reader_threads=3), 4)
    order: list[str] = []

    async def work(account: str) -> None:
        await gate.enter(account)
        order.append(account)
        await asyncio.sleep(0.005)
        gate.leave(account)

    many = [asyncio.ensure_future(work("reader:greedy")) for _ in range(60)]
    await asyncio.sleep(0)
    assert order == ["reader:greedy"] * 3
    few = [asyncio.ensure_future(work("reader:modest")) for _ in range(5)]
    await asyncio.gather(*few)
    assert len(order) < 30
    await asyncio.gather(*many)
    assert order.count("reader:greedy") == 60


@given(data=st.data())
def test_threads_are_never_given_twice_nor_lost(data: st.DataObject) -> None:
    """Whatever the order of entering, leaving and giving up: bounds hold, and all get a turn."""

    async def play() -> None:
        gate = Gate(RequestLimits(reader_threads=2), 3)
        inside: list[str] = []
        waiting: list[tuple[str, asyncio.Task[None]]] = []

        async def enter(account: str) -> None:
            await gate.enter(account)
            inside.append(account)

        for step in data.draw(st.lists(st.sampled_from(["enter", "leave", "give up"]))):
            if step == "enter":
                account = data.draw(st.sampled_from("abc"))
                waiting.append((account, asyncio.ensure_future(enter(account))))
            elif step == "leave" and inside:
                gate.leave(inside.pop(0))
            elif step == "give up" and waiting:
                _, task = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
                task.cancel()
                if data.draw(st.booleans()) and inside:
                    gate.leave(inside.pop(0))  # the hand-over meets the cancellation
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(inside) <= 3
            assert all(inside.count(account) <= 2 for account in "abc")
        for _ in range(500):
            if inside:
                gate.leave(inside.pop())
            await asyncio.sleep(0)
        assert all(task.done() for _, task in waiting)

    asyncio.run(play())


def test_an_ipv6_network_is_one_source() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of("") == ""


def test_a_credential_that_was_good_counts_to_its_reader_until_it_is_not() -> None:
    known = KnownCallers()
    key = credential_key("Bearer x", "")
    assert known.account_of(key, "192.0.2.1") == "source:192.0.2.1"
    known.learn(key, "analyst")
    assert known.account_of(key, "192.0.2.1") == "reader:analyst"
    known.forget(key)
    assert known.account_of(key, "192.0.2.1") == "source:192.0.2.1"
    assert credential_key("", "") == b""
    assert known.account_of(b"", "") == "source:"


@pytest.fixture
def tight(tmp_path: Path) -> Iterator[World]:
    made = World(
        tmp_path,
        limits=RequestLimits(
            reader_rate=0.5,
            reader_burst=8,
            source_rate=0.5,
            source_burst=6,
            body_pause_seconds=0.4,
            body_grace_seconds=0.8,
            body_least_rate=1000,
            body_max_bytes=100_000,
        ),
    )
    yield made
    made.close()


def test_a_reader_over_its_rate_waits_and_no_one_else_does(tight: World) -> None:
    with tight.http("analyst") as http, tight.http("watch") as other:
        answers = [http.get("/api/v1/me") for _ in range(12)]
        assert answers[0].status_code == 200
        assert other.get("/api/v1/me").status_code == 200
    last = answers[-1]
    assert (last.status_code, last.json()["rule"]) == (429, "rate")
    assert last.json()["code"] == "too-many"
    assert int(last.headers["retry-after"]) >= 1


def test_a_flood_of_strangers_costs_no_reader_anything(tight: World) -> None:
    with tight.http("analyst") as http:
        assert http.get("/api/v1/me").status_code == 200
    with tight.http() as http:
        flood = {http.get("/api/v1/me", headers={"authorization": f"x{n}"}).status_code
                 for n in range(20)}  # fmt: skip
    assert flood == {401, 429}
    with tight.http("analyst") as http:
        assert http.get("/api/v1/me").status_code == 200


def test_taxii_routes_refuse_in_their_own_words(tight: World) -> None:
    with tight.http("analyst") as http:
        for _ in range(12):
            answer = http.get("/taxii2/")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/taxii+json;version=2.1"
    assert (answer.json()["http_status"], answer.json()["details"]["rule"]) == ("429", "rate")


def slow_post(world: World, token: str, parts: list[bytes], pause: float) -> bytes:
    """Announce 20 kB and send them with pauses; return what comes back."""
    head = (
        "POST /api/v1/submissions HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: 20000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as sent:
        sent.sendall(head.encode())
        try:
            for part in parts:
                sent.sendall(part)
                time.sleep(pause)
        except OSError:
            pass  # it hung up
        return b"".join(iter(lambda: sent.recv(65536), b""))


def test_a_body_that_stalls_or_trickles_is_408(tight: World) -> None:
    token = tight.tokens["analyst"]
    stalled = slow_post(tight, token, [b"{"], 0.0)
    trickling = slow_post(tight, token, [b"x"] * 12, 0.2)
    for answer in (stalled, trickling):
        assert answer.startswith(b"HTTP/1.1 408 "), answer
        assert b'"rule":"body"' in answer
        assert b"connection: close" in answer


def test_a_body_that_ends_too_early_is_400(tight: World) -> None:
    head = f"POST /api/v1/submissions HTTP/1.1\r\nHost: 127.0.0.1:{tight.port}\r\n"
    head += f"Authorization: Bearer {tight.tokens['analyst']}\r\nContent-Length: 5\r\n\r\n"
    with socket.create_connection(("127.0.0.1", tight.port), timeout=10) as sent:
        sent.sendall(head.encode())
        sent.shutdown(socket.SHUT_WR)  # it sends no more, and still listens
        answer = b"".join(iter(lambda: sent.recv(65536), b""))
    assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert b'"rule":"incomplete"' in answer or not answer


def test_limits_of_a_route_are_below_those_of_the_node(tight: World) -> None:
    with tight.http("analyst") as http:
        node = http.post("/api/v1/submissions", content=b"x" * 100_001)
    with tight.http() as http:
        route = http.post("/api/v1/login", content=b"x" * 9000)
    for answer in (node, route):
        assert (answer.status_code, answer.json()["field"]) == (413, "body")


class SlowReader:
    """Occupies the node's worker threads until it is let go, through the port of the store."""

    def __init__(self, world: World) -> None:
        self.go = threading.Event()
        self.world = world

    def __enter__(self) -> "SlowReader":
        for _ in range(16):
            self.world.context.workers.submit(self.go.wait, 20)
        return self

    def __exit__(self, *_: object) -> None:
        self.go.set()


def test_overload_is_503_and_what_was_begun_is_answered(tmp_path: Path) -> None:
    made = World(tmp_path, limits=RequestLimits(all_requests=4, reader_requests=4))
    answers: list[httpx.Response] = []
    try:
        with SlowReader(made) as slow, ThreadPoolExecutor(12) as pool:

            def post(number: int) -> httpx.Response:
                with made.http("analyst", timeout=30) as http:
                    content = bundle(indicator(f"n{number}"))
                    return http.post("/api/v1/submissions?label=warning", content=content)

            running = [pool.submit(post, number) for number in range(12)]
            deadline = time.monotonic() + 15
            while sum(one.done() for one in running) < 8 and time.monotonic() < deadline:
                time.sleep(0.02)
            slow.go.set()
            answers = [one.result(30) for one in running]
        with made.store.read() as snapshot:
            held = snapshot.counts().statements
    finally:
        made.close()
    refused = [one for one in answers if one.status_code == 503]
    taken = [one for one in answers if one.status_code == 201]
    assert (len(refused), len(taken)) == (8, 4)
    assert all(int(one.headers["retry-after"]) > 0 for one in refused)
    assert {one.json()["rule"] for one in refused} == {"overload"}
    assert sum(held.values()) == 4  # what was accepted was not dropped, what was refused not taken


def test_a_read_that_takes_too_long_is_503(tmp_path: Path) -> None:
    made = World(tmp_path, limits=RequestLimits(read_seconds=0.3))
    try:
        with SlowReader(made), made.http("analyst") as http:
            began = time.monotonic()
            answer = http.get("/api/v1/me")
            took = time.monotonic() - began
        with made.http("analyst") as http:
            assert http.get("/api/v1/me").status_code == 200
    finally:
        made.close()
    assert (answer.status_code, answer.json()["rule"]) == (503, "time")
    assert 0.25 < took < 3


def test_who_takes_nothing_of_a_large_answer_is_cut_off(tmp_path: Path) -> None:
    """Until then it counts as a request under way, so nobody fills the memory with answers."""
    made = World(tmp_path, limits=RequestLimits(reader_requests=1, answer_pause_seconds=0.5))
    things = [indicator(f"large {n}", description="x" * 12_000) for n in range(600)]
    try:
        made.intake.load_reference(made.alliance.readers["releaser"], "large", bundle(*things))
        path = "/api/v1/references?set=large&limit=1000"
        with made.http("analyst") as http:
            assert len(http.get(path).content) > 7_000_000
        token = f"Authorization: Bearer {made.tokens['analyst']}"
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}\r\n\r\n"
        with socket.socket() as sent:
            sent.settimeout(5)
            sent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
            sent.connect(("127.0.0.1", made.port))
            sent.sendall(request.encode())
            assert sent.recv(100).startswith(b"HTTP/1.1 200 ")
            with made.http("analyst") as http:
                assert http.get("/api/v1/me").json()["rule"] == "concurrency"
                deadline = time.monotonic() + 10
                while http.get("/api/v1/me").status_code != 200:
                    assert time.monotonic() < deadline, "it was not cut off"
                    time.sleep(0.1)
            received = 0
            while part := sent.recv(1_000_000):
                received += len(part)
            assert received < 7_000_000
    finally:
        made.close()


def test_a_reader_has_so_many_event_streams_and_gets_them_back(tmp_path: Path) -> None:
    made = World(tmp_path, limits=RequestLimits(reader_streams=1))
    try:
        with made.http("watch") as http:
            with http.stream("GET", "/api/v1/events") as first:
                lines = first.iter_lines()  # kept: without it httpx closes the stream
                next(lines)
                second = http.get("/api/v1/events")
            deadline = time.monotonic() + 5
            status = 429
            while status == 429 and time.monotonic() < deadline:
                with http.stream("GET", "/api/v1/events") as third:
                    status = third.status_code
                time.sleep(0.05)
    finally:
        made.close()
    assert (second.status_code, second.json()["rule"]) == (429, "streams")
    assert status == 200


def test_the_defaults_take_an_ordinary_day() -> None:
    assert DEFAULT_LIMITS.reader_threads < 16  # somebody else always finds a thread
    assert DEFAULT_LIMITS.reader_requests < DEFAULT_LIMITS.all_requests
