"""`ringwall up` with a certificate: a whole node as a process, its proxy with it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge.certificates import Authority
from tests.edge.tls_client import HandshakeFailed, TlsClient
from tests.edge.world import eventually
from tests.exchange.hub_world import World, alive
from tests.server.world import free_port


class Node:
    """A node's process, founded as operators do it; its hub is not running."""

    def __init__(self, directory: Path) -> None:
        world = World(directory)
        self.directory = directory / "aaa-1"
        self.http_port = world.settings["aaa-1"].http_port
        self.port = free_port()
        self.authority = Authority(directory)
        self.authority.issue("node.test")
        (directory / "node.test.pem").rename(self.directory / "tls.pem")
        (directory / "node.test-key.pem").rename(self.directory / "tls-key.pem")
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        settings = {
            "tls_certificate": "tls.pem",
            "tls_key": "tls-key.pem",
            "https_host": "127.0.0.1",
            "https_port": str(self.port),
            "http_port": str(free_port()),
            "leaf_port": str(free_port()),
        }
        self.http_port = int(settings["http_port"])
        flags = [part for pair in settings.items() for part in ("--set", "=".join(pair))]
        arguments = [sys.executable, "-m", "ringwall", "up", str(self.directory), *flags]
        self.process = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": "src"})
        eventually(self.works, 30)
        return self.process

    def works(self) -> bool:
        try:
            return self.ask("/healthz").startswith(b"HTTP/1.1 200 ")
        except (OSError, HandshakeFailed):
            assert self.process.poll() is None, "the node ended"
            return False

    def ask(self, path: str) -> bytes:
        with TlsClient(self.port, authority=self.authority.certificate) as client:
            return client.ask(path)

    def caddy(self) -> int:
        return int((self.directory / "edge" / "caddy.pid").read_text())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.process.wait(10)


def test_a_node_with_a_certificate_is_reached_over_tls_only(node: Node) -> None:
    ready = node.ask("/readyz")
    assert b'"edge":"ok"' in ready
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", node.http_port), timeout=2)
    caddy = node.caddy()
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(15) == 0
    assert not alive(caddy)
    assert not (node.directory / "edge" / "caddy.pid").exists()


def test_a_killed_node_leaves_no_proxy_and_starts_again(node: Node) -> None:
    caddy = node.caddy()
    node.process.kill()
    node.process.wait(10)
    eventually(lambda: not alive(caddy))
    began = time.monotonic()
    node.start()
    assert time.monotonic() - began < 20
    assert node.caddy() != caddy
