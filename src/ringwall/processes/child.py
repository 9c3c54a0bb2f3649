"""A program as a child process: started, watched, restarted, and never left behind.

Three things keep a dead node from leaving its server to block the next start: the child is killed
with its parent (see `launcher`), a pid file names it, and a start first ends whatever that file
still names, if it really runs with this configuration.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import sysconfig
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ringwall.core import BadConfiguration, Unavailable
from ringwall.processes import launcher

logger = logging.getLogger(__name__)

START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0
BACKOFF_FIRST = 0.1
BACKOFF_LAST = 5.0
LOG_LIMIT = 4 * 1024 * 1024


class Child(ABC):
    """One program with its configuration, log and pid file in ``directory``.

    A subclass says which program it is and how one sees that it is ready.
    """

    program_name = ""
    """What it is called in messages; also the rule of their errors."""

    def __init__(self, directory: Path, name: str, configuration: Mapping[str, Any]) -> None:
        """Prepare to run with ``configuration``, which is written as JSON to ``name``.conf."""
        self._configuration = configuration
        self._directory = directory
        self._conf = directory / f"{name}.conf"
        self._pid = directory / f"{name}.pid"
        self._log = directory / f"{name}.log"
        self._child: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program's path and arguments. Raises BadConfiguration if it is missing."""

    def environment(self) -> dict[str, str] | None:
        """Return the program's environment; None: ours."""
        return None

    @abstractmethod
    async def is_ready(self) -> bool:
        """Tell whether the program takes connections."""

    @property
    def pid(self) -> int | None:
        """Return the pid of the running server, None when there is none."""
        child = self._child
        return child.pid if child is not None and child.returncode is None else None

    async def start(self) -> None:
        """Start the server, wait until it takes clients, then keep it running.

        Raises BadConfiguration without the program, Unavailable with the end of its log if it does
        not come up; the rule of both is the program's name.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        await self._end_orphan()
        self._write_configuration()
        try:
            await self._launch()
            await self._wait_ready()
        except BaseException:
            await self._terminate()
            raise
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self._conf.name}")

    async def stop(self, *, patience: float = STOP_TIMEOUT) -> None:
        """Stop the server and wait until it is gone; after ``patience`` seconds it is killed."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        await self._terminate(patience)
        self._pid.unlink(missing_ok=True)

    def _write_configuration(self) -> None:
        write_private(self._conf, json.dumps(self._configuration, ensure_ascii=False, indent=1))

    async def _launch(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
            self._log.replace(self._log.with_suffix(".log.1"))
        arguments = [
            *(sys.executable, "-I", "-S", launcher.__file__, str(os.getpid())),
            *self.command(),
        ]
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
            )
        write_private(self._pid, f"{self._child.pid}\n")

    async def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._child is None or self._child.returncode is not None:
                break
            if await self.is_ready():
                return
            await asyncio.sleep(0.01)
        raise Unavailable(
            f"{self.program_name} did not start with {self._conf}: {self._log_tail()}",
            field=str(self._conf),
            rule=self.program_name,
        )

    async def _keep(self) -> None:
        """Start the server again whenever it ends, more slowly if it ends at once."""
        backoff = BACKOFF_FIRST
        while self._child is not None:
            started = time.monotonic()
            code = await self._child.wait()
            if time.monotonic() - started > BACKOFF_LAST:
                backoff = BACKOFF_FIRST
            logger.warning(
                "%s %s ended with %s; starting it again: %s",
                self.program_name,
                self._conf.name,
                code,
                self._log_tail(),
            )
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, BACKOFF_LAST)
            try:
                await self._launch()
            except Exception:  # a full disk, say: nobody else would ever start it again
                logger.exception(
                    "%s %s was not started properly", self.program_name, self._conf.name
                )

    async def _terminate(self, patience: float = STOP_TIMEOUT) -> None:
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            async with asyncio.timeout(patience):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()

    async def _end_orphan(self) -> None:
        try:
            pid = int(self._pid.read_text())
        except (FileNotFoundError, ValueError):
            return
        deadline = time.monotonic() + STOP_TIMEOUT
        while _runs(pid, self._conf):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"process {pid} still runs {self._conf} and cannot be ended",
                    field=str(self._pid),
                    rule="orphan",
                )
            logger.warning("ending %s %d, left behind by a killed node", self.program_name, pid)
            os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
        self._pid.unlink(missing_ok=True)

    def _log_tail(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError as error:
            return f"no log: {error.strerror}"
        return " | ".join(lines[-3:]) or "empty log"


def installed_program(name: str, package: str) -> str:
    """Return the path of a program: the one beside our Python, else the one on the PATH.

    Raises BadConfiguration (the rule is its name).
    """
    ours = Path(sysconfig.get_path("scripts")) / name
    found = str(ours) if ours.is_file() else shutil.which(name)
    if found is None:
        raise BadConfiguration(f"{name} is not installed (package {package})", rule=name)
    return found


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` with ``text``, readable by its owner only, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _runs(pid: int, conf: Path) -> bool:
    """Tell whether ``pid`` is a process that was started with ``conf``: pids are used again."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(conf) in arguments
