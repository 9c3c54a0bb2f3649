"""Items, the leaves that commit to them, and the proof of one statement on its own."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from ringwall.core import BadEnvelope, InvalidInput, canonical_json
from ringwall.trust.digests import SALT_SIZE, SEED_SIZE, addressee_digest, addressee_list
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
from ringwall.trust.merkle import MerkleTree, leaf_hash, verify_path
from ringwall.trust.redaction import held_digest
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature, verify

STATEMENT, RECEIPT = "statement", "receipt"
KINDS = frozenset({STATEMENT, RECEIPT})
ENVELOPE_PURPOSE = "envelope"


class Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One statement or receipt in an envelope's body; a msgpack array in this order.

    ``object`` is the canonical body and ``seed`` its 32-byte digest seed (both empty for a
    receipt, which has ``content``). Of a redaction ``object`` holds the fields that are shown, and
    ``disclosure`` comes in place of the seed, which is empty. Both salts are 32 fresh random bytes
    for each sealing.
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
    disclosure: bytes = b""


def statement_item(
    *,
    origin: str,
    sequence: int,
    body: bytes,
    seed: bytes,
    label: Mapping[str, Any],
    purpose: str,
    onward: Mapping[str, Any] | None = None,
    disclosure: bytes = b"",
) -> Item:
    """Make the item of a statement for one audience, with fresh salts.

    Call it anew for every sealing: a salt used for two audiences would link their trees. With a
    ``disclosure``, ``body`` is a redaction, and the seed is left out whatever is given for it.
    """
    salts = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(SALT_SIZE)
    return Item(
        STATEMENT,
        origin,
        sequence,
        body,
        b"" if disclosure else seed,
        *salts,
        dict(label),
        purpose,
        dict(onward or {}),
        {},
        disclosure,
    )


def receipt_item(*, origin: str, sequence: int, content: Mapping[str, Any]) -> Item:
    """Make the item of a receipt (or any other message without an object), with fresh salts."""
    salts = secrets.token_bytes(SALT_SIZE), secrets.token_bytes(SALT_SIZE)
    return Item(RECEIPT, origin, sequence, b"", b"", *salts, {}, "", {}, dict(content))


def leaf_documents(items: Sequence[Item], nodes: Iterable[str]) -> list[bytes]:
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
    named = to_text(addressee_digest(item.addressee_salt, addressees))
    if item.kind == STATEMENT:
        return _statement_leaf(item, named)
    document: dict[str, Any] = {
        "addressees": named,
        "kind": item.kind,
        "origin": item.origin,
        "sequence": item.sequence,
    }
    return canonical_json(document | _receipt_part(item))


def _statement_leaf(item: Item, addressees: str) -> bytes:
    """Write the leaf of a statement, with every field of it; what has no place must be empty.

    Put together from the canonical bytes of its parts, its names in order: thousands of leaves
    share label, origin and purpose, and a general encoder would be the dearest part of sealing.
    """
    if item.content or item.sequence < 1:
        raise InvalidInput(
            "a statement has a sequence from 1 and no content", field="item", rule="empty"
        )
    if len(item.seed) != (0 if item.disclosure else SEED_SIZE):
        raise InvalidInput(
            "a seed of 32 bytes, or a disclosure and no seed", field="seed", rule="salt"
        )
    stated = to_text(held_digest(item.object, item.seed, item.disclosure))
    return b"".join(
        (
            b'{"addressees":"',
            addressees.encode(),
            b'","kind":"statement","label":',
            canonical_json(item.label),
            b',"object":"',
            stated.encode(),
            b'","onward":',
            canonical_json(item.onward) if item.onward else b"{}",
            b',"origin":',
            _text(item.origin),
            b',"purpose":',
            _text(item.purpose),
            b',"sequence":',
            canonical_json(item.sequence),
            b"}",
        )
    )


_text = lru_cache(maxsize=1024)(canonical_json)


def _receipt_part(item: Item) -> dict[str, Any]:
    if any((item.object, item.seed, item.label, item.purpose, item.onward, item.disclosure)):
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


class Addressees(msgspec.Struct, frozen=True):
    """To which nodes a batch was addressed, and the salt of each leaf's digest of them.

    Their recipient keeps them: it shows them to whoever it passes a statement on to, who checks
    that the origin addressed the one that passes it on. Empty where nobody has to show them.
    """

    nodes: tuple[str, ...] = ()
    salts: tuple[bytes, ...] = ()


NO_ADDRESSEES = Addressees()


class BatchProof(msgspec.Struct, frozen=True):
    """What proves every item of one signed batch; ``leaves`` are (leaf, salt) in their order."""

    payload: bytes
    signature: Signature
    key_id: str
    leaves: tuple[tuple[bytes, bytes], ...]
    tree: MerkleTree
    addressees: Addressees = NO_ADDRESSEES

    def proof(self, index: int) -> Proof:
        """Return the proof of one item by itself."""
        leaf, salt = self.leaves[index]
        path, size = self.tree.path(index), len(self.leaves)
        return Proof(leaf, salt, path, index, size, self.payload, self.signature, self.key_id)

    def proofs(self) -> tuple[Proof, ...]:
        """Return the proof of each item."""
        return tuple(self.proof(index) for index in range(len(self.leaves)))

    def encode(self) -> tuple[bytes, list[bytes]]:
        """Write it for storage: what all items share, signatures and leaf hashes, and each one's.

        So a batch of hundreds keeps its signatures, 3.4 kB, once.
        """
        ed25519, ml_dsa_65 = self.signature.ed25519, self.signature.ml_dsa_65
        hashes = b"".join(self.tree.leaf_hashes)
        nodes, salts = self.addressees.nodes, self.addressees.salts
        shared = _Shared(3, self.payload, ed25519, ml_dsa_65, self.key_id, hashes, nodes)
        items = [
            msgspec.msgpack.encode((index, leaf, salt, salts[index] if salts else b""))
            for index, (leaf, salt) in enumerate(self.leaves)
        ]
        return msgspec.msgpack.encode(shared), items


class _Shared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    payload: bytes
    ed25519: bytes
    ml_dsa_65: bytes
    key_id: HexDigest
    hashes: bytes
    addressees: tuple[str, ...] = ()


class _Own(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    index: Natural
    leaf: bytes
    salt: bytes
    addressee_salt: bytes = b""


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
_SHARED = msgspec.msgpack.Decoder(_Shared)
_OWN = msgspec.msgpack.Decoder(_Own)


def encode_proof(proof: Proof) -> bytes:
    """Write a proof that stands alone (a receipt's evidence) as a compact msgpack array."""
    signature = proof.signature
    fields = (proof.leaf, proof.salt, proof.path, proof.index, proof.size, proof.payload)
    stored = _StoredProof(1, *fields, signature.ed25519, signature.ml_dsa_65, proof.key_id)
    return msgspec.msgpack.encode(stored)


def decode_proof(shared: bytes, own: bytes = b"") -> Proof:
    """Read :meth:`BatchProof.encode`'s two parts, or :func:`encode_proof`'s one.

    Raises BadEnvelope (field ``proof``, rules ``shape``, ``version``).
    """
    try:
        if not own:
            return _standing_alone(_STORED.decode(shared))
        batch, tree = _batch(shared)
        item = _OWN.decode(own)
    except (msgspec.DecodeError, UnicodeError) as cause:
        raise BadEnvelope(f"proof: {cause}", field="proof", rule="shape") from cause
    if item.index >= len(tree.leaf_hashes):
        raise BadEnvelope("proof: of no item of the batch", field="proof/index", rule="shape")
    return Proof(
        item.leaf,
        item.salt,
        tree.path(item.index),
        item.index,
        len(tree.leaf_hashes),
        batch.payload,
        Signature(batch.ed25519, batch.ml_dsa_65),
        batch.key_id,
    )


def decode_addressees(shared: bytes, own: bytes = b"") -> tuple[tuple[str, ...], bytes]:
    """Read the nodes that a stored statement was addressed to, and the salt of their digest.

    Both are empty where nobody kept them: at the origin itself, and before they were kept. Raises
    BadEnvelope as :func:`decode_proof` does.
    """
    if not own:
        return (), b""
    try:
        batch, _ = _batch(shared)
        return batch.addressees, _OWN.decode(own).addressee_salt
    except (msgspec.DecodeError, UnicodeError) as cause:
        raise BadEnvelope(f"proof: {cause}", field="proof", rule="shape") from cause


def _standing_alone(stored: _StoredProof) -> Proof:
    if stored.version != 1:
        raise BadEnvelope("proof: unknown version", field="proof/v", rule="version")
    fields = (stored.leaf, stored.salt, stored.path, stored.index, stored.size, stored.payload)
    return Proof(*fields, Signature(stored.ed25519, stored.ml_dsa_65), stored.key_id)


@lru_cache(maxsize=16)
def _batch(shared: bytes) -> tuple[_Shared, MerkleTree]:
    """Read the shared part; neighbours are read one after the other, so it is remembered."""
    batch = _SHARED.decode(shared)
    if batch.version not in (2, 3):  # 2 had no addressees
        raise BadEnvelope("proof: unknown version", field="proof/v", rule="version")
    if not batch.hashes or len(batch.hashes) % 32:
        raise BadEnvelope("proof: hashes of 32 bytes each", field="proof/hashes", rule="shape")
    hashes = [batch.hashes[at : at + 32] for at in range(0, len(batch.hashes), 32)]
    return batch, MerkleTree(hashes)


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
    proof: Proof,
    body: bytes,
    seed: bytes,
    public: VerifyingKeys,
    alliance: str,
    *,
    disclosure: bytes = b"",
) -> dict[str, Any]:
    """Check that the holder of ``public`` stated ``body``; return the leaf (label, origin, …).

    It needs nothing but its arguments, so a relayed or stored statement still verifies against
    its origin. Of a redaction the ``disclosure`` counts and the seed does not. The caller looks up
    ``public`` by the leaf's ``origin``. Raises BadEnvelope (``proof/object``, ``proof/path``,
    ``proof/alliance``, ``proof/origin``, ``disclosure``) and BadSignature.
    """
    leaf = read_canonical(proof.leaf, error=BadEnvelope, field="proof/leaf")
    stated = {
        "kind": leaf.get("kind") == STATEMENT,
        "object": leaf.get("object") == to_text(held_digest(body, seed, disclosure)),
    }
    _check(proof, leaf, stated, public, alliance)
    return leaf


def verify_receipt(proof: Proof, public: VerifyingKeys, alliance: str) -> dict[str, Any]:
    """Check that the holder of ``public`` signed a receipt; return its leaf, with the content.

    As :func:`verify_proof`, for evidence that stands alone. Raises BadEnvelope and BadSignature.
    """
    leaf = read_canonical(proof.leaf, error=BadEnvelope, field="proof/leaf")
    _check(proof, leaf, {"kind": leaf.get("kind") == RECEIPT}, public, alliance)
    return leaf


def _check(
    proof: Proof,
    leaf: dict[str, Any],
    checks: dict[str, bool],
    public: VerifyingKeys,
    alliance: str,
) -> None:
    """Check what ``checks`` says of the leaf, its way to the root, and both signatures."""
    payload = read_payload(proof.payload)
    signature = proof.signature
    root = to_bytes(payload.batch_root, size=32, error=BadEnvelope, field="payload/batch_root")
    hashed = leaf_hash(proof.leaf, proof.salt)
    checks |= {
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
