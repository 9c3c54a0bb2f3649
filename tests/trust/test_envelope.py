"""Sealing and opening: what comes out is what was signed, and any other thing is refused."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringwall.core import (
    BadEnvelope,
    BadSignature,
    InvalidInput,
    PeerError,
    RingwallError,
    TooLarge,
    canonical_json,
)
from ringwall.trust import (
    MAX_ITEMS,
    MAX_RECIPIENTS,
    OpenedEnvelope,
    Registry,
    decode_addressees,
    leaf_documents,
    leaf_hash,
    merkle_root,
    open_envelope,
    peek_header,
    receipt_item,
    statement_item,
    verify,
)
from ringwall.trust.documents import to_bytes, to_text
from ringwall.trust.envelope import pack_items
from ringwall.trust.sealing import decrypt_body, unwrap_key
from ringwall.trust.wire import split_frame
from tests.trust import world
from tests.trust.forge import forge
from tests.trust.world import item, seal

NODES = ("bbb-1", "ccc-1")
PUBLIC = world.NODES["bbb-1"].public()
ONE_ORIGIN = "every item has the envelope's kind and origin"


def open_as(data: bytes, me: str = "bbb-1", registry: Registry = world.REGISTRY) -> OpenedEnvelope:
    return open_envelope(
        data, me=me, keys=world.NODES[me], alliance=world.ALLIANCE, registry=registry
    )


WHY = {
    "registry-number": "sealed under registry 2, this is 1",
    "kind": "unknown kind order",
    "origin": "zzz-1 is not in the registry",
    "valid-from": "sent before the key of aaa-1 was valid",
    "revoked": "the key of aaa-1 is revoked",
    "header-digest": "the header is not the signed one",
    "header/ciphertext": "the ciphertext is not the signed one",
    "recipient": "bbb-1 is not a recipient",
    "count": "1 to 1000 items fit into an envelope",
    "batch-root": "the items are not those that were signed",
    "header/alliance": "is of alliance other",
    "payload/alliance": "the payload is of another alliance",
    "payload/origin": "the payload is of another origin",
    "body/kind": "a statement in an envelope of receipt",
    "body/origin": "states in the name of bbb-1",
}
"""What a person reads, by rule, or by field where a rule has several."""


def refused(data: bytes, field: str, rule: str, registry: Registry = world.REGISTRY) -> None:
    with pytest.raises(PeerError) as caught:
        open_as(data, registry=registry)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    if why := WHY.get(field, WHY.get(rule)):
        assert str(caught.value) == f"envelope: {why}"
    if field.startswith("body"):
        assert str(caught.value).startswith(("body: ", "envelope: "))


@pytest.mark.parametrize(("me", "position"), [("bbb-1", 7), ("ccc-1", 12)])
def test_every_recipient_opens_it_and_finds_its_own_position(me: str, position: int) -> None:
    sealed = seal()
    opened = open_as(sealed.data, me)
    assert opened.position == position
    assert opened.items == (item(1), item(2), item(3))
    assert opened.proofs == sealed.proofs
    shared, own = opened.batch.encode()
    kept = [(NODES, one.addressee_salt) for one in opened.items]
    assert [decode_addressees(shared, each) for each in own] == kept
    assert opened.header == peek_header(sealed.data)
    assert opened.header.id == sealed.id
    assert opened.header.nodes == NODES
    assert opened.unknown_fields == ()


def test_a_sealed_envelope_is_as_the_protocol_says() -> None:
    names = ("ccc-1", "bbb-1")
    recipients = {name: (world.NODES[name].public(), place + 5) for place, name in enumerate(names)}
    sealed = seal(item(1), item(2), recipients=recipients, registry=3, lane="FLASH")
    frame = split_frame(sealed.data)
    header, payload = msgspec.json.decode(frame.header), msgspec.json.decode(frame.payload)
    assert frame.header == canonical_json(header)
    assert frame.payload == canonical_json(payload)
    wraps = [entry.pop("wrap") for entry in header["recipients"]]
    assert header == {
        "v": 1,
        "id": sealed.id,
        "alliance": world.ALLIANCE,
        "origin": "aaa-1",
        "lane": "FLASH",
        "kind": "statement",
        "registry": 3,
        "sent": world.SENT,
        "recipients": [{"node": "bbb-1"}, {"node": "ccc-1"}],
        "ciphertext": to_text(hashlib.sha256(frame.ciphertext).digest()),
    }
    leaves = leaf_documents([item(1), item(2)], NODES)
    salted = [(leaf, item(n).leaf_salt) for n, leaf in enumerate(leaves, 1)]
    assert payload == {
        "v": 1,
        "alliance": world.ALLIANCE,
        "origin": "aaa-1",
        "batch_root": to_text(merkle_root([leaf_hash(leaf, salt) for leaf, salt in salted])),
        "batch_size": 2,
        "header_digest": to_text(hashlib.sha256(frame.header).digest()),
    }
    public = world.NODES["aaa-1"].public()
    verify(public, "envelope", world.ALLIANCE, frame.payload, frame.signature)
    assert (sealed.batch.payload, sealed.batch.signature) == (frame.payload, frame.signature)
    assert (sealed.batch.key_id, sealed.batch.leaves) == (public.key_id, tuple(salted))
    in_it = {"alliance": world.ALLIANCE, "envelope": sealed.id}
    for node, wrap, position in (("bbb-1", wraps[0], 6), ("ccc-1", wraps[1], 5)):
        raw = to_bytes(wrap, error=BadEnvelope, field="wrap")
        key, found = unwrap_key(raw, world.NODES[node], **in_it, recipient=node)
        assert found == position
        assert decrypt_body(key, frame.ciphertext, **in_it) == pack_items([item(1), item(2)])[1]


def test_the_forger_without_a_change_makes_a_good_envelope() -> None:
    assert open_as(forge(item(1), item(2))).items == (item(1), item(2))


def test_the_same_items_never_look_the_same_twice() -> None:
    first, second = (seal().data for _ in range(2))
    assert peek_header(first).ciphertext != peek_header(second).ciphertext
    assert peek_header(first).id != peek_header(second).id


def test_nothing_of_the_content_is_in_the_clear() -> None:
    data = seal().data
    for word in (b"192.0.2.7", b"indicator", b"AMBER", b"collective-defence", b"rel_to"):
        assert word not in data


def test_a_constructor_never_uses_a_salt_twice() -> None:
    made = [
        statement_item(
            origin="aaa-1", sequence=1, body=world.BODY, seed=world.SEED, label={}, purpose="p"
        )
        for _ in range(50)
    ]
    made += [receipt_item(origin="aaa-1", sequence=0, content={}) for _ in range(50)]
    salts = {one.leaf_salt for one in made} | {one.addressee_salt for one in made}
    assert len(salts) == 200
    assert all(len(salt) == 32 for salt in salts)


labels = st.dictionaries(
    st.text(max_size=8),
    st.none() | st.booleans() | st.text(max_size=8) | st.lists(st.integers(-9, 9), max_size=3),
    max_size=4,
)


@given(
    labels=st.lists(labels, min_size=1, max_size=9),
    onward=labels,
    purpose=st.text(max_size=20),
)
def test_what_is_sealed_comes_out(
    labels: list[dict[str, Any]], onward: dict[str, Any], purpose: str
) -> None:
    items = tuple(
        item(sequence, label=label, onward=onward, purpose=purpose)
        for sequence, label in enumerate(labels, 1)
    )
    assert open_as(seal(*items).data).items == items


def test_a_receipt_travels_alike() -> None:
    receipt = receipt_item(origin="aaa-1", sequence=0, content={"received": {"FLASH": 3}})
    sealed = seal(receipt, kind="receipt", lane="CONTROL")
    assert open_as(sealed.data).items == (receipt,)


FLIPPED = seal(item()).data


@given(at=st.integers(0, len(FLIPPED) - 1), bit=st.integers(0, 7))
@example(at=0, bit=0)
@example(at=7, bit=0)
@example(at=len(FLIPPED) - 1, bit=7)
def test_any_flipped_bit_is_refused(at: int, bit: int) -> None:
    data = bytearray(FLIPPED)
    data[at] ^= 1 << bit
    with pytest.raises(PeerError) as caught:
        open_as(bytes(data))
    assert caught.value.field
    assert caught.value.rule


@given(st.integers(0, len(FLIPPED) - 1))
def test_a_cut_envelope_is_refused(end: int) -> None:
    with pytest.raises(BadEnvelope):
        open_as(FLIPPED[:end])


def test_nothing_may_follow_an_envelope() -> None:
    refused(FLIPPED + b"\0", "frame", "length")


def test_junk_of_the_right_size_is_refused() -> None:
    refused(b"", "frame", "size")
    refused(bytes(8_000_001), "frame", "size")
    refused(b"XXXX" + bytes(100), "frame", "magic")
    refused(b"RWE1" + b"\xff" * 16 + bytes(100), "frame", "length")


def test_fields_of_a_later_version_are_signed_kept_and_shown() -> None:
    def extend(document: dict[str, Any]) -> None:
        document["priority_hint"] = {"x": 1}
        document["recipients"][1]["via"] = "courier"

    opened = open_as(forge(header=extend))
    assert opened.unknown_fields == ("priority_hint", "recipients/1/via")
    assert opened.items == (item(),)


@pytest.mark.parametrize(
    ("changes", "error", "field", "rule", "why"),
    [
        ({"items": []}, TooLarge, "items", "count", "1 to 1000 items fit, not 0"),
        (
            {"items": [item()] * (MAX_ITEMS + 1)},
            TooLarge,
            "items",
            "count",
            "1 to 1000 items fit, not 1001",
        ),
        ({"recipients": {}}, TooLarge, "recipients", "count", "1 to 1100 recipients, not 0"),
        (
            {"recipients": {f"n{n}": (PUBLIC, 1) for n in range(MAX_RECIPIENTS + 1)}},
            TooLarge,
            "recipients",
            "count",
            "1 to 1100 recipients, not 1101",
        ),
        ({"items": [item(origin="bbb-1")]}, InvalidInput, "items", "origin", ONE_ORIGIN),
        ({"kind": "receipt"}, InvalidInput, "items", "origin", ONE_ORIGIN),
        (
            {"recipients": {"bbb-1": (PUBLIC, 0)}},
            InvalidInput,
            "recipients",
            "position",
            "bbb-1: positions count from 1",
        ),
        (
            {"recipients": {"Bbb": (PUBLIC, 1)}},
            InvalidInput,
            "envelope",
            "shape",
            " - at `$.recipients[0].node`",
        ),
        ({"at": "2026-01-02T03:04:05Z"}, InvalidInput, "envelope", "shape", " - at `$.sent`"),
        ({"lane": "routine"}, InvalidInput, "envelope", "shape", " - at `$.lane`"),
        ({"registry": 0}, InvalidInput, "envelope", "shape", " - at `$.registry`"),
        (
            {"items": [item(object=b'{"a": 1}')]},
            InvalidInput,
            "object",
            "canonical",
            "the object's bytes are not canonical",
        ),
        (
            {"items": [item(object=b'{"a":"' + b"x" * 8_000_000 + b'"}')]},
            TooLarge,
            "items",
            "size",
            " bytes",
        ),
    ],
)
def test_what_nobody_would_open_is_not_sealed(
    changes: dict[str, Any], error: type[RingwallError], field: str, rule: str, why: str
) -> None:
    with pytest.raises(error) as caught:
        seal(**changes)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    start = {"shape": "envelope: ", "size": "an envelope of 80"}.get(rule, why)
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(why)


@pytest.mark.parametrize("count", [1, 15, 16, 17])
def test_a_batch_of_any_size_opens(count: int) -> None:
    items = tuple(item(sequence) for sequence in range(1, count + 1))
    assert open_as(seal(*items).data).items == items


def test_as_many_recipients_as_the_limit_says() -> None:
    recipients = {f"n{n:04}": (PUBLIC, 1) for n in range(MAX_RECIPIENTS)}
    assert peek_header(seal(item(), recipients=recipients).data).nodes == tuple(recipients)


def test_a_full_batch_to_many_recipients() -> None:
    items = [item(sequence) for sequence in range(1, MAX_ITEMS + 1)]
    recipients = {f"n{n:03}-1": (world.NODES["ccc-1"].public(), n + 1) for n in range(60)}
    recipients["bbb-1"] = (world.NODES["bbb-1"].public(), 99)
    opened = open_as(seal(*items, recipients=recipients).data)
    assert len(opened.items) == MAX_ITEMS
    assert opened.position == 99


def test_bad_signature_is_its_own_error() -> None:
    with pytest.raises(BadSignature):
        open_as(forge(purpose="checkpoint"))
