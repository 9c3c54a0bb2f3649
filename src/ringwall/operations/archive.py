"""The archive of a backup: a tar file whose first member says exactly what follows.

    manifest.json    node, alliance, time, schema, audit checkpoint; name, size, SHA-256 of parts
    signature.json   the node's hybrid signature over the bytes of the manifest
    parts            regular files, in the manifest's order, nothing between or after them

Plain tar (POSIX.1-2001 pax), so that it can be looked into without this program. It is not
unpacked by tar: a member is read only if it is the part that the manifest names next, and written
by this program to a name that was checked, into a folder that it has just made. So a link, an
absolute name or ``..`` has nowhere to go.
"""

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, NoReturn

import msgspec

from ringwall.core import BadConfiguration, IntegrityFailure, StorageFull
from ringwall.trust import Signature

MANIFEST, SIGNATURE = "manifest.json", "signature.json"
FORMAT, VERSION = "ringwall-backup", 1
SMALL = 16 * 1024 * 1024
"""Bytes that the manifest, the signature and the sealed keys may have."""

_CHUNK = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_HEX = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup: its name in the archive, size in bytes, SHA-256 in hex."""

    name: Annotated[str, msgspec.Meta(max_length=200)]
    size: _Natural
    sha256: _HEX

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a part")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a backup holds. ``audit_root`` is the RFC 9162 root over ``audit_size`` entries."""

    format: str = FORMAT
    version: int = VERSION
    program: str
    node: str
    alliance: str
    taken_at: str
    database: str
    """Which database the part ``database`` is of: ``sqlite``, ``postgresql``."""
    schema: _Natural
    audit_size: _Natural
    audit_root: _HEX
    keys: bool
    """Whether the private keys are in it, sealed with a passphrase."""
    parts: tuple[Part, ...]


class _SignatureDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ed25519: bytes
    ml_dsa_65: bytes


def check_part_name(name: str) -> None:
    """Raise BadConfiguration (rule ``name``) for a name that no part of an archive may have."""
    if not _NAME.fullmatch(name):
        raise BadConfiguration(
            f"{name}: only letters, digits, dot, dash and underline may stand in a file's name",
            field=name,
            rule="name",
        )


def describe_part(name: str, path: Path) -> Part:
    """Read a file and return what the manifest says of it."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Part(name, size, digest.hexdigest())


def write_archive(
    file: IO[bytes], manifest: bytes, signature: Signature, sources: Sequence[tuple[Part, Path]]
) -> None:
    """Write an archive; ``sources`` are the manifest's parts, in its order, and their files.

    Raises IntegrityFailure (rule ``changed``) if a file is no longer what the manifest says.
    """
    signed = msgspec.json.encode(_SignatureDocument(signature.ed25519, signature.ml_dsa_65))
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, data in ((MANIFEST, manifest), (SIGNATURE, signed)):
            _add(archive, name, len(data), _Hashed(io.BytesIO(data)))
        for part, path in sources:
            with path.open("rb") as source:
                hashed = _Hashed(source)
                _add(archive, part.name, part.size, hashed)
                changed = hashed.hexdigest() != part.sha256 or source.read(1)
            if changed:
                raise IntegrityFailure(
                    f"{path.name} changed while it was copied", field=part.name, rule="changed"
                )


def _add(archive: tarfile.TarFile, name: str, size: int, source: "_Hashed") -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    archive.addfile(member, source)  # type: ignore[arg-type]  # it only reads


class _Hashed:
    """A file that hashes what is read of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        """Return the SHA-256 of what was read."""
        return self._digest.hexdigest()


class ArchiveReader:
    """Reads an archive once, from its beginning to its end, believing nothing of it."""

    def __init__(self, path: Path) -> None:
        """Read manifest and signature. Raises IntegrityFailure naming what is damaged."""
        self._path = path
        try:
            self._archive = tarfile.open(path, mode="r|")  # noqa: SIM115 - closed by close()
        except tarfile.TarError as error:
            _damaged(MANIFEST, f"{path.name} is no archive, or its beginning is damaged: {error}")
        except OSError as error:
            raise BadConfiguration(
                f"{path}: {error.strerror}", field=str(path), rule="unreadable"
            ) from error
        try:
            self.manifest_bytes = self._small(MANIFEST)
            self.manifest = _read_manifest(self.manifest_bytes)
            self.signature = _read_signature(self._small(SIGNATURE))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def parts(self) -> Iterator[tuple[Part, Iterator[bytes]]]:
        """Yield every part with its bytes; each must be read to its end before the next.

        Reading raises IntegrityFailure (``field``: the part; rules ``missing``, ``kind``,
        ``size``, ``sha256``, ``truncated``, ``more``).
        """
        for part in self.manifest.parts:
            yield part, self._read(part)
        if self._next("the end") is not None:
            _damaged("the end", "there is more in the archive than its manifest names", "more")

    def _read(self, part: Part) -> Iterator[bytes]:
        file = self._open(part.name, part.size)
        digest, left = hashlib.sha256(), part.size
        while left:
            try:
                chunk = file.read(min(left, _CHUNK))
            except (tarfile.TarError, OSError) as error:
                _damaged(part.name, f"it ends too early: {error}", "truncated")
            if not chunk:
                _damaged(part.name, f"{left} bytes of it are missing", "truncated")
            digest.update(chunk)
            left -= len(chunk)
            yield chunk
        if digest.hexdigest() != part.sha256:
            _damaged(part.name, "its bytes are not those that were saved", "sha256")

    def _small(self, name: str) -> bytes:
        file = self._open(name, None)
        try:
            return file.read(SMALL)
        except (tarfile.TarError, OSError) as error:
            _damaged(name, f"it ends too early: {error}", "truncated")

    def _open(self, name: str, size: int | None) -> IO[bytes]:
        member = self._next(name)
        if member is None:
            _damaged(name, "it is missing: the archive was cut off or is damaged there", "missing")
        if member.name != name:
            _damaged(name, f"{member.name[:100]!r} stands in its place", "missing")
        if not member.isreg():
            _damaged(name, "it is not a regular file", "kind")
        if member.size > SMALL if size is None else member.size != size:
            _damaged(name, f"it has {member.size} bytes", "size")
        opened = self._archive.extractfile(member)
        if opened is None:
            _damaged(name, "it is not a regular file", "kind")
        return opened

    def _next(self, name: str) -> tarfile.TarInfo | None:
        try:
            return self._archive.next()
        except (tarfile.TarError, OSError, ValueError) as error:
            _damaged(name, f"the archive is damaged before it: {error}", "truncated")


def write_part(path: Path, chunks: Iterator[bytes]) -> None:
    """Write a new private file durably. Raises StorageFull when there is no room."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageFull(f"{path}: {error.strerror}", field=str(path)) from error


def _read_manifest(raw: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        _damaged(MANIFEST, f"it cannot be read: {error}", "manifest")
    if manifest.format != FORMAT or manifest.version != VERSION:
        _damaged(MANIFEST, "it is of another format, or of a newer version", "version")
    names = [part.name for part in manifest.parts]
    if len(set(names)) != len(names):
        _damaged(MANIFEST, "it names a part twice", "manifest")
    return manifest


def _read_signature(raw: bytes) -> Signature:
    try:
        document = msgspec.json.decode(raw, type=_SignatureDocument)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _damaged(SIGNATURE, f"it cannot be read: {error}", "signature")
    return Signature(document.ed25519, document.ml_dsa_65)


def _damaged(part: str, why: str, rule: str = "archive") -> NoReturn:
    raise IntegrityFailure(f"{part}: {why}", field=part, rule=rule)
