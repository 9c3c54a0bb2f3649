"""The registry: a numbered, hash-chained list of nodes and keys that M of N holders sign.

Every holder signs with both algorithms. Document N+1 names the digest of document N and needs M
of N's holders and M of its own, so no one person and no one algorithm can change who is a node.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NoReturn

import msgspec

from ringwall.core import BadRegistry, BadSignature, InvalidInput, canonical_json, parse_timestamp
from ringwall.core.strict_json import parse_json
from ringwall.trust.documents import (
    HexDigest,
    Moment,
    Name,
    Positive,
    read_canonical,
    take_shape,
    to_bytes,
    to_text,
)
from ringwall.trust.keys import (
    HolderKeys,
    PublicKeys,
    VerifyingKeys,
    public_document,
    public_keys_from_document,
    verifying_keys_from_document,
)
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature, sign, verify

REGISTRY_PURPOSE = "registry"


class RegistryNode(msgspec.Struct, frozen=True):
    """A node: whose it is, its place in hub subjects (from 1), its keys and how long they count.

    Times are RFC 3339 UTC with six decimals; ``revoked_at`` None means not revoked.
    """

    member: str
    place: int
    keys: PublicKeys
    valid_from: str
    revoked_at: str | None = None


class Registry(msgspec.Struct, frozen=True, dict=True):
    """One registry document; ``previous`` is the hex digest of the one before, "" for the first."""

    alliance: str
    number: int
    previous: str
    alliance_digest: str
    issued: str
    threshold: int
    holders: dict[str, VerifyingKeys]
    nodes: dict[str, RegistryNode]

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical document."""
        return hashlib.sha256(registry_document(self)).hexdigest()

    @cached_property
    def standing(self) -> frozenset[str]:
        """The nodes whose keys are not revoked, not even from a later time on.

        For any other nothing is sealed: somebody else may hold its keys.
        """
        return frozenset(name for name, node in self.nodes.items() if node.revoked_at is None)


class SignedRegistry(msgspec.Struct, frozen=True):
    """The canonical bytes of a document, and signatures by the key id of the holder."""

    document: bytes
    signatures: dict[str, Signature]


class _NodeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    member: Name
    place: Positive
    keys: dict[str, str]
    valid_from: Moment
    revoked_at: Moment | None


class _RegistryDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    alliance: Name
    number: Positive
    previous: str
    alliance_digest: HexDigest
    issued: Moment
    threshold: Positive
    holders: dict[Name, dict[str, str]]
    nodes: dict[Name, _NodeDocument]


class _SignedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    document: dict[str, Any]
    signatures: dict[HexDigest, dict[str, str]]


def registry_document(registry: Registry) -> bytes:
    """Return the canonical bytes that holders sign and the next document's ``previous`` names."""
    nodes = {
        name: {
            "member": node.member,
            "place": node.place,
            "keys": public_document(node.keys),
            "valid_from": node.valid_from,
            "revoked_at": node.revoked_at,
        }
        for name, node in registry.nodes.items()
    }
    holders = {name: public_document(keys) for name, keys in registry.holders.items()}
    return canonical_json(
        {
            "v": 1,
            "alliance": registry.alliance,
            "number": registry.number,
            "previous": registry.previous,
            "alliance_digest": registry.alliance_digest,
            "issued": registry.issued,
            "threshold": registry.threshold,
            "holders": holders,
            "nodes": nodes,
        }
    )


def read_registry(document: bytes) -> Registry:
    """Read and check one document by itself; nothing about it is believed yet.

    Unknown fields are refused: ignoring one could mean ignoring a restriction. Raises
    BadRegistry naming the place and the rule.
    """
    raw = read_canonical(document, error=BadRegistry, field="registry")
    shape = take_shape(raw, _RegistryDocument, error=BadRegistry, field="registry")
    if shape.v != 1:
        _refuse("v", "version", f"unknown document version {shape.v}")
    registry = Registry(
        shape.alliance,
        shape.number,
        shape.previous,
        shape.alliance_digest,
        shape.issued,
        shape.threshold,
        {
            name: verifying_keys_from_document(
                keys, field=f"registry/holders/{name}", error=BadRegistry
            )
            for name, keys in shape.holders.items()
        },
        {name: _read_node(name, node) for name, node in shape.nodes.items()},
    )
    _check_registry(registry)
    return registry


