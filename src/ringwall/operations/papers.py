"""Checks of a node's files: modes, description, keys, certificates, registry."""

import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from ringwall.alliance import Alliance, load_alliance
from ringwall.core import BadConfiguration, parse_timestamp
from ringwall.core.settings import Files, NodeSettings
from ringwall.enrolment import load_registry
from ringwall.exchange import tls
from ringwall.exchange.leaf import EXPIRY_NOTICE
from ringwall.operations.backup import is_private
from ringwall.operations.findings import Check, fault, guarded, ok, warning
from ringwall.trust import NodeKeys, Registry

SKEW = timedelta(minutes=2)
_FROM_SOURCE = "put the file back from its source (see the operator guide)"
_FROM_BACKUP = "restore keys/ from your backup; never copy another node's"
_NEW_REGISTRY = "get the current registry from a holder"
_ADMIT = "have the hub's operator admit the node again and take up the new admission"


def check_papers(files: Files, settings: NodeSettings, now: datetime) -> Iterator[Check]:
    """Look at everything that a node needs beside its database."""
    yield guarded("alliance", _FROM_SOURCE, lambda: _alliance(files, settings))
    yield guarded("keys", _FROM_BACKUP, lambda: _keys(files))
    yield guarded("registry", _NEW_REGISTRY, lambda: _registry(files, settings, now))
    yield guarded("certificate", _ADMIT, lambda: _certificate(files, settings, now))
    authority = files.hub / "authority.pem"
    yield guarded("authority", _ADMIT, lambda: _expiry("authority", authority, now))


def check_modes(files: Files) -> Check:
    """Private files, by name or place, must be unreadable for group and others."""
    private = [
        path
        for path in files.directory.rglob("*")
        if path.is_file()
        and (
            is_private(path.relative_to(files.directory).as_posix())
            or path.name.startswith(files.database.name)
            or path == files.hub / "identity.json"
        )
    ]
    too_open = sorted(
        str(path.relative_to(files.directory))
        for path in private
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    )
    if too_open:
        return fault("modes", f"others may read {', '.join(too_open)}", "chmod 600 these files")
    return ok("modes", "private files are private")


def check_registry_age(
    number: int, issued: datetime, now: datetime, *, warn: timedelta, stop: timedelta
) -> Check:
    """Judge the age of a registry: at ``warn`` an alarm, at ``stop`` the node sends no more."""
    what = f"number {number}, issued {issued:%Y-%m-%d}, {(now - issued).days} days old"
    if issued > now + SKEW:
        return fault("registry", f"{what}: from the future", "set the clock (NTP)")
    if now - issued >= stop:
        return fault("registry", f"{what}: nothing is sent any more", _NEW_REGISTRY)
    if now - issued >= warn:
        return warning("registry", what, "ask the holders for a current registry")
    return ok("registry", what)


def check_expiry(check: str, end: datetime, now: datetime, fix: str) -> Check:
    """Judge a certificate by its end."""
    what = f"until {end:%Y-%m-%d}"
    if end <= now:
        return fault(check, f"it expired on {end:%Y-%m-%d}", fix)
    if end - now <= EXPIRY_NOTICE:
        return warning(check, f"it expires on {end:%Y-%m-%d}", fix)
    return ok(check, what)


def _alliance(files: Files, settings: NodeSettings) -> str:
    alliance = load_alliance(files.alliance.read_bytes())
    seat = alliance.node(settings.node)
    return f"{alliance.id} ({alliance.kind}), this is {seat.id} of {seat.member}"


def _keys(files: Files) -> str:
    return f"signing key {NodeKeys.load(files.keys).public().key_id[:16]}"


def _registry(files: Files, settings: NodeSettings, now: datetime) -> Check:
    registry = load_registry(files)
    alliance = load_alliance(files.alliance.read_bytes())
    if wrong := _standing(files, settings, registry, alliance):
        return wrong
    return check_registry_age(
        registry.number,
        parse_timestamp(registry.issued),
        now,
        warn=timedelta(days=settings.registry_warning_days),
        stop=timedelta(days=settings.registry_stop_days),
    )


def _standing(
    files: Files, settings: NodeSettings, registry: Registry, alliance: Alliance
) -> Check | None:
    """Say why the registry is not one under which this node can run."""
    if alliance.digest != registry.alliance_digest:
        what = "it was issued for another alliance description than alliance.yaml"
        return fault("registry", what, "get both from the same source")
    listed = registry.nodes.get(settings.node)
    if listed is not None and listed.revoked_at is not None:
        what = f"{settings.node} was revoked on {listed.revoked_at}"
        return fault("registry", what, "nobody believes this node any more: ask the holders why")
    if listed is None or listed.keys != NodeKeys.load(files.keys).public():
        return fault("registry", f"it lists other keys for {settings.node}", _NEW_REGISTRY)
    return None


def _certificate(files: Files, settings: NodeSettings, now: datetime) -> Check:
    """Check the transport certificate: for this node, its key, this hub, and not over."""
    certificate = (files.hub / "certificate.pem").read_bytes()
    tls.check_node_certificate(
        certificate,
        (files.hub / "authority.pem").read_bytes(),
        files.keys.with_name("tls.pem").read_bytes(),
        load_alliance(files.alliance.read_bytes()).id,
        settings.node,
    )
    credentials = files.hub / "node.creds"
    if not credentials.is_file():
        raise BadConfiguration(f"{credentials} is missing", field=str(credentials), rule="missing")
    return check_expiry("certificate", tls.expiry(certificate), now, _ADMIT)


def _expiry(check: str, path: Path, now: datetime) -> Check:
    return check_expiry(check, tls.expiry(path.read_bytes()), now, _ADMIT)
