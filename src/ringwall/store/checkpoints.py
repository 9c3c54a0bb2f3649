"""Checkpoints: the node signs the state of its audit log from time to time, and when it stops.

Each is kept twice: in the database, and as a line of ``checkpoints.log`` beside it, so that a
database that was cut back together with its own checkpoints is betrayed by the file.
"""

import errno
import os
from pathlib import Path

import msgspec

from ringwall.core import Clock, StorageFull, Unavailable, format_timestamp
from ringwall.store.port import Store
from ringwall.store.records import CheckpointRow
from ringwall.trust import NodeKeys, SignedCheckpoint, sign_checkpoint

LOG_NAME = "checkpoints.log"
LOG_BYTES = 1024 * 1024
_LINE = msgspec.json.Decoder(SignedCheckpoint)


class Checkpoints:
    """Signs the audit log of one node whenever it has grown."""

    def __init__(
        self, *, node: str, alliance: str, keys: NodeKeys, store: Store, clock: Clock
    ) -> None:
        self._node = node
        self._alliance = alliance
        self._keys = keys
        self._store = store
        self._clock = clock

    def sign_if_grown(self) -> bool:
        """Sign and keep a checkpoint if there are entries after the last one; tell whether.

        Raises StorageFull or Unavailable; then it is tried again the next time.
        """
        with self._store.read() as tx:
            size, root = tx.audit_size(), tx.audit_root()
            latest = tx.latest_checkpoint()
        if size == 0 or (latest is not None and latest.size == size):
            return False
        signed = sign_checkpoint(self._keys, self._alliance, self._node, size, root)
        row = CheckpointRow(
            size=size,
            root=root,
            note=signed.note.encode(),
            signature=signed.ml_dsa_65,
            at=format_timestamp(self._clock.now()),
        )
        # The file first: what the database knows as signed is then never missing there.
        _keep(self._store.directory / LOG_NAME, msgspec.json.encode(signed) + b"\n")
        self._store.write(lambda tx: tx.put_checkpoint(row), essential=True).result()
        return True


def read_checkpoint_log(directory: Path) -> list[SignedCheckpoint | None]:
    """Return the checkpoints kept beside the database, line by line; None: not readable.

    A last line without its end is one whose writing was cut off, and is left out.
    """
    try:
        data = (directory / LOG_NAME).read_bytes()
    except FileNotFoundError:
        return []
    return [_read_line(line) for line in data.split(b"\n")[:-1]]


def _read_line(line: bytes) -> SignedCheckpoint | None:
    try:
        return _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _keep(path: Path, line: bytes) -> None:
    """Append a line durably; a file that grew too long begins anew with it."""
    try:
        if path.exists() and path.stat().st_size + len(line) > LOG_BYTES:
            partial = path.with_name(f"{path.name}.partial")
            partial.unlink(missing_ok=True)
            _append(partial, line)
            partial.replace(path)
        else:
            _append(path, line)
        _fsync_folder(path.parent)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = StorageFull if full else Unavailable
        raise kind(f"{path.name}: {error.strerror}", field=path.name) from error


def _append(path: Path, line: bytes) -> None:
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        whole = file.read().rfind(b"\n") + 1  # what a crash left half-written is overwritten
        file.truncate(whole)
        file.seek(whole)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