def _read_node(name: str, node: _NodeDocument) -> RegistryNode:
    place = f"registry/nodes/{name}"
    keys = public_keys_from_document(node.keys, field=f"{place}/keys", error=BadRegistry)
    return RegistryNode(node.member, node.place, keys, node.valid_from, node.revoked_at)


def _check_registry(registry: Registry) -> None:
    """Check what must hold within one document."""
    if not 1 <= registry.threshold <= len(registry.holders):
        _refuse("threshold", "threshold", "must lie between 1 and the number of holders")
    if (registry.number == 1) != (registry.previous == ""):
        _refuse("previous", "previous", "the first document, and only it, has no previous one")
    # Two names with one key would let one person sign for two.
    everyone = [*registry.holders.values(), *(node.keys for node in registry.nodes.values())]
    unique: dict[str, Sequence[object]] = {
        "ed25519": [keys.ed25519 for keys in everyone],
        "ml_dsa_65": [keys.ml_dsa_65 for keys in everyone],
        "hpke": [node.keys.hpke for node in registry.nodes.values()],
        "place": [node.place for node in registry.nodes.values()],
    }
    for field, values in unique.items():
        if len(set(values)) != len(values):
            _refuse("nodes", "unique", f"two entries share one {field}")


def sign_registry(
    registry: Registry, holders: Iterable[HolderKeys], *, signed: SignedRegistry | None = None
) -> SignedRegistry:
    """Sign a document, adding to the signatures of ``signed`` (holders may sign one by one).

    Raises BadRegistry if the document is not well formed or ``signed`` is of another document.
    """
    document = registry_document(registry)
    read_registry(document)
    if signed is not None and signed.document != document:
        _refuse("document", "document", "the signatures so far are over another document")
    signatures = dict(signed.signatures) if signed is not None else {}
    for keys in holders:
        signature = sign(keys, REGISTRY_PURPOSE, registry.alliance, document)
        signatures[keys.public().key_id] = signature
    return SignedRegistry(document, signatures)


def verify_registry(
    signed: SignedRegistry, *, trusted: Registry | None = None, anchor: str = ""
) -> Registry:
    """Check that ``signed`` follows from ``trusted`` (or is the first, named by ``anchor``).

    ``anchor`` is the hex digest of the first document, learnt by another way than this one.
    Raises BadRegistry (rules ``alliance``, ``number``, ``previous``, ``anchor``, ``issued``,
    ``place``, ``member``, ``removed``, ``revoked``, ``holders``) and BadSignature.
    """
    registry = read_registry(signed.document)
    if trusted is None:
        if registry.number != 1 or not anchor or registry.digest != anchor:
            _refuse("document", "anchor", "not the first document that this node was told to trust")
    else:
        _check_succession(trusted, registry)
        _check_quorum(signed, trusted, registry.alliance)
    _check_quorum(signed, registry, registry.alliance)
    return registry


def verify_registry_chain(chain: Sequence[SignedRegistry], *, anchor: str) -> Registry:
    """Check a chain from the first document on; return the last. Raises as verify_registry."""
    if not chain:
        _refuse("document", "number", "the chain is empty")
    registry = verify_registry(chain[0], anchor=anchor)
    for signed in chain[1:]:
        registry = verify_registry(signed, trusted=registry)
    return registry


