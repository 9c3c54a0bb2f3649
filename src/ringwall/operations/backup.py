"""Backing a node up while it runs: one file that holds all that the node cannot get again.

Order: an audit entry (a copy of everything is worth one) → ``checkpoints.log`` and the other files
→ the database, in one consistent state. The log comes before the database because each of its
lines is written before its row: so it never says more than the copy knows.

What is private is left out, or sealed under a passphrase; the database is as readable as on the
node's own disk.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec

from ringwall.core import BadConfiguration, Clock, StorageFull, format_timestamp
from ringwall.core.settings import Files, NodeSettings
from ringwall.operations.archive import (
    Manifest,
    Part,
    check_part_name,
    describe_part,
    write_archive,
    write_part,
)
from ringwall.operations.passphrase import seal_files
from ringwall.operations.sources import BackupSource, opened
from ringwall.store.checkpoints import LOG_NAME
from ringwall.trust import NodeKeys, decode_registry, read_registry, sign

PURPOSE = "backup"
"""Of the signature over a manifest."""

DATABASE, SEALED_KEYS, FILES = "database", "keys.sealed", "files"
LAST_BACKUP = "last-backup"
"""The node's named value that says when a backup was last finished."""

_RUNTIME = re.compile(
    r"ringwall\.db.*|run|streams|spool|edge|.*\.(partial|pid|log|log\.1|conf|sock)|\..*"
)
"""Names, of files and folders, of what is the database or is made again at every start."""

_PRIVATE = re.compile(r"keys/.*|(.*/)?([^/]*(key|seed|secret|password|token)[^/]*|[^/]*\.creds)")


class LastBackup(msgspec.Struct, frozen=True):
    """When a backup was last finished, and how big it was in bytes."""

    at: str
    size: int


def back_up(
    files: Files,
    settings: NodeSettings,
    source: BackupSource,
    target: Path,
    *,
    clock: Clock,
    passphrase: str = "",
) -> Manifest:
    """Write a backup of the node in ``files`` to the new file ``target`` (mode 0600).

    With a ``passphrase`` the private files go with it, sealed. ``target`` is there whole and
    durable, or not at all. Raises BadConfiguration (rules ``exists``, ``inside``, ``missing``,
    ``unwritable``, ``name``), StorageFull, IntegrityFailure, InvalidInput (rule ``passphrase``).
    """
    if target.exists():
        raise BadConfiguration(
            f"{target} is there already and is not overwritten", field=str(target), rule="exists"
        )
    if target.absolute().is_relative_to(files.directory.absolute()):
        raise BadConfiguration(
            f"{target} lies in the node's own directory, which it is to outlive",
            field=str(target),
            rule="inside",
        )
    keys = NodeKeys.load(files.keys)
    taken_at = format_timestamp(clock.now())
    with opened(source) as store:
        entry = {"to": target.name, "keys": bool(passphrase)}
        store.write(lambda tx: tx.append_audit("backup", entry), essential=True).result()
    spool = _make_spool(target)
    try:
        manifest, parts = _collect(files, settings, source, spool, taken_at, passphrase)
        _publish(keys, manifest, parts, spool, target)
    finally:
        shutil.rmtree(spool, ignore_errors=True)
    noted = msgspec.json.encode(LastBackup(taken_at, target.stat().st_size))
    with opened(source) as store:
        store.write(lambda tx: tx.set_meta(LAST_BACKUP, noted), essential=True).result()
    return manifest


def _make_spool(target: Path) -> Path:
    """Make a private folder on the target's own disk."""
    try:
        return Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    except OSError as error:
        raise BadConfiguration(
            f"{target.parent}: {error.strerror}", field=str(target), rule="unwritable"
        ) from error


def _collect(
    files: Files,
    settings: NodeSettings,
    source: BackupSource,
    spool: Path,
    taken_at: str,
    passphrase: str,
) -> tuple[Manifest, list[tuple[Part, Path]]]:
    """Copy everything into ``spool``, the database last; describe it."""
    private: dict[str, bytes] = {}
    for name, path in node_files(files):
        check_part_name(f"{FILES}/{name}")
        if is_private(name):
            private[name] = path.read_bytes()
        else:
            write_part(spool / FILES / name, iter((path.read_bytes(),)))
    if passphrase:
        write_part(spool / SEALED_KEYS, iter((seal_files(private, passphrase),)))
    copy = source.copy_to(spool / DATABASE)
    spooled = sorted(path for path in spool.rglob("*") if path.is_file())
    parts = [(describe_part(path.relative_to(spool).as_posix(), path), path) for path in spooled]
    registry = read_registry(decode_registry(files.registry.read_bytes()).document)
    manifest = Manifest(
        program=version("ringwall"),
        node=settings.node,
        alliance=registry.alliance,
        taken_at=taken_at,
        database=source.name,
        schema=copy.schema,
        audit_size=copy.audit_size,
        audit_root=copy.audit_root.hex(),
        keys=bool(passphrase),
        parts=tuple(part for part, _ in parts),
    )
    return manifest, parts


def node_files(files: Files) -> Iterator[tuple[str, Path]]:
    """Yield what belongs to a node beside its database: relative name and path, sorted.

    Links are not followed: what they point to is not the node's own.
    """
    for path in sorted(files.directory.rglob("*")):
        name = path.relative_to(files.directory)
        runtime = any(_RUNTIME.fullmatch(part) for part in name.parts)
        if path.is_file() and not path.is_symlink() and (not runtime or str(name) == LOG_NAME):
            yield name.as_posix(), path


def is_private(name: str) -> bool:
    """Tell whether a file, by its name in a node's directory, opens something."""
    return _PRIVATE.fullmatch(name) is not None


def _publish(
    keys: NodeKeys,
    manifest: Manifest,
    parts: list[tuple[Part, Path]],
    spool: Path,
    target: Path,
) -> None:
    """Write the archive beside its parts, make it durable, and only then give it its name."""
    raw = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    signature = sign(keys, PURPOSE, manifest.alliance, raw)
    partial = spool / "archive.partial"
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb") as file:
            write_archive(file, raw, signature, parts)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        fsync_folder(target.absolute().parent)
    except OSError as error:
        raise StorageFull(f"{target}: {error.strerror}", field=str(target)) from error


def fsync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
