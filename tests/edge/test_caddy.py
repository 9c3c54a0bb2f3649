"""Real Caddy in front of the real server: who gets through, and what it says about them."""

import hashlib
import json
import os
import re
import signal
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from ringwall.core import BadConfiguration, SystemClock
from ringwall.core.settings import Files, NodeSettings
from ringwall.edge import Edge, EdgeSettings, caddy, edge_of, names_of
from ringwall.server import SECURITY_HEADERS
from tests.edge.certificates import Authority, serial_of
from tests.edge.tls_client import HandshakeFailed
from tests.edge.world import EdgeWorld, eventually
from tests.server.world import World, bundle, indicator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeWorld]:
    made = EdgeWorld(tmp_path_factory.mktemp("edge"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeWorld]:
    """A node that demands a client certificate."""
    made = EdgeWorld(tmp_path_factory.mktemp("strict"), {"client_certificates": "require"})
    yield made
    made.close()


@pytest.fixture(scope="module")
def classical(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeWorld]:
    """A node that takes older clients too, and certificates from those who have one."""
    options = {"classical": True, "client_certificates": "request"}
    made = EdgeWorld(tmp_path_factory.mktemp("classical"), options)
    yield made
    made.close()


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


def header(answer: bytes, name: str) -> list[str]:
    head = answer.partition(b"\r\n\r\n")[0].decode()
    return re.findall(rf"^{name}: (.*?)\r?$", head, re.IGNORECASE | re.MULTILINE)


def body_of(answer: bytes) -> Any:
    return json.loads(re.search(rb"\{.*\}", answer, re.DOTALL)[0])  # type: ignore[index]


def last_login(world: EdgeWorld) -> dict[str, Any]:
    with world.store.read() as snapshot:
        leaves = [entry.leaf for entry in snapshot.audit_entries(0, 10_000)]
    return next(json.loads(leaf) for leaf in reversed(leaves) if b'"login"' in leaf)


# --- what is agreed on ---


def test_a_post_quantum_client_is_served(world: EdgeWorld) -> None:
    with world.client() as client:
        assert client.group == "x25519mlkem768"
        answer = client.ask("/healthz")
    assert status_of(answer) == 200
    for name, value in SECURITY_HEADERS.items():
        assert header(answer, name) == [value], name
    assert header(answer, "strict-transport-security") == ["max-age=31536000"]
    assert header(answer, "via") == header(answer, "alt-svc") == []


@pytest.mark.parametrize("groups", ["X25519", "P-256", "P-384:X25519", "SecP256r1MLKEM768"])
@pytest.mark.parametrize("server_name", ["node.test", None])
def test_another_key_exchange_is_refused_with_or_without_sni(
    world: EdgeWorld, groups: str, server_name: str | None
) -> None:
    with pytest.raises(HandshakeFailed):
        world.client(groups=groups, server_name=server_name)


def test_an_older_version_of_tls_is_refused(world: EdgeWorld) -> None:
    with pytest.raises(HandshakeFailed):
        world.client(tls12=True, groups="X25519:P-256")


def test_a_setting_lets_older_clients_in_and_they_prefer_what_they_know(
    classical: EdgeWorld,
) -> None:
    with classical.client(groups="X25519") as client:
        assert client.group == "x25519"
        assert status_of(client.ask("/healthz")) == 200
    with classical.client(groups="X25519:X25519MLKEM768") as client:
        assert client.group == "x25519mlkem768"  # who knows both gets the better one
    with pytest.raises(HandshakeFailed):
        classical.client(groups="P-256")


def test_http2_is_spoken(classical: EdgeWorld) -> None:
    context = ssl.create_default_context(cafile=classical.authority.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = ("127.0.0.1", classical.settings.port)
    with (
        socket.create_connection(address, timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="node.test") as wrapped,
    ):
        assert (wrapped.selected_alpn_protocol(), wrapped.version()) == ("h2", "TLSv1.3")


# --- names ---


def test_without_sni_nobody_gets_past_the_host_check(world: EdgeWorld) -> None:
    with world.client(server_name=None) as client:
        answer = client.ask("/healthz")
    assert status_of(answer) == 421
    assert header(answer, "server") == ["ringwall"]


def test_another_host_than_that_of_the_handshake_is_refused(world: EdgeWorld) -> None:
    with world.client() as client:
        assert status_of(client.ask("/healthz", host="localhost")) == 421
    with world.client(server_name="localhost") as client:
        assert status_of(client.ask("/healthz", host="localhost")) == 200


def test_discovery_names_https(world: EdgeWorld) -> None:
    answer = world.ask("/taxii2/", reader="analyst")
    assert body_of(answer)["default"] == "https://node.test/taxii2/ringwall/"


# --- client certificates ---


@pytest.mark.parametrize("server_name", ["node.test", "localhost", None, "other.test"])
def test_no_client_certificate_no_answer_with_or_without_sni(
    strict: EdgeWorld, server_name: str | None
) -> None:
    with (
        pytest.raises(HandshakeFailed),
        strict.client(server_name=server_name) as client,
    ):
        client.ask("/healthz")


def test_a_certificate_of_another_authority_is_refused(
    strict: EdgeWorld, classical: EdgeWorld, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path, "authority").issue("tool.test")
    for world in (strict, classical):
        with pytest.raises(HandshakeFailed), world.client(certificate=foreign) as client:
            client.ask("/healthz")


def test_a_certificate_opens_the_door_and_a_token_says_who_it_is(strict: EdgeWorld) -> None:
    ours = strict.authority.issue("tool.test")
    assert status_of(strict.ask("/healthz", certificate=ours)) == 200
    assert status_of(strict.ask("/api/v1/me", certificate=ours)) == 401
    answer = strict.ask("/api/v1/me", certificate=ours, reader="analyst")
    assert body_of(answer)["reader"] == "analyst"


def test_without_sni_a_certificate_does_not_help(strict: EdgeWorld) -> None:
    ours = strict.authority.issue("tool2.test")
    assert status_of(strict.ask("/healthz", certificate=ours, server_name=None)) == 421


# --- what the proxy says about a client ---

FORGED = "".join(
    f"{name}: {value}\r\n"
    for name in ("X-Ringwall-Certificate", "x-ringwall-certificate", "X_Ringwall_Certificate")
    for value in ("ab" * 32, "cd" * 32)
)


def log_in(world: EdgeWorld, headers: str, **options: Any) -> dict[str, Any]:
    code = world.login_code("analyst")
    body = json.dumps({"code": code}).encode()
    more = f"{headers}Content-Type: application/json\r\n"
    answer = world.post("/api/v1/login", body, headers=more, **options)
    assert status_of(answer) == 204, answer
    assert "Secure" in header(answer, "set-cookie")[0]
    return last_login(world)


def test_a_forged_identity_is_removed_where_there_is_no_certificate(
    world: EdgeWorld, classical: EdgeWorld
) -> None:
    for each in (world, classical):
        entry = log_in(each, FORGED)
        assert "certificate" not in json.dumps(entry)
        assert '"127.0.0.1"' in json.dumps(entry)


def test_a_forged_identity_is_overwritten_where_there_is_one(classical: EdgeWorld) -> None:
    certificate, key = classical.authority.issue("person.test")
    entry = log_in(classical, FORGED, certificate=(certificate, key))
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    assert hashlib.sha256(der).hexdigest() in json.dumps(entry)
    assert "abab" not in json.dumps(entry)


def test_a_forged_source_changes_nothing(world: EdgeWorld) -> None:
    """/metrics is for this machine, where the test really is, whatever it claims."""
    for name in ("X-Ringwall-Source", "X-Forwarded-For", "Forwarded", "X-Real-IP"):
        answer = world.ask("/metrics", headers=f"{name}: 192.0.2.1\r\n{name}: 192.0.2.2\r\n")
        assert status_of(answer) == 200, name


@pytest.mark.parametrize("name", ["X-Ringwall-Source", "X-Ringwall-Certificate"])
def test_what_the_proxy_says_cannot_be_called_a_matter_of_one_hop(
    classical: EdgeWorld, name: str
) -> None:
    """A proxy takes out what a Connection header names (RFC 9110, 7.6.1): not what it adds."""
    shown = classical.authority.issue("person.test")
    entry = log_in(classical, f"Connection: {name}\r\n", certificate=shown)
    der = ssl.PEM_cert_to_DER_cert(shown[0].read_text())
    assert '"source":"127.0.0.1"' in json.dumps(entry, separators=(",", ":"))
    assert hashlib.sha256(der).hexdigest() in json.dumps(entry)


def test_lock_out_goes_by_the_real_address_behind_the_proxy(world: EdgeWorld) -> None:
    def wrong(number: int, source: str) -> int:
        forged = f"X-Ringwall-Source: 198.51.100.{number}\r\nX-Forwarded-For: 203.0.113.1\r\n"
        headers = f"{forged}Authorization: Bearer wrong{number}\r\n"
        return status_of(world.ask("/api/v1/me", headers=headers, source=source))

    statuses = [wrong(number, "127.0.0.2") for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert wrong(1, "127.0.0.3") == 401  # another address is another source
    assert status_of(world.ask("/api/v1/me", reader="analyst", source="127.0.0.2")) == 200


def test_nothing_but_the_proxy_may_use_the_socket(world: EdgeWorld) -> None:
    path = world.edge.upstream
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_on_loopback_without_a_proxy_its_headers_are_worth_nothing(tmp_path: Path) -> None:
    made = World(tmp_path)
    try:
        code = made.login_code("analyst")
        forged = {"x-ringwall-source": "192.0.2.7", "x-ringwall-certificate": "ab" * 32}
        with made.http(headers=forged) as http:
            assert http.get("/metrics").status_code == 200
            assert http.post("/api/v1/login", json={"code": code}).status_code == 204
        with made.store.read() as snapshot:
            leaves = b"".join(entry.leaf for entry in snapshot.audit_entries(0, 1000))
    finally:
        made.close()
    assert b"192.0.2.7" not in leaves
    assert b"abab" not in leaves


# --- requests and answers ---


def test_large_bodies_and_events_pass_through(world: EdgeWorld) -> None:
    things = [indicator(f"large {n}", description="x" * 4000) for n in range(300)]
    token = f"Authorization: Bearer {world.tokens['analyst']}\r\n"
    answer = world.post("/api/v1/submissions?label=warning", bundle(*things), headers=token)
    assert len(body_of(answer)["submitted"]) == 300
    with world.client() as client:
        began = time.monotonic()
        head = f"GET /api/v1/events HTTP/1.1\r\nHost: node.test\r\n{token}\r\n"
        assert b": listening" in client.until(head.encode(), b": listening")
        assert time.monotonic() - began < 5


def test_a_refusal_arrives_although_the_body_is_still_being_sent(classical: EdgeWorld) -> None:
    """The node answers when it has read the head; Caddy hands on that and nothing else."""
    context = ssl.create_default_context(cafile=classical.authority.certificate)
    url = f"https://127.0.0.1:{classical.settings.port}"
    with httpx.Client(base_url=url, verify=context, trust_env=False, timeout=20) as http:
        for path, status in (("/api/v1/submissions", 401), ("/login", 413)):
            answer = http.post(
                path,
                content=b"x" * 20_000_000,
                headers={"host": "node.test"},
                extensions={"sni_hostname": "node.test"},
            )
            assert answer.status_code == status, answer.text


def test_a_head_that_is_too_large_is_refused(world: EdgeWorld) -> None:
    answer = world.ask("/healthz", headers="X: " + "y" * 40_000 + "\r\n")
    assert status_of(answer) == 431


def test_when_the_node_does_not_answer_it_is_503(tmp_path: Path) -> None:
    made = EdgeWorld(tmp_path)
    try:
        made.edge.upstream.rename(tmp_path / "away")
        answer = made.ask("/healthz")
        (tmp_path / "away").rename(made.edge.upstream)
        again = made.ask("/healthz")
    finally:
        made.close()
    assert (status_of(answer), body_of(answer)["code"]) == (503, "unavailable")
    assert header(answer, "content-type") == ["application/problem+json"]
    assert header(answer, "retry-after") == ["5"]
    assert status_of(again) == 200


# --- its life ---


def test_a_renewed_certificate_is_taken_up_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(caddy, "WATCH_SECONDS", 0.1)
    made = EdgeWorld(tmp_path)
    try:
        pid = made.edge.pid
        with made.client() as client:
            assert client.peer_serial() == serial_of(made.settings.certificate)
        made.settings.certificate.write_text("nonsense")
        eventually(lambda: "the old certificate stays in use" in caplog.text)
        assert status_of(made.ask("/healthz")) == 200
        made.authority.issue("node.test", "node.test")
        new = serial_of(made.settings.certificate)

        def is_new() -> bool:
            with made.client() as client:
                return client.peer_serial() == new

        eventually(is_new)
        assert made.edge.pid == pid
    finally:
        made.close()


def test_a_killed_caddy_is_started_again_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = EdgeWorld(tmp_path)
    try:
        pid = made.edge.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        def works() -> bool:
            try:
                return made.edge.pid != pid and status_of(made.ask("/healthz")) == 200
            except (OSError, HandshakeFailed):
                return False

        eventually(works)
    finally:
        made.close()
    assert "caddy caddy.conf ended" in caplog.text
    with socket.socket() as probe:  # stopped with the node: its port is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", made.settings.port))


class Later(SystemClock):
    """A clock that is ``days`` ahead."""

    def __init__(self, days: int) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._ahead


@pytest.mark.parametrize(
    ("days", "said"), [(0, ""), (15, ""), (17, "expires on"), (31, "expired on")]
)
def test_a_certificate_that_ends_is_said_in_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, days: int, said: str
) -> None:
    settings = settings_in(tmp_path)  # for thirty days
    socket_path = tmp_path / "node.sock"
    Edge(settings, tmp_path / "edge", socket_path, clock=Later(days)).warn_of_expiry()
    assert [said in message for message in caplog.messages] == [True] * bool(said)


def test_its_names_are_those_that_readers_use(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("node", "node.example", "other.example")
    assert names_of(certificate) == ["node.example", "other.example"]
    with pytest.raises(BadConfiguration):
        names_of(key)


def test_its_configuration_opens_nothing_else(world: EdgeWorld) -> None:
    configuration = json.loads((world.edge.upstream.parent / "caddy.conf").read_text())
    server = configuration["apps"]["http"]["servers"]["node"]
    assert configuration["admin"] == {"disabled": True, "config": {"persist": False}}
    assert server["automatic_https"] == {"disable": True}
    assert server["strict_sni_host"]
    (policy,) = server["tls_connection_policies"]
    assert "match" not in policy
    assert list(configuration["apps"]["http"]["servers"]) == ["node"]
    assert "automation" not in configuration["apps"]["tls"]


# --- what keeps it from starting ---


def settings_in(directory: Path, **changes: Any) -> EdgeSettings:
    certificate, key = Authority(directory).issue("node.test")
    values: dict[str, Any] = {"certificate": certificate, "key": key, "port": 1, **changes}
    return EdgeSettings(**values)


async def refusal(settings: EdgeSettings, directory: Path) -> tuple[str, str]:
    edge = Edge(settings, directory / "edge", directory / "edge" / "node.sock")
    with pytest.raises(BadConfiguration) as caught:
        await edge.start()
    assert edge.pid is None
    return caught.value.field, caught.value.rule


@pytest.mark.anyio
async def test_what_cannot_work_is_named_at_the_start(tmp_path: Path) -> None:
    good = settings_in(tmp_path)
    (tmp_path / "other").mkdir()
    foreign_key = Authority(tmp_path / "other").issue("node.test")[1]
    missing = replace(good, certificate=tmp_path / "missing.pem")
    assert await refusal(missing, tmp_path) == ("tls_certificate", "certificate")
    assert await refusal(replace(good, key=foreign_key), tmp_path) == (
        "tls_certificate", "certificate",
    )  # fmt: skip
    assert await refusal(replace(good, client_authority=good.key), tmp_path) == (
        "client_ca", "certificate",
    )  # fmt: skip
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = replace(good, host="127.0.0.1", port=port)
        assert await refusal(busy, tmp_path) == ("https_port", "address")


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    def rule_of(directory: Path, **changes: Any) -> str:
        settings = NodeSettings(node="arden-1", hub="hub1", **changes)
        with pytest.raises(BadConfiguration) as caught:
            edge_of(settings, Files(directory))
        return caught.value.rule

    assert edge_of(NodeSettings(node="arden-1", hub="hub1"), Files(tmp_path)) is None
    assert rule_of(tmp_path, tls_certificate="c.pem") == "tls-key"
    pair = {"tls_certificate": "c.pem", "tls_key": "k.pem"}
    assert rule_of(tmp_path, client_certificates="require", **pair) == "client-ca"
    assert rule_of(tmp_path / ("x" * 100), **pair) == "socket-path"
