"""A proof stands alone: leaf, path and signature, wherever the statement has been since."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, BadSignature, InvalidInput, PeerError, canonical_json
from ringwall.trust import (
    Item,
    Proof,
    Signature,
    addressee_digest,
    decode_proof,
    encode_proof,
    leaf_documents,
    object_digest,
    proof_document,
    receipt_item,
    statement_item,
    verify_proof,
    verify_receipt,
)
from ringwall.trust.documents import to_text
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
    part = field.removeprefix("proof/")
    if part not in ("leaf", "payload"):
        assert caught.value.rule == "proof"
        assert str(caught.value) == f"proof: its {part} does not fit"


def payload(**changes: Any) -> bytes:
    return canonical_json(msgspec.json.decode(SEALED.proofs[3].payload) | changes)


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"v": 2}, "payload/v", "version", "payload: version 2"),
        ({"v": "1"}, "payload", "shape", "payload: Expected `int`, got `str` - at `$.v`"),
        ({"more": 1}, "payload", "shape", "payload: Object contains unknown field `more`"),
        ({"batch_size": 0}, "payload", "shape", "payload: Expected `int` >= 1 - at `$.batch_size`"),
        (
            {"batch_root": "AAAA"},
            "payload/batch_root",
            "length",
            "payload/batch_root: 3 bytes instead of 32",
        ),
        (
            {"batch_root": "*"},
            "payload/batch_root",
            "base64url",
            "payload/batch_root: not base64url",
        ),
        ({"batch_size": 8}, "proof/size", "proof", "proof: its size does not fit"),
        ({"alliance": "other"}, "proof/alliance", "proof", "proof: its alliance does not fit"),
        ({"origin": "bbb-1"}, "proof/origin", "proof", "proof: its origin does not fit"),
    ],
)
def test_a_payload_of_something_else_is_refused(
    changes: dict[str, Any], field: str, rule: str, why: str
) -> None:
    with pytest.raises(BadEnvelope) as caught:
        check(msgspec.structs.replace(SEALED.proofs[3], payload=payload(**changes)))
    assert (caught.value.field, caught.value.rule, str(caught.value)) == (field, rule, why)


def test_documents_of_a_proof_have_one_way_to_be_written() -> None:
    proof = SEALED.proofs[3]
    for name, field in (("payload", "payload"), ("leaf", "proof/leaf")):
        spaced = {name: getattr(proof, name) + b" "}
        with pytest.raises(BadEnvelope) as caught:
            check(msgspec.structs.replace(proof, **spaced))
        assert (caught.value.field, caught.value.rule) == (field, "canonical")
        with pytest.raises(BadEnvelope) as caught:
            verify_receipt(msgspec.structs.replace(proof, **spaced), PUBLIC, world.ALLIANCE)
        assert (caught.value.field, caught.value.rule) == (field, "canonical")


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


def test_a_receipt_is_proven_by_itself_and_a_statement_is_none() -> None:
    receipt = receipt_item(origin="aaa-1", sequence=0, content={"received": {"FLASH": 3}})
    proof = seal(receipt, kind="receipt").proofs[0]
    assert verify_receipt(proof, PUBLIC, world.ALLIANCE)["content"] == {"received": {"FLASH": 3}}
    longer = proof.leaf.replace(b'"FLASH":3', b'"FLASH":4')
    wrong = [
        (SEALED.proofs[0], PUBLIC, world.ALLIANCE, "proof/kind"),
        (proof, PUBLIC, "another", "proof/alliance"),
        (proof, world.NODES["bbb-1"].public(), world.ALLIANCE, "proof/key_id"),
        (msgspec.structs.replace(proof, leaf=longer), PUBLIC, world.ALLIANCE, "proof/path"),
    ]
    for evidence, public, alliance, field in wrong:
        with pytest.raises(BadEnvelope) as caught:
            verify_receipt(evidence, public, alliance)
        assert caught.value.field == field


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc0", b"\x91" * 2000, b"junk"])
def test_junk_is_no_proof(data: bytes) -> None:
    with pytest.raises(BadEnvelope, match=r"\Aproof: .") as caught:
        decode_proof(data)
    assert (caught.value.field, caught.value.rule) == ("proof", "shape")


@pytest.mark.parametrize("version", [0, 2])
def test_a_stored_proof_of_another_version_is_refused(version: int) -> None:
    fields = msgspec.msgpack.decode(STORED)
    with pytest.raises(BadEnvelope, match=r"\Aproof: unknown version\Z") as caught:
        decode_proof(msgspec.msgpack.encode([version, *fields[1:]]))
    assert (caught.value.field, caught.value.rule) == ("proof/v", "version")


SALT = "a salt is not 32 bytes long"
ONE_OF_BOTH = "a seed of 32 bytes, or a disclosure and no seed"
FULL_STATEMENT = "a statement has a sequence from 1 and no content"
OTHER_BYTES = "the object's bytes are not canonical"
RECEIPT: dict[str, Any] = {
    "kind": "receipt",
    "object": b"",
    "seed": b"",
    "label": {},
    "purpose": "",
}


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"kind": "order"}, "kind", "kind", "unknown kind 'order'"),
        ({"leaf_salt": b""}, "salt", "salt", SALT),
        ({"leaf_salt": bytes(33)}, "salt", "salt", SALT),
        ({"addressee_salt": bytes(31)}, "salt", "salt", SALT),
        ({"seed": bytes(33)}, "seed", "salt", ONE_OF_BOTH),
        ({"seed": b""}, "seed", "salt", ONE_OF_BOTH),
        ({"disclosure": b"x"}, "seed", "salt", ONE_OF_BOTH),
        ({"sequence": 0}, "item", "empty", FULL_STATEMENT),
        ({"content": {"x": 1}}, "item", "empty", FULL_STATEMENT),
        ({"object": b'{"b":1, "a":2}'}, "object", "canonical", OTHER_BYTES),
        *(
            ({**RECEIPT, **more}, "item", "empty", "a receipt has content only")
            for more in (
                {"object": b"{}"},
                {"seed": bytes(32)},
                {"label": {"a": 1}},
                {"purpose": "p"},
                {"onward": {"hops": 1}},
                {"disclosure": b"x"},
            )
        ),
    ],
)
def test_what_has_no_leaf_is_refused(
    changes: dict[str, Any], field: str, rule: str, why: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        leaf_documents([item(**changes)], ("bbb-1",))[0]
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert str(caught.value) == why


@pytest.mark.parametrize("onward", [{}, {"hops": 2, "embargo": "é"}])
def test_the_leaf_of_a_statement_is_canonical_json(onward: dict[str, Any]) -> None:
    one, nodes = item(7, purpose='a "b"', onward=onward, label={"z": 1, "a": ["é"]}), ("c", "b")
    assert leaf_documents([one], nodes)[0] == canonical_json(
        {
            "kind": "statement",
            "origin": "aaa-1",
            "sequence": 7,
            "object": to_text(object_digest(BODY, SEED)),
            "label": {"z": 1, "a": ["é"]},
            "purpose": 'a "b"',
            "onward": onward,
            "addressees": to_text(addressee_digest(one.addressee_salt, b'["b","c"]')),
        }
    )


def test_the_leaf_of_a_receipt_is_canonical_json() -> None:
    one = item(0, **RECEIPT, content={"z": 1, "a": 2})
    assert leaf_documents([one], ("b",))[0] == canonical_json(
        {
            "kind": "receipt",
            "origin": "aaa-1",
            "sequence": 0,
            "content": {"z": 1, "a": 2},
            "addressees": to_text(addressee_digest(one.addressee_salt, b'["b"]')),
        }
    )


def test_items_are_made_field_by_field() -> None:
    stated: dict[str, Any] = {"origin": "aaa-1", "sequence": 9, "label": {"l": 1}, "purpose": "p"}
    plain = statement_item(**stated, body=b"{}", seed=SEED)
    terms = statement_item(**stated, body=b"{}", seed=SEED, onward={"hops": 1})
    part = statement_item(**stated, body=b"{}", seed=SEED, disclosure=b"d")
    receipt = receipt_item(origin="aaa-1", sequence=9, content={"c": 1})

    def unsalted(made: Item) -> tuple[Any, ...]:
        assert len(made.leaf_salt) == len(made.addressee_salt) == 32
        assert made.leaf_salt != made.addressee_salt
        fields = msgspec.structs.asdict(made)
        return tuple(value for name, value in fields.items() if not name.endswith("_salt"))

    rest = ({"l": 1}, "p")
    assert unsalted(plain) == ("statement", "aaa-1", 9, b"{}", SEED, *rest, {}, {}, b"")
    assert unsalted(terms) == ("statement", "aaa-1", 9, b"{}", SEED, *rest, {"hops": 1}, {}, b"")
    assert unsalted(part) == ("statement", "aaa-1", 9, b"{}", b"", *rest, {}, {}, b"d")
    assert unsalted(receipt) == ("receipt", "aaa-1", 9, b"", b"", {}, "", {}, {"c": 1}, b"")


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
    proof = SEALED.proofs[3]
    document = proof_document(proof)
    assert document == {
        "v": 1,
        "leaf": to_text(proof.leaf),
        "salt": to_text(proof.salt),
        "path": [to_text(sibling) for sibling in proof.path],
        "index": 3,
        "size": 7,
        "payload": to_text(proof.payload),
        "ed25519": to_text(proof.signature.ed25519),
        "ml_dsa_65": to_text(proof.signature.ml_dsa_65),
        "key_id": PUBLIC.key_id,
    }
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert (document["index"], document["size"], len(document["path"])) == (3, 7, 3)


# --- a whole batch in storage: what is shared once, and each one's own part ---

SHARED, OWN = SEALED.batch.encode()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_a_batch_comes_back_from_storage_item_by_item(count: int) -> None:
    sealed = seal(*(item(sequence) for sequence in range(1, count + 1)))
    shared, own = sealed.batch.encode()
    assert len(own) == count
    for proof, part in zip(sealed.proofs, own, strict=True):
        assert decode_proof(shared, part) == proof
        assert check(decode_proof(shared, part)) == check(proof)


def test_what_is_shared_is_kept_once() -> None:
    assert SEALED.batch.signature.ml_dsa_65 in SHARED
    assert max(map(len, OWN)) < 1000 < len(SHARED)


def test_the_parts_of_one_item_do_not_prove_another() -> None:
    other, parts = seal(*(item(sequence) for sequence in range(11, 18))).batch.encode()
    for shared, part in ((other, OWN[3]), (SHARED, parts[3])):
        with pytest.raises(PeerError):
            check(decode_proof(shared, part))


@given(st.sampled_from([0, 1]), st.data())
def test_a_flipped_bit_in_either_part_is_refused(which: int, data: st.DataObject) -> None:
    parts = [bytearray(SHARED), bytearray(OWN[3])]
    raw = parts[which]
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    shared, own = map(bytes, parts)
    try:
        proof = decode_proof(shared, own)
        leaf = check(proof)
    except PeerError:
        return
    # Only the item's own leaf hash may differ: its path is made of all the others.
    assert (leaf, proof) == (check(SEALED.proofs[3]), SEALED.proofs[3])


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_hostile_bytes_are_refused_by_name(shared: bytes, own: bytes) -> None:
    for pair in ((shared, own), (SHARED, own or b"\0"), (shared, OWN[0])):
        with pytest.raises(BadEnvelope) as refused:
            decode_proof(*pair)
        assert refused.value.rule in ("shape", "version")


@pytest.mark.parametrize(
    ("place", "value", "rule", "field", "why"),
    [
        (0, 1, "version", "/v", "unknown version"),
        (0, 4, "version", "/v", "unknown version"),
        (5, b"", "shape", "/hashes", "hashes of 32 bytes each"),
        (5, b"x" * 31, "shape", "/hashes", "hashes of 32 bytes each"),
        # One hash, so there is no item 3.
        (5, b"x" * 32, "shape", "/index", "of no item of the batch"),
        (4, "not hexadecimal", "shape", "", ""),
        (1, "text", "shape", "", ""),
    ],
)
def test_a_shared_part_that_says_something_else_is_refused(
    place: int, value: object, rule: str, field: str, why: str
) -> None:
    fields = msgspec.msgpack.decode(SHARED)
    fields[place] = value
    with pytest.raises(BadEnvelope) as refused:
        decode_proof(msgspec.msgpack.encode(fields), OWN[3])
    assert (refused.value.field, refused.value.rule) == (f"proof{field}", rule)
    assert str(refused.value).startswith("proof: ")
    assert not why or str(refused.value) == f"proof: {why}"


@pytest.mark.parametrize("index", [-1, 7, 2**63])
def test_an_index_outside_its_batch_is_refused(index: int) -> None:
    fields = msgspec.msgpack.decode(OWN[3])
    with pytest.raises(BadEnvelope, match=r"\Aproof: .") as refused:
        decode_proof(SHARED, msgspec.msgpack.encode([index, *fields[1:]]))
    assert refused.value.rule == "shape"
    if index == 7:
        assert refused.value.field == "proof/index"
        assert str(refused.value) == "proof: of no item of the batch"
