"""Health, readiness, metrics, headers, limits and failures."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.core import BadConfiguration, Forbidden, InternalFault, StorageFull, Unavailable
from ringwall.server import ROUTES, SECURITY_HEADERS, build_app, serve
from ringwall.server.access import admit
from ringwall.server.answers import error_answer
from ringwall.server.context import Remembered
from ringwall.server.limits import DEFAULT_LIMITS
from tests.server.world import World, bundle, free_port, indicator

BODY_LIMIT = DEFAULT_LIMITS.body_max_bytes


def test_ready_only_while_every_part_works(own_world: World) -> None:
    with own_world.http() as http:
        assert http.get("/healthz").json() == {"status": "alive"}
        ready = http.get("/readyz")
        own_world.parts_work = False
        not_ready = http.get("/readyz")
        own_world.parts_work = True
        own_world.store.close()
        time.sleep(1.1)  # the database's answer may be a second old
        no_database = http.get("/readyz")
        alive = http.get("/healthz")
    assert (ready.status_code, ready.json()["parts"]) == (200, {"database": "ok", "hub": "ok"})
    assert (not_ready.status_code, not_ready.json()["parts"]["hub"]) == (503, "down")
    assert no_database.status_code == 503
    assert no_database.json()["parts"]["database"] == "unavailable"
    assert alive.status_code == 200


def test_asking_often_whether_it_is_ready_writes_once(tmp_path: Path) -> None:
    made = World(tmp_path, database_state=Remembered(60))
    written: list[bytes | None] = []
    try:
        with made.http() as http:
            for _ in range(5):
                assert http.get("/readyz").status_code == 200
                with made.store.read() as snapshot:
                    written.append(snapshot.meta("readiness-probe"))
    finally:
        made.close()
    assert written[0] is not None
    assert len(set(written)) == 1


def test_what_is_remembered_is_asked_for_again_when_it_is_old() -> None:
    answers = iter(["down", "ok"])
    remembered = Remembered(0.01)
    assert remembered.get(lambda: next(answers)) == "down"
    time.sleep(0.02)
    assert remembered.get(lambda: next(answers)) == "ok"


def test_metrics_are_what_the_node_renders(tmp_path: Path) -> None:
    """What they tell is tried in `tests/operations`."""
    made = World(tmp_path, metrics=lambda: b"ringwall_statements 1\n")
    try:
        with made.http() as http:
            answer = http.get("/metrics")
    finally:
        made.close()
    assert answer.text == "ringwall_statements 1\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_an_alarm_is_told_and_the_node_stays_ready(tmp_path: Path) -> None:
    alarms: list[str] = []
    made = World(tmp_path, alarms=lambda: alarms)
    try:
        with made.http() as http:
            quiet = http.get("/readyz")
            alarms.append("the registry is 40 days old")
            loud = http.get("/readyz")
    finally:
        made.close()
    assert "alarms" not in quiet.json()
    assert (loud.status_code, loud.json()["alarms"]) == (200, ["the registry is 40 days old"])


def test_strangers_hear_whether_the_node_is_ready_and_no_more(tmp_path: Path) -> None:
    made = World(tmp_path, alarms=lambda: ["nothing is sent any more"])
    try:
        with made.http(headers={"x-forwarded-for": "192.0.2.1"}) as http:
            ready = http.get("/readyz")
            made.parts_work = False
            not_ready = http.get("/readyz")
    finally:
        made.close()
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert (not_ready.status_code, not_ready.json()) == (503, {"status": "not ready"})


def test_metrics_are_for_this_machine_only(world: World) -> None:
    (route,) = [route for route in ROUTES if route.path == "/metrics"]
    for source in ("127.0.0.1", "::1"):
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:65535"):
            assert admit(world.context, route.access, "GET", {"host": host}, source) is None
    for source in ("192.0.2.1", "2001:db8::1", "", "1270.0.0.1"):
        with pytest.raises(Forbidden, match="only from this machine"):
            admit(world.context, route.access, "GET", {"host": "localhost"}, source)
    hosts = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@x", "")
    for host in hosts:  # what a browser sends after its site's name was bound to this machine
        with pytest.raises(Forbidden):
            admit(world.context, route.access, "GET", {"host": host}, "127.0.0.1")
    forwarded = {"host": "localhost", "x-forwarded-for": "192.0.2.1"}
    with pytest.raises(Forbidden):
        admit(world.context, route.access, "GET", forwarded, "127.0.0.1")


def test_every_answer_has_the_security_headers(world: World) -> None:
    paths = ("/", "/login", "/static/app.js", "/healthz", "/api/v1/me", "/nowhere", "/taxii2/")
    with world.http() as http:
        answers = [http.get(path) for path in paths] + [http.put("/api/v1/me")]
    for answer in answers:
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.get_list(name) == [value], answer.url
    policy = SECURITY_HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_unknown_paths_and_methods_are_problems(world: World) -> None:
    with world.http("analyst") as http:
        nowhere, put = http.get("/api/v1/nowhere"), http.put("/api/v1/me")
    assert (nowhere.status_code, put.status_code) == (404, 405)
    for answer in (nowhere, put):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def test_too_large_a_body_is_413(world: World) -> None:
    """Refused by what its head says, before any of it was sent."""
    head = (
        "POST /api/v1/submissions HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {world.tokens['analyst']}\r\n"
        f"Content-Length: {BODY_LIMIT + 1}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as sent:
        sent.sendall(head.encode())
        answer = b"".join(iter(lambda: sent.recv(65536), b""))  # it comes in parts
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too-large"' in answer


def test_too_large_a_body_of_unknown_size_is_413(world: World) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // 2**20 + 1):
            yield b" " * 2**20

    with world.http("analyst", timeout=30) as http:
        answer = http.post("/api/v1/submissions", content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize(("error", "status"), [(StorageFull, 507), (Unavailable, 503)])
def test_an_operators_fault_says_when_to_try_again(error: type[StorageFull], status: int) -> None:
    answer = error_answer(error("no room", field="disk"))
    assert answer.status == status
    assert "retry-after" in dict(answer.headers)


def test_when_the_disk_is_full_intake_stops_and_reading_goes_on(tmp_path: Path) -> None:
    made = World(tmp_path, reserve=2**60)  # no disk has that much room: only the reserve is left
    try:
        with made.http("analyst") as http:
            refused = http.post("/api/v1/submissions?label=warning", content=bundle(indicator("x")))
            ready = http.get("/readyz")
            read = http.get("/api/v1/statements")
    finally:
        made.close()
    assert (refused.status_code, refused.json()["code"]) == (507, "storage-full")
    assert "retry-after" in refused.headers
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "storage-full")
    assert (read.status_code, read.json()["statements"]) == (200, [])


def test_an_unexpected_failure_says_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "ringwall.server"):
        answer = error_answer(ValueError("password=hunter2"))
    assert answer.status == 500
    assert b"hunter2" not in answer.body
    assert "hunter2" in caplog.text
    assert error_answer(InternalFault("broken")).status == 500


def test_a_port_that_is_taken_is_refused(world: World) -> None:
    app = build_app(world.context)
    with pytest.raises(BadConfiguration, match="cannot listen"):
        asyncio.run(serve(app, "127.0.0.1", world.port))


def test_serving_stops_when_cancelled_and_frees_the_port(own_world: World) -> None:
    port = free_port()

    async def twice() -> None:
        for _ in range(2):
            task = asyncio.create_task(serve(build_app(own_world.context), "127.0.0.1", port))
            await asyncio.sleep(0.2)
            task.cancel()
            await asyncio.wait({task}, timeout=5)
            assert task.cancelled()

    asyncio.run(twice())


def test_an_open_event_stream_does_not_hold_up_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = World(tmp_path)
    with made.http("watch") as http, http.stream("GET", "/api/v1/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": listening"
        began = time.monotonic()
        made.close()
        assert time.monotonic() - began < 3
        assert [line for line in lines if line] == []
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_the_page_and_its_files_are_served_without_inline_code(world: World) -> None:
    with world.http() as http:
        page, login = http.get("/"), http.get("/login?code=%22%3E%3Cscript%3E")
        for name in ("app.js", "view.js", "style.css", "icon.svg"):
            assert http.get(f"/static/{name}").status_code == 200
        for name in ("login.html", "..%2fapp.py", "nothing.js"):
            assert http.get(f"/static/{name}").status_code == 404
    for text in (page.text, login.text):
        assert "style=" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count('<script type="module" src=')
    assert "&quot;&gt;&lt;script&gt;" in login.text


def test_bodies_reach_the_intake_whole(world: World) -> None:
    things = [indicator(f"many {n}") for n in range(300)]
    with world.http("analyst") as http:
        answer = http.post("/api/v1/submissions?label=warning", content=bundle(*things))
    assert len(answer.json()["submitted"]) == 300
