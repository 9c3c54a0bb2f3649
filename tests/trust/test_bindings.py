"""Signatures of label bindings: who signed these bytes, and every way in which nobody did."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadSignature, canonical_json
from ringwall.trust import sign
from ringwall.trust.bindings import BINDING_PURPOSE, sign_binding, verify_binding
from ringwall.trust.documents import to_text
from tests.trust.world import ALLIANCE, ISSUED, NODES, REGISTRY, make_registry

BINDING = b"<binding>of a label</binding>"
SIGNED = sign_binding(NODES["aaa-1"], ALLIANCE, "aaa-1", BINDING)


def changed(**changes: Any) -> bytes:
    return canonical_json(msgspec.json.decode(SIGNED) | changes)


def refused(binding: bytes, signature: bytes, **registry: Any) -> tuple[str, str]:
    with pytest.raises(BadSignature) as caught:
        verify_binding(binding, signature, make_registry(**registry))
    return caught.value.field, caught.value.rule


def test_a_binding_names_the_node_that_signed_it() -> None:
    assert verify_binding(BINDING, SIGNED, REGISTRY) == "aaa-1"


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


def registry_with(change: Callable[[Any], Any]) -> dict[str, Any]:
    return {"nodes": REGISTRY.nodes | {"aaa-1": change(REGISTRY.nodes["aaa-1"])}}


def test_a_revoked_key_signs_no_binding() -> None:
    revoked = registry_with(lambda node: msgspec.structs.replace(node, revoked_at=ISSUED))
    assert refused(BINDING, SIGNED, **revoked) == (f"{FIELD}/node", "revoked")


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
