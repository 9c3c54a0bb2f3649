"""Sealing: AES-256-GCM under a fresh key, wrapped to each recipient by HPKE (RFC 9180, base mode).

The suite is KEM MLKEM768-X25519 (X-Wing, 0x647a), HKDF-SHA256, AES-256-GCM. A wrap is 1,120 bytes
of encapsulation and then the sealed plaintext; it carries the envelope's key and this
recipient's own position in its lane.
"""

import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from ringwall.core import BadEnvelope, canonical_json
from ringwall.trust.documents import Positive, read_canonical, take_shape, to_bytes, to_text
from ringwall.trust.keys import NodeKeys, PublicKeys

KEY_SIZE = 32
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
# A nonce must not repeat under one key; every key here encrypts exactly one body, once, so a
# constant nonce never repeats and there is no counter to keep or to lose.
_NONCE = bytes(12)


class WrappedKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The plaintext of a wrap (canonical JSON): key as base64url, position from 1."""

    key: str
    position: Positive


def new_key() -> bytes:
    """Return a fresh AES-256 key for one envelope."""
    return secrets.token_bytes(KEY_SIZE)


def encrypt_body(key: bytes, body: bytes, *, alliance: str, envelope: str) -> bytes:
    """Encrypt a body; the result is 16 bytes longer."""
    return AESGCM(key).encrypt(_NONCE, body, _associated_data(alliance, envelope))


def decrypt_body(key: bytes, ciphertext: bytes, *, alliance: str, envelope: str) -> bytes:
    """Decrypt a body. Raises BadEnvelope (field ``ciphertext``, rule ``decrypt``)."""
    try:
        return AESGCM(key).decrypt(_NONCE, ciphertext, _associated_data(alliance, envelope))
    except InvalidTag as cause:
        raise BadEnvelope(
            "the body does not open with its key", field="ciphertext", rule="decrypt"
        ) from cause


def wrap_key(
    key: bytes, position: int, public: PublicKeys, *, alliance: str, envelope: str, recipient: str
) -> bytes:
    """Wrap an envelope's key and the recipient's position to one node."""
    plaintext = canonical_json({"key": to_text(key), "position": position})
    return _SUITE.encrypt(plaintext, public.hpke_key, _info(alliance, envelope, recipient))


def unwrap_key(
    wrap: bytes, keys: NodeKeys, *, alliance: str, envelope: str, recipient: str
) -> tuple[bytes, int]:
    """Return (key, position). Raises BadEnvelope (field ``wrap``; ``decrypt``, ``shape``, …)."""
    try:
        plaintext = _SUITE.decrypt(wrap, keys.hpke, _info(alliance, envelope, recipient))
    except (InvalidTag, ValueError) as cause:
        raise BadEnvelope("my wrap does not open", field="wrap", rule="decrypt") from cause
    document = read_canonical(plaintext, error=BadEnvelope, field="wrap")
    wrapped = take_shape(document, WrappedKey, error=BadEnvelope, field="wrap")
    key = to_bytes(wrapped.key, size=KEY_SIZE, error=BadEnvelope, field="wrap/key")
    return key, wrapped.position


def _info(alliance: str, envelope: str, recipient: str) -> bytes:
    return canonical_json({"alliance": alliance, "envelope": envelope, "recipient": recipient})


def _associated_data(alliance: str, envelope: str) -> bytes:
    return canonical_json({"alliance": alliance, "envelope": envelope})
