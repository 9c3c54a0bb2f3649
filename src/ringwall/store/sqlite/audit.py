"""The audit log: leaves, their hashes, and the frontier of the tree over them."""

from typing import Any

from ringwall.core import format_timestamp
from ringwall.store.records import AuditEntry, CheckpointRow
from ringwall.store.sqlite.base import Part
from ringwall.trust import AuditTree, audit_leaf, leaf_hash

_CHECKPOINT = "SELECT size, root, note, signature, at FROM checkpoints"


class AuditReads(Part):
    """The log as it stands."""

    def audit_size(self) -> int:
        """See port."""
        return self._number("SELECT size FROM audit_state")

    def audit_root(self) -> bytes:
        """See port."""
        return self._tree().root

    def _tree(self) -> AuditTree:
        row = self._row("SELECT size, frontier FROM audit_state")
        return AuditTree(row[0], _split_hashes(row[1]))

    def audit_entries(self, after: int, limit: int) -> list[AuditEntry]:
        """See port."""
        rows = self._rows(
            'SELECT "index", leaf, hash FROM audit WHERE "index" >= ? ORDER BY "index" LIMIT ?',
            after,
            limit,
        )
        return [AuditEntry(*row) for row in rows]

    def checkpoints(self) -> list[CheckpointRow]:
        """See port."""
        return [CheckpointRow(*row) for row in self._rows(f"{_CHECKPOINT} ORDER BY size")]

    def latest_checkpoint(self) -> CheckpointRow | None:
        """See port."""
        row = self._row(f"{_CHECKPOINT} ORDER BY size DESC LIMIT 1")
        return None if row is None else CheckpointRow(*row)


class AuditWrites(AuditReads):
    """Appending. The tree is kept for the length of one job and stored when the job ends."""

    _growing: AuditTree | None = None
    _now: str = ""

    def append_audit(self, kind: str, entry: dict[str, Any]) -> int:
        """See port."""
        if self._growing is None:
            self._growing = self._tree()
            self._now = format_timestamp(self._clock.now())
        tree = self._growing
        leaf = audit_leaf({"at": self._now, **entry, "kind": kind})
        digest = leaf_hash(leaf)
        index = tree.append(digest)
        self._sql.execute("INSERT INTO audit VALUES (?, ?, ?)", (index, leaf, digest))
        return index

    def audit_size(self) -> int:
        """See port."""
        return self._growing.size if self._growing else super().audit_size()

    def audit_root(self) -> bytes:
        """See port."""
        return self._growing.root if self._growing else super().audit_root()

    def finish(self) -> None:
        """Store the tree's frontier: the end of a job."""
        if self._growing is not None:
            self._sql.execute(
                "UPDATE audit_state SET size = ?, frontier = ?",
                (self._growing.size, b"".join(self._growing.frontier)),
            )
            self._growing = None

    def put_checkpoint(self, checkpoint: CheckpointRow) -> None:
        """See port."""
        self._sql.execute(
            "INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?, ?, ?)",
            (
                checkpoint.size,
                checkpoint.root,
                checkpoint.note,
                checkpoint.signature,
                checkpoint.at,
            ),
        )


def _split_hashes(data: bytes) -> list[bytes]:
    """Cut concatenated 32-byte hashes apart."""
    return [data[start : start + 32] for start in range(0, len(data), 32)]
