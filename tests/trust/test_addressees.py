"""To whom a batch was addressed is kept by its recipients, and is in no proof that is shown."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope
from ringwall.trust import (
    addressee_digest,
    addressee_list,
    decode_addressees,
    decode_proof,
    encode_proof,
    open_envelope,
    proof_document,
)
from ringwall.trust.documents import to_text
from tests.trust import world

SEALED = world.seal(*(world.item(sequence) for sequence in range(1, 6)))
OPENED = open_envelope(
    SEALED.data,
    me="bbb-1",
    keys=world.NODES["bbb-1"],
    alliance=world.ALLIANCE,
    registry=world.REGISTRY,
)
SHARED, OWN = OPENED.batch.encode()


def test_a_recipient_keeps_to_whom_each_statement_was_addressed() -> None:
    for sequence, own in enumerate(OWN, 1):
        nodes, salt = decode_addressees(SHARED, own)
        assert nodes == ("bbb-1", "ccc-1")
        assert salt == world.secret(f"addressee salt {sequence}")
        leaf = msgspec.json.decode(decode_proof(SHARED, own).leaf)
        assert leaf["addressees"] == to_text(addressee_digest(salt, addressee_list(nodes)))


def test_the_origin_itself_keeps_no_addressees() -> None:
    shared, own = SEALED.batch.encode()
    assert [decode_addressees(shared, each) for each in own] == [((), b"")] * 5
    assert b"bbb-1" not in shared + b"".join(own)


def test_what_a_recipient_keeps_proves_as_before() -> None:
    for kept, own in zip(SEALED.proofs, OWN, strict=True):
        assert decode_proof(SHARED, own) == kept
    assert OPENED.proofs == SEALED.proofs


def version_2(shared: bytes, own: bytes) -> tuple[bytes, bytes]:
    """Write what nodes kept before they kept addressees."""
    fields = msgspec.msgpack.decode(shared)[:6]
    return msgspec.msgpack.encode([2, *fields[1:]]), msgspec.msgpack.encode(
        msgspec.msgpack.decode(own)[:3]
    )


def test_what_was_kept_before_has_no_addressees_and_proves_all_the_same() -> None:
    for kept, own in zip(SEALED.proofs, OWN, strict=True):
        before = version_2(SHARED, own)
        assert decode_addressees(*before) == ((), b"")
        assert decode_proof(*before) == kept


def test_a_proof_that_stands_alone_has_no_addressees() -> None:
    assert decode_addressees(encode_proof(OPENED.proofs[0])) == ((), b"")
    assert decode_addressees(encode_proof(OPENED.proofs[0]), b"") == ((), b"")


@pytest.mark.parametrize(
    ("place", "value", "rule"),
    [
        (0, 1, "version"),
        (0, 4, "version"),
        (5, b"", "shape"),
        (6, "bbb-1", "shape"),
        (6, [1], "shape"),
        (6, [b"bbb-1"], "shape"),
    ],
)
def test_a_shared_part_that_says_something_else_is_refused(
    place: int, value: object, rule: str
) -> None:
    fields = msgspec.msgpack.decode(SHARED)
    fields[place] = value
    with pytest.raises(BadEnvelope) as refused:
        decode_addressees(msgspec.msgpack.encode(fields), OWN[0])
    assert refused.value.rule == rule


@pytest.mark.parametrize("changed", [b"\0", b"\x94", b"\x90", OWN[0] + b"\0", OWN[0][:-1]])
def test_an_own_part_that_says_something_else_is_refused(changed: bytes) -> None:
    with pytest.raises(BadEnvelope) as refused:
        decode_addressees(SHARED, changed)
    assert (refused.value.field, refused.value.rule) == ("proof", "shape")
    more = msgspec.msgpack.encode([*msgspec.msgpack.decode(OWN[0]), b"more"])
    with pytest.raises(BadEnvelope):
        decode_addressees(SHARED, more)


@given(st.binary(max_size=120), st.binary(min_size=1, max_size=80))
def test_hostile_bytes_are_refused_by_name(shared: bytes, own: bytes) -> None:
    for pair in ((shared, own), (SHARED, own), (shared, OWN[0])):
        with pytest.raises(BadEnvelope) as refused:
            decode_addressees(*pair)
        assert refused.value.rule in ("shape", "version")


def test_no_proof_that_is_shown_tells_the_addressees() -> None:
    for own in OWN:
        proof = decode_proof(SHARED, own)
        document: dict[str, Any] = proof_document(proof)
        assert set(document) == {
            *("v", "leaf", "salt", "path", "index", "size", "payload", "ed25519", "ml_dsa_65"),
            "key_id",
        }
        salt = decode_addressees(SHARED, own)[1]
        alone = encode_proof(proof)
        shown = proof.leaf.replace(b'"rel_to":["bbb","ccc"]', b"")
        for hidden in (b"bbb", b"ccc", salt, to_text(salt).encode()):
            assert hidden not in shown
            assert hidden not in alone.replace(proof.leaf, shown)
            assert hidden not in msgspec.json.encode(document | {"leaf": ""})
