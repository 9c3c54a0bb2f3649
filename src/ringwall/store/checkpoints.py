"""Checkpoints: the node signs the state of its audit log from time to time, and when it stops."""

from ringwall.core import Clock, format_timestamp
from ringwall.store.port import Store
from ringwall.store.records import CheckpointRow
from ringwall.trust import NodeKeys, sign_checkpoint


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
        """Sign and keep a checkpoint if there are entries after the last one; tell whether."""
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
        self._store.write(lambda tx: tx.put_checkpoint(row), essential=True).result()
        return True
