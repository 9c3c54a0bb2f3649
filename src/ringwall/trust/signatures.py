"""Hybrid signatures over DSSE's pre-authentication encoding (DSSE v1, PAE).

Ed25519 takes no context of its own, so the context (purpose, protocol version, alliance) stands
in the payload type that both algorithms sign.

Verifying is a pure function, and the same few bytes are verified again and again (each statement
of an envelope shares one signature, each read of a statement shows its proof), so successes are
remembered by all of their inputs; failures never are.
"""

from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidSignature

from ringwall.core import BadSignature
from ringwall.trust.keys import SigningKeys, VerifyingKeys

PROTOCOL_VERSION = 1
ED25519_SIZE, ML_DSA_65_SIZE = 64, 3309


class Signature(msgspec.Struct, frozen=True):
    """Both signatures over the same bytes: Ed25519 (64 bytes), ML-DSA-65 (3309 bytes)."""

    ed25519: bytes
    ml_dsa_65: bytes


def payload_type(purpose: str, alliance: str) -> str:
    """Return the DSSE payload type, which is the context of a signature."""
    return f"application/vnd.ringwall.{purpose}.v{PROTOCOL_VERSION}+json; alliance={alliance}"


def encode_for_signing(purpose: str, alliance: str, payload: bytes) -> bytes:
    """Return DSSE's PAE: ``DSSEv1 <length> <type> <length> <payload>``, lengths in bytes."""
    kind = payload_type(purpose, alliance).encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(keys: SigningKeys, purpose: str, alliance: str, payload: bytes) -> Signature:
    """Sign ``payload`` with both algorithms for one purpose in one alliance."""
    message = encode_for_signing(purpose, alliance, payload)
    return Signature(keys.ed25519.sign(message), keys.ml_dsa_65.sign(message))


def verify(
    public: VerifyingKeys, purpose: str, alliance: str, payload: bytes, signature: Signature
) -> None:
    """Check both signatures. Raises BadSignature; ``field`` names the algorithm that failed."""
    _verify(public, purpose, alliance, payload, signature)


@lru_cache(maxsize=1024)  # an exception is not remembered; about 6 kB an entry
def _verify(
    public: VerifyingKeys, purpose: str, alliance: str, payload: bytes, signature: Signature
) -> None:
    message = encode_for_signing(purpose, alliance, payload)
    try:
        public.ed25519_key.verify(signature.ed25519, message)
    except InvalidSignature as cause:
        raise _refusal("ed25519", purpose) from cause
    verify_ml_dsa(public, purpose, alliance, payload, signature.ml_dsa_65)


def verify_ml_dsa(
    public: VerifyingKeys, purpose: str, alliance: str, payload: bytes, signature: bytes
) -> None:
    """Check the ML-DSA-65 half alone, for documents whose Ed25519 half has a form of its own."""
    message = encode_for_signing(purpose, alliance, payload)
    try:
        public.ml_dsa_65_key.verify(signature, message)
    except InvalidSignature as cause:
        raise _refusal("ml-dsa-65", purpose) from cause


def _refusal(algorithm: str, purpose: str) -> BadSignature:
    return BadSignature(
        f"the {algorithm} signature of this {purpose} is wrong", field=algorithm, rule="signature"
    )
