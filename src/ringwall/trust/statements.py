"""Items, the leaves that commit to them, and the proof of one statement on its own."""

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ringwall.core import BadEnvelope, InvalidInput, canonical_json
from ringwall.trust.digests import (
    SALT_SIZE,
    SEED_SIZE,
    addressee_digest,
    addressee_list,
    object_digest,
)
from ringwall.trust.documents import (
    HexDigest,
    Name,
    Natural,
    Positive,
    read_canonical,
    take_shape,
    to_bytes,
    to_text,
)
from ringwall.trust.keys import VerifyingKeys
from ringwall.trust.merkle import leaf_hash, verify_path
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature, verify

STATEMENT, RECEIPT = "statement", "receipt"
KINDS = frozenset({STATEMENT, RECEIPT})
ENVELOPE_PURPOSE = "envelope"


class Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One statement or receipt in an envelope's body; a msgpack array in this order.

    ``object`` is the canonical body and ``seed`` its 32-byte digest seed (both empty for a
    receipt, which has ``content``). Both salts are 32 fresh random bytes for each sealing.
    """

    kind: str
    origin: Name
    sequence: Natural
    object: bytes
    seed: bytes
    leaf_salt: bytes
    addressee_salt: bytes
    label: dict[str, Any]
    purpose: str
    onward: dict[str, Any]
    content: dict[str, Any]


def statement_item(
    *,
    origin: str,
    sequence: int,
    body: bytes,
    seed: bytes,
    label: Mapping[str, Any],
    purpose: str,
    onward: Mapping[str, Any] | None = None,
) -> Item:
    """Make the item of a statement for one audience, with fresh salts.

    Call it anew for every sealing: a salt used for two audiences would link their trees.
    """
    salts = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(SALT_SIZE)
    return Item(
        STATEMENT,
        origin,
        sequence,
        body,
        seed,
        *salts,
        dict(label),
        purpose,
        dict(onward or {}),
        {},
    )


def receipt_item(*, origin: str, sequence: int, content: Mapping[str, Any]) -> Item:
    """Make the item of a receipt (or any other message without an object), with fresh salts."""
    salts = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(SALT_SIZE)
    return Item(RECEIPT, origin, sequence, b"", b"", *salts, {}, "", {}, dict(content))


def leaf_documents(items: Iterable[Item], nodes: Iterable[str]) -> list[bytes]:
    """Return the canonical leaves of ``items`` addressed to ``nodes``: what a tree commits to.

    Raises InvalidInput (rules ``kind``, ``salt``, ``empty``, ``canonical``).
    """
    addressees = addressee_list(nodes)
    return [_leaf_document(item, addressees) for item in items]


def _leaf_document(item: Item, addressees: bytes) -> bytes:
    if item.kind not in KINDS:
        raise InvalidInput(f"unknown kind {item.kind!r}", field="kind", rule="kind")
    if len(item.leaf_salt) != SALT_SIZE or len(item.addressee_salt) != SALT_SIZE:
        raise InvalidInput("a salt is not 32 bytes long", field="salt", rule="salt")
    document: dict[str, Any] = {
        "addressees": to_text(addressee_digest(item.addressee_salt, addressees)),
        "kind": item.kind,
        "origin": item.origin,
        "sequence": item.sequence,
    }
    document |= _statement_part(item) if item.kind == STATEMENT else _receipt_part(item)
    return canonical_json(document)


def _statement_part(item: Item) -> dict[str, Any]:
    """Every field of a statement goes into its leaf; what has no place there must be empty."""
    if item.content or item.sequence < 1:
        raise InvalidInput(
            "a statement has a sequence from 1 and no content", field="item", rule="empty"
        )
    if len(item.seed) != SEED_SIZE:
        raise InvalidInput("the seed is not 32 bytes long", field="seed", rule="salt")
    return {
        "label": item.label,
        "object": to_text(object_digest(item.object, item.seed)),
        "onward": item.onward,
        "purpose": item.purpose,
    }


def _receipt_part(item: Item) -> dict[str, Any]:
    if item.object or item.seed or item.label or item.purpose or item.onward:
        raise InvalidInput("a receipt has content only", field="item", rule="empty")
    return {"content": item.content}


class Proof(msgspec.Struct, frozen=True):
    """What proves one item by itself: leaf, its path to the batch root, the signed payload."""

    leaf: bytes
    salt: bytes
    path: tuple[bytes, ...]
    index: int
    size: int
    payload: bytes
    signature: Signature
    key_id: str


class _StoredProof(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    leaf: bytes
    salt: bytes
    path: tuple[bytes, ...]
    index: Natural
    size: Natural
    payload: bytes
    ed25519: bytes
    ml_dsa_65: bytes
    key_id: HexDigest


_STORED = msgspec.msgpack.Decoder(_StoredProof)


def encode_proof(proof: Proof) -> bytes:
    """Write a proof compactly (a msgpack array) for storage."""
    signature = proof.signature
    fields = (proof.leaf, proof.salt, proof.path, proof.index, proof.size, proof.payload)
    stored = _StoredProof(1, *fields, signature.ed25519, signature.ml_dsa_65, proof.key_id)
    return msgspec.msgpack.encode(stored)


def decode_proof(data: bytes) -> Proof:
    """Read :func:`encode_proof`'s bytes. Raises BadEnvelope (field ``proof``, rule ``shape``)."""
    try:
        stored = _STORED.decode(data)
    except (msgspec.DecodeError, UnicodeError) as cause:
        raise BadEnvelope(f"proof: {cause}", field="proof", rule="shape") from cause
    if stored.version != 1:
        raise BadEnvelope("proof: unknown version", field="proof/v", rule="version")
    fields = (stored.leaf, stored.salt, stored.path, stored.index, stored.size, stored.payload)
    return Proof(*fields, Signature(stored.ed25519, stored.ml_dsa_65), stored.key_id)


