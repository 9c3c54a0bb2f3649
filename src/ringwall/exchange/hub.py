"""A hub: one nats-server with JetStream, and the steward of its streams.

The hub is blind: it sees origin, lane, recipients, sizes and times of envelopes, never content.
Clients may connect from this machine only (the steward does); nodes come in by leaf connections
over TLS 1.3 with X25519MLKEM768 and a certificate of the hub's own authority, and then prove with
their nkey which node they are. The certificate lets nobody be anybody: ``verify_and_map`` is not
used.

Every write is synced before it is confirmed (``sync_interval: always``).
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ringwall.core import BadConfiguration, Clock, SystemClock
from ringwall.core.settings import Files, HubSettings
from ringwall.exchange.hub_accounts import HubAccounts, HubKeys, mint_accounts
from ringwall.exchange.hub_streams import Steward, StreamLimits
from ringwall.exchange.nats_process import NatsProcess

MAX_PAYLOAD = 8 * 1024 * 1024
"""Bytes that one message may have, headers included, at the hub and at every leaf."""

KEY_EXCHANGE = "X25519MLKEM768"
"""The only key exchange that leaf links may use: hybrid post-quantum (FIPS 203)."""


class HubIdentity(Struct, frozen=True):
    """Which hub of which alliance this is, the host name nodes use, and its signing seeds."""

    alliance: str
    hub: str
    host: str
    keys: HubKeys


class HubSeat(Struct, frozen=True):
    """A node that the hub admitted: its name, its place in subjects, its public nkey."""

    node: str
    place: int
    nkey: str


class HubFiles(Struct, frozen=True):
    """Where a hub's own material lies: fixed names under its directory."""

    directory: Path

    @property
    def _hub(self) -> Path:
        return Files(self.directory).hub

    @property
    def identity(self) -> Path:
        """Return the path of the hub's identity and seeds (mode 0600)."""
        return self._hub / "identity.json"

    @property
    def authority(self) -> Path:
        """Return the path of the authority's certificate."""
        return self._hub / "authority.pem"

    @property
    def authority_key(self) -> Path:
        """Return the path of the authority's key (mode 0600)."""
        return self._hub / "authority-key.pem"

    @property
    def server(self) -> Path:
        """Return the path of the server certificate."""
        return self._hub / "server.pem"

    @property
    def server_key(self) -> Path:
        """Return the path of the server certificate's key (mode 0600)."""
        return self._hub / "server-key.pem"

    @property
    def seats(self) -> Path:
        """Return the folder with one file for each admitted node."""
        return self._hub / "nodes"

    @property
    def run(self) -> Path:
        """Return the folder of configuration, log and pid file, written at every start."""
        return self.directory / "run"

    @property
    def streams(self) -> Path:
        """Return the folder of JetStream's data."""
        return self.directory / "streams"


class Hub:
    """A running hub, as `enrolment.create_hub` founded it."""

    def __init__(
        self, settings: HubSettings, directory: Path, *, clock: Clock | None = None
    ) -> None:
        """Prepare the hub in ``directory``. Raises BadConfiguration for missing material."""
        files = HubFiles(directory.absolute())
        identity = load_identity(files.identity)
        now = (clock or SystemClock()).now()
        accounts = mint_accounts(
            identity.keys, alliance=identity.alliance, hub=identity.hub, issued=now
        )
        self._files = files
        self._server = NatsProcess(
            files.run, "hub", hub_configuration(settings, files, accounts), settings.client_port
        )
        self._steward = Steward(
            identity.hub,
            identity.keys,
            settings.client_port,
            StreamLimits(
                max_age_seconds=settings.max_age_hours * 3600, max_bytes=settings.stream_max_bytes
            ),
            seats=self._seats,
            issued=now,
        )
        self._tending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid of the nats-server."""
        return self._server.pid

    async def start(self) -> None:
        """Start the server; return when streams and consumers of all admitted nodes exist."""
        await self._server.start()
        try:
            await self._steward.connect()
            await self._steward.tend_once()
        except BaseException:
            await self.stop()
            raise
        self._tending = asyncio.create_task(self._steward.tend(), name="hub steward")

    async def stop(self) -> None:
        """Stop steward and server."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
            self._tending = None
        await self._steward.close()
        await self._server.stop()

    def _seats(self) -> dict[str, int]:
        return {seat.node: seat.place for seat in load_seats(self._files)}


def hub_configuration(
    settings: HubSettings, files: HubFiles, accounts: HubAccounts
) -> dict[str, Any]:
    """Return the nats-server configuration of a hub."""
    return {
        "server_name": settings.hub,
        "listen": f"127.0.0.1:{settings.client_port}",
        "http": f"127.0.0.1:{settings.monitor_port}",
        "max_payload": MAX_PAYLOAD,
        "operator": accounts.operator_jwt,
        "system_account": accounts.system,
        "resolver": "MEMORY",
        "resolver_preload": {
            accounts.account: accounts.account_jwt,
            accounts.system: accounts.system_jwt,
        },
        "jetstream": {
            "store_dir": str(files.streams),
            "domain": settings.hub,
            "sync_interval": "always",
        },
        "leafnodes": {
            "listen": f"{settings.leaf_host}:{settings.leaf_port}",
            "tls": {
                "cert_file": str(files.server),
                "key_file": str(files.server_key),
                "ca_file": str(files.authority),
                "verify": True,
                "handshake_first": True,
                "min_version": "1.3",
                "curve_preferences": [KEY_EXCHANGE],
                "timeout": 5,
            },
        },
    }


def load_identity(path: Path) -> HubIdentity:
    """Read a hub's identity. Raises BadConfiguration (rules ``missing``, ``hub-identity``)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=HubIdentity)
    except FileNotFoundError as error:
        raise BadConfiguration(f"{path} is missing", field=str(path), rule="missing") from error
    except (msgspec.DecodeError, OSError) as error:
        raise BadConfiguration(f"{path}: {error}", field=str(path), rule="hub-identity") from error


def load_seats(files: HubFiles) -> list[HubSeat]:
    """Read the nodes that the hub admitted. Raises BadConfiguration (rule ``hub-seat``)."""
    seats = []
    for path in sorted(files.seats.glob("*.json")):
        try:
            seats.append(msgspec.json.decode(path.read_bytes(), type=HubSeat))
        except (msgspec.DecodeError, OSError) as error:
            raise BadConfiguration(f"{path}: {error}", field=str(path), rule="hub-seat") from error
    return seats
