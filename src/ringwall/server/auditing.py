"""Handlers for auditors: the log's entries and its latest signed checkpoint."""

from typing import Any

import msgspec

from ringwall.core import NotFound
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import encode_bytes
from ringwall.server.statements import PAGE_LIMIT

_CONTENT = frozenset({"object", "version"})
"""What accepted and received entries say of the object itself: its STIX id and version."""


def checkpoint(call: Call) -> Answer:
    """GET /audit/checkpoint: the latest signed checkpoint, and how far the log is beyond it."""
    call.query.only()
    with call.context.store.read() as snapshot:
        latest, size, root = (
            snapshot.latest_checkpoint(),
            snapshot.audit_size(),
            snapshot.audit_root(),
        )
    if latest is None:
        raise NotFound("no checkpoint yet")
    document = {
        "size": latest.size,
        "root": encode_bytes(latest.root),
        "note": latest.note.decode(),
        "ml_dsa_65": encode_bytes(latest.signature),
        "at": latest.at,
        "log_size": size,
        "log_root": encode_bytes(root),
    }
    return json_answer(document)


def entries(call: Call) -> Answer:
    """GET /audit: entries from index ``after`` on, without the ids of objects.

    Auditors read no content, and many a STIX id is made of it. The log keeps the whole leaf, of
    which ``hash`` is the hash: `ringwall audit verify` proves it on the node.
    """
    call.query.only("after", "limit")
    after = call.query.integer("after", 0, low=0, high=2**63 - 1)
    limit = call.query.integer("limit", 100, low=1, high=PAGE_LIMIT)
    with call.context.store.read() as snapshot:
        rows = snapshot.audit_entries(after, limit)
        size = snapshot.audit_size()
    found = [
        {"index": row.index, "hash": row.hash.hex(), "entry": _shown(row.leaf)} for row in rows
    ]
    return json_answer({"entries": found, "size": size, "next": after + len(rows)})


def _shown(leaf: bytes) -> dict[str, Any]:
    entry = msgspec.json.decode(leaf, type=dict[str, Any])
    return {name: value for name, value in entry.items() if name not in _CONTENT}
