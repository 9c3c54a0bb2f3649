"""Fetching from outside, against real servers here: checked at every hop, pinned to an address."""

import gzip
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from ringwall.core import Forbidden, TooLarge, Unavailable
from ringwall.core.egress import Address, parse_egress
from ringwall.edge import open_client, outgoing, read_limited
from tests.edge.certificates import Authority


class Feed(BaseHTTPRequestHandler):
    """A feed, a few redirects and some unkindness."""

    redirects: dict[str, str] = {}  # noqa: RUF012 - set by the fixture

    def do_GET(self) -> None:
        if self.path in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = f"{self.headers['Host']} {self.headers['Accept-Encoding']}".encode()
        if self.path == "/large":
            body = b"x" * 100_000
        packed = self.path == "/packed"
        self.send_response(200 if self.path != "/gone" else 410)
        if packed:
            body = gzip.compress(b"x" * 100_000)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Servers:
    """One feed over HTTPS as ``feeds.test``, the same over HTTP as something inside."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory)
        self.trusted = ssl.create_default_context(cafile=authority.certificate)
        self.https = self._serve(authority.issue("feeds.test"))
        self.inside = self._serve(None)
        self.asked: list[str] = []

    def _serve(self, pair: tuple[Path, Path] | None) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
        server.daemon_threads = True
        if pair is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    @property
    def port(self) -> int:
        return int(self.https.server_address[1])

    @property
    def inner(self) -> int:
        return int(self.inside.server_address[1])

    def close(self) -> None:
        for server in (self.https, self.inside):
            server.shutdown()
            server.server_close()

    def resolving(self, **answers: str) -> Callable[[str, int], list[Address]]:
        """Return a resolver; ``feeds_test="127.0.0.1 10.0.0.1"`` answers for feeds.test."""

        def resolve(host: str, port: int) -> list[Address]:
            del port
            self.asked.append(host)
            found = answers.get(host.replace(".", "_"), "127.0.0.1")
            return [ipaddress.ip_address(text) for text in found.split()]

        return resolve

    def client(self, allow: str, **answers: str) -> httpx.Client:
        return open_client(
            parse_egress(allow), verify=self.trusted, timeout=5, resolve=self.resolving(**answers)
        )


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    Feed.redirects = {
        "/again": f"https://feeds.test:{made.port}/",
        "/elsewhere": f"https://other.test:{made.port}/",
        "/inside": f"http://inside.test:{made.inner}/",
        "/address": f"http://127.0.0.1:{made.inner}/",
        "/file": "file:///etc/passwd",
        "/loop": "/loop",
    }
    yield made
    made.close()


def test_a_listed_host_is_fetched_under_its_own_name(servers: Servers) -> None:
    url = f"https://feeds.test:{servers.port}"
    with servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client:
        assert (
            read_limited(client, f"{url}/", 1000) == f"feeds.test:{servers.port} identity".encode()
        )
        assert read_limited(client, f"{url}/again", 1000).startswith(b"feeds.test")


def test_a_host_that_is_not_listed_is_not_even_resolved(servers: Servers) -> None:
    with servers.client("feeds.test 127.0.0.0/8") as client, pytest.raises(Forbidden):
        client.get(f"https://feeds.test:{servers.port}/")
    assert servers.asked == []


def test_a_listed_host_inside_is_not_connected_to(servers: Servers) -> None:
    allow = f"feeds.test:{servers.port}"
    with servers.client(allow) as client, pytest.raises(Forbidden) as caught:
        client.get(f"https://feeds.test:{servers.port}/")
    assert caught.value.rule == "egress-address"


def test_one_address_inside_spoils_all_of_a_host(servers: Servers) -> None:
    allow = f"feeds.test:{servers.port} 127.0.0.0/8"
    with (
        servers.client(allow, feeds_test="127.0.0.1 10.0.0.1") as client,
        pytest.raises(Forbidden),
    ):
        client.get(f"https://feeds.test:{servers.port}/")


def test_a_name_is_resolved_once_and_the_connection_goes_there(servers: Servers) -> None:
    """DNS rebinding: what the name says a moment later plays no part, nor does the machine's DNS:
    feeds.test exists nowhere."""
    with servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client:
        client.get(f"https://feeds.test:{servers.port}/")
    assert servers.asked == ["feeds.test"]


@pytest.mark.parametrize("path", ["/elsewhere", "/inside", "/address", "/file"])
def test_a_redirect_leads_nowhere_that_is_not_allowed(servers: Servers, path: str) -> None:
    allow = f"feeds.test:{servers.port} 127.0.0.0/8"
    with (
        servers.client(allow) as client,
        pytest.raises((Forbidden, Unavailable)),
    ):
        read_limited(client, f"https://feeds.test:{servers.port}{path}", 1000)


def test_a_redirect_to_a_listed_host_with_an_address_inside_is_refused(servers: Servers) -> None:
    allow = f"feeds.test:{servers.port} http://inside.test:{servers.inner} 127.0.0.0/8"
    with (
        servers.client(allow, inside_test="10.9.9.9") as client,
        pytest.raises(Forbidden) as caught,
    ):
        client.get(f"https://feeds.test:{servers.port}/inside")
    assert caught.value.rule == "egress-address"


def test_redirects_end(servers: Servers) -> None:
    with (
        servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client,
        pytest.raises(Unavailable),
    ):
        read_limited(client, f"https://feeds.test:{servers.port}/loop", 1000)


def test_the_certificate_must_be_for_the_name_and_not_for_the_address(servers: Servers) -> None:
    with (
        servers.client(f"other.test:{servers.port} 127.0.0.0/8") as client,
        pytest.raises(httpx.ConnectError, match=r"(?i)certificate|hostname"),
    ):
        client.get(f"https://other.test:{servers.port}/")


def test_a_connection_is_not_used_again_for_another_name(servers: Servers) -> None:
    """Both names are at one address; only the first one's certificate is shown there."""
    allow = f"*.test:{servers.port} 127.0.0.0/8"
    with servers.client(allow) as client:
        assert client.get(f"https://feeds.test:{servers.port}/").status_code == 200
        with pytest.raises(httpx.ConnectError):
            client.get(f"https://other.test:{servers.port}/")


def test_a_proxy_of_the_environment_is_not_used(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{servers.inner}")
    with servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client:
        assert client.get(f"https://feeds.test:{servers.port}/").status_code == 200


def test_a_document_has_a_largest_size_and_is_not_unpacked(servers: Servers) -> None:
    url = f"https://feeds.test:{servers.port}"
    with servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client:
        assert len(read_limited(client, f"{url}/large", 100_000)) == 100_000
        with pytest.raises(TooLarge):
            read_limited(client, f"{url}/large", 99_999)
        for path in ("/packed", "/gone"):
            with pytest.raises(Unavailable):
                read_limited(client, f"{url}{path}", 200_000)


def test_a_document_that_takes_for_ever_is_given_up(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_SECONDS", -1.0)
    with (
        servers.client(f"feeds.test:{servers.port} 127.0.0.0/8") as client,
        pytest.raises(Unavailable),
    ):
        read_limited(client, f"https://feeds.test:{servers.port}/", 1000)


def test_a_name_that_does_not_exist_is_said() -> None:
    with (
        open_client(parse_egress("nowhere.invalid")) as client,
        pytest.raises(Unavailable) as caught,
    ):
        client.get("https://nowhere.invalid/")
    assert caught.value.rule == "resolve"


def test_the_machines_own_resolver_gives_addresses() -> None:
    assert ipaddress.ip_address("127.0.0.1") in outgoing.resolve_host("localhost", 80)
