"""Serving the application from the node's own event loop, by granian."""

import asyncio
import socket

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from ringwall.core import BadConfiguration

_GRACE = 5.0


async def serve(app: Litestar, host: str, port: int) -> None:
    """Answer requests until cancelled; then finish what runs, for a few seconds at most.

    Raises BadConfiguration (rule ``address``) when the address cannot be listened on.
    """
    _check_free(host, port)
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        backlog=1024,
        log_enabled=False,
        log_access=False,
    )
    running = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(running)
    finally:
        if not running.done():
            app.state.context.close_streams()
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({running}, timeout=_GRACE)
            running.cancel()


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
