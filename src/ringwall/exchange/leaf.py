"""The node's own nats-server: a leaf without streams that carries the line to the hub.

It speaks post-quantum TLS, which Python cannot, and reconnects by itself. Its client port is on
loopback and wants a password made anew at every start, so that other users of the machine cannot
speak through it. One local account per hub: two hubs in one account would make a loop.
"""

import asyncio
import logging
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from ringwall.core import Clock, InvalidInput, SystemClock
from ringwall.exchange import tls
from ringwall.exchange.hub import KEY_EXCHANGE, MAX_PAYLOAD
from ringwall.exchange.nats_process import NatsProcess

logger = logging.getLogger(__name__)

EXPIRY_NOTICE = timedelta(days=30)
"""How long before its end the log begins to ask for a new certificate."""

EXPIRY_CHECK_SECONDS = 3600.0
STOP_SECONDS = 1.5
"""How long the server may take to end: it keeps nothing that it would have to write."""

_USER = "node"


class LeafRemote(Struct, frozen=True):
    """The way to one hub: its name and URL (``tls://host:port``), and files that open it."""

    hub: str
    url: str
    credentials: Path
    certificate: Path
    key: Path
    authority: Path


class Leaf:
    """The node's nats-server as a child process."""

    def __init__(
        self,
        node: str,
        directory: Path,
        port: int,
        remote: LeafRemote,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to run in ``directory`` (an absolute path) with clients on ``port``."""
        self._remote = remote
        self._clock = clock or SystemClock()
        self._watching: asyncio.Task[None] | None = None
        self._port = port
        self._password = secrets.token_urlsafe(32)
        self._process = NatsProcess(
            directory, "leaf", leaf_configuration(node, port, self._password, remote), port
        )

    @property
    def url(self) -> str:
        """Return the URL for this node's own connection, with its password: keep it secret."""
        return f"nats://{_USER}:{self._password}@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Return the pid of the nats-server."""
        return self._process.pid

    async def start(self) -> None:
        """Start the server, and keep it running. Raises Unavailable, BadConfiguration."""
        await self._process.start()
        self._watching = asyncio.create_task(self._watch_expiry(), name="certificate expiry")

    async def stop(self) -> None:
        """Stop the server."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        await self._process.stop(patience=STOP_SECONDS)

    def warn_of_expiry(self) -> None:
        """Log that the certificate has expired or soon will: nats-server only says Read Error."""
        hub, path = self._remote.hub, self._remote.certificate
        try:
            end = tls.expiry(path.read_bytes())
        except (OSError, InvalidInput) as error:
            logger.error("hub %s: this node's certificate cannot be read: %s", hub, error)
            return
        left = end - self._clock.now()
        if left <= timedelta(0):
            logger.error("hub %s lets this node in no more: %s expired on %s", hub, path, end)
        elif left <= EXPIRY_NOTICE:
            logger.warning("hub %s: %s expires on %s: get another", hub, path, end)

    async def _watch_expiry(self) -> None:
        while True:
            self.warn_of_expiry()
            await asyncio.sleep(EXPIRY_CHECK_SECONDS)


def leaf_configuration(node: str, port: int, password: str, remote: LeafRemote) -> dict[str, Any]:
    """Return the nats-server configuration of a node's leaf."""
    return {
        "server_name": node,
        "listen": f"127.0.0.1:{port}",
        "max_payload": MAX_PAYLOAD,
        "accounts": {remote.hub: {"users": [{"user": _USER, "password": password}]}},
        "leafnodes": {
            "reconnect": "250ms",
            "remotes": [
                {
                    "urls": [remote.url],
                    "account": remote.hub,
                    "credentials": str(remote.credentials),
                    "tls": {
                        "cert_file": str(remote.certificate),
                        "key_file": str(remote.key),
                        "ca_file": str(remote.authority),
                        "handshake_first": True,
                        "min_version": "1.3",
                        "curve_preferences": [KEY_EXCHANGE],
                        "timeout": 5,
                    },
                }
            ],
        },
    }