def proof_document(proof: Proof) -> dict[str, Any]:
    """Return a proof as the JSON object that REST and the independent verifier use."""
    return {
        "v": 1,
        "leaf": to_text(proof.leaf),
        "salt": to_text(proof.salt),
        "path": [to_text(sibling) for sibling in proof.path],
        "index": proof.index,
        "size": proof.size,
        "payload": to_text(proof.payload),
        "ed25519": to_text(proof.signature.ed25519),
        "ml_dsa_65": to_text(proof.signature.ml_dsa_65),
        "key_id": proof.key_id,
    }


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an envelope's signature is over (canonical JSON); digests are base64url.

    The size of the batch stands here because a Merkle path alone does not fix it.
    """

    v: int
    alliance: Name
    origin: Name
    batch_root: str
    batch_size: Positive
    header_digest: str


def read_payload(raw: bytes) -> Payload:
    """Read a signed payload. Raises BadEnvelope (rules ``canonical``, ``shape``, ``version``)."""
    document = read_canonical(raw, error=BadEnvelope, field="payload")
    payload = take_shape(document, Payload, error=BadEnvelope, field="payload")
    if payload.v != 1:
        raise BadEnvelope(f"payload: version {payload.v}", field="payload/v", rule="version")
    return payload


def verify_proof(
    proof: Proof, body: bytes, seed: bytes, public: VerifyingKeys, alliance: str
) -> dict[str, Any]:
    """Check that the holder of ``public`` stated ``body``; return the leaf (label, origin, …).

    It needs nothing but its arguments, so a relayed or stored statement still verifies against
    its origin. The caller looks up ``public`` by the leaf's ``origin``. Raises BadEnvelope
    (``proof/object``, ``proof/path``, ``proof/alliance``, ``proof/origin``) and BadSignature.
    """
    leaf = read_canonical(proof.leaf, error=BadEnvelope, field="proof/leaf")
    payload = read_payload(proof.payload)
    signature = proof.signature
    root = to_bytes(payload.batch_root, size=32, error=BadEnvelope, field="payload/batch_root")
    hashed = leaf_hash(proof.leaf, proof.salt)
    checks = {
        "kind": leaf.get("kind") == STATEMENT,
        "object": leaf.get("object") == to_text(object_digest(body, seed)),
        "salt": len(proof.salt) == SALT_SIZE,
        "size": proof.size == payload.batch_size,
        "path": verify_path(hashed, proof.index, proof.size, proof.path, root),
        "alliance": payload.alliance == alliance,
        "origin": payload.origin == leaf.get("origin"),
        "key_id": proof.key_id == public.key_id,
        "ed25519": len(signature.ed25519) == ED25519_SIZE,
        "ml_dsa_65": len(signature.ml_dsa_65) == ML_DSA_65_SIZE,
    }
    for name, holds in checks.items():
        if not holds:
            raise BadEnvelope(
                f"proof: its {name} does not fit", field=f"proof/{name}", rule="proof"
            )
    verify(public, ENVELOPE_PURPOSE, alliance, proof.payload, signature)
    return leaf
