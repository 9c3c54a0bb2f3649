"""Verification of a whole store: does what is stored still agree with its proofs?

    audit leaf → its hash → root of the tree → signed checkpoints
    statement: body and seed → statement digest = the digest and label that its audit entry pins
    proof: leaf, path and the origin's two signatures over exactly this body, seed and label
    redaction: the disclosure that came in place of the seed makes the digest that is signed
    releases, outbox, envelopes, positions, tokens: as their audit entries say
    checkpoints.log beside the database: no longer than the log, and of the same roots

Nothing raises on damage: every contradiction becomes a Finding that names table, row and check.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from ringwall.core import IntegrityFailure, RingwallError, StatementId
from ringwall.labels import label_document, terms_document
from ringwall.policy import ReleaseClass
from ringwall.store.audited import Ledger, Pin
from ringwall.store.checkpoints import read_checkpoint_log
from ringwall.store.labelling import WITHDRAWN
from ringwall.store.moments import moved_on, next_moment
from ringwall.store.port import Store
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import AuditEntry, CheckpointRow, Finding, StoredStatement
from ringwall.store.rows import read_parts
from ringwall.store.verify_outward import verify_envelopes, verify_release
from ringwall.trust import (
    AuditTree,
    Checkpoint,
    Registry,
    SignedCheckpoint,
    decode_proof,
    disclosure_digest,
    leaf_hash,
    object_digest,
    statement_digest,
    verify_checkpoint,
    verify_proof,
)

_PAGE = 500


def verify_store(store: Store, *, registry: Registry, node: str) -> list[Finding]:
    """Check everything that ``node`` keeps; an empty list means that all of it agrees.

    ``registry`` tells whose keys sign what. A log that was cut back is found by the signed
    checkpoints and by the statements whose entries are gone; what was added after the last
    checkpoint is only as safe as the file.
    """
    kept = read_checkpoint_log(store.directory)
    with store.read() as tx:
        ledger = Ledger()
        return [
            *tx.integrity_faults(),
            *_verify_audit(tx, registry, node, ledger, kept),
            *_verify_sequences(tx, node, ledger),
            *_verify_statements(tx, registry, node, ledger),
            *verify_envelopes(tx, ledger),
            *_verify_tokens(tx, ledger),
        ]


def _verify_audit(
    tx: ReadTransaction,
    registry: Registry,
    node: str,
    ledger: Ledger,
    kept: list[SignedCheckpoint | None],
) -> Iterator[Finding]:
    """Walk the log from its first leaf, collecting what it pins and the roots on the way."""
    tree = AuditTree()
    checkpoints = {row.size: row for row in tx.checkpoints()}
    said, unsaid = _read_kept(kept, registry, node)
    yield from unsaid
    sizes = checkpoints.keys() | {one.size for one in said.values()}
    roots = {0: tree.root}
    for entry in _entries(tx):
        if entry.index != tree.size:
            missing = f"entries {tree.size} to {entry.index - 1} are missing"
            yield Finding("audit", str(tree.size), "missing", missing)
            return
        yield from _verify_entry(entry, ledger)
        tree.append(leaf_hash(entry.leaf))
        if tree.size in sizes:
            roots[tree.size] = tree.root
    yield from _verify_state(tx, tree)
    for row in checkpoints.values():
        yield from _verify_one_checkpoint(row, roots, registry, node)
    for line, one in said.items():
        yield from _compare_root("checkpoints.log", str(line), one, roots)


def _read_kept(
    kept: list[SignedCheckpoint | None], registry: Registry, node: str
) -> tuple[dict[int, Checkpoint], list[Finding]]:
    """Return what the lines of the file beside the database say, and those to be doubted."""
    said: dict[int, Checkpoint] = {}
    findings: list[Finding] = []
    known = registry.nodes.get(node)
    for line, signed in enumerate(kept, start=1):
        try:
            if signed is None:
                raise IntegrityFailure("the line cannot be read", rule="line")
            if known is not None:
                said[line] = verify_checkpoint(signed, known.keys, registry.alliance, node)
        except RingwallError as error:
            findings.append(Finding("checkpoints.log", str(line), "signature", str(error)))
    return said, findings


def _entries(tx: ReadTransaction) -> Iterator[AuditEntry]:
    after = 0
    while page := tx.audit_entries(after, _PAGE):
        yield from page
        after = page[-1].index + 1


def _verify_entry(entry: AuditEntry, ledger: Ledger) -> Iterator[Finding]:
    row = str(entry.index)
    if leaf_hash(entry.leaf) != entry.hash:
        yield Finding("audit", row, "leaf-hash", "the entry was changed: its hash does not fit")
    for check, message in ledger.enter(entry.index, entry.leaf):
        yield Finding("audit", row, check, message)


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
    yield from _compare_root("checkpoints", place, said, roots)


def _compare_root(
    table: str, place: str, said: Checkpoint, roots: dict[int, bytes]
) -> Iterator[Finding]:
    if said.size not in roots:
        message = f"the log was {said.size} entries long when this was signed; it was cut back"
        yield Finding(table, place, "truncated", message)
    elif roots[said.size] != said.root:
        message = f"the first {said.size} entries are not those that were signed"
        yield Finding(table, place, "root", message)


def _verify_sequences(tx: ReadTransaction, node: str, ledger: Ledger) -> Iterator[Finding]:
    """Find a counter that would give out a number again. Gaps are meant (exchange.numbering)."""
    accepted = (name for name, pin in ledger.pins.items() if pin.kind == "accepted")
    own = (name.rpartition(":") for name in accepted)
    used = [int(number) for origin, _, number in own if origin == node]
    highest = max([0, *used, *(last for _, last in ledger.skipped)])
    last = tx.last_sequence(node)
    if last != highest:
        message = f"{last} is noted as the last number; {highest} was the last accepted"
        yield Finding("sequences", node, "last", message)


def _verify_tokens(tx: ReadTransaction, ledger: Ledger) -> Iterator[Finding]:
    for row in tx.tokens():
        entry = ledger.tokens.get(row.id)
        if entry is None:
            yield Finding("tokens", row.id, "audit", "no audit entry says that it was created")
            continue
        said = {"reader": entry.reader, "expires": entry.expires}
        found = {"reader": row.reader, "expires": row.expires}
        if entry.sha256:
            said["hash"], found["hash"] = entry.sha256, row.hash.hex()
        for check in said:
            if said[check] != found[check]:
                yield Finding("tokens", row.id, check, f"its {check} is not that of its entry")


def _verify_statements(
    tx: ReadTransaction, registry: Registry, node: str, ledger: Ledger
) -> Iterator[Finding]:
    waiting = dict(ledger.pins)
    after, before = 0, _Before()
    classes = tx.release_classes()
    kept_free = {each.last: moved_on(each.starts, each.last) for each in tx.replays()}
    gone = deque(sorted(ledger.replaced))
    while page := tx.stored_statements(after, _PAGE):
        for one in page:
            pin = waiting.pop(str(one.id), None)
            while gone and gone[0][0] < one.order:
                moment = max(before.received_at, gone.popleft()[1])
                before = _Before(moment, before.index)
            needed = one.id.origin != node or str(one.id) in ledger.sealed
            for check, message in (
                *_verify_pin(one, pin),
                *_verify_terms(one, pin, classes),
                *_verify_parts(one, pin, classes),
                *_verify_place(one, pin, before),
                *_verify_digest(one),
                *_verify_origin(one, registry, pin, needed=needed),
            ):
                yield Finding("statements", str(one.id), check, message)
            if pin is not None:
                yield from verify_release(one, pin, ledger)
            moment = max(one.received_at, kept_free.get(one.order, ""))
            before = _Before(moment, pin.index if pin else before.index)
        after = page[-1].order
    for name, pin in waiting.items():
        message = f"audit entry {pin.index} says that it was {pin.kind}; it is not there"
        yield Finding("statements", name, "missing", message)


def _verify_pin(one: StoredStatement, pin: Pin | None) -> Iterator[tuple[str, str]]:
    """Compare a statement with its audit entry."""
    if pin is None:
        yield "audit", "no audit entry says that it was accepted or received"
        return
    if one.digest.hex() != pin.digest != _older_digest(one):
        yield "digest", f"its digest is not the one in audit entry {pin.index}"
    if pin.label != one.label:
        yield "label", f"its label is not the one in audit entry {pin.index}"
    if pin.purpose != one.purpose:
        yield "purpose", f"its purpose is not the one in audit entry {pin.index}"
    if pin.lane != one.lane:
        yield "lane", f"its lane is not the one in audit entry {pin.index}"
    if pin.reader != one.submitted_by:
        yield "submitted-by", f"its submitter is not the one in audit entry {pin.index}"
    if pin.version not in (None, one.version):
        yield "version", f"its version is not the one in audit entry {pin.index}"


def _verify_terms(
    one: StoredStatement, pin: Pin | None, classes: Mapping[int, ReleaseClass]
) -> Iterator[tuple[str, str]]:
    """Compare the terms that decisions are made by with the audit entry."""
    release = classes.get(one.release_class)
    if release is None or release.label == WITHDRAWN or pin is None:
        return
    if terms_document(release.terms) != pin.terms:
        yield "terms", f"its terms are not those in audit entry {pin.index}"
    if release.relayed != pin.relayed:
        yield "relayed", f"it came another way than audit entry {pin.index} says"


def _verify_parts(
    one: StoredStatement, pin: Pin | None, classes: Mapping[int, ReleaseClass]
) -> Iterator[tuple[str, str]]:
    """Compare the properties that are for fewer readers, and for whom, with the audit entry."""
    held = {} if one.parts is None else read_parts(one.parts)
    labels = {
        name: label_document(classes[number].label) if number in classes else None
        for name, number in held.items()
    }
    if pin is not None and labels != pin.parts:
        yield "parts", f"its properties are not for those named in audit entry {pin.index}"


def _older_digest(one: StoredStatement) -> str:
    """Return what a program before schema 5 entered instead: the digest of the object."""
    try:
        return object_digest(one.body, one.seed).hex()
    except RingwallError:
        return ""


class _Before(msgspec.Struct, frozen=True):
    """The statement before: its time, or the last of a replay behind it, and its entry's index."""

    received_at: str = ""
    index: int = -1


