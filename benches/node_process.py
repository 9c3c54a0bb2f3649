"""What the system says of a running node (Linux's /proc), and when it has come to rest."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx

LOWEST = 19


def cpu_seconds(pid: int) -> float:
    """Seconds of CPU that a process and all below it have used, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, _children(pid)))


def _children(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (thread / "children").read_text().split())


def peak_megabytes(pid: int) -> float:
    """The highest resident memory that a process has had, in 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def step_back(pids: Iterable[int]) -> None:
    """Give processes and all below them the lowest priority."""
    for pid in pids:
        os.setpriority(os.PRIO_PROCESS, pid, LOWEST)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), LOWEST)
        step_back(_children(pid))


def wait_settled(url: str, *, receipts: bool = True, seconds: float = 120.0) -> None:
    """Wait until a node has sealed and published everything and, with ``receipts``, all are in."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        metrics = httpx.get(f"{url}/metrics", trust_env=False, timeout=30).text
        waiting = [
            line
            for line in metrics.splitlines()
            if line.startswith(("ringwall_outbox_depth", "ringwall_envelopes_unpublished"))
            or (receipts and _is_owed(line))
        ]
        if not any(float(line.rpartition(" ")[2]) for line in waiting):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the node has not come to rest after {seconds:.0f} s: {waiting}")


def _is_owed(line: str) -> bool:
    """Tell whether a metric says how many receipts are missing; receipts have none themselves."""
    return line.startswith("ringwall_receipts_outstanding") and 'lane="CONTROL"' not in line
