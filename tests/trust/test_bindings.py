"""Signatures of label bindings: who signed these bytes, and every way in which nobody did."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadSignature, canonical_json
from ringwall.trust import Signature, sign, verify
from ringwall.trust.bindings import BINDING_PURPOSE, sign_binding, verify_binding
from ringwall.trust.documents import to_bytes, to_text
from tests.trust.world import ALLIANCE, ISSUED, NODES, REGISTRY, make_registry

BINDING = b"<binding>of a label</binding>"
SIGNED = sign_binding(NODES["aaa-1"], ALLIANCE, "aaa-1", BINDING)


def changed(**changes: Any) -> bytes:
    return canonical_json(msgspec.json.decode(SIGNED) | changes)


def refused(binding: bytes, signature: bytes, **registry: Any) -> tuple[str, str]:
    return refusal(binding, signature, **registry)[:2]


def refusal(binding: bytes, signature: bytes, **registry: Any) -> tuple[str, str, str]:
    with pytest.raises(BadSignature) as caught:
        verify_binding(binding, signature, make_registry(**registry))
    return caught.value.field, caught.value.rule, str(caught.value)


def test_a_binding_names_the_node_that_signed_it() -> None:
    for node in ("aaa-1", "bbb-1"):
        signed = sign_binding(NODES[node], ALLIANCE, node, BINDING)
        assert verify_binding(BINDING, signed, REGISTRY) == node


def test_the_signature_document_holds_both_signatures_and_who_made_them() -> None:
    raw = sign_binding(NODES["aaa-1"], ALLIANCE, "aaa-1", BINDING)
    document = msgspec.json.decode(raw)
    assert raw == canonical_json(document)
    pair = Signature(
        to_bytes(document.pop("ed25519"), size=64, error=BadSignature, field="f"),
        to_bytes(document.pop("ml_dsa_65"), size=3309, error=BadSignature, field="f"),
    )
    verify(NODES["aaa-1"].public(), "label-binding", ALLIANCE, BINDING, pair)
    key = NODES["aaa-1"].public().key_id
    assert document == {"v": 1, "alliance": ALLIANCE, "node": "aaa-1", "key": key}


def test_other_bytes_were_not_signed() -> None:
    assert refused(BINDING + b" ", SIGNED) == ("ed25519", "signature")
    assert refused(b"", SIGNED) == ("ed25519", "signature")


@pytest.mark.parametrize("half", ["ed25519", "ml_dsa_65"])
def test_both_signatures_must_stand(half: str) -> None:
    other = msgspec.json.decode(sign_binding(NODES["aaa-1"], ALLIANCE, "aaa-1", b"other"))
    assert refused(BINDING, changed(**{half: other[half]})) == (
        half.replace("_", "-"),
        "signature",
    )


def test_a_signature_for_another_purpose_or_alliance_counts_for_nothing() -> None:
    for purpose, alliance in (("envelope", ALLIANCE), (BINDING_PURPOSE, "exercise")):
        pair = sign(NODES["aaa-1"], purpose, alliance, BINDING)
        forged = changed(ed25519=to_text(pair.ed25519), ml_dsa_65=to_text(pair.ml_dsa_65))
        assert refused(BINDING, forged) == ("ed25519", "signature")


FIELD = "binding/signature"


@pytest.mark.parametrize(
    ("signature", "field", "rule"),
    [
        (b"", FIELD, "canonical"),
        (b"[]", FIELD, "canonical"),
        (SIGNED + b"\n", FIELD, "canonical"),
        (b"x" * 16385, FIELD, "size"),
        (changed(more=1), FIELD, "shape"),
        (changed(v="1"), FIELD, "shape"),
        (changed(key="?"), FIELD, "shape"),
        (changed(v=2), f"{FIELD}/v", "version"),
        (changed(alliance="exercise"), f"{FIELD}/alliance", "alliance"),
        (changed(node="ddd-1"), f"{FIELD}/node", "unknown-node"),
        (changed(node="bbb-1"), f"{FIELD}/key", "key"),
        (changed(key="0" * 64), f"{FIELD}/key", "key"),
        (changed(ed25519="?"), f"{FIELD}/ed25519", "base64url"),
        (changed(ml_dsa_65="AAAA"), f"{FIELD}/ml_dsa_65", "length"),
    ],
)
def test_signature_documents_that_are_refused(signature: bytes, field: str, rule: str) -> None:
    assert refused(BINDING, signature) == (field, rule)


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (b"x" * 16385, f"{FIELD}: 16385 bytes, at most 16384 are taken"),
        (b"x" * 16384, f"{FIELD}: not canonical JSON"),
        (changed(v=2), f"{FIELD}/v: unknown document version 2"),
        (changed(alliance="exercise"), f"{FIELD}/alliance: made in exercise, not in {ALLIANCE}"),
        (changed(node="ddd-1"), f"{FIELD}/node: no node is called ddd-1"),
        (changed(node="bbb-1"), f"{FIELD}/key: this is not the key of bbb-1"),
        (changed(ml_dsa_65="AAAA"), f"{FIELD}/ml_dsa_65: 3 bytes instead of 3309"),
        (changed(ed25519="AAAA"), f"{FIELD}/ed25519: 3 bytes instead of 64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_says_what_is_wrong(signature: bytes, why: str) -> None:
    assert refusal(BINDING, signature)[2] == why


def registry_with(change: Callable[[Any], Any]) -> dict[str, Any]:
    return {"nodes": REGISTRY.nodes | {"aaa-1": change(REGISTRY.nodes["aaa-1"])}}


def test_a_revoked_key_signs_no_binding() -> None:
    revoked = registry_with(lambda node: msgspec.structs.replace(node, revoked_at=ISSUED))
    why = f"{FIELD}/node: the key of aaa-1 was revoked on {ISSUED}"
    assert refusal(BINDING, SIGNED, **revoked) == (f"{FIELD}/node", "revoked", why)


def test_a_key_that_was_replaced_verifies_nothing() -> None:
    replaced = registry_with(
        lambda node: msgspec.structs.replace(node, keys=NODES["ccc-1"].public())
    )
    assert refused(BINDING, SIGNED, **replaced) == (f"{FIELD}/key", "key")


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_damaged_signature_is_believed(place: int, flip: int) -> None:
    damaged = bytearray(SIGNED)
    damaged[place] ^= flip
    with pytest.raises(BadSignature):
        verify_binding(BINDING, bytes(damaged), REGISTRY)
