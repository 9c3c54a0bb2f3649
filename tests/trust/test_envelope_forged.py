"""Envelopes that somebody changed, or made as nobody should: one wrong thing is enough."""

import sys
import tracemalloc
from typing import Any

import msgspec
import pytest

from ringwall.core import (
    BadEnvelope,
    PeerError,
)
from ringwall.trust import (
    Item,
    NodeKeys,
    Signature,
    leaf_documents,
    open_envelope,
    peek_header,
    redact,
)
from ringwall.trust.envelope import pack_items
from tests.trust import world
from tests.trust.forge import forge
from tests.trust.test_envelope import NODES, open_as, refused
from tests.trust.world import item, seal


def change(**changes: Any) -> dict[str, Any]:
    """Keyword for the forger: set these fields of the header."""
    return {"header": lambda document: document.update(changes)}


def reverse_recipients(document: dict[str, Any]) -> None:
    document["recipients"] = document["recipients"][::-1]


def repeat_recipient(document: dict[str, Any]) -> None:
    document["recipients"].append(document["recipients"][-1])


def drop_me(document: dict[str, Any]) -> None:
    document["recipients"] = document["recipients"][1:]


def swap_wraps(document: dict[str, Any]) -> None:
    first, second = document["recipients"]
    first["wrap"], second["wrap"] = second["wrap"], first["wrap"]


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        (change(v=3), "header/v", "version"),
        (change(v=0), "header/v", "version"),
        (change(v=True), "header/v", "version"),
        (change(alliance="other"), "header/alliance", "alliance"),
        (change(origin="zzz-1"), "header/origin", "origin"),
        (change(registry=2), "header/registry", "registry-number"),
        (change(registry=0), "header", "shape"),
        (change(kind="order"), "header/kind", "kind"),
        (change(kind="receipt"), "body/kind", "kind"),
        (change(lane="priority"), "header", "shape"),
        (change(id="short"), "header", "shape"),
        (change(sent="2025-12-31T23:59:59.999999Z"), "header/sent", "valid-from"),
        (change(sent="2026-01-02"), "header", "shape"),
        (change(sent="2026-01-02T03:04:05.678900Z\n"), "header", "shape"),
        (change(ciphertext="A" * 43), "header/ciphertext", "ciphertext"),
        (change(recipients=[]), "header", "shape"),
        (change(origin="bbb-1"), "ed25519", "signature"),
        ({"header": reverse_recipients}, "header/recipients", "recipients"),
        ({"header": repeat_recipient}, "header/recipients", "recipients"),
        ({"header": drop_me}, "header/recipients", "recipient"),
        ({"header": swap_wraps}, "wrap", "decrypt"),
        ({"header": lambda d: d["recipients"][0].update(wrap="*")}, "wrap", "base64url"),
        ({"raw_header": lambda raw: raw + b" "}, "header", "canonical"),
        ({"raw_header": lambda raw: raw[:-1] + b',"v":1}'}, "header", "canonical"),
        ({"raw_header": lambda raw: b'{"v":1,' + raw[1:]}, "header", "canonical"),
        ({"raw_header": lambda raw: b"[" * 100_000}, "header", "canonical"),
        ({"raw_header": lambda raw: b'"\xff"'}, "header", "canonical"),
        ({"payload": lambda p: p.update(v=2)}, "payload/v", "version"),
        ({"payload": lambda p: p.update(more=1)}, "payload", "shape"),
        ({"payload": lambda p: p.update(alliance="other")}, "payload/alliance", "alliance"),
        ({"payload": lambda p: p.update(origin="bbb-1")}, "payload/origin", "origin"),
        (
            {"payload": lambda p: p.update(header_digest="A" * 43)},
            "payload/header_digest",
            "header-digest",
        ),
        (
            {"payload": lambda p: p.update(batch_root="A" * 43)},
            "payload/batch_root",
            "batch-root",
        ),
        ({"payload": lambda p: p.update(batch_size=2)}, "payload/batch_root", "batch-root"),
        ({"wrapped": lambda w: w.update(position=0)}, "wrap", "shape"),
        ({"wrapped": lambda w: w.update(position=-1)}, "wrap", "shape"),
        ({"wrapped": lambda w: w.update(more=1)}, "wrap", "shape"),
        ({"wrapped": lambda w: w.update(key="AAAA")}, "wrap/key", "length"),
        ({"wrapped": lambda w: w.update(key="A" * 43)}, "ciphertext", "decrypt"),
        ({"associated": "other"}, "ciphertext", "decrypt"),
        ({"purpose": "registry"}, "ed25519", "signature"),
        (
            {"signature": lambda s: Signature(bytes(64), s.ml_dsa_65)},
            "ed25519",
            "signature",
        ),
        (
            {"signature": lambda s: Signature(s.ed25519, bytes(3309))},
            "ml-dsa-65",
            "signature",
        ),
        ({"body": b"\x90", "leaves": [b""]}, "body", "count"),
        ({"body": b"\xdd\x00\x00\x00\x01", "leaves": [b""]}, "body", "count"),
        ({"body": b"\xdc\xff\xff", "leaves": [b""]}, "body", "count"),
        ({"body": b"", "leaves": [b""]}, "body", "count"),
        ({"body": b"\x91\xc0", "leaves": [b""]}, "body", "shape"),
        ({"body": b"\x91" * 100_000 + b"\xc0", "leaves": [b""]}, "body", "shape"),
    ],
)
def test_one_wrong_thing_is_enough(changes: dict[str, Any], field: str, rule: str) -> None:
    refused(forge(**changes), field, rule)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"object": b'{"b":1,"a":2} '}, "body/object"),
        ({"object": b'{"a":1,"a":2}'}, "body/object"),
        ({"object": b"[1]"}, "body/object"),
        ({"seed": b"short"}, "body/seed"),
        ({"leaf_salt": b"short"}, "body/salt"),
        ({"addressee_salt": b""}, "body/salt"),
        ({"sequence": 0}, "body/item"),
        ({"content": {"also": "this"}}, "body/item"),
        ({"label": {"n": 2**53}}, "body/"),
        ({"label": {"raw": b"bytes"}}, "body/"),
    ],
)
def test_an_item_that_has_no_leaf_is_refused(changes: dict[str, Any], field: str) -> None:
    refused(forge(item(**changes), leaves=[b"{}"]), field, "leaf")