def _verify_place(
    one: StoredStatement, pin: Pin | None, before: _Before
) -> Iterator[tuple[str, str]]:
    """Check order and time: both ascend, and a time is moved on only to come after the last."""
    if pin is not None and pin.index < before.index:
        yield "order", "it stands after a statement whose audit entry is later"
    if one.received_at <= before.received_at:
        yield "received-at", "it arrived no later than what came before it"
    elif pin is None or pin.received_at is None:
        return
    elif one.received_at != max(
        pin.received_at, before.received_at and next_moment(before.received_at)
    ):
        yield "received-at", f"it did not arrive at the time in audit entry {pin.index}"


def _verify_digest(one: StoredStatement) -> Iterator[tuple[str, str]]:
    """Recompute the statement digest from body and seed."""
    if statement_digest(one.seed, sha256(one.body).digest()) != one.digest:
        yield "statement-digest", "its body and seed do not make its digest"
        return
    if one.disclosure is not None and disclosure_digest(one.disclosure) != one.seed:
        yield "disclosure", "its disclosure is not the one that came with it"
        return
    try:
        head = msgspec.json.decode(one.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        yield "body", f"its body cannot be read: {error}"
        return
    if (head.get("id"), head.get("type")) != (one.object_id, one.object_type):
        yield "object-id", "its body names another id or type than its row"
    if (head.get("modified") or head.get("created") or "") != one.version:
        yield "version", "its body names another version than its row"


def _verify_origin(
    one: StoredStatement, registry: Registry, pin: Pin | None, *, needed: bool
) -> Iterator[tuple[str, str]]:
    """Check whose it is, and the origin's signature where a proof is kept or ``needed``."""
    origin = registry.nodes.get(one.id.origin)
    if origin is None:
        yield "origin", f"the registry knows no node {one.id.origin}"
        return
    if origin.member != one.source:
        yield "source", f"it is filed under {one.source}; its node belongs to {origin.member}"
    if one.proof is None:
        if needed:
            yield "proof", "the proof of its origin is missing"
        return
    try:
        proof = decode_proof(*one.proof)
        disclosure = one.disclosure or b""
        leaf = verify_proof(
            proof, one.body, one.seed, origin.keys, registry.alliance, disclosure=disclosure
        )
    except RingwallError as error:
        yield "proof", str(error)
        return
    said = (StatementId(leaf["origin"], leaf["sequence"]), leaf["label"], leaf["purpose"])
    if said != (one.id, _document(one.label), one.purpose):
        yield "proof", "its origin signed another id, label or purpose"
    if pin is not None and leaf["onward"] != pin.terms:
        yield "proof", "its origin signed other terms"


def _document(label: bytes) -> object:
    try:
        return msgspec.json.decode(label)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
