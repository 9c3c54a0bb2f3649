"""The registry chain: every succession that must not be believed is refused with its rule."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ringwall.core import (
    BadRegistry,
    BadSignature,
    InvalidInput,
    PeerError,
    canonical_json,
    parse_timestamp,
)
from ringwall.core.strict_json import parse_json
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
NEW_KEYS = NodeKeys.generate().public()


def successor(**changes: Any) -> Registry:
    return make_registry(**{"number": 2, "previous": REGISTRY.digest, "issued": LATER} | changes)


def with_node(name: str, **changes: Any) -> dict[str, RegistryNode]:
    nodes = dict(REGISTRY.nodes)
    nodes[name] = msgspec.structs.replace(nodes[name], **changes)
    return nodes


def refused(signed: SignedRegistry, field: str, rule: str, why: str = "", **by: Any) -> None:
    with pytest.raises(PeerError) as caught:
        verify_registry(signed, **(by or {"trusted": REGISTRY}))
    assert (caught.value.field, caught.value.rule) == (field, rule)
    if why:
        assert str(caught.value) == f"registry: {why}"


def test_a_chain_verifies_from_its_anchor() -> None:
    second = successor()
    chain = [signed_registry(), signed_registry(second, "holder-1", "holder-3")]
    assert verify_registry_chain(chain, anchor=REGISTRY.digest) == second
    assert verify_registry(chain[0], anchor=REGISTRY.digest) == REGISTRY
    assert verify_registry(chain[1], trusted=REGISTRY) == second


def test_the_first_document_needs_an_anchor() -> None:
    why = "document: not the first document that this node was told to trust"
    for anchor in ("", "0" * 64, REGISTRY.digest.upper()):
        refused(signed_registry(), "registry/document", "anchor", why, anchor=anchor)
    second = successor()
    refused(signed_registry(second), "registry/document", "anchor", anchor=second.digest)
    with pytest.raises(BadRegistry, match=r"\Aregistry: document: the chain is empty\Z") as caught:
        verify_registry_chain([], anchor=REGISTRY.digest)
    assert (caught.value.field, caught.value.rule) == ("registry/document", "number")


def test_every_link_of_a_chain_is_checked() -> None:
    second = successor()
    third = successor(number=3, previous=second.digest)
    good = [signed_registry(one) for one in (REGISTRY, second, third)]
    assert verify_registry_chain(good, anchor=REGISTRY.digest) == third
    for bad in (good[1:], good[:1] + good[2:], good[::-1], [*good[:2], good[0]]):
        with pytest.raises(BadRegistry):
            verify_registry_chain(bad, anchor=REGISTRY.digest)
    weak = [good[0], signed_registry(second, "holder-1"), good[2]]
    with pytest.raises(BadRegistry) as caught:
        verify_registry_chain(weak, anchor=REGISTRY.digest)
    assert caught.value.rule == "holders"


def revoked_earlier() -> Registry:
    return make_registry(nodes=with_node("ccc-1", revoked_at=world.SENT))


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"alliance": "exercise"}, "alliance", "alliance", "is of alliance exercise"),
        ({"number": 3}, "number", "number", "number 3 does not follow 1"),
        ({"number": 1, "previous": ""}, "number", "number", "number 1 does not follow 1"),
        (
            {"previous": "0" * 64},
            "previous",
            "previous",
            "does not continue the document that is trusted",
        ),
        (
            {"issued": "2025-12-31T23:59:59.999999Z"},
            "issued",
            "issued",
            "was issued before the document that it follows",
        ),
        (
            {"nodes": with_node("bbb-1", place=9)},
            "nodes/bbb-1",
            "place",
            "a place never changes",
        ),
        (
            {"nodes": with_node("bbb-1", member="zzz")},
            "nodes/bbb-1",
            "member",
            "a node never changes its member",
        ),
        (
            {"nodes": {name: REGISTRY.nodes[name] for name in ("aaa-1", "bbb-1")}},
            "nodes/ccc-1",
            "removed",
            "nodes are revoked, never removed",
        ),
    ],
)
def test_what_does_not_follow_is_refused(
    changes: dict[str, Any], field: str, rule: str, why: str
) -> None:
    signed = signed_registry(successor(**changes))
    refused(signed, f"registry/{field}", rule, f"{field}: {why}")


def test_a_document_of_the_same_moment_follows() -> None:
    after = successor(issued=REGISTRY.issued)
    assert verify_registry(signed_registry(after), trusted=REGISTRY) == after


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
        (
            {
                "keys": msgspec.structs.replace(
                    NEW_KEYS, ed25519=REGISTRY.nodes["ccc-1"].keys.ed25519
                )
            },
            False,
        ),
        ({"keys": NEW_KEYS, "revoked_at": LATER}, True),
    ],
)
def test_a_revoked_key_stays_revoked(changes: dict[str, Any], follows: bool) -> None:
    before = revoked_earlier()
    after = successor(previous=before.digest, nodes=with_node("ccc-1", **changes))
    signed = signed_registry(after)
    if follows:
        assert verify_registry(signed, trusted=before) == after
    else:
        why = "nodes/ccc-1: a revoked key never comes back"
        refused(signed, "registry/nodes/ccc-1", "revoked", why, trusted=before)


def test_too_few_holders_are_refused() -> None:
    why = "signatures: 1 holders of document 1 signed, 2 must"
    for names in (("holder-1",), ("holder-2", "holder-2")):
        refused(signed_registry(successor(), *names), "registry/signatures", "holders", why)
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
    two_of_three = [*old_two, new["new-0"], new["new-1"]]
    for holders, why in (
        (new.values(), "signatures: 0 holders of document 1 signed, 2 must"),
        (old_two, "signatures: 0 holders of document 2 signed, 3 must"),
        (two_of_three, "signatures: 2 holders of document 2 signed, 3 must"),
    ):
        refused(sign_registry(after, holders), "registry/signatures", "holders", why)
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
    why = f"the {algorithm} signature of this registry is wrong"
    assert str(caught.value) == f"registry: holder holder-2: {why}"


def test_signatures_are_of_this_document() -> None:
    other = signed_registry(successor(issued="2026-03-01T00:00:00.000000Z"))
    mixed = SignedRegistry(registry_document(successor()), other.signatures)
    refused(mixed, "signatures/holder-1", "ed25519")


def test_holders_may_sign_one_after_another() -> None:
    after = successor()
    first = sign_registry(after, [HOLDERS["holder-1"]])
    both = sign_registry(after, [HOLDERS["holder-2"]], signed=first)
    assert verify_registry(both, trusted=REGISTRY) == after
    assert set(first.signatures) < set(both.signatures)
    assert len(first.signatures) == 1
    with pytest.raises(BadRegistry) as caught:
        sign_registry(REGISTRY, [HOLDERS["holder-3"]], signed=first)
    assert (caught.value.field, caught.value.rule) == ("registry/document", "document")
    why = "document: the signatures so far are over another document"
    assert str(caught.value) == f"registry: {why}"


def test_what_nobody_would_believe_is_not_signed() -> None:
    with pytest.raises(BadRegistry) as caught:
        sign_registry(make_registry(threshold=4), [HOLDERS["holder-1"]])
    assert caught.value.rule == "threshold"


def sharing(part: str) -> dict[str, Any]:
    """A registry in which two nodes have one part of their keys in common."""
    first, second = (REGISTRY.nodes[name].keys for name in ("aaa-1", "bbb-1"))
    keys = msgspec.structs.replace(first, **{part: getattr(second, part)})
    return {"nodes": with_node("aaa-1", keys=keys)}


THRESHOLD = "threshold: must lie between 1 and the number of holders"
FIRST = "previous: the first document, and only it, has no previous one"


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"threshold": 4}, "/threshold", "threshold", THRESHOLD),
        ({"threshold": 0}, "", "shape", "`$.threshold`"),
        ({"number": 0}, "", "shape", "`$.number`"),
        ({"number": 2}, "/previous", "previous", FIRST),
        ({"previous": "0" * 64}, "/previous", "previous", FIRST),
        ({"issued": "2026-01-01T00:00:00Z"}, "", "shape", "`$.issued`"),
        ({"alliance_digest": "no digest"}, "", "shape", "`$.alliance_digest`"),
        ({"alliance": "No Name"}, "", "shape", "`$.alliance`"),
        (
            {"nodes": with_node("aaa-1", place=2)},
            "/nodes",
            "unique",
            "nodes: two entries share one place",
        ),
        ({"nodes": with_node("aaa-1", place=0)}, "", "shape", "`$.nodes[...].place`"),
        *(
            (sharing(part), "/nodes", "unique", f"nodes: two entries share one {part}")
            for part in ("ed25519", "ml_dsa_65", "hpke")
        ),
        (
            {"holders": REGISTRY.holders | {"holder-1": world.NODES["aaa-1"].verifying}},
            "/nodes",
            "unique",
            "nodes: two entries share one ed25519",
        ),
        (
            {"holders": dict.fromkeys(("one", "two"), HOLDERS["holder-1"].public())},
            "/nodes",
            "unique",
            "nodes: two entries share one ed25519",
        ),
        ({"nodes": {"Bad Name": REGISTRY.nodes["aaa-1"]}}, "", "shape", "`key` in `$.nodes`"),
        ({"holders": {"one": NodeKeys.generate().verifying}}, "/threshold", "threshold", THRESHOLD),
    ],
)
def test_a_document_that_is_wrong_by_itself(
    changes: dict[str, Any], field: str, rule: str, why: str
) -> None:
    with pytest.raises(BadRegistry, match=r"\Aregistry: ") as caught:
        read_registry(registry_document(make_registry(**changes)))
    assert (caught.value.field, caught.value.rule) == (f"registry{field}", rule)
    assert str(caught.value).endswith(why if rule == "shape" else f"registry: {why}")


@pytest.mark.parametrize("threshold", [1, 3])
def test_any_number_of_holders_may_be_asked_for(threshold: int) -> None:
    registry = make_registry(threshold=threshold)
    assert read_registry(registry_document(registry)) == registry


def change_document(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(registry_document(REGISTRY))
    change(document)
    return msgspec.json.encode(document, order="sorted")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        (lambda d: d.update(suspended=True), "", "shape"),
        (lambda d: d["nodes"]["aaa-1"].update(suspended=True), "", "shape"),
        (lambda d: d["nodes"]["aaa-1"]["keys"].update(more="AAAA"), "/nodes/aaa-1/keys", "shape"),
        (lambda d: d["nodes"]["aaa-1"].pop("revoked_at"), "", "shape"),
        (lambda d: d.update(v=2), "/v", "version"),
        (lambda d: d["holders"]["holder-1"].pop("ml_dsa_65"), "/holders/holder-1", "shape"),
        (
            lambda d: d["holders"]["holder-1"].update(ml_dsa_65="AAAA"),
            "/holders/holder-1/ml_dsa_65",
            "length",
        ),
        (
            lambda d: d["nodes"]["aaa-1"]["keys"].update(hpke="AAAA"),
            "/nodes/aaa-1/keys/hpke",
            "length",
        ),
    ],
)
def test_unknown_or_missing_fields_are_refused(
    change: Callable[[dict[str, Any]], object], field: str, rule: str
) -> None:
    with pytest.raises(BadRegistry, match=r"\Aregistry[:/]") as caught:
        read_registry(change_document(change))
    assert (caught.value.field, caught.value.rule) == (f"registry{field}", rule)


def test_a_version_that_is_not_known_is_named() -> None:
    with pytest.raises(BadRegistry, match=r"\Aregistry: v: unknown document version 2\Z"):
        read_registry(change_document(lambda d: d.update(v=2)))


def test_other_bytes_than_the_canonical_ones_are_refused() -> None:
    document = registry_document(REGISTRY)
    for raw in (document + b"\n", document.replace(b'"v":1', b'"v": 1'), b"", b"[]"):
        with pytest.raises(BadRegistry) as caught:
            read_registry(raw)
        assert (caught.value.field, caught.value.rule) == ("registry", "canonical")
    with pytest.raises(BadRegistry) as caught:
        read_registry(b"{}")
    assert (caught.value.field, caught.value.rule) == ("registry", "shape")


def test_a_file_comes_back() -> None:
    signed = signed_registry()
    text = encode_registry(signed)
    assert decode_registry(text) == decode_registry(text.encode()) == signed
    assert read_registry(signed.document) == REGISTRY
    again = json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False)
    assert text == again + "\n"


KEY_ID = "0" * 64
NO_KEY_ID = r"matching regex '\\A[0-9a-f]{64}\\Z'"
PAIR = {"ed25519": "A" * 86, "ml_dsa_65": "A" * 4412}
BOTH = f"registry: signatures/{KEY_ID}: both signatures must stand here and nothing else"


def with_pair(**changes: str) -> str:
    pair = {name: text for name, text in {**PAIR, **changes}.items() if text}
    return json.dumps({"document": {}, "signatures": {KEY_ID: pair}})


def test_signatures_have_their_sizes() -> None:
    assert decode_registry(with_pair()).signatures == {KEY_ID: Signature(bytes(64), bytes(3309))}


@pytest.mark.parametrize(
    ("text", "field", "rule", "why"),
    [
        ("{}", "registry", "shape", "registry: Object missing required field `document`"),
        ("[]", "registry", "shape", "registry: Expected `object`, got `array`"),
        (
            '{"document":{},"signatures":{},"more":1}',
            "registry",
            "shape",
            "registry: Object contains unknown field `more`",
        ),
        (
            '{"document":{},"signatures":{"no key id":{}}}',
            "registry",
            "shape",
            f"registry: Expected `str` {NO_KEY_ID} - at `key` in `$.signatures`",
        ),
        (with_pair(ml_dsa_65=""), f"registry/signatures/{KEY_ID}", "shape", BOTH),
        (with_pair(more="x"), f"registry/signatures/{KEY_ID}", "shape", BOTH),
        (
            with_pair(ed25519="AAAA"),
            f"signatures/{KEY_ID}",
            "length",
            f"signatures/{KEY_ID}: 3 bytes instead of 64",
        ),
        (
            with_pair(ml_dsa_65="AAAA"),
            f"signatures/{KEY_ID}",
            "length",
            f"signatures/{KEY_ID}: 3 bytes instead of 3309",
        ),
        (
            with_pair(ml_dsa_65="*"),
            f"signatures/{KEY_ID}",
            "base64url",
            f"signatures/{KEY_ID}: not base64url",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_a_broken_file_is_refused(text: str, field: str, rule: str, why: str) -> None:
    with pytest.raises(BadRegistry) as caught:
        decode_registry(text)
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"document":{},"document":{},"signatures":{}}',
        '{"document":{"n":9007199254740992},"signatures":{}}',
    ],
)
def test_what_is_no_json_of_ours_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(InvalidInput) as reason:
        canonical_json(parse_json(text.encode()))
    with pytest.raises(BadRegistry) as caught:
        decode_registry(text)
    assert (caught.value.field, caught.value.rule) == (reason.value.field, reason.value.rule)
    assert str(caught.value) == f"registry: {reason.value}"


def test_age_is_counted_from_issue() -> None:
    now = parse_timestamp("2026-01-03T00:00:00.000000Z")
    assert registry_age(REGISTRY, now) == timedelta(days=2)
    with pytest.raises(InvalidInput) as caught:
        registry_age(make_registry(issued="yesterday"), now)
    assert caught.value.field == "issued"
