"""Envelopes: statements for one audience, signed once and sealed to each recipient.

One hybrid signature covers the batch root (what is said) and the header digest (to whom, when,
under which registry, and which ciphertext). A kept proof shows the payload with the header's
digest only, which hides the audience: the header holds fresh HPKE ciphertexts that nobody can
guess.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec

from ringwall.core import BadEnvelope, InvalidInput, TooLarge, canonical_json
from ringwall.trust.documents import take_shape, to_bytes, to_text
from ringwall.trust.keys import NodeKeys, PublicKeys
from ringwall.trust.merkle import MerkleTree, leaf_hash
from ringwall.trust.registry import Registry, RegistryNode
from ringwall.trust.sealing import decrypt_body, encrypt_body, new_key, unwrap_key, wrap_key
from ringwall.trust.signatures import Signature, sign, verify
from ringwall.trust.statements import (
    ENVELOPE_PURPOSE,
    KINDS,
    Addressees,
    BatchProof,
    Item,
    Payload,
    Proof,
    leaf_documents,
    read_payload,
)
from ringwall.trust.wire import (
    MAX_ENVELOPE,
    MAX_ITEMS,
    MAX_RECIPIENTS,
    REDACTIONS_VERSION,
    WHOLE_VERSION,
    Frame,
    Header,
    HeaderDocument,
    join_frame,
    read_header,
    split_frame,
)

_ITEM_SIZE = {WHOLE_VERSION: 11, REDACTIONS_VERSION: 12}
"""How many elements an item has: version 1 knows no disclosures, and leaves the element out."""
_BODY = msgspec.msgpack.Decoder(tuple[Item, ...])
_RAW_BODY = msgspec.msgpack.Decoder(tuple[msgspec.Raw, ...])


class Sealed(msgspec.Struct, frozen=True):
    """A sealed envelope: its bytes, its id, and what proves each item."""

    data: bytes
    id: str
    batch: BatchProof

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The proof of each item by itself, in the given order."""
        return self.batch.proofs()


class OpenedEnvelope(msgspec.Struct, frozen=True):
    """A verified envelope; ``position`` is the recipient's own dense position in this lane."""

    header: Header
    position: int
    items: tuple[Item, ...]
    batch: BatchProof

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The proof of each item by itself, in the order of the items."""
        return self.batch.proofs()

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Fields of a later version; if there are any, nothing in here may be released onward."""
        return self.header.unknown_fields


def seal_envelope(
    keys: NodeKeys,
    *,
    alliance: str,
    registry: int,
    origin: str,
    lane: str,
    kind: str,
    items: Sequence[Item],
    recipients: Mapping[str, tuple[PublicKeys, int]],
    at: str,
) -> Sealed:
    """Sign ``items`` as one Merkle batch and seal them to ``recipients`` (node → keys, position).

    ``registry`` is the number of the registry in force, ``at`` the time of sending (RFC 3339 UTC,
    six decimals). Raises InvalidInput or TooLarge for what no recipient would open.
    """
    _check_sealable(origin, kind, items, recipients)
    identity, key, nodes = secrets.token_urlsafe(16), new_key(), tuple(sorted(recipients))
    version, body = pack_items(items)
    ciphertext = encrypt_body(key, body, alliance=alliance, envelope=identity)
    document = {
        "v": version,
        "id": identity,
        "alliance": alliance,
        "origin": origin,
        "lane": lane,
        "kind": kind,
        "registry": registry,
        "sent": at,
        "recipients": _wraps(key, recipients, alliance, identity),
        "ciphertext": to_text(hashlib.sha256(ciphertext).digest()),
    }
    take_shape(document, HeaderDocument, error=InvalidInput, field="envelope")
    header = canonical_json(document)
    leaves = leaf_documents(items, nodes)
    batch = _sign_batch(keys, alliance, origin, items, leaves, header)
    data = join_frame(header, batch.payload, batch.signature, ciphertext)
    if len(data) > MAX_ENVELOPE:
        raise TooLarge(f"an envelope of {len(data)} bytes", field="items", rule="size")
    return Sealed(data, identity, batch)