@pytest.mark.parametrize("claim", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"])
def test_a_claimed_length_costs_nothing(claim: bytes) -> None:
    body = pack_items([item(label={"list": 0})])[1]
    bomb = body.replace(b"\xa4list\x00", b"\xa4list" + claim)
    data = forge(body=bomb, leaves=[b"{}"])
    tracemalloc.start()
    try:
        refused(data, "body", "shape")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_label_nested_beyond_measure_is_refused() -> None:
    body = pack_items([item(label={"deep": 0})])[1]
    found = set()
    # Just below the interpreter's limit it can be read and not be written again.
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 1):
        bomb = body.replace(b"\xa4deep\x00", b"\xa4deep" + b"\x91" * depth + b"\x01")
        with pytest.raises(BadEnvelope) as caught:
            open_as(forge(body=bomb, leaves=[b"{}"]))
        found.add((caught.value.field, caught.value.rule))
    if sys.version_info < (3, 12):  # later ones do not count the depth of C code with their own
        assert {("body/label", "leaf"), ("body", "shape")} <= found


REDACTED, DISCLOSURE = redact(world.BODY, world.SEED, {"name"})
CHANGED_ITEMS: list[dict[str, Any]] = [
    {"object": world.BODY.replace(b"85", b"86")},
    {"seed": world.secret("another seed")},
    {"leaf_salt": world.secret("another salt")},
    {"addressee_salt": world.secret("another addressee salt")},
    {"label": {"tlp": "CLEAR"}},
    {"label": {}},
    {"purpose": "anything"},
    {"onward": {"more": True}},
    {"sequence": 2},
    {"disclosure": DISCLOSURE, "object": REDACTED.replace(b"85", b"86"), "seed": b""},
]


@pytest.mark.parametrize("changes", CHANGED_ITEMS, ids=lambda changes: next(iter(changes)))
def test_an_item_is_what_was_signed_in_every_field(changes: dict[str, Any]) -> None:
    data = forge(item(), version=2, body=msgspec.msgpack.encode([item(**changes)]))
    refused(data, "payload/batch_root", "batch-root")


def test_only_what_holds_a_redaction_needs_the_newer_version() -> None:
    redacted = item(2, object=REDACTED, seed=b"", disclosure=DISCLOSURE)
    assert peek_header(seal(item()).data).v == 1
    mixed = seal(item(), redacted)
    assert peek_header(mixed.data).v == 2
    assert open_as(mixed.data).items == (item(), redacted)


@pytest.mark.parametrize("version", [1, 2])
def test_each_version_has_its_own_number_of_elements(version: int) -> None:
    long, short = msgspec.msgpack.encode([item()]), pack_items([item()])[1]
    for body, of in ((short, 1), (long, 2)):
        data = forge(item(), body=body, version=version)
        if of == version:
            assert open_as(data).items == (item(),)
        else:
            with pytest.raises(BadEnvelope, match=f"items of wire version {version} have other"):
                open_as(data)
            refused(data, "body", "shape")
    mixed = b"\x92" + long[1:] + short[1:]
    refused(forge(item(), item(), body=mixed, version=version), "body", "shape")


