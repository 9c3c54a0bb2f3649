"""A proof stands alone: leaf, path and signature, wherever the statement has been since."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, BadSignature, InvalidInput, PeerError
from ringwall.trust import (
    Item,
    Proof,
    Signature,
    decode_proof,
    encode_proof,
    leaf_documents,
    proof_document,
    receipt_item,
    verify_proof,
)
from tests.trust import world
from tests.trust.world import BODY, SEED, item, seal

SEALED = seal(*(item(sequence) for sequence in range(1, 8)))
PUBLIC = world.NODES["aaa-1"].public()


def check(proof: Proof, body: bytes = BODY, alliance: str = world.ALLIANCE) -> dict[str, Any]:
    return verify_proof(proof, body, SEED, PUBLIC, alliance)


def test_every_statement_of_a_batch_is_proven_by_itself() -> None:
    for sequence, proof in enumerate(SEALED.proofs, 1):
        leaf = check(proof)
        assert leaf["sequence"] == sequence
        assert leaf["origin"] == "aaa-1"
        assert leaf["label"] == world.LABEL
        assert leaf["purpose"] == "collective-defence"


def test_a_proof_does_not_tell_the_audience() -> None:
    proof = SEALED.proofs[0]
    shown = proof.leaf.replace(b'"rel_to":["bbb","ccc"]', b"") + proof.payload
    assert b"bbb" not in shown
    assert b"ccc" not in shown


def test_a_proof_comes_back_from_storage() -> None:
    for proof in SEALED.proofs:
        assert decode_proof(encode_proof(proof)) == proof


STORED = encode_proof(SEALED.proofs[3])


@given(st.integers(0, len(STORED) - 1), st.integers(0, 7))
def test_a_stored_proof_with_a_flipped_bit_is_refused(at: int, bit: int) -> None:
    raw = bytearray(STORED)
    raw[at] ^= 1 << bit
    with pytest.raises(PeerError):
        check(decode_proof(bytes(raw)))


def replace(**changes: Any) -> Callable[[Proof], Proof]:
    return lambda proof: msgspec.structs.replace(proof, **changes)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (replace(index=4), "proof/path"),
        (replace(size=8), "proof/size"),
        (replace(path=()), "proof/path"),
        (replace(salt=bytes(32)), "proof/path"),
        (replace(salt=b""), "proof/salt"),
        (replace(key_id="0" * 64), "proof/key_id"),
        (replace(leaf=b"{}"), "proof/kind"),
        (replace(leaf=SEALED.proofs[4].leaf), "proof/path"),
        (replace(leaf=b"no json"), "proof/leaf"),
        (replace(payload=b"{}"), "payload"),
        (replace(payload=seal(*(item(n) for n in range(9, 16))).proofs[0].payload), "proof/path"),
        (replace(signature=Signature(b"", bytes(3309))), "proof/ed25519"),
        (replace(signature=Signature(bytes(64), b"")), "proof/ml_dsa_65"),
    ],
)
def test_a_proof_of_something_else_is_refused(change: Callable[[Proof], Proof], field: str) -> None:
    with pytest.raises(BadEnvelope) as caught:
        check(change(SEALED.proofs[3]))
    assert caught.value.field == field


def test_another_object_label_or_alliance_is_not_proven() -> None:
    proof = SEALED.proofs[3]
    with pytest.raises(BadEnvelope) as caught:
        check(proof, BODY.replace(b"85", b"99"))
    assert caught.value.field == "proof/object"
    with pytest.raises(BadEnvelope) as caught:
        check(proof, alliance="exercise")
    assert caught.value.field == "proof/alliance"
    relabelled = leaf_documents([item(4, label={"tlp": "CLEAR"})], ("bbb-1", "ccc-1"))[0]
    with pytest.raises(BadEnvelope) as caught:
        check(msgspec.structs.replace(proof, leaf=relabelled))
    assert caught.value.field == "proof/path"


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-65"])
def test_both_signatures_are_checked(algorithm: str) -> None:
    good = SEALED.proofs[3].signature
    bad = (
        Signature(bytes(64), good.ml_dsa_65)
        if algorithm == "ed25519"
        else Signature(good.ed25519, bytes(3309))
    )
    with pytest.raises(BadSignature) as caught:
        check(msgspec.structs.replace(SEALED.proofs[3], signature=bad))
    assert caught.value.field == algorithm


def test_only_the_origin_proves_a_statement() -> None:
    mine = seal(keys=world.NODES["bbb-1"]).proofs[0]
    with pytest.raises(BadEnvelope):
        check(mine)
    # A node that signs with its own key in the name of another has the wrong payload origin.
    other = seal(item(origin="bbb-1"), origin="bbb-1").proofs[0]
    assert check(other)["origin"] == "bbb-1"
    mixed = msgspec.structs.replace(other, leaf=SEALED.proofs[0].leaf)
    with pytest.raises(BadEnvelope):
        check(mixed)


def test_a_receipt_proves_no_statement() -> None:
    receipt = receipt_item(origin="aaa-1", sequence=0, content={"received": {}})
    proof = seal(receipt, kind="receipt").proofs[0]
    with pytest.raises(BadEnvelope) as caught:
        check(proof)
    assert caught.value.field == "proof/kind"


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc0", b"\x91" * 2000, b"junk"])
def test_junk_is_no_proof(data: bytes) -> None:
    with pytest.raises(BadEnvelope):
        decode_proof(data)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": "order"}, "kind"),
        ({"leaf_salt": b""}, "salt"),
        ({"addressee_salt": bytes(31)}, "salt"),
        ({"seed": bytes(33)}, "salt"),
        ({"sequence": 0}, "empty"),
        ({"content": {"x": 1}}, "empty"),
        ({"kind": "receipt"}, "empty"),
        ({"object": b'{"b":1, "a":2}'}, "canonical"),
    ],
)
def test_what_has_no_leaf_is_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        leaf_documents([item(**changes)], ("bbb-1",))[0]
    assert caught.value.rule == rule


def test_everything_in_an_item_changes_its_leaf() -> None:
    bare: dict[str, Any] = {"object": b"", "seed": b"", "label": {}, "purpose": ""}
    plain = item(kind="receipt", content={"a": 1}, **bare)
    variants: list[Item] = [
        item(),
        item(2),
        item(origin="bbb-1"),
        item(object=BODY.replace(b"85", b"86")),
        item(seed=bytes(32)),
        item(addressee_salt=bytes(32)),
        item(label={}),
        item(purpose="other"),
        item(onward={"x": 1}),
        plain,
        msgspec.structs.replace(plain, content={"a": 2}),
    ]
    assert len({leaf_documents([one], ("bbb-1",))[0] for one in variants}) == len(variants)
    assert (
        leaf_documents([item()], ("bbb-1",))[0] != leaf_documents([item()], ("bbb-1", "ccc-1"))[0]
    )


def test_the_document_of_a_proof_is_plain_json() -> None:
    document = proof_document(SEALED.proofs[3])
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert (document["index"], document["size"], len(document["path"])) == (3, 7, 3)
