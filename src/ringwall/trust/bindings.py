"""Signatures of label bindings: a JSON document beside the XML, over its exact bytes.

A node signs with both algorithms under the purpose ``label-binding``, so no other signature of
it passes for one of a binding. A binding states no time that could be believed, so a key that was
revoked verifies none, whenever it may have signed (docs/decisions/0024-label-bindings.md).
"""

from typing import NoReturn

import msgspec

from ringwall.core import BadSignature, canonical_json
from ringwall.trust.documents import HexDigest, Name, read_canonical, take_shape, to_bytes, to_text
from ringwall.trust.keys import NodeKeys
from ringwall.trust.registry import Registry
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature, sign, verify

BINDING_PURPOSE = "label-binding"
_FIELD = "binding/signature"
_LONGEST = 16 * 1024


class _SignatureDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    alliance: Name
    node: Name
    key: HexDigest
    ed25519: str
    ml_dsa_65: str


def sign_binding(keys: NodeKeys, alliance: str, node: str, binding: bytes) -> bytes:
    """Sign the bytes of a binding as ``node``; return the signature document, canonical JSON."""
    signature = sign(keys, BINDING_PURPOSE, alliance, binding)
    return canonical_json(
        {
            "v": 1,
            "alliance": alliance,
            "node": node,
            "key": keys.public().key_id,
            "ed25519": to_text(signature.ed25519),
            "ml_dsa_65": to_text(signature.ml_dsa_65),
        }
    )


def verify_binding(binding: bytes, signature: bytes, registry: Registry) -> str:
    """Check the signature document of a binding and return the node that signed it.

    Whether that node may speak for the data is the caller's to ask. Raises BadSignature (field
    ``binding/signature`` and its parts; rules ``size``, ``canonical``, ``shape``, ``base64url``,
    ``length``, ``version``, ``alliance``, ``unknown-node``, ``revoked``, ``key``, ``signature``).
    """
    stated = _read(signature)
    if stated.v != 1:
        _refuse("v", "version", f"unknown document version {stated.v}")
    if stated.alliance != registry.alliance:
        _refuse("alliance", "alliance", f"made in {stated.alliance}, not in {registry.alliance}")
    node = registry.nodes.get(stated.node)
    if node is None:
        _refuse("node", "unknown-node", f"no node is called {stated.node}")
    if node.revoked_at is not None:
        _refuse("node", "revoked", f"the key of {stated.node} was revoked on {node.revoked_at}")
    if node.keys.key_id != stated.key:
        _refuse("key", "key", f"this is not the key of {stated.node}")
    pair = Signature(
        _bytes(stated.ed25519, ED25519_SIZE, "ed25519"),
        _bytes(stated.ml_dsa_65, ML_DSA_65_SIZE, "ml_dsa_65"),
    )
    verify(node.keys, BINDING_PURPOSE, registry.alliance, binding, pair)
    return stated.node


def _read(signature: bytes) -> _SignatureDocument:
    if len(signature) > _LONGEST:
        _refuse("", "size", f"{len(signature)} bytes, at most {_LONGEST} are taken")
    document = read_canonical(signature, error=BadSignature, field=_FIELD)
    return take_shape(document, _SignatureDocument, error=BadSignature, field=_FIELD)


def _bytes(text: str, size: int, name: str) -> bytes:
    return to_bytes(text, size=size, error=BadSignature, field=f"{_FIELD}/{name}")


def _refuse(name: str, rule: str, why: str) -> NoReturn:
    field = f"{_FIELD}/{name}" if name else _FIELD
    raise BadSignature(f"{field}: {why}", field=field, rule=rule)
