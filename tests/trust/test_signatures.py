"""Hybrid signatures: both algorithms, and a context that cannot be exchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadSignature
from ringwall.trust import NodeKeys, Signature, sign, verify
from ringwall.trust.signatures import encode_for_signing
from tests.trust import world

KEYS = world.NODES["aaa-1"]
PUBLIC = KEYS.public()
GOOD = sign(KEYS, "envelope", "alliance", b"payload")


def test_the_encoding_is_that_of_dsse() -> None:
    expected = b"DSSEv1 59 application/vnd.ringwall.envelope.v1+json; alliance=example 5 hello"
    assert encode_for_signing("envelope", "example", b"hello") == expected


@given(st.binary(max_size=300))
def test_what_is_signed_verifies(payload: bytes) -> None:
    verify(PUBLIC, "envelope", "alliance", payload, sign(KEYS, "envelope", "alliance", payload))


@pytest.mark.parametrize(
    ("purpose", "alliance", "payload"),
    [
        ("registry", "alliance", b"payload"),
        ("envelope", "exercise", b"payload"),
        ("envelope", "alliance", b"payloae"),
        ("envelope", "alliance", b"payload "),
        ("envelope", "alliance 7 payload", b""),
    ],
)
def test_a_signature_counts_in_its_context_only(
    purpose: str, alliance: str, payload: bytes
) -> None:
    with pytest.raises(BadSignature):
        verify(PUBLIC, purpose, alliance, payload, GOOD)


@pytest.mark.parametrize(
    ("signature", "algorithm"),
    [
        (Signature(bytes(64), GOOD.ml_dsa_65), "ed25519"),
        (Signature(b"", GOOD.ml_dsa_65), "ed25519"),
        (Signature(GOOD.ed25519, bytes(3309)), "ml-dsa-65"),
        (Signature(GOOD.ed25519, b""), "ml-dsa-65"),
        (Signature(GOOD.ed25519, GOOD.ml_dsa_65 + b"\0"), "ml-dsa-65"),
    ],
)
def test_both_algorithms_are_required(signature: Signature, algorithm: str) -> None:
    with pytest.raises(BadSignature) as caught:
        verify(PUBLIC, "envelope", "alliance", b"payload", signature)
    assert caught.value.field == algorithm
    assert algorithm in str(caught.value)


def test_another_key_does_not_verify() -> None:
    with pytest.raises(BadSignature):
        verify(NodeKeys.generate().public(), "envelope", "alliance", b"payload", GOOD)
