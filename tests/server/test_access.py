"""Who gets in: every route without a credential, every form of one, roles, lock-out, sessions."""

import base64
import contextlib
import hashlib
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import Forbidden, new_secret
from ringwall.server import ROUTES, Route, hash_secret
from ringwall.server.access import is_local, require_same_origin, tokens_in
from ringwall.server.answers import LOCKED_OUT
from ringwall.server.cookies import session_in
from ringwall.store import TokenRow
from tests.server.world import World, bundle, indicator

SAMPLES = {
    "{statement:str}": "arden-1:1",
    "{stix_id:str}": "indicator--00000000-0000-4000-8000-000000000000",
    "{object_id:str}": "indicator--00000000-0000-4000-8000-000000000000",
    "{set:str}": "attack",
    "{collection:str}": "all",
    "{name:str}": "app.js",
}


def sample(route: Route) -> str:
    path = route.path
    for mark, value in SAMPLES.items():
        path = path.replace(mark, value)
    return re.sub(r"{(\w+):str}", r"\1", path)


def ask(http: httpx.Client, route: Route, **options: Any) -> int:
    """Ask for a route and return the status without waiting for an endless body."""
    with http.stream(route.method, sample(route), **options) as answer:
        return answer.status_code


def test_the_open_routes_are_known() -> None:
    closed = [r for r in ROUTES if not (r.access.open or r.access.loopback)]
    assert {r.path for r in ROUTES} - {r.path for r in closed} == {
        "/healthz", "/readyz", "/metrics", "/", "/static/{name:str}", "/login", "/api/v1/login",
        "/api/v1/openapi.json", "/account", "/office", "/login/oidc", "/login/oidc/callback",
        "/login/oidc/logout", "/api/v1/login/passkey",
    }  # fmt: skip


FORGED = {
    "nothing": {},
    "a proxy's word": {
        "x-forwarded-user": "admin", "x-remote-user": "admin", "remote-user": "admin",
        "x-forwarded-for": "127.0.0.1", "x-ringwall-source": "127.0.0.1",
        "x-ringwall-certificate": "0" * 64,
    },
    "names for a token": {"authorization": "Bearer admin"},
    "an empty token": {"authorization": "Bearer"},
    "a narrowed token of nobody": {"authorization": "Bearer scoped-"},
    "names for a session": {"cookie": "ringwall=admin; ringwall-login=admin"},
    "an unsigned token": {"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."},
    "a reader to stand in for": {"x-impersonate": "admin", "opencti-applicant-id": "admin"},
}  # fmt: skip


