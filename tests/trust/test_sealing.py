"""Sealing by hand: what is encrypted to whom, and that nothing opens in another context."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ringwall.core import BadEnvelope
from ringwall.trust.documents import to_text
from ringwall.trust.sealing import decrypt_body, encrypt_body, new_key, unwrap_key, wrap_key
from tests.trust import world

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
KEYS = world.NODES["bbb-1"]
KEY = world.secret("envelope key")
IN = {"alliance": "ally", "envelope": "id"}
TO_ME = {**IN, "recipient": "bbb-1"}
INFO = b'{"alliance":"ally","envelope":"id","recipient":"bbb-1"}'


def refused(caught: pytest.ExceptionInfo[BadEnvelope]) -> tuple[str, str]:
    return caught.value.field, caught.value.rule


def test_keys_are_fresh() -> None:
    keys = {new_key() for _ in range(20)}
    assert len(keys) == 20
    assert {len(key) for key in keys} == {32}


def test_a_body_is_encrypted_as_the_protocol_says() -> None:
    associated = b'{"alliance":"ally","envelope":"id"}'
    sealed = encrypt_body(KEY, b"body", **IN)
    assert sealed == AESGCM(KEY).encrypt(bytes(12), b"body", associated)
    assert len(sealed) == len(b"body") + 16
    assert decrypt_body(KEY, sealed, **IN) == b"body"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": world.secret("another key")},
        {"alliance": "other"},
        {"envelope": "other"},
        {"ciphertext": encrypt_body(KEY, b"body", **IN)[:-1] + b"\0"},
        {"ciphertext": encrypt_body(KEY, b"body", **IN)[:19]},
        {"ciphertext": b""},
    ],
)
def test_a_body_opens_with_its_key_in_its_envelope_only(changes: dict[str, str]) -> None:
    arguments = {"key": KEY, "ciphertext": encrypt_body(KEY, b"body", **IN), **IN, **changes}
    with pytest.raises(BadEnvelope, match=r"\Athe body does not open with its key\Z") as caught:
        decrypt_body(**arguments)
    assert refused(caught) == ("ciphertext", "decrypt")


def test_a_wrap_is_sealed_as_the_protocol_says() -> None:
    plaintext = b'{"key":"%b","position":7}' % to_text(KEY).encode()
    wrap = wrap_key(KEY, 7, KEYS.public(), **TO_ME)
    assert SUITE.decrypt(wrap, KEYS.hpke, INFO) == plaintext
    assert len(wrap) == 1088 + 32 + len(plaintext) + 16
    assert unwrap_key(wrap, KEYS, **TO_ME) == (KEY, 7)
    by_hand = SUITE.encrypt(plaintext, KEYS.public().hpke_key, INFO)
    assert unwrap_key(by_hand, KEYS, **TO_ME) == (KEY, 7)
    assert by_hand != wrap


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": world.NODES["ccc-1"]},
        {"alliance": "other"},
        {"envelope": "other"},
        {"recipient": "ccc-1"},
        {"wrap": b""},
        {"wrap": bytes(1120)},
        {"wrap": bytes(1200)},
    ],
)
def test_a_wrap_opens_for_its_recipient_in_its_envelope_only(changes: dict[str, object]) -> None:
    wrap = wrap_key(KEY, 7, KEYS.public(), **TO_ME)
    with pytest.raises(BadEnvelope, match=r"\Amy wrap does not open\Z") as caught:
        unwrap_key(**{"wrap": wrap, "keys": KEYS, **TO_ME, **changes})
    assert refused(caught) == ("wrap", "decrypt")


@pytest.mark.parametrize(
    ("plaintext", "field", "rule"),
    [
        (b'{"key":"%b", "position":7}', "wrap", "canonical"),
        (b'{"key":"%b","position":0}', "wrap", "shape"),
        (b'{"key":"%b","position":"7"}', "wrap", "shape"),
        (b'{"key":"%b"}', "wrap", "shape"),
        (b'{"key":"%b","more":1,"position":7}', "wrap", "shape"),
        (b'{"key":"%bAA","position":7}', "wrap/key", "length"),
        (b'{"key":"%b*","position":7}', "wrap/key", "base64url"),
    ],
)
def test_what_a_wrap_holds_is_read_strictly(plaintext: bytes, field: str, rule: str) -> None:
    # 33 bytes are written without spare bits, so that two more characters are base64url as well.
    key = to_text(KEY + b"\0") if b"AA" in plaintext else to_text(KEY)
    wrap = SUITE.encrypt(plaintext % key.encode(), KEYS.public().hpke_key, INFO)
    with pytest.raises(BadEnvelope) as caught:
        unwrap_key(wrap, KEYS, **TO_ME)
    assert refused(caught) == (field, rule)
    assert str(caught.value).startswith(f"{field}: ")
