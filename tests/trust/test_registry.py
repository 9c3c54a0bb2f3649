"""The registry chain: every succession that must not be believed is refused with its rule."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ringwall.core import BadRegistry, BadSignature, PeerError, parse_timestamp
from ringwall.trust import (
    HolderKeys,
    NodeKeys,
    Registry,
    RegistryNode,
    Signature,
    SignedRegistry,
    decode_registry,
    encode_registry,
    read_registry,
    registry_age,
    registry_document,
    sign_registry,
    verify_registry,
    verify_registry_chain,
)
from tests.trust import world
from tests.trust.world import HOLDERS, REGISTRY, make_registry, signed_registry

LATER = "2026-02-01T00:00:00.000000Z"


def successor(**changes: Any) -> Registry:
    return make_registry(**{"number": 2, "previous": REGISTRY.digest, "issued": LATER} | changes)


def with_node(name: str, **changes: Any) -> dict[str, RegistryNode]:
    nodes = dict(REGISTRY.nodes)
    nodes[name] = msgspec.structs.replace(nodes[name], **changes)
    return nodes


def refused(signed: SignedRegistry, field: str, rule: str, **by: Any) -> None:
    with pytest.raises(PeerError) as caught:
        verify_registry(signed, **(by or {"trusted": REGISTRY}))
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_a_chain_verifies_from_its_anchor() -> None:
    second = successor()
    chain = [signed_registry(), signed_registry(second, "holder-1", "holder-3")]
    assert verify_registry_chain(chain, anchor=REGISTRY.digest) == second
    assert verify_registry(chain[0], anchor=REGISTRY.digest) == REGISTRY
    assert verify_registry(chain[1], trusted=REGISTRY) == second


def test_the_first_document_needs_an_anchor() -> None:
    for anchor in ("", "0" * 64, REGISTRY.digest.upper()):
        refused(signed_registry(), "registry/document", "anchor", anchor=anchor)
    second = successor()
    refused(signed_registry(second), "registry/document", "anchor", anchor=second.digest)
    with pytest.raises(BadRegistry):
        verify_registry_chain([], anchor=REGISTRY.digest)


def revoked_earlier() -> Registry:
    return make_registry(nodes=with_node("ccc-1", revoked_at=world.SENT))


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"alliance": "exercise"}, "alliance", "alliance"),
        ({"number": 3}, "number", "number"),
        ({"number": 1, "previous": ""}, "number", "number"),
        ({"previous": "0" * 64}, "previous", "previous"),
        ({"issued": "2025-12-31T23:59:59.999999Z"}, "issued", "issued"),
        ({"nodes": with_node("bbb-1", place=9)}, "nodes/bbb-1", "place"),
        ({"nodes": with_node("bbb-1", member="zzz")}, "nodes/bbb-1", "member"),
        (
            {"nodes": {name: REGISTRY.nodes[name] for name in ("aaa-1", "bbb-1")}},
            "nodes/ccc-1",
            "removed",
        ),
    ],
)
def test_what_does_not_follow_is_refused(changes: dict[str, Any], field: str, rule: str) -> None:
    refused(signed_registry(successor(**changes)), f"registry/{field}", rule)


def test_a_place_is_never_used_again() -> None:
    nodes = with_node("ccc-1", revoked_at=world.SENT)
    nodes["ddd-1"] = RegistryNode("ddd", 3, world.node_keys("ddd-1").public(), LATER)
    with pytest.raises(BadRegistry) as caught:
        signed_registry(successor(nodes=nodes))
    assert caught.value.rule == "unique"


@pytest.mark.parametrize(
    ("changes", "follows"),
    [
        ({}, False),
        ({"revoked_at": LATER}, False),
        ({"revoked_at": world.SENT}, True),
        ({"revoked_at": world.ISSUED}, True),
        ({"keys": NodeKeys.generate().public()}, True),
        (
            {"keys": msgspec.structs.replace(REGISTRY.nodes["ccc-1"].keys, ed25519=b"1" * 32)},
            False,
        ),
    ],
)
def test_a_revoked_key_stays_revoked(changes: dict[str, Any], follows: bool) -> None:
    before = revoked_earlier()
    after = successor(previous=before.digest, nodes=with_node("ccc-1", **changes))
    signed = signed_registry(after)
    if follows:
        assert verify_registry(signed, trusted=before) == after
    else:
        refused(signed, "registry/nodes/ccc-1", "revoked", trusted=before)


def test_too_few_holders_are_refused() -> None:
    for names in (("holder-1",), ("holder-2", "holder-2")):
        refused(signed_registry(successor(), *names), "registry/signatures", "holders")
    refused(
        signed_registry(REGISTRY, "holder-1"),
        "registry/signatures",
        "holders",
        anchor=REGISTRY.digest,
    )


def test_new_holders_need_the_old_ones_and_themselves() -> None:
    new = {f"new-{n}": HolderKeys.generate() for n in range(3)}
    after = successor(holders={name: keys.public() for name, keys in new.items()}, threshold=3)
    old_two = [HOLDERS["holder-1"], HOLDERS["holder-2"]]
    refused(sign_registry(after, new.values()), "registry/signatures", "holders")
    refused(sign_registry(after, old_two), "registry/signatures", "holders")
    two_of_three = [*old_two, new["new-0"], new["new-1"]]
    refused(sign_registry(after, two_of_three), "registry/signatures", "holders")
    enough = sign_registry(after, [*old_two, *new.values()])
    assert verify_registry(enough, trusted=REGISTRY) == after


def test_a_stranger_counts_for_nothing() -> None:
    after = successor()
    signed = sign_registry(after, [HOLDERS["holder-1"], HolderKeys.generate()])
    refused(signed, "registry/signatures", "holders")


@pytest.mark.parametrize("algorithm", ["ed25519", "ml-dsa-65"])
def test_each_holder_signs_with_both_algorithms(algorithm: str) -> None:
    signed = signed_registry(successor())
    key_id = HOLDERS["holder-2"].public().key_id
    good = signed.signatures[key_id]
    bad = (
        Signature(bytes(64), good.ml_dsa_65)
        if algorithm == "ed25519"
        else Signature(good.ed25519, bytes(3309))
    )
    broken = SignedRegistry(signed.document, {**signed.signatures, key_id: bad})
    with pytest.raises(BadSignature) as caught:
        verify_registry(broken, trusted=REGISTRY)
    assert (caught.value.field, caught.value.rule) == ("signatures/holder-2", algorithm)


def test_signatures_are_of_this_document() -> None:
    other = signed_registry(successor(issued="2026-03-01T00:00:00.000000Z"))
    mixed = SignedRegistry(registry_document(successor()), other.signatures)
    refused(mixed, "signatures/holder-1", "ed25519")


def test_holders_may_sign_one_after_another() -> None:
    after = successor()
    first = sign_registry(after, [HOLDERS["holder-1"]])
    both = sign_registry(after, [HOLDERS["holder-2"]], signed=first)
    assert verify_registry(both, trusted=REGISTRY) == after
    with pytest.raises(BadRegistry):
        sign_registry(REGISTRY, [HOLDERS["holder-3"]], signed=first)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"threshold": 4}, "threshold"),
        ({"threshold": 0}, "shape"),
        ({"number": 0}, "shape"),
        ({"number": 2}, "previous"),
        ({"previous": "0" * 64}, "previous"),
        ({"issued": "2026-01-01T00:00:00Z"}, "shape"),
        ({"alliance_digest": "no digest"}, "shape"),
        ({"alliance": "No Name"}, "shape"),
        ({"nodes": with_node("aaa-1", place=2)}, "unique"),
        ({"nodes": with_node("aaa-1", place=0)}, "shape"),
        ({"nodes": with_node("aaa-1", keys=REGISTRY.nodes["bbb-1"].keys)}, "unique"),
        (
            {"holders": dict.fromkeys(("one", "two"), HOLDERS["holder-1"].public())},
            "unique",
        ),
        ({"nodes": {"Bad Name": REGISTRY.nodes["aaa-1"]}}, "shape"),
        ({"holders": {"one": NodeKeys.generate().verifying}}, "threshold"),
    ],
)
def test_a_document_that_is_wrong_by_itself(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadRegistry) as caught:
        read_registry(registry_document(make_registry(**changes)))
    assert caught.value.rule == rule


def change_document(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(registry_document(REGISTRY))
    change(document)
    return msgspec.json.encode(document, order="sorted")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(suspended=True),
        lambda d: d["nodes"]["aaa-1"].update(suspended=True),
        lambda d: d["nodes"]["aaa-1"]["keys"].update(more="AAAA"),
        lambda d: d["nodes"]["aaa-1"].pop("revoked_at"),
        lambda d: d.update(v=2),
        lambda d: d["holders"]["holder-1"].pop("ml_dsa_65"),
        lambda d: d["holders"]["holder-1"].update(ml_dsa_65="AAAA"),
    ],
)
def test_unknown_or_missing_fields_are_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(BadRegistry):
        read_registry(change_document(change))


def test_other_bytes_than_the_canonical_ones_are_refused() -> None:
    document = registry_document(REGISTRY)
    for raw in (document + b"\n", document.replace(b'"v":1', b'"v": 1'), b"{}", b"", b"[]"):
        with pytest.raises(BadRegistry):
            read_registry(raw)


def test_a_file_comes_back() -> None:
    signed = signed_registry()
    text = encode_registry(signed)
    assert decode_registry(text) == decode_registry(text.encode()) == signed
    assert read_registry(signed.document) == REGISTRY
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"document":{},"signatures":{},"more":1}',
        '{"document":{},"document":{},"signatures":{}}',
        '{"document":{},"signatures":{"no key id":{}}}',
        '{"document":{},"signatures":{"' + "0" * 64 + '":{"ed25519":"AAAA"}}}',
    ],
)
def test_a_broken_file_is_refused(text: str) -> None:
    with pytest.raises(BadRegistry):
        decode_registry(text)


def test_age_is_counted_from_issue() -> None:
    now = parse_timestamp("2026-01-03T00:00:00.000000Z")
    assert registry_age(REGISTRY, now) == timedelta(days=2)