@pytest.mark.parametrize("headers", FORGED.values(), ids=list(FORGED))
def test_cve_2026_27960_no_route_takes_anybody_at_their_word(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    """Every route but the open ones; afterwards nothing was done by anybody."""
    made = World(tmp_path)
    try:
        with made.http() as http:
            for route in (r for r in ROUTES if not (r.access.open or r.access.loopback)):
                answer = http.request(route.method, sample(route), headers=headers, content=b"{}")
                assert answer.status_code in (401, 429), route.path
                assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
                assert answer.json().get("rule", "") in ("missing", "credential", LOCKED_OUT, "")
        with made.store.read() as snapshot:
            assert snapshot.audit_size() == 0
    finally:
        made.close()


@pytest.mark.parametrize("reader", ["admin", "auditor", "policy"])
def test_who_reads_no_content_gets_none_from_any_route(world: World, reader: str) -> None:
    marker = f"CANARY{new_secret()[:12]}"
    (stated,) = world.submit(indicator(marker), label="TLP:CLEAR")
    refused = 0
    with world.http(reader) as http:
        for route in ROUTES:
            path = sample(route).replace("arden-1:1", stated)
            if route.handler is None:
                assert ask(http, route) == 403
                continue
            answer = http.request(route.method, path, content=b"{}")
            assert marker not in answer.text, route.path
            if route.access.content:
                assert answer.status_code == 403, route.path
                refused += 1
    assert refused >= 10


def test_all_usual_forms_of_a_token_are_accepted(world: World) -> None:
    token = world.tokens["analyst"]

    def basic(pair: str) -> str:
        return "Basic " + base64.b64encode(pair.encode()).decode()

    forms = (
        f"Bearer {token}", f"bearer {token}", f"Token {token}", token,
        basic(f"anybody:{token}"), basic(f"{token}:"), basic(f"{token}:x"),
    )  # fmt: skip
    with world.http() as http:
        for form in forms:
            answer = http.get("/api/v1/me", headers={"authorization": form})
            assert (answer.status_code, answer.json().get("reader")) == (200, "analyst"), form


def test_cve_2024_45404_wrong_tokens_and_codes_lock_their_source_out(own_world: World) -> None:
    with own_world.http() as http:
        answers = [
            http.get("/api/v1/me", headers={"authorization": form})
            for form in ("Bearer wrong", "Basic !!!", "Basic eA==", *["Token no"] * 12)
        ]
    assert {a.status_code for a in answers[:10]} == {401}
    assert {a.status_code for a in answers[10:]} == {429}
    assert int(answers[-1].headers["retry-after"]) > 0
    with own_world.http("analyst") as http:  # a stranger behind the same proxy locks nobody out
        assert http.get("/api/v1/me").status_code == 200
    code = own_world.login_code("analyst")
    with own_world.http() as http:  # nor keeps anybody with a valid code from logging in
        assert http.post("/api/v1/login", json={"code": "wrong"}).status_code == 429
        assert http.post("/login", data={"code": "wrong"}).status_code == 429
        assert http.post("/api/v1/login", json={"code": code}).status_code == 204


def test_revoked_tokens_and_readers_of_other_members_are_refused(own_world: World) -> None:
    with own_world.http("stranger") as http:
        assert http.get("/api/v1/me").status_code == 401
    own_world.store.write(
        lambda tx: tx.revoke_token("analyst", "2026-01-02T00:00:00.000000Z")
    ).result()
    with own_world.http("analyst") as http:
        assert http.get("/api/v1/me").status_code == 401


def test_tokens_are_stored_as_hashes_only(tmp_path: Path) -> None:
    made = World(tmp_path)
    try:
        token, code = new_secret(), made.login_code("watch")
        row = TokenRow("one", hash_secret(token), "tool", "", "2026-01-01T00:00:00.000000Z", "")
        made.store.write(lambda tx: tx.put_token(row)).result()
        with made.http() as http:
            login = http.post("/api/v1/login", json={"code": code})
            assert http.get("/api/v1/me", headers={"authorization": token}).status_code == 200
            session = http.cookies["ringwall"]
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    finally:
        made.close()
    assert login.status_code == 204
    for secret in (token, session):
        assert hashlib.sha256(secret.encode()).digest() in held
    for secret in (token, code, session, *made.tokens.values()):
        assert secret.encode() not in held


def test_a_login_code_opens_one_session_and_never_a_second(own_world: World) -> None:
    code = own_world.login_code("analyst")
    with own_world.http() as http:
        page = http.get("/login", params={"code": code})
        assert code in page.text  # shown in the form; asking for it uses nothing up
        answer = http.post("/login", data={"code": code})
        again = httpx.post(f"{own_world.url}/login", data={"code": code}, trust_env=False)
        me = http.get("/api/v1/me")
        logged_out = http.post("/api/v1/logout", headers={"origin": own_world.url})
        cookie = answer.headers["set-cookie"]
        after = http.get("/api/v1/me", headers={"cookie": cookie.partition(";")[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert again.status_code == 401
    assert me.json()["reader"] == "analyst"
    assert logged_out.status_code == 204
    assert after.status_code == 401


def test_an_expired_login_code_is_refused(own_world: World) -> None:
    code = own_world.login_code("analyst", minutes=-1)
    with own_world.http() as http:
        answer = http.post("/api/v1/login", json={"code": code})
    assert (answer.status_code, answer.json()["rule"]) == (401, "login-code")


def test_over_tls_the_cookie_is_bound_to_it(tmp_path: Any) -> None:
    made = World(tmp_path, secure_cookies=True)
    try:
        with made.http() as http:
            answer = http.post("/api/v1/login", json={"code": made.login_code("analyst")})
    finally:
        made.close()
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-ringwall=")
    assert "Secure" in cookie.split("; ")


def test_a_session_does_not_serve_other_sites(world: World) -> None:
    with world.http() as http:
        login = http.post("/api/v1/login", json={"code": world.login_code("analyst")})
        assert login.status_code == 204
        url, raw = "/api/v1/submissions?label=warning", bundle(indicator("forged"))
        forged = [
            http.post(url, content=raw, headers=headers).status_code
            for headers in (
                {},
                {"origin": "https://evil.example"},
                {"sec-fetch-site": "cross-site"},
                {"sec-fetch-site": "same-site", "origin": world.url},
                {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
                {"origin": "null"},
            )
        ]
        own = http.post(url, content=raw, headers={"sec-fetch-site": "same-origin"})
        crossed = http.post(
            "/api/v1/login", json={"code": "x"}, headers={"sec-fetch-site": "cross-site"}
        )
    assert forged == [403] * 6
    assert own.status_code == 201
    assert crossed.status_code == 403


def test_roles_are_demanded(world: World) -> None:
    denied = {
        "analyst": ["/api/v1/audit", "/api/v1/audit/checkpoint", "/api/v1/peers"],
        "tool": ["/api/v1/peers", "/api/v1/references", "/api/v1/statements/arden-1:1/delivery"],
        "auditor": ["/api/v1/statements"],
    }
    for reader, paths in denied.items():
        with world.http(reader) as http:
            for path in paths:
                answer = http.get(path)
                assert (answer.status_code, answer.json()["rule"]) == (403, "role"), path


def test_a_stranger_cannot_make_the_node_take_a_body(world: World) -> None:
    def endless() -> Any:
        for _ in range(200):
            yield b"x" * 65536

    with world.http() as http:
        try:
            answer = http.post("/api/v1/submissions", content=endless())
        except httpx.TransportError:
            return  # the server hung up while we were still sending: refused as well
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/login", "/api/v1/login"])
def test_open_routes_take_short_bodies_only(world: World, path: str) -> None:
    """A body of any announced or real length over 8 KiB is refused, not held."""

    def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 1024

    with world.http() as http:
        stated = http.post(path, content=b"x" * 8193)
        short = http.post(path, content=b"x" * 8192)
        try:
            streamed = http.post(path, content=chunks()).status_code
        except httpx.TransportError:
            streamed = 413  # it hung up while we were still sending
    assert (stated.status_code, stated.json()["code"], streamed) == (413, "too-large", 413)
    assert short.status_code in (401, 422)


def test_a_length_with_leading_zeros_does_not_pass_for_a_short_one(world: World) -> None:
    """Without a credential the answer is 401 before anything of the body was sent."""
    head = (
        "POST /api/v1/submissions HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Length: 000000000060000000\r\nConnection: close\r\n\r\n"
    )
    assert raw(world, head.encode()).startswith(b"HTTP/1.1 401 ")


def raw(world: World, request: bytes) -> bytes:
    """Send bytes that no client library would, and return the head of the answer."""
    with socket.create_connection(("127.0.0.1", world.port), timeout=5) as sent:
        sent.sendall(request)
        return sent.recv(65536)


HEADERS = ("authorization", "cookie", "origin", "sec-fetch-site", "accept", "host", "last-event-id")
HOSTILE = (
    b"Basic caf\xe9", b"Basic =", b"Basic " + b"A" * 999, b"Bearer \xff\xfe", b"http://[",
    b"http://]", b"http://[::1]:99999999999", b"//[", b"ringwall=\xe9",
    b'ringwall="\\777"', b"=;=;=", b";q=", b",;,",
    b"\xc2\xb2", b"9" * 99, b"[", b"\xed\xa0\x80", b"null",
)  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_headers_are_refused_and_never_an_error_of_ours(world: World, name: str) -> None:
    targets = ("GET /api/v1/me", "POST /api/v1/login", "GET /taxii2", "GET /metrics",
               "GET /api/v1/events", "POST /api/v1/logout")  # fmt: skip
    token = f"Authorization: Bearer {world.tokens['watch']}\r\n" if name != "authorization" else ""
    for target in targets:
        for value in HOSTILE:
            fixed = "" if name == "host" else "Host: localhost\r\n"
            head = f"{target} HTTP/1.1\r\n{fixed}{token}Content-Length: 2\r\nConnection: close\r\n"
            sent = head.encode() + name.encode() + b": " + value + b"\r\n\r\n{}"
            status = raw(world, sent)[9:12]
            assert status[:1] in (b"2", b"4"), (target, value)


@given(
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        st.text(st.characters(max_codepoint=255))
        | st.sampled_from([value.decode("latin-1") for value in HOSTILE])
        | st.text(st.characters(max_codepoint=255)).map(lambda text: f"Basic {text}")
        | st.text("htp:/[]@?#.%19").map(lambda text: f"http://{text}"),
    )
)
@settings(deadline=None)
def test_any_header_is_read_or_refused(headers: dict[str, str]) -> None:
    tokens_in(headers.get("authorization", ""))
    for secure in (False, True):
        session_in(headers.get("cookie", ""), secure=secure)
    is_local(headers, "127.0.0.1")
    for browser in (False, True):
        with contextlib.suppress(Forbidden):
            require_same_origin(headers, browser=browser)


@pytest.mark.parametrize(
    "cross",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_what_a_browser_remembers_of_basic_does_not_serve_another_site(
    world: World, cross: dict[str, str]
) -> None:
    pair = base64.b64encode(f"anybody:{world.tokens['analyst']}".encode()).decode()
    remembered = {"authorization": f"Basic {pair}"}
    with world.http(headers=remembered) as http:
        forged = http.post("/api/v1/tokens", content=b"{}", headers=cross)
        own = http.post("/api/v1/taxii-settings", content=b"{}")  # a tool names no site
    assert (forged.status_code, forged.json().get("rule")) == (403, "cross-site")
    assert own.status_code == 200
