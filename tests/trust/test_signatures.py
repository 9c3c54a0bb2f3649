"""Hybrid signatures: both algorithms, and a context that cannot be exchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadSignature
from ringwall.trust import NodeKeys, Signature, sign, verify
from ringwall.trust.signatures import encode_for_signing, verify_ml_dsa
from tests.trust import world

KEYS = world.NODES["aaa-1"]
PUBLIC = KEYS.public()
GOOD = sign(KEYS, "envelope", "alliance", b"payload")


def test_the_encoding_is_that_of_dsse() -> None:
    expected = b"DSSEv1 59 application/vnd.ringwall.envelope.v1+json; alliance=example 5 hello"
    assert encode_for_signing("envelope", "example", b"hello") == expected
    # Lengths are of bytes, not of characters.
    assert encode_for_signing("p", "ä", b"").startswith(b"DSSEv1 47 application")


def test_each_algorithm_signs_the_encoding() -> None:
    pair, message = sign(KEYS, "p", "ally", b"x"), encode_for_signing("p", "ally", b"x")
    PUBLIC.ed25519_key.verify(pair.ed25519, message)
    PUBLIC.ml_dsa_65_key.verify(pair.ml_dsa_65, message)
    assert (len(pair.ed25519), len(pair.ml_dsa_65)) == (64, 3309)


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
    assert (caught.value.field, caught.value.rule) == (algorithm, "signature")
    assert str(caught.value) == f"the {algorithm} signature of this envelope is wrong"


def test_the_second_half_is_checked_alone() -> None:
    pair = sign(KEYS, "note", "ally", b"x")
    verify_ml_dsa(PUBLIC, "note", "ally", b"x", pair.ml_dsa_65)
    why = r"\Athe ml-dsa-65 signature of this {} is wrong\Z"
    for purpose, alliance, payload, signature in (
        ("memo", "ally", b"x", pair.ml_dsa_65),
        ("note", "other", b"x", pair.ml_dsa_65),
        ("note", "ally", b"y", pair.ml_dsa_65),
        ("note", "ally", b"x", bytes(3309)),
    ):
        with pytest.raises(BadSignature, match=why.format(purpose)) as caught:
            verify_ml_dsa(PUBLIC, purpose, alliance, payload, signature)
        assert (caught.value.field, caught.value.rule) == ("ml-dsa-65", "signature")


def test_a_failure_is_never_remembered_and_a_success_hides_none() -> None:
    pair = sign(KEYS, "envelope", "alliance", b"again")
    wrong = Signature(pair.ed25519, bytes(3309))
    for _ in range(2):
        verify(PUBLIC, "envelope", "alliance", b"again", pair)
        with pytest.raises(BadSignature):
            verify(PUBLIC, "envelope", "alliance", b"again", wrong)


def test_another_key_does_not_verify() -> None:
    with pytest.raises(BadSignature):
        verify(NodeKeys.generate().public(), "envelope", "alliance", b"payload", GOOD)
