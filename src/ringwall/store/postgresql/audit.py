"""The audit log: leaves, their hashes, and the frontier of the tree over them."""

from typing import Any

from ringwall.core import format_timestamp
from ringwall.store.postgresql.arrays import bigints, blobs
from ringwall.store.postgresql.base import Part
from ringwall.store.records import AuditEntry, CheckpointRow
from ringwall.trust import AuditTree, audit_leaf, leaf_hash

_CHECKPOINT = "SELECT size, root, note, signature, at FROM checkpoints"


class AuditReads(Part):
    """The log as it stands."""

    def audit_size(self) -> int:
        """See port."""
        return self._number("SELECT size FROM audit_state")

    def audit_root(self) -> bytes:
        """See port."""
        return self._stored_tree().root

    def _stored_tree(self) -> AuditTree:
        row = self._row("SELECT size, frontier FROM audit_state")
        return AuditTree(row[0], _split_hashes(row[1]))

    def audit_entries(self, after: int, limit: int) -> list[AuditEntry]:
        """See port."""
        rows = self._rows(
            'SELECT "index", leaf, hash FROM audit WHERE "index" >= $1 ORDER BY "index" LIMIT $2',
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
    """Appending. Leaves are held back until the job ends, and then stored in one statement."""

    _now: str = ""

    def append_audit(self, kind: str, entry: dict[str, Any]) -> int:
        """See port."""
        tree = self._tree()
        if not self._now:
            self._now = format_timestamp(self._clock.now())
        leaf = audit_leaf({"at": self._now, **entry, "kind": kind})
        digest = leaf_hash(leaf)
        index = tree.append(digest)
        self._memory.leaves.append((index, leaf, digest))
        return index

    def _tree(self) -> AuditTree:
        """Return the tree that this transaction grows; read once."""
        if self._memory.tree is None:
            self._memory.tree = self._stored_tree()
        return self._memory.tree

    def audit_size(self) -> int:
        """See port."""
        return self._tree().size

    def audit_root(self) -> bytes:
        """See port."""
        return self._tree().root

    def audit_entries(self, after: int, limit: int) -> list[AuditEntry]:
        """See port."""
        self.finish()
        return super().audit_entries(after, limit)

    def finish(self) -> None:
        """Store the leaves and the tree's frontier: the end of a job."""
        if not self._memory.leaves:
            return
        tree = self._tree()
        indexes, leaves, hashes = zip(*self._memory.leaves, strict=True)
        with self._sql.pipeline():
            self._execute(
                "INSERT INTO audit SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])",
                bigints(indexes),
                blobs(leaves),
                blobs(hashes),
            )
            self._execute(
                "UPDATE audit_state SET size = $1, frontier = $2",
                tree.size,
                b"".join(tree.frontier),
            )
        self._memory.leaves.clear()

    def put_checkpoint(self, checkpoint: CheckpointRow) -> None:
        """See port."""
        self._execute(
            "INSERT INTO checkpoints VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            checkpoint.size,
            checkpoint.root,
            checkpoint.note,
            checkpoint.signature,
            checkpoint.at,
        )


def _split_hashes(data: bytes) -> list[bytes]:
    """Cut concatenated 32-byte hashes apart."""
    return [data[start : start + 32] for start in range(0, len(data), 32)]
