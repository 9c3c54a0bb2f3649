"""store: everything a node keeps, behind one port; SQL stands here and nowhere else.

Readers' content is reached through ReaderView only. May touch: core, stix, labels, alliance,
policy, trust, and the database.
"""

from ringwall.store.checkpoints import Checkpoints
from ringwall.store.opening import database_is_there, open_store
from ringwall.store.parts import GRANULAR, Found, found_by
from ringwall.store.port import Store, WriteTransaction
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import (
    EVERYTHING,
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
    PageRow,
    PeerLane,
    QuarantineRow,
    Reach,
    ReaderState,
    ReceiptDue,
    ReceiptRow,
    ReferenceRow,
    Release,
    Replay,
    Selection,
    Statement,
    StoredEnvelope,
    StoredStatement,
    TokenRow,
    decision_document,
)
from ringwall.store.shown import Shown
from ringwall.store.sqlite import SqliteStore
from ringwall.store.verify import verify_store
from ringwall.store.view import ReaderView

__all__ = [
    "EVERYTHING",
    "GRANULAR",
    "AuditEntry",
    "CheckpointRow",
    "Checkpoints",
    "Counts",
    "DeliveryRow",
    "EnvelopeRow",
    "Finding",
    "Found",
    "InPosition",
    "InboxPosition",
    "NewReference",
    "NewStatement",
    "OutboxRow",
    "PageRow",
    "PeerLane",
    "QuarantineRow",
    "Reach",
    "ReadTransaction",
    "ReaderState",
    "ReaderView",
    "ReceiptDue",
    "ReceiptRow",
    "ReferenceRow",
    "Release",
    "Replay",
    "Selection",
    "Shown",
    "SqliteStore",
    "Statement",
    "Store",
    "StoredEnvelope",
    "StoredStatement",
    "TokenRow",
    "WriteTransaction",
    "database_is_there",
    "decision_document",
    "found_by",
    "open_store",
    "verify_store",
]
