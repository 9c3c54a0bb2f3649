"""Handlers for auditors: the log's entries and its latest signed checkpoint."""

from typing import Any

import msgspec

from ringwall.core import NotFound
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import AnyDocument, encode_bytes
from ringwall.server.operations import Integer, declare
from ringwall.server.statements import LIMIT

AFTER = Integer(name="after", description="from this index on", low=0, high=2**63 - 1, default=0)
_CONTENT = frozenset({"object", "objects", "version", "versions"})
"""What accepted and received entries, old and new, say of objects: STIX ids and versions."""
_REPEATING = frozenset({"quarantined", "message-refused"})
"""Kinds whose ``reason`` may repeat what a peer sent, values of objects among it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log; ``hash`` is the RFC 9162 hash of the whole leaf, in hex."""

    index: int
    hash: str
    entry: AnyDocument


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log, which has ``size`` entries."""

    entries: list[Entry]
    size: int
    next: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A signed checkpoint (C2SP) and how far the log is beyond it."""

    size: int
    root: str
    note: str
    ml_dsa_65: str
    at: str
    log_size: int
    log_root: str


@declare({200: Checkpoint}, refusals=(404,))
def checkpoint(call: Call) -> Answer:
    """GET /audit/checkpoint: The latest signed checkpoint, and how far the log is beyond it."""
    with call.context.store.read() as snapshot:
        latest, size, root = (
            snapshot.latest_checkpoint(),
            snapshot.audit_size(),
            snapshot.audit_root(),
        )
    if latest is None:
        raise NotFound("no checkpoint yet")
    document = Checkpoint(
        size=latest.size,
        root=encode_bytes(latest.root),
        note=latest.note.decode(),
        ml_dsa_65=encode_bytes(latest.signature),
        at=latest.at,
        log_size=size,
        log_root=encode_bytes(root),
    )
    return json_answer(document)


@declare({200: AuditPage}, AFTER, LIMIT)
def entries(call: Call) -> Answer:
    """GET /audit: Entries from index `after` on, without the ids of objects.

    Auditors read no content, and many a STIX id is made of it; nor are they told the words of a
    refusal that may repeat what a peer sent. The log keeps the whole leaf, of which `hash` is the
    hash: `ringwall audit verify` proves it on the node.
    """
    after, limit = AFTER.of(call), LIMIT.of(call)
    with call.context.store.read() as snapshot:
        rows = snapshot.audit_entries(after, limit)
        size = snapshot.audit_size()
    found = [Entry(index=row.index, hash=row.hash.hex(), entry=_shown(row.leaf)) for row in rows]
    return json_answer(AuditPage(entries=found, size=size, next=after + len(rows)))


def _shown(leaf: bytes) -> dict[str, Any]:
    entry = msgspec.json.decode(leaf, type=dict[str, Any])
    hidden = _CONTENT | {"reason"} if entry.get("kind") in _REPEATING else _CONTENT
    return {name: value for name, value in entry.items() if name not in hidden}
