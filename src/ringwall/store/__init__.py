"""store: everything a node keeps, behind one port; SQL stands here and nowhere else.

Readers' content is reached through ReaderView only. May touch: core, stix, labels, alliance,
policy, trust, and the database.
"""

from ringwall.store.checkpoints import Checkpoints
from ringwall.store.port import ReadTransaction, Store, WriteTransaction
from ringwall.store.records import (
    AuditEntry,
    CheckpointRow,
    Counts,
    DeliveryRow,
    EnvelopeRow,
    Finding,
    InboxPosition,
    InPosition,
    NewReference,
    NewStatement,
    OutboxRow,
    PeerLane,
    QuarantineRow,
    ReceiptDue,
    ReceiptRow,
    ReferenceRow,
    Release,
    Statement,
    StoredEnvelope,
    StoredStatement,
    TokenRow,
)
from ringwall.store.sqlite import SqliteStore
from ringwall.store.verify import verify_store
from ringwall.store.view import ReaderView

__all__ = [
    "AuditEntry",
    "CheckpointRow",
    "Checkpoints",
    "Counts",
    "DeliveryRow",
    "EnvelopeRow",
    "Finding",
    "InPosition",
    "InboxPosition",
    "NewReference",
    "NewStatement",
    "OutboxRow",
    "PeerLane",
    "QuarantineRow",
    "ReadTransaction",
    "ReaderView",
    "ReceiptDue",
    "ReceiptRow",
    "ReferenceRow",
    "Release",
    "SqliteStore",
    "Statement",
    "Store",
    "StoredEnvelope",
    "StoredStatement",
    "TokenRow",
    "WriteTransaction",
    "verify_store",
]