def pack_items(items: Sequence[Item]) -> tuple[int, bytes]:
    """Write a body; return the lowest wire version that can say it, and its bytes.

    A node that does not know redactions yet so reads everything but those.
    """
    if any(item.disclosure for item in items):
        return REDACTIONS_VERSION, msgspec.msgpack.encode(list(items))
    short = [msgspec.structs.astuple(item)[: _ITEM_SIZE[WHOLE_VERSION]] for item in items]
    return WHOLE_VERSION, msgspec.msgpack.encode(short)


def _check_sealable(
    origin: str,
    kind: str,
    items: Sequence[Item],
    recipients: Mapping[str, tuple[PublicKeys, int]],
) -> None:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise TooLarge(f"1 to {MAX_ITEMS} items fit, not {len(items)}", field="items", rule="count")
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise TooLarge(
            f"1 to {MAX_RECIPIENTS} recipients, not {len(recipients)}",
            field="recipients",
            rule="count",
        )
    for node, (_, position) in recipients.items():
        if position < 1:
            raise InvalidInput(
                f"{node}: positions count from 1", field="recipients", rule="position"
            )
    for item in items:
        if item.kind != kind or item.origin != origin:
            raise InvalidInput(
                "every item has the envelope's kind and origin", field="items", rule="origin"
            )


def _wraps(
    key: bytes, recipients: Mapping[str, tuple[PublicKeys, int]], alliance: str, envelope: str
) -> list[dict[str, str]]:
    wraps = []
    for node in sorted(recipients):
        public, position = recipients[node]
        wrap = wrap_key(key, position, public, alliance=alliance, envelope=envelope, recipient=node)
        wraps.append({"node": node, "wrap": to_text(wrap)})
    return wraps


def _sign_batch(
    keys: NodeKeys,
    alliance: str,
    origin: str,
    items: Sequence[Item],
    leaves: Sequence[bytes],
    header: bytes,
) -> BatchProof:
    tree = _batch_tree(items, leaves)
    payload = canonical_json(
        {
            "v": 1,
            "alliance": alliance,
            "origin": origin,
            "batch_root": to_text(tree.root),
            "batch_size": len(items),
            "header_digest": to_text(hashlib.sha256(header).digest()),
        }
    )
    signature = sign(keys, ENVELOPE_PURPOSE, alliance, payload)
    return _batch_proof(tree, items, leaves, payload, signature, keys.public().key_id)


def _batch_tree(items: Sequence[Item], leaves: Sequence[bytes]) -> MerkleTree:
    return MerkleTree(
        [leaf_hash(leaf, item.leaf_salt) for item, leaf in zip(items, leaves, strict=True)]
    )


def _batch_proof(
    tree: MerkleTree,
    items: Sequence[Item],
    leaves: Sequence[bytes],
    payload: bytes,
    signature: Signature,
    key_id: str,
) -> BatchProof:
    salted = tuple((leaf, item.leaf_salt) for item, leaf in zip(items, leaves, strict=True))
    return BatchProof(payload, signature, key_id, salted, tree)


def open_envelope(
    data: bytes, *, me: str, keys: NodeKeys, alliance: str, registry: Registry
) -> OpenedEnvelope:
    """Verify and open an envelope that node ``me`` received; nothing unverified comes out.

    Raises BadEnvelope or BadSignature, naming field and rule. Rule ``registry-number`` means that
    it was sealed under another registry than ``registry``: keep it and try again with that one.
    """
    frame = split_frame(data)
    header = read_header(frame.header)
    sender = _check_header(header, alliance, registry)
    payload = _check_signed(frame, header, sender.keys)
    key, position = _unwrap(header, me, keys)
    body = decrypt_body(key, frame.ciphertext, alliance=alliance, envelope=header.id)
    items = _read_items(body, header)
    tree, leaves = _recompute(items, header)
    if payload.batch_size != len(items) or payload.batch_root != to_text(tree.root):
        _refuse("payload/batch_root", "batch-root", "the items are not those that were signed")
    key_id = sender.keys.key_id
    batch = _batch_proof(tree, items, leaves, frame.payload, frame.signature, key_id)
    salts = tuple(item.addressee_salt for item in items)
    batch = msgspec.structs.replace(batch, addressees=Addressees(header.nodes, salts))
    return OpenedEnvelope(header, position, items, batch)


