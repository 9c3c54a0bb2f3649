"""Verification of a whole store: does what is stored still agree with its proofs?

    audit leaf → its hash → root of the tree → signed checkpoints
    statement: body and seed → object digest = the digest and label that its audit entry pins
    proof: leaf, path and the origin's two signatures over exactly this body, seed and label

Nothing raises on damage: every contradiction becomes a Finding that names table, row and check.
"""

from collections.abc import Iterator

import msgspec

from ringwall.core import IntegrityFailure, RingwallError, StatementId, canonical_json
from ringwall.store.port import ReadTransaction, Store
from ringwall.store.records import AuditEntry, CheckpointRow, Finding, StoredStatement
from ringwall.trust import (
    AuditTree,
    Registry,
    SignedCheckpoint,
    decode_proof,
    leaf_hash,
    object_digest,
    verify_checkpoint,
    verify_proof,
)

_PAGE = 500


class _Pin(msgspec.Struct, frozen=True):
    """What an audit entry of a statement says about it for ever."""

    index: int
    kind: str
    digest: str
    label: bytes
    purpose: str
    lane: str


class _Leaf(msgspec.Struct, frozen=True):
    """The fields of an audit leaf that verification needs."""

    kind: str
    statement: str = ""
    digest: str = ""
    label: dict[str, object] = {}
    purpose: str = ""
    lane: str = ""


_LEAF = msgspec.json.Decoder(_Leaf)
_PINNING = frozenset({"accepted", "received"})


def verify_store(store: Store, *, registry: Registry, node: str) -> list[Finding]:
    """Check everything that ``node`` keeps; an empty list means that all of it agrees.

    ``registry`` tells whose keys sign what. A log that was cut back is found by the signed
    checkpoints and by the statements whose entries are gone; what was added after the last
    checkpoint is only as safe as the file.
    """
    with store.read() as tx:
        pins: dict[str, _Pin] = {}
        return [
            *tx.integrity_faults(),
            *_verify_audit(tx, registry, node, pins),
            *_verify_statements(tx, registry, node, pins),
        ]


def _verify_audit(
    tx: ReadTransaction, registry: Registry, node: str, pins: dict[str, _Pin]
) -> Iterator[Finding]:
    """Walk the log from its first leaf, collecting what it pins and the roots on the way."""
    tree = AuditTree()
    checkpoints = {row.size: row for row in tx.checkpoints()}
    roots = {0: tree.root}
    for entry in _entries(tx):
        if entry.index != tree.size:
            missing = f"entries {tree.size} to {entry.index - 1} are missing"
            yield Finding("audit", str(tree.size), "missing", missing)
            return
        yield from _verify_entry(entry, pins)
        tree.append(leaf_hash(entry.leaf))
        if tree.size in checkpoints:
            roots[tree.size] = tree.root
    yield from _verify_state(tx, tree)
    for row in checkpoints.values():
        yield from _verify_one_checkpoint(row, roots, registry, node)


def _entries(tx: ReadTransaction) -> Iterator[AuditEntry]:
    after = 0
    while page := tx.audit_entries(after, _PAGE):
        yield from page
        after = page[-1].index + 1


def _verify_entry(entry: AuditEntry, pins: dict[str, _Pin]) -> Iterator[Finding]:
    row = str(entry.index)
    if leaf_hash(entry.leaf) != entry.hash:
        yield Finding("audit", row, "leaf-hash", "the entry was changed: its hash does not fit")
    try:
        leaf = _LEAF.decode(entry.leaf)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        yield Finding("audit", row, "leaf", f"the entry cannot be read: {error}")
        return
    if leaf.kind not in _PINNING:
        return
    if leaf.statement in pins:
        message = f"{leaf.statement} was entered before, at {pins[leaf.statement].index}"
        yield Finding("audit", row, "repeated", message)
        return
    pins[leaf.statement] = _Pin(
        entry.index, leaf.kind, leaf.digest, canonical_json(leaf.label), leaf.purpose, leaf.lane
    )


def _verify_state(tx: ReadTransaction, tree: AuditTree) -> Iterator[Finding]:
    size = tx.audit_size()
    if size != tree.size:
        message = f"{tree.size} entries are there, {size} were written"
        yield Finding("audit", str(tree.size), "size", message)
        return
    try:
        root = tx.audit_root()
    except IntegrityFailure as error:
        yield Finding("audit_state", "1", "frontier", str(error))
        return
    if root != tree.root:
        message = "the root over the entries is not the root that was kept"
        yield Finding("audit_state", "1", "root", message)


