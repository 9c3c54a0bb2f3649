"""Bringing a node back from a backup, into a new directory, whole or not at all.

    every part read and hashed → the manifest's signature against the registry that came with it
    → the database holds what the manifest says → with ``verify`` every proof in it
    → marked as restored; sessions ended, tokens revoked → the directory gets its name

The mark makes the node pass over every number that it may have given out since the backup
(`exchange.resumption`). Access that was taken away since must not come back with the database, so
nobody is logged in, passkeys are gone, and tokens are revoked unless they are wanted.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NoReturn

import msgspec

from ringwall.alliance import load_alliance
from ringwall.core import (
    BadConfiguration,
    BadSignature,
    Clock,
    IntegrityFailure,
    StorageFull,
    format_timestamp,
)
from ringwall.core.settings import Files, NodeSettings, load_node_settings
from ringwall.exchange.resumption import mark_restored
from ringwall.identity.forgetting import forget_logins
from ringwall.operations.archive import ArchiveReader, Manifest, write_part
from ringwall.operations.backup import DATABASE, FILES, PURPOSE, SEALED_KEYS, fsync_folder
from ringwall.operations.passphrase import open_files
from ringwall.operations.sources import BackupSource, database_source, opened
from ringwall.store import Store, WriteTransaction, verify_store
from ringwall.store.copies import DatabaseCopy
from ringwall.trust import Registry, decode_registry, read_registry, verify

_END_OF_TIME = "9999-12-31T23:59:59.999999Z"


class RestoredNode(msgspec.Struct, frozen=True):
    """What was brought back: the manifest, and what is missing without the private files."""

    manifest: Manifest
    keys: bool
    """Whether the private keys were in the backup and were opened."""
    tokens_revoked: int


def restore(
    archive: Path,
    directory: Path,
    *,
    clock: Clock,
    passphrase: str = "",
    check_all: bool = False,
    keep_tokens: bool = False,
    environment: Mapping[str, str] | None = None,
) -> RestoredNode:
    """Make ``directory`` (absent or empty) the node of a backup.

    ``environment`` may override settings; a ``database_url`` must lead to an empty database.

    Raises IntegrityFailure naming the part that is damaged or does not fit, BadSignature for a
    manifest that the node did not sign, BadConfiguration (rules ``not-empty``,
    ``schema-version``, ``unreadable``), StorageFull. Then nothing is left behind.
    """
    _refuse_occupied(directory)
    reader = ArchiveReader(archive)
    try:
        folder = _make_partial(directory)
        try:
            _extract(reader, folder)
            restored = _complete(
                reader,
                folder,
                clock=clock,
                passphrase=passphrase,
                check_all=check_all,
                keep_tokens=keep_tokens,
                environment=environment,
            )
            folder.rename(directory)
            fsync_folder(directory.absolute().parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    finally:
        reader.close()
    return restored


def _refuse_occupied(directory: Path) -> None:
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        _refuse(directory, "is no folder")
    if directory.exists() and any(directory.iterdir()):
        _refuse(directory, "is not empty: nothing is restored over what is there")


def _refuse(directory: Path, why: str) -> NoReturn:
    raise BadConfiguration(f"{directory} {why}", field=str(directory), rule="not-empty")


def _refuse_unfit(manifest: Manifest, source: BackupSource) -> None:
    """Refuse a copy that the database of these settings cannot take."""
    if source.name != manifest.database:
        raise BadConfiguration(
            f"the backup is of a {manifest.database} database, the settings name one of "
            f"{source.name}",
            field="database_url",
            rule="database",
        )
    if manifest.schema > source.schema:
        raise BadConfiguration(
            f"the backup has schema {manifest.schema}; this program knows up to {source.schema}",
            field="database",
            rule="schema-version",
        )


def _make_partial(directory: Path) -> Path:
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=parent))
    except OSError as error:
        raise StorageFull(f"{parent}: {error.strerror}", field=str(directory)) from error


def _extract(reader: ArchiveReader, folder: Path) -> None:
    """Write every part under its checked name; nothing of the archive decides where."""
    for part, chunks in reader.parts():
        place = PurePosixPath(part.name)
        if part.name in (DATABASE, SEALED_KEYS):
            write_part(folder / f"{part.name}.part", chunks)
        elif place.parts[0] == FILES and len(place.parts) > 1:
            write_part(folder.joinpath(*place.parts[1:]), chunks)
        else:
            raise IntegrityFailure(
                f"{part.name}: no backup has such a part", field=part.name, rule="part"
            )


def _complete(
    reader: ArchiveReader,
    folder: Path,
    *,
    clock: Clock,
    passphrase: str,
    check_all: bool,
    keep_tokens: bool,
    environment: Mapping[str, str] | None,
) -> RestoredNode:
    """Check what was extracted, mark the database, put the private files back."""
    manifest, files = reader.manifest, Files(folder)
    registry = _read_registry(files)
    _verify_signature(reader, registry)
    settings = load_node_settings(folder, environment)
    source = database_source(files, settings)
    _refuse_unfit(manifest, source)
    try:
        held = source.load_from(_part(folder, DATABASE))
        _check_root(manifest, held)
        with opened(source) as store:
            if check_all:
                _check_everything(store, registry, settings.node)
            forget = _forgetting(files, settings, clock)
            revoked = _mark(store, manifest.taken_at, clock, forget, keep_tokens=keep_tokens)
        return RestoredNode(manifest, _put_keys(folder, passphrase), revoked)
    except BaseException:
        source.clear()
        raise


def _check_root(manifest: Manifest, held: DatabaseCopy) -> None:
    if (held.audit_size, held.audit_root.hex()) != (manifest.audit_size, manifest.audit_root):
        raise IntegrityFailure(
            f"the database holds {held.audit_size} audit entries with another root than the "
            f"manifest says of {manifest.audit_size}",
            field=DATABASE,
            rule="audit-root",
        )


def _check_everything(store: Store, registry: Registry, node: str) -> None:
    if findings := verify_store(store, registry=registry, node=node):
        first = findings[0]
        raise IntegrityFailure(
            f"{len(findings)} contradictions; {first.table} {first.id}: {first.message}",
            field=DATABASE,
            rule="verify",
        )


def _part(folder: Path, name: str) -> Path:
    path = folder / f"{name}.part"
    if not path.is_file():
        raise IntegrityFailure(f"{name}: the backup has no such part", field=name, rule="missing")
    return path


def _read_registry(files: Files) -> Registry:
    try:
        return read_registry(decode_registry(files.registry.read_bytes()).document)
    except OSError as error:
        raise IntegrityFailure(
            f"registry.json: {error.strerror}", field="registry.json", rule="missing"
        ) from error


def _verify_signature(reader: ArchiveReader, registry: Registry) -> None:
    manifest = reader.manifest
    known = registry.nodes.get(manifest.node)
    if known is None or registry.alliance != manifest.alliance:
        raise BadSignature(
            f"the registry in the backup knows no node {manifest.node} of {manifest.alliance}",
            field="manifest.json",
            rule="node",
        )
    verify(known.keys, PURPOSE, manifest.alliance, reader.manifest_bytes, reader.signature)


def _forgetting(
    files: Files, settings: NodeSettings, clock: Clock
) -> Callable[[WriteTransaction], None]:
    """Return the job that forgets who was logged in, and passkeys."""
    alliance = load_alliance(files.alliance.read_bytes())
    member = alliance.node(settings.node).member
    return partial(
        forget_logins, alliance=alliance, member=member, at=format_timestamp(clock.now())
    )


def _mark(
    store: Store,
    taken_at: str,
    clock: Clock,
    forget: Callable[[WriteTransaction], None],
    *,
    keep_tokens: bool,
) -> int:
    now = format_timestamp(clock.now())

    def job(tx: WriteTransaction) -> int:
        mark_restored(tx, taken_at=taken_at, now=now)
        tx.purge_access(_END_OF_TIME)
        forget(tx)
        if keep_tokens:
            return 0
        return sum(tx.revoke_token(row.id, now) for row in tx.tokens())

    return store.write(job, essential=True).result()


def mark_in_place(files: Files, settings: NodeSettings, *, clock: Clock) -> None:
    """Mark a database that was brought back by other means: a disk's or a machine's snapshot.

    Stop the node first. Sessions and tokens stay: whoever rolled back knows what that means.
    """
    source: BackupSource = database_source(files, settings)
    now = format_timestamp(clock.now())
    with opened(source) as store:
        job = partial(mark_restored, taken_at="", now=now)
        store.write(job, essential=True).result()


def _put_keys(folder: Path, passphrase: str) -> bool:
    """Open the private files; without a passphrase they are left out, sealed as they are."""
    sealed = folder / f"{SEALED_KEYS}.part"
    if not sealed.is_file():
        return False
    if not passphrase:
        sealed.unlink()
        return False
    for name, data in open_files(sealed.read_bytes(), passphrase).items():
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or not place.parts:
            raise IntegrityFailure(f"{name!r} is no file of a node", field=name, rule="part")
        write_part(folder.joinpath(*place.parts), iter((data,)))
    sealed.unlink()
    return True