def test_a_redaction_with_a_seed_is_refused() -> None:
    both = item(object=REDACTED, disclosure=DISCLOSURE)
    refused(forge(both, leaves=[b"{}"]), "body/seed", "leaf")


def test_every_field_of_an_item_is_tried_above() -> None:
    tried = {next(iter(changes)) for changes in CHANGED_ITEMS}
    # kind and origin have rules of their own; a statement's content must be empty.
    assert tried == set(Item.__struct_fields__) - {"kind", "origin", "content"}


def test_an_item_signed_for_other_addressees_is_refused() -> None:
    for nodes in (("bbb-1",), ("bbb-1", "ccc-1", "ddd-1"), ()):
        leaf = leaf_documents([item()], nodes)[0]
        refused(forge(leaves=[leaf]), "payload/batch_root", "batch-root")


def test_nobody_states_in_the_name_of_another() -> None:
    refused(forge(item(origin="bbb-1")), "body/origin", "origin")


def test_items_cannot_be_left_out_repeated_or_reordered() -> None:
    signed = leaf_documents([item(1), item(2)], NODES)
    for items in ([item(2), item(1)], [item(1), item(1)]):
        refused(forge(*items, leaves=signed), "payload/batch_root", "batch-root")
    body = pack_items([item(1)])[1]
    data = forge(item(1), item(2), body=body)
    refused(data, "payload/batch_root", "batch-root")


def test_a_part_of_one_envelope_does_not_fit_another() -> None:
    first, second = seal(), seal()
    size = len(first.data)
    assert len(second.data) == size
    for start, end in ((20, size - 3000), (size - 3000, size), (0, size // 2)):
        mixed = first.data[:start] + second.data[start:end] + first.data[end:]
        with pytest.raises(PeerError):
            open_as(mixed)


@pytest.mark.parametrize(
    ("revoked_at", "issued", "opens"),
    [
        (None, world.ISSUED, True),
        ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z", False),
        ("2026-01-02T03:04:05.678901Z", world.ISSUED, True),
        ("2026-01-02T03:04:05.678900Z", world.ISSUED, False),
        # The registry already says revoked: the sender's own clock does not help it.
        ("2026-02-01T00:00:00.000000Z", "2026-03-01T00:00:00.000000Z", False),
    ],
)
def test_a_revoked_key_sends_no_more(revoked_at: str | None, issued: str, opens: bool) -> None:
    nodes = dict(world.REGISTRY.nodes)
    nodes["aaa-1"] = msgspec.structs.replace(nodes["aaa-1"], revoked_at=revoked_at)
    registry = world.make_registry(nodes=nodes, issued=issued)
    data = seal().data
    if opens:
        assert open_as(data, registry=registry).items
    else:
        refused(data, "header/origin", "revoked", registry)


@pytest.mark.parametrize(
    ("valid_from", "opens"),
    [(world.SENT, True), ("2026-01-02T03:04:05.678901Z", False)],
)
def test_a_key_sends_from_its_first_moment_on(valid_from: str, opens: bool) -> None:
    nodes = dict(world.REGISTRY.nodes)
    nodes["aaa-1"] = msgspec.structs.replace(nodes["aaa-1"], valid_from=valid_from)
    registry = world.make_registry(nodes=nodes)
    if opens:
        assert open_as(seal().data, registry=registry).items
    else:
        refused(seal().data, "header/sent", "valid-from", registry)


def test_another_alliance_cannot_be_mixed_in() -> None:
    data = seal().data
    elsewhere = world.make_registry(alliance="exercise")
    with pytest.raises(BadEnvelope, match="alliance"):
        open_as(data, registry=elsewhere)
    with pytest.raises(BadEnvelope) as caught:
        open_envelope(
            data,
            me="bbb-1",
            keys=world.NODES["bbb-1"],
            alliance="exercise",
            registry=elsewhere,
        )
    assert caught.value.rule == "alliance"


def test_a_recipient_needs_its_own_key() -> None:
    with pytest.raises(BadEnvelope) as caught:
        open_envelope(
            seal().data,
            me="bbb-1",
            keys=NodeKeys.generate(),
            alliance=world.ALLIANCE,
            registry=world.REGISTRY,
        )
    assert (caught.value.field, caught.value.rule) == ("wrap", "decrypt")
