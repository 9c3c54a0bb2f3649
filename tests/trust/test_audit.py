"""Audit leaves and checkpoints: C2SP's form, both signatures, the right log."""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from ringwall.core import BadSignature, IntegrityFailure, InvalidInput, RingwallError
from ringwall.trust import (
    NodeKeys,
    SignedCheckpoint,
    audit_leaf,
    checkpoint_note,
    checkpoint_origin,
    sign_checkpoint,
    verify_checkpoint,
)
from ringwall.trust.signatures import encode_for_signing
from tests.trust import world

KEYS = world.NODES["aaa-1"]
ROOT = hashlib.sha256(b"root").digest()
SIGNED = sign_checkpoint(KEYS, "example", "aaa-1", 17, ROOT)


def refusal(
    signed: SignedCheckpoint,
    *,
    key: NodeKeys = KEYS,
    alliance: str = "example",
    node: str = "aaa-1",
) -> tuple[type[RingwallError], str, str, str]:
    with pytest.raises(RingwallError) as caught:
        verify_checkpoint(signed, key.public(), alliance, node)
    error = caught.value
    return type(error), error.field, error.rule, str(error)


WRONG_NOTE = (
    BadSignature,
    "ed25519",
    "signature",
    "the ed25519 signature of this checkpoint is wrong",
)


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
    assert (caught.value.field, caught.value.rule) == ("salt", "reserved")
    assert str(caught.value) == "audit: `salt` is ours to set"


def test_the_note_is_that_of_c2sp() -> None:
    """Read the note by hand, as its specification says."""
    signed = sign_checkpoint(KEYS, "example", "aaa-1", 17, ROOT)
    text, _, line = signed.note.partition("\n\n")
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
    message = encode_for_signing("checkpoint", "example", text.encode() + b"\n")
    MLDSA65PublicKey.from_public_bytes(KEYS.public().ml_dsa_65).verify(signed.ml_dsa_65, message)


def test_a_checkpoint_says_what_was_signed() -> None:
    signed = sign_checkpoint(KEYS, "example", "aaa-1", 17, ROOT)
    found = verify_checkpoint(signed, KEYS.public(), "example", "aaa-1")
    assert (found.origin, found.size, found.root) == (
        checkpoint_origin("example", "aaa-1"),
        17,
        ROOT,
    )


@pytest.mark.parametrize(("alliance", "node"), [("exercise", "aaa-1"), ("example", "bbb-1")])
def test_a_checkpoint_of_another_log_is_refused(alliance: str, node: str) -> None:
    why = f"checkpoint: is of the log ringwall/example/aaa-1, not ringwall/{alliance}/{node}"
    found = refusal(SIGNED, alliance=alliance, node=node)
    assert found == (IntegrityFailure, "checkpoint", "origin", why)


def test_text_and_signature_line_name_the_same_log() -> None:
    for part in ("ringwall/example/aaa-1\n", "\u2014 ringwall/example/aaa-1"):
        note = SIGNED.note.replace(part, part.replace("aaa", "bbb"))
        assert refusal(SignedCheckpoint(note, SIGNED.ml_dsa_65))[2] == "origin"


def test_another_key_is_refused() -> None:
    assert refusal(SIGNED, key=NodeKeys.generate()) == WRONG_NOTE


def test_the_signature_of_another_note_is_refused() -> None:
    other = sign_checkpoint(KEYS, "example", "aaa-1", 18, ROOT)
    mixed = SIGNED.note.partition("\n\n")[0] + "\n\n" + other.note.partition("\n\n")[2]
    assert refusal(SignedCheckpoint(mixed, SIGNED.ml_dsa_65)) == WRONG_NOTE


@pytest.mark.parametrize("more", ["A", "AAAA=", "=", "==", "AAAA"])
def test_a_signature_line_has_one_way_to_be_written(more: str) -> None:
    note = SIGNED.note.rstrip("\n") + more + "\n"
    assert refusal(SignedCheckpoint(note, SIGNED.ml_dsa_65))[0] in (BadSignature, IntegrityFailure)


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
        found = refusal(SignedCheckpoint(SIGNED.note, signature))
        assert found[:3] == (BadSignature, "ml-dsa-65", "signature")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n\n",
        SIGNED.note.rstrip("\n"),
        SIGNED.note + "\n",
        SIGNED.note * 2,
        SIGNED.note.replace("\n17\n", "\n017\n"),
        SIGNED.note.replace("\n17\n", "\n-17\n"),
        SIGNED.note.replace("\n17\n", "\n\n"),
        SIGNED.note.replace("\n17\n", "\n" + "1" * 17 + "\n"),
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    found = refusal(SignedCheckpoint(note, SIGNED.ml_dsa_65))
    assert found == (IntegrityFailure, "checkpoint", "note", "checkpoint: not a signed checkpoint")


def test_the_text_of_a_note() -> None:
    assert checkpoint_note("o", 0, bytes(32)) == f"o\n0\n{'A' * 43}=\n"
