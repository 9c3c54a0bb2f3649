"""The demonstration alliance as running processes: a hub and one node a member.

Every process is ``python -m ringwall up DIRECTORY``, as an operator would start it, with its own
keys, database, ports and log. A process can be killed at any moment and started again in place.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import httpx

from ringwall.client import Client
from ringwall.core import Unavailable
from ringwall.demo import founding, tied
from ringwall.demo.environment import environment
from ringwall.demo.founding import Founded

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.02


class AllianceProcesses:
    """The processes of one founded alliance, by name (``hub1``, ``arden-1`` …)."""

    def __init__(self, founded: Founded) -> None:
        self.founded = founded
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        # Linux ties a child to the thread that started it, so all are started by one that stays.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")

    @classmethod
    def found(cls, directory: Path, *, port_base: int | None = None) -> Self:
        """Found the demonstration alliance in ``directory``, or take the one that is there."""
        return cls(founding.found(directory, port_base=port_base))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the node processes, in the order of the alliance description."""
        return tuple(self.founded.nodes.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all processes, the hub first."""
        return (self.founded.hub, *self.nodes)

    def start(self, *, timeout: float = START_SECONDS) -> None:
        """Start everything and wait until every node is ready.

        Raises Unavailable (rule ``start``) with the end of the log of whoever failed; whatever
        was started is stopped again.
        """
        try:
            for name in self.names:
                self.spawn(name)
            deadline = time.monotonic() + timeout
            for name in self.nodes:
                self.wait_ready(name, timeout=max(0.0, deadline - time.monotonic()))
        except BaseException:
            self.stop()
            raise

    def spawn(self, name: str) -> None:
        """Start one process without waiting for it."""
        self._processes[name] = self._starter.submit(self._spawn, name).result()

    def restart(self, name: str, *, timeout: float = START_SECONDS) -> None:
        """Start a killed process again, on the same ports, and wait until it is ready."""
        self.spawn(name)
        if name != self.founded.hub:
            self.wait_ready(name, timeout=timeout)

    def kill(self, name: str) -> None:
        """Kill one process with SIGKILL; returns when it is dead."""
        process = self._processes[name]
        process.kill()
        process.wait()

    def stop(self, *, timeout: float = STOP_SECONDS) -> tuple[str, ...]:
        """Stop everything with SIGTERM, nodes before the hub; return whom it took a SIGKILL."""
        forced: list[str] = []
        for names in (self.nodes, (self.founded.hub,)):
            running = {name: self._processes[name] for name in names if self.is_running(name)}
            for process in running.values():
                process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + timeout
            for name, process in running.items():
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.kill(name)
                    forced.append(name)
        return tuple(forced)

    def is_running(self, name: str) -> bool:
        """Tell whether a process was started and has not ended."""
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def pid(self, name: str) -> int:
        """Return the process id of a process that was started."""
        return self._processes[name].pid

    def wait_ready(self, name: str, *, timeout: float = START_SECONDS) -> None:
        """Wait until a node answers ``/readyz`` with 200; Unavailable (rule ``start``) if not."""
        deadline = time.monotonic() + timeout
        with httpx.Client(base_url=self.url(name), trust_env=False, timeout=2.0) as http:
            while (state := _readiness(http)) != "ready":
                if not self.is_running(name):
                    self._failed(name, "ended")
                if time.monotonic() > deadline:
                    self._failed(name, f"is not ready after {timeout:.0f} s ({state})")
                time.sleep(_POLL_SECONDS)

    def url(self, name: str) -> str:
        """Return the URL of a node, or of a member's node."""
        node = self.founded.nodes.get(name, name)
        return f"http://{self.founded.settings(node).http_host}:{self.founded.settings(node).http_port}"

    def client(self, member: str, role: str = "analyst") -> Client:
        """Return a client of a member's node for its reader ``MEMBER-ROLE``."""
        return self.client_of(f"{member}-{role}", member)

    def client_of(self, reader: str, member: str) -> Client:
        """Return a client of a member's node for a reader."""
        return Client(self.url(member), self.founded.token(reader))

    def log(self, name: str) -> Path:
        """Return the path of a process's log."""
        return self.founded.directory / "logs" / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines of a process's log."""
        path = self.log(name)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join(text.splitlines()[-lines:]) or "(its log is empty)"

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        self.log(name).parent.mkdir(exist_ok=True)
        program = [sys.executable, "-m", "ringwall", "up", str(self.founded.directory_of(name))]
        tie = [sys.executable, "-I", "-S", tied.__file__, str(os.getpid())]
        with self.log(name).open("ab") as log:
            return subprocess.Popen(
                [*tie, *program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for us alone: we stop them in order
            )

    def _failed(self, name: str, how: str) -> None:
        tail = self.log_tail(name)
        raise Unavailable(
            f"{name} {how}; the end of {self.log(name)}:\n{tail}", field=name, rule="start"
        )


def _readiness(http: httpx.Client) -> str:
    """Return ``ready``, or why not."""
    try:
        answer = http.get("/readyz")
    except httpx.TransportError as error:
        return type(error).__name__
    return "ready" if answer.status_code == 200 else answer.text[:300]
