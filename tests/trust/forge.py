"""Makes envelopes that are right in everything but one thing: a dishonest, able sender."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from ringwall.core import canonical_json
from ringwall.trust import Item, Signature, leaf_documents, leaf_hash, merkle_root, sign
from ringwall.trust.documents import to_text
from ringwall.trust.envelope import pack_items
from ringwall.trust.sealing import _SUITE, _info, encrypt_body
from ringwall.trust.wire import join_frame
from tests.trust import world

Change = Callable[[dict[str, Any]], object]


def unchanged(document: dict[str, Any]) -> None:
    """Leave a document as it is."""


def forge(
    *items: Item,
    header: Change = unchanged,
    payload: Change = unchanged,
    wrapped: Change = unchanged,
    body: bytes | None = None,
    version: int = 1,
    leaves: Sequence[bytes] | None = None,
    signature: Callable[[Signature], Signature] = lambda signature: signature,
    raw_header: Callable[[bytes], bytes] = lambda raw: raw,
    associated: str = "",
    purpose: str = "envelope",
) -> bytes:
    """Make an envelope from aaa-1 to bbb-1 and ccc-1; each argument changes one part of it."""
    items = items or (world.item(),)
    identity, key = secrets.token_urlsafe(16), secrets.token_bytes(32)
    if body is None:
        version, body = pack_items(items)
    ciphertext = encrypt_body(key, body, alliance=associated or world.ALLIANCE, envelope=identity)
    document: dict[str, Any] = {
        "v": version,
        "id": identity,
        "alliance": world.ALLIANCE,
        "origin": "aaa-1",
        "lane": "PRIORITY",
        "kind": "statement",
        "registry": 1,
        "sent": world.SENT,
        "recipients": [
            {"node": node, "wrap": to_text(_wrap(key, identity, node, wrapped))}
            for node in ("bbb-1", "ccc-1")
        ],
        "ciphertext": to_text(hashlib.sha256(ciphertext).digest()),
    }
    header(document)
    raw = raw_header(canonical_json(document))
    nodes = tuple(entry["node"] for entry in document["recipients"])
    if leaves is None:
        leaves = leaf_documents(items, nodes)
    hashes = [leaf_hash(leaf, item.leaf_salt) for item, leaf in zip(items, leaves, strict=True)]
    signed: dict[str, Any] = {
        "v": 1,
        "alliance": world.ALLIANCE,
        "origin": "aaa-1",
        "batch_root": to_text(merkle_root(hashes)),
        "batch_size": len(items),
        "header_digest": to_text(hashlib.sha256(raw).digest()),
    }
    payload(signed)
    raw_payload = canonical_json(signed)
    pair = sign(world.NODES["aaa-1"], purpose, world.ALLIANCE, raw_payload)
    return join_frame(raw, raw_payload, signature(pair), ciphertext)


def _wrap(key: bytes, envelope: str, node: str, change: Change) -> bytes:
    plaintext: dict[str, Any] = {"key": to_text(key), "position": 7}
    change(plaintext)
    public = world.NODES[node].public().hpke_key
    return _SUITE.encrypt(canonical_json(plaintext), public, _info(world.ALLIANCE, envelope, node))
