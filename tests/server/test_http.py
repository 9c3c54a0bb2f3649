"""HTTP as it is spoken: methods, heads, paths and queries, each refused with a problem document."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, NotFound
from ringwall.server import ROUTES, SECURITY_HEADERS
from ringwall.server.limits import DEFAULT_LIMITS
from ringwall.server.query import parse_query
from ringwall.server.routing import Routing, segments_of
from tests.server.world import World


def raw(world: World, request: bytes) -> bytes:
    """Send bytes that no client library would, and return the answer."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as sent:
        sent.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            part = sent.recv(65536)
            if not part:
                break
            received += part
        return received


def test_head_answers_as_get_without_a_body(world: World) -> None:
    for path in ("/healthz", "/login", "/static/app.js", "/taxii2/", "/nowhere", "/api/v1/me"):
        with world.http("analyst") as http:
            get, head = http.get(path), http.head(path)
        assert head.status_code == get.status_code, path
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]
        assert abs(int(head.headers["content-length"]) - len(get.content)) <= 2, path
    with world.http() as http:
        assert http.head("/api/v1/me").status_code == 401
    with world.http("watch") as http:
        events = http.head("/api/v1/events")
    assert events.status_code == 200
    assert events.headers["content-type"].startswith("text/event-stream")


def test_options_and_wrong_methods_name_what_is_allowed(world: World) -> None:
    cases = {
        "/healthz": "GET, HEAD, OPTIONS",
        "/login": "GET, HEAD, OPTIONS, POST",
        "/api/v1/submissions": "OPTIONS, POST",
    }
    with world.http() as http:
        for path, allow in cases.items():
            options, wrong = http.options(path), http.request("BREW", path)
            assert (options.status_code, options.headers["allow"]) == (204, allow)
            assert options.content == b""
            assert (wrong.status_code, wrong.headers["allow"]) == (405, allow)
            assert wrong.headers["content-type"] == "application/problem+json"
        assert http.options("/nowhere").status_code == 404
        taxii = http.put("/taxii2/ringwall/collections/")
    assert taxii.status_code == 405
    assert taxii.headers["content-type"] == "application/taxii+json;version=2.1"


@pytest.mark.parametrize(("path", "status", "rule"), [
    ("/api/v1/me?" + "x" * DEFAULT_LIMITS.url_max_bytes, 414, "url-length"),
    ("/%ff%fe", 422, "utf-8"),
    ("/api/v1/statements?text=%ff", 422, "utf-8"),
    ("/api/v1/statements?" + "a=1&" * 100, 422, "too-many-parameters"),
    ("/api/v1/statements?limit=1&limit=1", 422, "duplicate-parameter"),
])  # fmt: skip
def test_urls_that_cannot_be_meant(world: World, path: str, status: int, rule: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {world.tokens['analyst']}\r\n"
    answer = raw(world, head.encode() + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert f'"rule":"{rule}"'.encode() in answer


@pytest.mark.parametrize(("headers", "status", "rule"), [
    (["X: " + "y" * DEFAULT_LIMITS.header_max_bytes], 431, "header-size"),
    ([f"X-{n}: y" for n in range(DEFAULT_LIMITS.header_max_count)], 431, "header-count"),
    (["Authorization: a", "Authorization: b"], 422, "duplicate-header"),
    (["Host: localhost", "Host: evil.example"], 422, "duplicate-header"),
])  # fmt: skip
def test_heads_that_are_too_much(world: World, headers: list[str], status: int, rule: str) -> None:
    for path, title in (("/api/v1/me", b"application/problem+json"), ("/taxii2/", b"taxii+json")):
        lines = "".join(f"{line}\r\n" for line in headers)
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
        answer = raw(world, request.encode())
        expected = 400 if status == 422 and b"taxii" in title else status
        assert answer.startswith(b"HTTP/1.1 %d " % expected), answer
        assert title in answer
        assert f'"rule":"{rule}"'.encode() in answer


def test_even_what_is_refused_early_has_the_security_headers(world: World) -> None:
    answer = raw(world, b"GET /%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").lower()
    for name in SECURITY_HEADERS:
        assert f"\r\n{name}: ".encode() in answer


def test_headers_that_may_be_split_are_joined(world: World) -> None:
    """HTTP/2 splits Cookie, and Accept may stand on several lines (RFC 9110, 5.3)."""
    request = (
        f"GET /taxii2/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: {world.tokens['analyst']}\r\n"
        "Accept: text/html\r\nAccept: application/taxii+json;version=2.1\r\n"
        "Connection: close\r\n\r\n"
    )
    assert raw(world, request.encode()).startswith(b"HTTP/1.1 200 ")


def test_an_encoded_slash_makes_no_other_path() -> None:
    assert segments_of(b"/a%2fb//c/?q") == ["a/b", "c"]
    with pytest.raises(NotFound):
        Routing(ROUTES).find(b"/api%2fv1/me")


@given(path=st.binary(max_size=60))
def test_any_path_is_found_or_refused(path: bytes) -> None:
    routing = Routing(ROUTES)
    try:
        place = routing.find(path)
    except (NotFound, InvalidInput):
        return
    assert place.allow


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=8, unique_by=lambda p: p[0]))
def test_a_query_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    try:
        text = urlencode(pairs)
    except UnicodeEncodeError:
        return
    query = parse_query(text)
    assert {name: query.text(name) for name in query.names()} == dict(pairs)


def test_every_row_of_the_table_is_found_at_its_own_path() -> None:
    routing = Routing(ROUTES)
    for route in ROUTES:
        path = route.path.replace("{", "").replace(":str}", "")
        found: Any = routing.find(path.encode()).route(route.method)
        assert found is not None
        assert found[0] is route
        assert all(name == value for name, value in found[1].items())


def test_a_body_that_nobody_reads_does_not_cut_off_the_next_answer(world: World) -> None:
    with world.http() as http:
        for _ in range(30):  # the connection was reset in one of six
            for path in ("/office", "/api/v1/openapi.json"):
                assert http.request("GET", path, content=b"{}").status_code == 200
