"""Serving the application from the node's own event loop, by granian."""

import asyncio
import socket
from pathlib import Path
from typing import Any, Protocol

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from ringwall.core import BadConfiguration
from ringwall.server.app import Scope, Send
from ringwall.server.bodies import Receive
from ringwall.server.context import ServerContext

_GRACE = 5.0
_OPTIONS: dict[str, Any] = {
    "interface": Interfaces.ASGINL,  # no lifespan events: the node starts its own parts
    "http": HTTPModes.http1,  # HTTP/2 is spoken at the edge
    "http1_settings": HTTP1Settings(header_read_timeout=30_000, max_buffer_size=256 * 1024),
    "websockets": False,
    "backlog": 1024,
    "log_enabled": False,
    "log_access": False,
}


class Served(Protocol):
    """An ASGI application over the parts of a node: ours, or one that stands around it."""

    @property
    def context(self) -> ServerContext:
        """The parts."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


async def serve(app: Served, host: str, port: int) -> None:
    """Answer requests until cancelled; then finish what runs, for a few seconds at most.

    Raises BadConfiguration (rule ``address``) when the address cannot be listened on.
    """
    _check_free(host, port)
    await _run(app, Server(app, address=host, port=port, **_OPTIONS))


async def serve_on_socket(app: Served, path: Path) -> None:
    """Answer requests on a Unix socket that only this user may connect to, as `serve` does."""
    _make_place(path)
    server = Server(app, uds=path, **_OPTIONS)
    server.uds_permissions = 0o600
    await _run(app, server)


async def _run(app: Served, server: Server) -> None:
    running = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(running)
    finally:
        if not running.done():
            app.context.close_streams()
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({running}, timeout=_GRACE)
            running.cancel()


def _make_place(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)


def _check_free(host: str, port: int) -> None:
    """Refuse an address that is taken: granian would share the port with the other process."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadConfiguration(
                f"cannot listen on {host} port {port}: {error.strerror}",
                field="http_port",
                rule="address",
            ) from error
