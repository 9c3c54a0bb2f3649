"""Audit log leaves and signed checkpoints (C2SP tlog-checkpoint, signed-note).

The Ed25519 signature is the note's own, as C2SP defines it; the ML-DSA-65 signature is over the
same note text and is kept beside it. Both are required.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature

from ringwall.core import BadSignature, IntegrityFailure, InvalidInput, canonical_json
from ringwall.trust.documents import to_text
from ringwall.trust.keys import SigningKeys, VerifyingKeys
from ringwall.trust.signatures import encode_for_signing, verify_ml_dsa

CHECKPOINT_PURPOSE = "checkpoint"
_NOTE_ED25519 = b"\x01"
_NOTE = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n")
_SIGNED_NOTE = re.compile(r"((?:[^\n]+\n){3})\n— ([^ \n+]+) ([A-Za-z0-9+/]+={0,2})\n")


def audit_leaf(entry: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of an audit entry, with a fresh 16-byte ``salt`` in it.

    With the salt the leaf hash, which stays after an erasure and is shown to others in proofs,
    does not let the entry be guessed. Its hash in the log is ``leaf_hash(leaf)``. Raises
    InvalidInput (rules ``reserved``, ``canonical``).
    """
    if "salt" in entry:
        raise InvalidInput("audit: `salt` is ours to set", field="salt", rule="reserved")
    return canonical_json({**entry, "salt": to_text(secrets.token_bytes(16))})


class Checkpoint(msgspec.Struct, frozen=True):
    """A log at one moment: how many leaves, and the 32-byte root over them."""

    origin: str
    size: int
    root: bytes


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A C2SP signed note (Ed25519) and the ML-DSA-65 signature over the same note text."""

    note: str
    ml_dsa_65: bytes


def checkpoint_origin(alliance: str, node: str) -> str:
    """Return the name of a node's log: the note's first line and the name of its key."""
    return f"ringwall/{alliance}/{node}"


def checkpoint_note(origin: str, size: int, root: bytes) -> str:
    """Return the unsigned note text of C2SP tlog-checkpoint: three lines."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def sign_checkpoint(
    keys: SigningKeys, alliance: str, node: str, size: int, root: bytes
) -> SignedCheckpoint:
    """Sign the state of ``node``'s log with both algorithms."""
    origin = checkpoint_origin(alliance, node)
    text = checkpoint_note(origin, size, root)
    public = keys.verifying.ed25519
    line = base64.b64encode(_note_key_id(origin, public) + keys.ed25519.sign(text.encode()))
    message = encode_for_signing(CHECKPOINT_PURPOSE, alliance, text.encode())
    return SignedCheckpoint(f"{text}\n— {origin} {line.decode()}\n", keys.ml_dsa_65.sign(message))


def verify_checkpoint(
    signed: SignedCheckpoint, public: VerifyingKeys, alliance: str, node: str
) -> Checkpoint:
    """Check both signatures of a checkpoint of ``node``'s log; return what it says.

    Raises IntegrityFailure (rules ``note``, ``origin``) and BadSignature naming the algorithm.
    """
    outer = _SIGNED_NOTE.fullmatch(signed.note)
    inner = _NOTE.fullmatch(outer[1]) if outer else None
    if outer is None or inner is None:
        _refuse("note", "not a signed checkpoint")
    origin = checkpoint_origin(alliance, node)
    if inner[1] != origin or outer[2] != origin:
        _refuse("origin", f"is of the log {inner[1]}, not {origin}")
    text = outer[1].encode()
    _verify_note(public, origin, text, outer[3])
    verify_ml_dsa(public, CHECKPOINT_PURPOSE, alliance, text, signed.ml_dsa_65)
    return Checkpoint(origin, int(inner[2]), base64.b64decode(inner[3]))


def _verify_note(public: VerifyingKeys, name: str, text: bytes, line: str) -> None:
    """Check the note's Ed25519 signature line: base64 of 4-byte key id and signature."""
    try:
        raw = base64.b64decode(line, validate=True)
        if raw[:4] != _note_key_id(name, public.ed25519):
            raise InvalidSignature
        public.ed25519_key.verify(raw[4:], text)
    except (binascii.Error, InvalidSignature) as cause:
        raise BadSignature(
            "the ed25519 signature of this checkpoint is wrong", field="ed25519", rule="signature"
        ) from cause


def _note_key_id(name: str, public: bytes) -> bytes:
    """SHA-256(name ‖ LF ‖ 0x01 ‖ key), first four bytes (C2SP signed-note)."""
    return hashlib.sha256(name.encode() + b"\n" + _NOTE_ED25519 + public).digest()[:4]


def _refuse(rule: str, why: str) -> NoReturn:
    raise IntegrityFailure(f"checkpoint: {why}", field="checkpoint", rule=rule)