def _check_succession(before: Registry, after: Registry) -> None:
    if after.alliance != before.alliance:
        _refuse("alliance", "alliance", f"is of alliance {after.alliance}")
    if after.number != before.number + 1:
        _refuse("number", "number", f"number {after.number} does not follow {before.number}")
    if after.previous != before.digest:
        _refuse("previous", "previous", "does not continue the document that is trusted")
    if after.issued < before.issued:
        _refuse("issued", "issued", "was issued before the document that it follows")
    for name, node in before.nodes.items():
        _check_kept(name, node, after.nodes.get(name))
    # `_check_registry` has made places unique and nobody leaves, so no place is used again.


def _check_kept(name: str, before: RegistryNode, after: RegistryNode | None) -> None:
    """A node stays listed for ever with its member and place; a revoked key stays revoked."""
    field = f"nodes/{name}"
    if after is None:
        _refuse(field, "removed", "nodes are revoked, never removed")
    if after.place != before.place:
        _refuse(field, "place", "a place never changes")
    if after.member != before.member:
        _refuse(field, "member", "a node never changes its member")
    if before.revoked_at is None:
        return
    kept = (
        after.keys.ed25519 == before.keys.ed25519 or after.keys.ml_dsa_65 == before.keys.ml_dsa_65
    )
    if kept and (after.revoked_at is None or after.revoked_at > before.revoked_at):
        _refuse(field, "revoked", "a revoked key never comes back")


def _check_quorum(signed: SignedRegistry, by: Registry, alliance: str) -> None:
    """Count the holders of ``by`` whose both signatures stand; a wrong signature is an error."""
    count = 0
    for name, keys in by.holders.items():
        signature = signed.signatures.get(keys.key_id)
        if signature is None:
            continue
        try:
            verify(keys, REGISTRY_PURPOSE, alliance, signed.document, signature)
        except BadSignature as cause:
            raise BadSignature(
                f"registry: holder {name}: {cause}", field=f"signatures/{name}", rule=cause.field
            ) from cause
        count += 1
    if count < by.threshold:
        _refuse(
            "signatures",
            "holders",
            f"{count} holders of document {by.number} signed, {by.threshold} must",
        )


def encode_registry(signed: SignedRegistry) -> str:
    """Write a signed document as JSON text for a file."""
    signatures = {
        key_id: {"ed25519": to_text(pair.ed25519), "ml_dsa_65": to_text(pair.ml_dsa_65)}
        for key_id, pair in signed.signatures.items()
    }
    raw = msgspec.json.encode(
        {"document": msgspec.Raw(signed.document), "signatures": signatures}, order="sorted"
    )
    return msgspec.json.format(raw, indent=1).decode() + "\n"


def decode_registry(text: str | bytes) -> SignedRegistry:
    """Read :func:`encode_registry`'s text; the signatures are not checked yet.

    Raises BadRegistry naming the place and the rule.
    """
    raw = text.encode() if isinstance(text, str) else text
    try:
        value = parse_json(raw)
        shape = take_shape(value, _SignedDocument, error=BadRegistry, field="registry")
        document = canonical_json(shape.document)
    except InvalidInput as cause:
        raise BadRegistry(f"registry: {cause}", field=cause.field, rule=cause.rule) from cause
    signatures = {key_id: _read_signature(key_id, p) for key_id, p in shape.signatures.items()}
    return SignedRegistry(document, signatures)


def _read_signature(key_id: str, pair: Mapping[str, str]) -> Signature:
    field = f"signatures/{key_id}"
    if set(pair) != {"ed25519", "ml_dsa_65"}:
        _refuse(field, "shape", "both signatures must stand here and nothing else")
    return Signature(
        to_bytes(pair["ed25519"], size=ED25519_SIZE, error=BadRegistry, field=field),
        to_bytes(pair["ml_dsa_65"], size=ML_DSA_65_SIZE, error=BadRegistry, field=field),
    )


def registry_age(registry: Registry, now: datetime) -> timedelta:
    """Return how long ago the document was issued: old ones raise an alarm, then stop sending."""
    return now - parse_timestamp(registry.issued, field="issued")


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise BadRegistry(f"registry: {field}: {why}", field=f"registry/{field}", rule=rule)
