"""Statements, keys and a registry to store, made by the real rooms below the store."""

import secrets
from hashlib import sha256
from typing import Any

from msgspec import structs

from ringwall.core import Precedence, StatementId, canonical_json
from ringwall.labels import Label, label_document, parse_label
from ringwall.policy import ReleaseClass
from ringwall.stix import observables, references, search_text
from ringwall.store import NewStatement, WriteTransaction
from ringwall.trust import NodeKeys, Registry, RegistryNode, statement_digest

NODE = "aaa-1"
NOW = "2026-03-01T08:00:00.000000Z"
GREEN = parse_label("TLP:GREEN")
AMBER = parse_label("TLP:AMBER//REL TO bbb")


def indicator(number: int = 1, name: str = "", **more: Any) -> bytes:
    """Return the canonical bytes of a valid indicator; equal numbers give equal ids."""
    return canonical_json(
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{number:012x}",
            "created": "2026-02-01T00:00:00.000Z",
            "modified": "2026-02-01T00:00:00.000Z",
            "name": name or f"beacon {number}",
            "pattern": f"[domain-name:value = 'c{number}.example.org']",
            "pattern_type": "stix",
            "valid_from": "2026-02-01T00:00:00.000Z",
            **more,
        }
    )


def statement(
    sequence: int = 1,
    *,
    origin: str = NODE,
    body: bytes = b"",
    label: Label = GREEN,
    object_type: str = "indicator",
    lane: Precedence = Precedence.ROUTINE,
    received_at: str = NOW,
    version: str = "2026-02-01T00:00:00.000Z",
) -> NewStatement:
    """Return a statement to store; its digest is the true one of its body and a fresh seed."""
    body = body or indicator(sequence)
    seed = secrets.token_bytes(32)
    number = body.split(b"--")[1][:36].decode()
    return NewStatement(
        id=StatementId(origin, sequence),
        object_id=f"{object_type}--{number}",
        object_type=object_type,
        version=version,
        body=body,
        label=label,
        release_class=ReleaseClass(origin[:3], object_type, label),
        lane=lane,
        submitted_by="ana",
        received_at=received_at,
        seed=seed,
        sha256=(digest := sha256(body).digest()),
        digest=statement_digest(seed, digest),
        observables=observables(body),
        text=search_text(body),
        references=references(body),
    )


def add(tx: WriteTransaction, new: NewStatement) -> int | None:
    """Store one statement by itself."""
    return tx.add_statements([new])[0]


def accept(tx: WriteTransaction, new: NewStatement, kind: str = "accepted", **more: Any) -> int:
    """Store a statement with its audit entry, as intake and inbox do; return its order."""
    ours = kind == "accepted"
    if ours and (skipped := new.id.sequence - tx.last_sequence(new.id.origin)) > 0:
        tx.next_sequence(new.id.origin, skipped)
    new = new if ours else structs.replace(new, submitted_by="")
    order = add(tx, new)
    assert order is not None
    entry: dict[str, Any] = {
        "statements": [str(new.id)],
        "objects": [new.object_id],
        "versions": [new.version],
        "digests": [new.digest.hex()],
        "label": label_document(new.label),
        "purpose": new.release_class.purpose,
        "lane": str(new.lane),
        "received_at": new.received_at,
    }
    if ours:
        entry |= {"reader": new.submitted_by, **more}
    tx.append_audit(kind, entry)
    return order


def registry(keys: dict[str, NodeKeys]) -> Registry:
    """Return a registry, unsigned: node ``mmm-1`` is of member ``mmm``."""
    nodes = {
        name: RegistryNode(name[:3], place, one.public(), "2026-01-01T00:00:00.000000Z")
        for place, (name, one) in enumerate(keys.items(), start=1)
    }
    return Registry("test", 1, "", "0" * 64, NOW, 1, {}, nodes)