def _check_header(header: Header, alliance: str, registry: Registry) -> RegistryNode:
    """Check what the header claims against the registry; return the sender's entry."""
    if header.alliance != alliance or registry.alliance != alliance:
        _refuse("header/alliance", "alliance", f"is of alliance {header.alliance}")
    if header.registry != registry.number:
        _refuse(
            "header/registry",
            "registry-number",
            f"sealed under registry {header.registry}, this is {registry.number}",
        )
    if header.kind not in KINDS:
        _refuse("header/kind", "kind", f"unknown kind {header.kind}")
    sender = registry.nodes.get(header.origin)
    if sender is None:
        _refuse("header/origin", "origin", f"{header.origin} is not in the registry")
    if header.sent < sender.valid_from:
        _refuse("header/sent", "valid-from", f"sent before the key of {header.origin} was valid")
    if _is_revoked(sender, header.sent, registry.issued):
        _refuse("header/origin", "revoked", f"the key of {header.origin} is revoked")
    return sender


def _is_revoked(sender: RegistryNode, sent: str, issued: str) -> bool:
    """Tell whether the key was revoked when it was used.

    The time of sending is the sender's own word, so it only saves a key that was not yet revoked
    when the registry that both name was issued.
    """
    revoked = sender.revoked_at
    return revoked is not None and (sent >= revoked or revoked <= issued)


def _check_signed(frame: Frame, header: Header, public: PublicKeys) -> Payload:
    """Check both signatures and everything that they cover outside the ciphertext."""
    verify(public, ENVELOPE_PURPOSE, header.alliance, frame.payload, frame.signature)
    payload = read_payload(frame.payload)
    if payload.alliance != header.alliance:
        _refuse("payload/alliance", "alliance", "the payload is of another alliance")
    if payload.origin != header.origin:
        _refuse("payload/origin", "origin", "the payload is of another origin")
    if payload.header_digest != to_text(hashlib.sha256(frame.header).digest()):
        _refuse("payload/header_digest", "header-digest", "the header is not the signed one")
    if header.ciphertext != to_text(hashlib.sha256(frame.ciphertext).digest()):
        _refuse("header/ciphertext", "ciphertext", "the ciphertext is not the signed one")
    return payload


def _unwrap(header: Header, me: str, keys: NodeKeys) -> tuple[bytes, int]:
    wrap = next((entry.wrap for entry in header.recipients if entry.node == me), None)
    if wrap is None:
        _refuse("header/recipients", "recipient", f"{me} is not a recipient")
    raw = to_bytes(wrap, error=BadEnvelope, field="wrap")
    return unwrap_key(raw, keys, alliance=header.alliance, envelope=header.id, recipient=me)


def _read_items(body: bytes, header: Header) -> tuple[Item, ...]:
    if not 1 <= _array_length(body) <= MAX_ITEMS:
        _refuse("body", "count", f"1 to {MAX_ITEMS} items fit into an envelope")
    try:
        items = _BODY.decode(body)
        sizes = {_array_length(memoryview(raw)) for raw in _RAW_BODY.decode(body)}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as cause:
        raise BadEnvelope(f"body: {cause}", field="body", rule="shape") from cause
    if sizes != {_ITEM_SIZE[header.v]}:
        _refuse("body", "shape", f"items of wire version {header.v} have other elements")
    for item in items:
        if item.kind != header.kind:
            _refuse("body/kind", "kind", f"a {item.kind} in an envelope of {header.kind}")
        if item.origin != header.origin:
            _refuse("body/origin", "origin", f"states in the name of {item.origin}")
    return items


def _array_length(body: bytes | memoryview) -> int:
    """Read the length of a msgpack array before its items are made; 0 if it is none."""
    if body[:1] and 0x90 <= body[0] <= 0x9F:
        return body[0] & 0x0F
    if body[:1] == b"\xdc":
        return int.from_bytes(body[1:3], "big")
    return 0


def _recompute(items: Sequence[Item], header: Header) -> tuple[MerkleTree, list[bytes]]:
    """Make every leaf again from what was sent; labels and bodies are hashed, never believed."""
    try:
        leaves = leaf_documents(items, header.nodes)
    except (InvalidInput, RecursionError) as cause:
        field = cause.field if isinstance(cause, InvalidInput) else "label"
        raise BadEnvelope(f"body: {cause}", field=f"body/{field}", rule="leaf") from cause
    return _batch_tree(items, leaves), leaves


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise BadEnvelope(f"envelope: {why}", field=field, rule=rule)
