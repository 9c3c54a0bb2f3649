"""Audit leaves and checkpoints: C2SP's form, both signatures, the right log."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ringwall.core import BadSignature, IntegrityFailure, InvalidInput, PeerError, RingwallError
from ringwall.trust import (
    NodeKeys,
    SignedCheckpoint,
    audit_leaf,
    checkpoint_note,
    checkpoint_origin,
    sign_checkpoint,
    verify_checkpoint,
)
from tests.trust import world

KEYS = world.NODES["aaa-1"]
ROOT = hashlib.sha256(b"root").digest()
SIGNED = sign_checkpoint(KEYS, "example", "aaa-1", 17, ROOT)


def test_a_leaf_is_canonical_and_salted() -> None:
    entry = {"kind": "read", "reader": "analyst-1", "count": 3}
    first, second = audit_leaf(entry), audit_leaf(entry)
    assert first != second
    document = json.loads(first)
    assert len(document.pop("salt")) == 22
    assert document == entry
    assert first.startswith(b'{"count":3,"kind":"read","reader":"analyst-1","salt":"')


def test_the_salt_is_not_for_the_caller_to_choose() -> None:
    with pytest.raises(InvalidInput) as caught:
        audit_leaf({"salt": "mine"})
    assert caught.value.rule == "reserved"


def test_the_note_is_that_of_c2sp() -> None:
    """Read the note by hand, as its specification says."""
    text, _, line = SIGNED.note.partition("\n\n")
    assert text.split("\n") == [
        "ringwall/example/aaa-1",
        "17",
        base64.b64encode(ROOT).decode(),
    ]
    dash, name, encoded = line.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", "ringwall/example/aaa-1")
    raw, public = base64.b64decode(encoded), KEYS.public().ed25519
    assert raw[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode() + b"\n")


def test_a_checkpoint_says_what_was_signed() -> None:
    found = verify_checkpoint(SIGNED, KEYS.public(), "example", "aaa-1")
    assert (found.origin, found.size, found.root) == (
        checkpoint_origin("example", "aaa-1"),
        17,
        ROOT,
    )


@pytest.mark.parametrize(("alliance", "node"), [("exercise", "aaa-1"), ("example", "bbb-1")])
def test_a_checkpoint_of_another_log_is_refused(alliance: str, node: str) -> None:
    with pytest.raises(IntegrityFailure) as caught:
        verify_checkpoint(SIGNED, KEYS.public(), alliance, node)
    assert caught.value.rule == "origin"


def test_another_key_is_refused() -> None:
    with pytest.raises(BadSignature):
        verify_checkpoint(SIGNED, NodeKeys.generate().public(), "example", "aaa-1")


def test_every_character_of_a_note_counts() -> None:
    for at, character in enumerate(SIGNED.note):
        other = "A" if character != "A" else "B"
        changed = SignedCheckpoint(
            SIGNED.note[:at] + other + SIGNED.note[at + 1 :], SIGNED.ml_dsa_65
        )
        with pytest.raises(RingwallError):
            verify_checkpoint(changed, KEYS.public(), "example", "aaa-1")


def test_the_second_signature_is_required() -> None:
    for signature in (bytes(3309), b"", SIGNED.ml_dsa_65[:-1]):
        with pytest.raises(PeerError) as caught:
            verify_checkpoint(
                SignedCheckpoint(SIGNED.note, signature), KEYS.public(), "example", "aaa-1"
            )
        assert caught.value.field == "ml-dsa-65"


@pytest.mark.parametrize(
    "note", ["", "\n\n\n", SIGNED.note.rstrip("\n"), SIGNED.note + "\n", SIGNED.note * 2]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(IntegrityFailure):
        verify_checkpoint(
            SignedCheckpoint(note, SIGNED.ml_dsa_65), KEYS.public(), "example", "aaa-1"
        )


def test_the_text_of_a_note() -> None:
    assert checkpoint_note("o", 0, bytes(32)) == f"o\n0\n{'A' * 43}=\n"