def _verify_one_checkpoint(
    row: CheckpointRow, roots: dict[int, bytes], registry: Registry, node: str
) -> Iterator[Finding]:
    place = str(row.size)
    known = registry.nodes.get(node)
    if known is None:
        yield Finding("checkpoints", place, "key", f"the registry knows no node {node}")
        return
    try:
        signed = SignedCheckpoint(row.note.decode(), row.signature)
        said = verify_checkpoint(signed, known.keys, registry.alliance, node)
    except (RingwallError, UnicodeDecodeError) as error:
        yield Finding("checkpoints", place, "signature", str(error))
        return
    if (said.size, said.root) != (row.size, row.root):
        yield Finding("checkpoints", place, "note", "the row is not what the signed note says")
    if said.size not in roots:
        message = f"the log was {said.size} entries long when this was signed; it was cut back"
        yield Finding("checkpoints", place, "truncated", message)
    elif roots[said.size] != said.root:
        message = f"the first {said.size} entries are not those that were signed"
        yield Finding("checkpoints", place, "root", message)


def _verify_statements(
    tx: ReadTransaction, registry: Registry, node: str, pins: dict[str, _Pin]
) -> Iterator[Finding]:
    waiting = dict(pins)
    after = 0
    while page := tx.stored_statements(after, _PAGE):
        for one in page:
            for check, message in (
                *_verify_pin(one, waiting.pop(str(one.id), None)),
                *_verify_digest(one),
                *_verify_origin(one, registry, node),
            ):
                yield Finding("statements", str(one.id), check, message)
        after = page[-1].order
    for name, pin in waiting.items():
        message = f"audit entry {pin.index} says that it was {pin.kind}; it is not there"
        yield Finding("statements", name, "missing", message)


def _verify_pin(one: StoredStatement, pin: _Pin | None) -> Iterator[tuple[str, str]]:
    """Compare a statement with its audit entry."""
    if pin is None:
        yield "audit", "no audit entry says that it was accepted or received"
        return
    if pin.digest != one.digest.hex():
        yield "digest", f"its digest is not the one in audit entry {pin.index}"
    if pin.label != one.label:
        yield "label", f"its label is not the one in audit entry {pin.index}"
    if pin.purpose != one.purpose:
        yield "purpose", f"its purpose is not the one in audit entry {pin.index}"
    if pin.lane != one.lane:
        yield "lane", f"its lane is not the one in audit entry {pin.index}"


def _verify_digest(one: StoredStatement) -> Iterator[tuple[str, str]]:
    """Recompute the object digest from body and seed."""
    try:
        fits = object_digest(one.body, one.seed) == one.digest
    except RingwallError as error:
        yield "body", f"its body cannot be digested: {error}"
        return
    if not fits:
        yield "object-digest", "its body and seed do not make its digest"
        return
    head = msgspec.json.decode(one.body)
    if (head.get("id"), head.get("type")) != (one.object_id, one.object_type):
        yield "object-id", "its body names another id or type than its row"


def _verify_origin(
    one: StoredStatement, registry: Registry, node: str
) -> Iterator[tuple[str, str]]:
    """Check whose it is, and the origin's signature where a proof is kept."""
    origin = registry.nodes.get(one.id.origin)
    if origin is None:
        yield "origin", f"the registry knows no node {one.id.origin}"
        return
    if origin.member != one.source:
        yield "source", f"it is filed under {one.source}; its node belongs to {origin.member}"
    if one.proof is None:
        if one.id.origin != node:
            yield "proof", "the proof of its origin is missing"
        return
    try:
        proof = decode_proof(one.proof)
        leaf = verify_proof(proof, one.body, one.seed, origin.keys, registry.alliance)
    except RingwallError as error:
        yield "proof", str(error)
        return
    said = (StatementId(leaf["origin"], leaf["sequence"]), leaf["label"], leaf["purpose"])
    if said != (one.id, _document(one.label), one.purpose):
        yield "proof", "its origin signed another id, label or purpose"


def _document(label: bytes) -> object:
    try:
        return msgspec.json.decode(label)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
