"""A node's server behind a real Caddy: granian on a Unix socket, TLS in front."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ringwall.edge import Edge, EdgeSettings
from ringwall.server import build_app, serve_on_socket
from tests.edge.certificates import Authority
from tests.edge.tls_client import TlsClient
from tests.server.world import World, free_port


class EdgeWorld(World):
    """One node of Arden, reachable as ``node.test`` over TLS and in no other way."""

    def __init__(self, directory: Path, options: dict[str, Any] | None = None) -> None:
        self.authority = Authority(directory)
        certificate, key = self.authority.issue("node.test", "node.test", "localhost")
        settings = EdgeSettings(
            certificate=certificate,
            key=key,
            port=free_port(),
            host="127.0.0.1",
            client_authority=self.authority.certificate,
        )
        self.settings = replace(settings, **(options or {}))
        self.edge = Edge(self.settings, directory / "edge", directory / "edge" / "node.sock")
        super().__init__(directory, secure_cookies=True, behind_edge=True)

    def client(self, **options: Any) -> TlsClient:
        """Open a TLS connection."""
        return TlsClient(self.settings.port, **{"authority": self.authority.certificate, **options})

    def ask(self, path: str, *, reader: str = "", headers: str = "", **options: Any) -> bytes:
        """Open a connection and ask for one path."""
        token = f"Authorization: Bearer {self.tokens[reader]}\r\n" if reader else ""
        with self.client(**options) as client:
            return client.ask(path, headers=token + headers)

    def post(self, path: str, body: bytes, *, headers: str = "", **options: Any) -> bytes:
        """Open a connection and send one body."""
        head = f"POST {path} HTTP/1.1\r\nHost: node.test\r\nContent-Length: {len(body)}\r\n"
        with self.client(**options) as client:
            return client.exchange(f"{head}Connection: close\r\n{headers}\r\n".encode() + body)

    def _start(self) -> None:
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(15), "the node behind its edge did not start"

    def _serve(self, started: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.ensure_future(self._run(started))
            await asyncio.wait({self._task})

        asyncio.run(main())

    async def _run(self, started: threading.Event) -> None:
        serving = asyncio.ensure_future(
            serve_on_socket(build_app(self.context), self.edge.upstream)
        )
        try:
            await self.edge.start()
            while not os.path.exists(self.edge.upstream):  # noqa: ASYNC110, ASYNC240, PTH110
                await asyncio.sleep(0.01)
            started.set()
            await asyncio.Event().wait()
        finally:
            serving.cancel()
            await self.edge.stop()
            await asyncio.wait({serving})


def eventually(look: Any, seconds: float = 10.0) -> None:
    """Wait until ``look()`` is true."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
