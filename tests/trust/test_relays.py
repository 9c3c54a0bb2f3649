"""A relay proves its origin and its whole way, and nobody on the way widens what may follow."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, BadSignature, PeerError, canonical_json
from ringwall.trust import (
    MOST_HOPS,
    Relay,
    StatedLeaf,
    addressee_digest,
    addressee_list,
    held_digest,
    object_digest,
    pass_on,
    read_relay,
    relay_document,
    sign,
    verify_origin,
)
from ringwall.trust.documents import to_text
from ringwall.trust.relays import _signed
from tests.trust import relay_world, world
from tests.trust.relay_world import REGISTRY, WAY, check, hop, narrowed, passed, stated, with_hop

FIELDS = ("confidence", "created", "indicator_types", "modified", "name", "pattern", "valid_from")
LATER = "2026-02-01T00:00:00.000000Z"


def refused(relay: Relay, **asked: Any) -> tuple[str, str]:
    """Return field and rule of a refusal."""
    with pytest.raises(BadEnvelope) as caught:
        check(relay, **asked)
    return caught.value.field, caught.value.rule


def replaced(relay: Relay, **changes: Any) -> Relay:
    return msgspec.structs.replace(relay, **changes)


# --- what is right, however long and however narrow ---


@settings(max_examples=30, deadline=None)
@given(st.integers(1, MOST_HOPS), st.data())
def test_a_relay_goes_any_way_and_comes_back_from_its_document(
    length: int, data: st.DataObject
) -> None:
    relay, left, shown = stated(), data.draw(st.integers(length - 1, MOST_HOPS)), set(FIELDS)
    allowed = set(relay_world.MEMBERS)
    for place in range(length):
        names = data.draw(st.sets(st.sampled_from(sorted(shown)), max_size=2)) if shown else set()
        shown -= names
        ahead = {node[:3] for node in WAY[place + 2 : length + 1]}
        allowed = ahead | data.draw(st.sets(st.sampled_from(sorted(allowed))))
        relay = narrowed(relay, names)
        relay = hop(relay, WAY[place], WAY[place + 1], onward_to=allowed, hops=left - place)
        raw = canonical_json(relay_document(relay))
        assert read_relay(msgspec.json.decode(raw)) == relay
        leaf = check(relay)
    assert (leaf.origin, leaf.sequence, leaf.label) == ("aaa-1", 2, world.LABEL)
    assert len(relay.hops) == length
    assert held_digest(relay.object, relay.seed, relay.disclosure) == object_digest(
        world.BODY, world.SEED
    )
    assert len(relay.hops[-1].withheld) == len(FIELDS) - len(shown)


def test_what_the_origin_signed_is_returned() -> None:
    relay = passed(stated(onward={"onward_to": ["ddd"], "hops": 1}), "bbb-1", "ddd-1")
    salt = world.secret("addressee salt 2")
    assert check(relay) == StatedLeaf(
        kind="statement",
        object=to_text(object_digest(world.BODY, world.SEED)),
        origin="aaa-1",
        sequence=2,
        label=world.LABEL,
        purpose="collective-defence",
        onward={"onward_to": ["ddd"], "hops": 1},
        addressees=to_text(addressee_digest(salt, addressee_list(("bbb-1", "ccc-1")))),
    )


def test_a_hop_says_by_whom_to_whom_how_far_and_without_what() -> None:
    relay = pass_on(
        relay_world.NODES["bbb-1"],
        world.ALLIANCE,
        stated({"name", "confidence"}),
        by="bbb-1",
        to="ddd-1",
        at=LATER,
        onward_to=["fff", "eee"],
        hops=2,
    )
    (one,) = relay.hops
    assert (one.by, one.to, one.at) == ("bbb-1", "ddd-1", LATER)
    assert (one.onward_to, one.hops, one.withheld) == (("eee", "fff"), 2, (0, 5))
    check(relay)
    last = pass_on(
        relay_world.NODES["bbb-1"], world.ALLIANCE, stated(), by="bbb-1", to="ddd-1", at=LATER
    )
    assert (last.hops[0].onward_to, last.hops[0].hops, last.hops[0].withheld) == ((), 0, ())


def test_either_addressee_may_be_the_first() -> None:
    check(passed(stated(), "ccc-1", "ddd-1", "eee-1"))


def test_a_part_may_be_narrowed_again_on_its_way_and_never_widened() -> None:
    first = hop(stated({"name"}), "bbb-1", "ddd-1")
    check(hop(narrowed(first, {"pattern"}), "ddd-1", "eee-1"))
    # ddd-1 got the whole object from somebody else, who let it go no further.
    whole = replaced(stated(), hops=first.hops)
    assert refused(hop(whole, "ddd-1", "eee-1")) == ("relay/hops", "widened")
    other = replaced(stated({"pattern"}), hops=first.hops)
    assert refused(hop(other, "ddd-1", "eee-1")) == ("relay/hops", "widened")


def test_nobody_gets_more_or_less_than_the_last_hop_says() -> None:
    for relay, held in (
        (hop(stated({"name"}), "bbb-1", "ddd-1"), stated()),
        (hop(stated(), "bbb-1", "ddd-1"), stated({"name"})),
        (hop(stated({"name"}), "bbb-1", "ddd-1"), stated({"pattern"})),
    ):
        mixed = replaced(held, hops=relay.hops)
        assert refused(mixed) == ("relay/hops", "withheld")


# --- the origin ---


def test_the_first_hop_is_by_an_addressee() -> None:
    assert refused(passed(stated(), "ddd-1", "eee-1")) == ("relay/hops", "addressee")
    assert refused(stated()) == ("relay/hops", "addressee")
    assert refused(passed(stated(), "aaa-1", "ddd-1")) == ("relay/hops", "addressee")


@pytest.mark.parametrize(
    "addressees",
    [
        ("bbb-1",),
        ("bbb-1", "ccc-1", "ddd-1"),
        ("bbb-1", "ddd-1"),
        ("ccc-1", "bbb-1"),
        ("bbb-1", "bbb-1", "ccc-1"),
    ],
)
def test_other_addressees_are_refused(addressees: tuple[str, ...]) -> None:
    relay = replaced(passed(stated(), "bbb-1", "eee-1"), addressees=addressees)
    assert refused(relay) == ("relay/addressees", "addressees")


@pytest.mark.parametrize("salt", [bytes(32), world.secret("addressee salt 1")])
def test_another_salt_is_refused(salt: bytes) -> None:
    relay = replaced(passed(stated(), "bbb-1", "ddd-1"), addressee_salt=salt)
    assert refused(relay) == ("relay/addressees", "addressees")


def test_of_an_origin_and_nodes_that_the_registry_does_not_know_nothing_is_believed() -> None:
    for gone in ("aaa-1", "bbb-1", "ddd-1", "eee-1"):
        nodes = {name: node for name, node in REGISTRY.nodes.items() if name != gone}
        relay = passed(stated(), "bbb-1", "ddd-1", "eee-1")
        asked = {"registry": world.make_registry(nodes=nodes)}
        assert refused(relay, **asked) == ("relay/hops", "unknown-node")


@pytest.mark.parametrize("revoked_at", [world.ISSUED, "2099-01-01T00:00:00.000000Z"])
def test_a_revoked_key_proves_no_part_of_a_way(revoked_at: str) -> None:
    relay = passed(stated(), "bbb-1", "ddd-1", "eee-1")
    for name in ("aaa-1", "bbb-1", "ddd-1"):
        gone = relay_world.entry(name, revoked_at=revoked_at)
        registry = relay_world.registry_of(**{name.replace("-", "_"): gone})
        assert refused(relay, registry=registry) == ("relay/hops", "revoked")
    gone = relay_world.entry("ccc-1", revoked_at=revoked_at)
    check(relay, relay_world.registry_of(ccc_1=gone))  # it only got it too


def test_an_origin_with_new_keys_has_to_state_it_again() -> None:
    other = relay_world.entry("aaa-1", keys=world.node_keys("aaa-1 renewed").public())
    registry = relay_world.registry_of(aaa_1=other)
    assert refused(passed(stated(), "bbb-1", "ddd-1"), registry=registry)[0] == "proof/key_id"


def test_another_alliance_is_refused() -> None:
    relay = passed(stated(), "bbb-1", "ddd-1")
    elsewhere = msgspec.structs.replace(REGISTRY, alliance="another")
    assert refused(relay, registry=elsewhere)[0] == "proof/alliance"
    signed_elsewhere = hop(stated(), "bbb-1", "ddd-1", alliance="another")
    with pytest.raises(BadSignature):
        check(signed_elsewhere)


def test_an_object_comes_with_its_seed_or_a_disclosure() -> None:
    whole, part = passed(stated(), "bbb-1", "ddd-1"), passed(stated({"name"}), "bbb-1", "ddd-1")
    for relay in (
        replaced(part, seed=world.SEED),
        replaced(part, seed=bytes(32)),
        replaced(whole, seed=b""),
        replaced(whole, seed=world.SEED[:-1]),
        replaced(whole, seed=world.SEED + b"\0"),
        replaced(whole, disclosure=part.disclosure),
    ):
        assert refused(relay) == ("relay/seed", "seed")


@pytest.mark.parametrize(
    "body",
    [
        world.BODY.replace(b":85", b": 85"),
        world.BODY + b"\n",
        b"[]",
        b"",
        b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"\xed\xa0\x80":1}',
    ],
    ids=["space", "newline", "array", "nothing", "deep", "surrogate"],
)
def test_an_object_that_is_not_canonical_is_refused(body: bytes) -> None:
    whole, part = passed(stated(), "bbb-1", "ddd-1"), passed(stated({"name"}), "bbb-1", "ddd-1")
    for relay in (whole, part):
        assert refused(replaced(relay, object=body)) == ("relay/object", "canonical")


def test_another_object_or_disclosure_is_refused() -> None:
    whole, part = passed(stated(), "bbb-1", "ddd-1"), passed(stated({"name"}), "bbb-1", "ddd-1")
    higher = world.BODY.replace(b":85", b":99")
    assert refused(replaced(whole, object=higher)) == ("proof/object", "proof")
    assert refused(replaced(whole, seed=bytes(32))) == ("proof/object", "proof")
    higher = part.object.replace(b":85", b":99")
    assert refused(replaced(part, object=higher)) == ("proof/object", "proof")
    assert refused(replaced(part, disclosure=part.disclosure[33:])) == ("disclosure", "count")


def leaf_of(relay: Relay, **changes: Any) -> dict[str, Any]:
    return msgspec.json.decode(relay.proof.leaf) | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"restriction": "nobody"},
        {"sequence": 0},
        {"sequence": "2"},
        {"origin": "AAA"},
        {"label": []},
        {"onward": None},
        {"purpose": 1},
        {"addressees": None},
    ],
)
def test_a_leaf_holds_what_a_leaf_holds_and_nothing_else(changes: dict[str, Any]) -> None:
    honest = stated()
    odd = replaced(honest, proof=relay_world.proof_of_leaf(leaf_of(honest, **changes)))
    assert refused(passed(odd, "bbb-1", "ddd-1")) == ("relay/proof/leaf", "shape")
    same = replaced(honest, proof=relay_world.proof_of_leaf(leaf_of(honest)))
    check(passed(same, "bbb-1", "ddd-1"))


def test_a_receipt_is_no_statement() -> None:
    honest = stated()
    proof = relay_world.proof_of_leaf(leaf_of(honest, kind="receipt"))
    assert refused(passed(replaced(honest, proof=proof), "bbb-1", "ddd-1"))[0] == "proof/kind"


def test_nobody_states_in_the_name_of_another() -> None:
    honest = stated()
    for name, keys in (("bbb-1", "bbb-1"), ("aaa-1", "bbb-1"), ("bbb-1", "aaa-1")):
        leaf = leaf_of(honest)
        proof = relay_world.proof_of_leaf(leaf, relay_world.NODES[keys], origin=name)
        relay = passed(replaced(honest, proof=proof), "bbb-1", "ddd-1")
        with pytest.raises(PeerError):
            check(relay)


def test_the_origin_alone_may_be_asked() -> None:
    assert verify_origin(stated(), REGISTRY) == check(passed(stated(), "bbb-1", "ddd-1"))
    with pytest.raises(BadEnvelope):
        verify_origin(replaced(stated(), addressees=("bbb-1",)), REGISTRY)


# --- the way ---


def test_the_last_hop_is_from_the_sender_to_the_receiver() -> None:
    relay = passed(stated(), "bbb-1", "ddd-1", "eee-1")
    assert refused(relay, me="fff-1") == ("relay/hops", "last-hop")
    assert refused(relay, sender="bbb-1") == ("relay/hops", "last-hop")
    assert refused(relay, me="ddd-1", sender="bbb-1") == ("relay/hops", "last-hop")
    assert refused(relay, me="ddd-1", sender="eee-1") == ("relay/hops", "last-hop")


def test_a_hop_begins_where_the_one_before_ended() -> None:
    relay = hop(passed(stated(), "bbb-1", "ddd-1"), "fff-1", "eee-1")
    assert refused(relay) == ("relay/hops", "chain")


def cut(relay: Relay, *places: int) -> Relay:
    return relay_world.with_hops(relay, [relay.hops[place] for place in places])


def test_a_chain_in_another_order_or_without_a_hop_is_refused() -> None:
    relay = passed(stated(), *WAY[:5])
    assert refused(cut(relay, 0, 2, 1, 3)) == ("relay/hops", "chain")
    assert refused(cut(relay, 0, 1, 3)) == ("relay/hops", "chain")
    assert refused(cut(relay, 1, 2, 3)) == ("relay/hops", "addressee")
    assert refused(cut(relay, 0, 0, 1)) == ("relay/hops", "way")
    assert refused(cut(relay, 0, 1, 2, 3), me=WAY[3], sender=WAY[2]) == ("relay/hops", "last-hop")


def test_hops_of_another_statement_or_another_way_are_refused() -> None:
    relay, same_way = passed(stated(), *WAY[:4]), passed(stated(), *WAY[:4])
    other = passed(stated(purpose="exercise"), *WAY[:4])
    for donor in (other, same_way):
        for place in (0, 1):
            hops = list(relay.hops)
            hops[place] = donor.hops[place]
            with pytest.raises(BadSignature):
                check(relay_world.with_hops(relay, hops))
    # The last hop is over all that came before it: another one of the same words is another one.
    for donor in (other, same_way):
        with pytest.raises(BadSignature):
            check(relay_world.with_hops(relay, [*relay.hops[:2], donor.hops[2]]))
    with pytest.raises(BadSignature):
        check(replaced(stated(purpose="exercise"), hops=relay.hops))


def test_a_hop_counts_for_the_addressees_that_it_was_signed_for() -> None:
    """One statement is sealed to two audiences: the way of one leaf is no way of the other."""
    first = passed(stated(), "bbb-1", "ddd-1")
    second = replaced(stated(leaf_salt=bytes(32)), hops=first.hops)
    with pytest.raises(BadSignature):
        check(second)


def test_a_hop_is_signed_by_its_own_node_with_both_keys() -> None:
    forged = hop(stated(), "bbb-1", "ddd-1", keys=relay_world.NODES["ddd-1"])
    with pytest.raises(BadSignature):
        check(forged)
    good = hop(stated(), "bbb-1", "ddd-1")
    for algorithm, place in (("ed25519", "ed25519"), ("ml-dsa-65", "ml_dsa_65")):
        half = with_hop(good, 0, **{place: getattr(forged.hops[0], place)})
        with pytest.raises(BadSignature) as caught:
            check(half)
        assert caught.value.field == algorithm


def test_who_passes_it_on_changes_no_word_of_the_hop_that_it_got() -> None:
    """It signs the hops before its own, so only their own signatures hold it back."""
    got = hop(stated({"name"}), "bbb-1", "ddd-1", onward_to=["eee", "fff"], hops=2)
    check(hop(got, "ddd-1", "eee-1", onward_to=["fff"], hops=1))
    for changes in ({"hops": 3}, {"onward_to": relay_world.MEMBERS}, {"at": LATER}):
        wider = with_hop(got, 0, **changes)
        with pytest.raises(BadSignature):
            check(hop(wider, "ddd-1", "eee-1", onward_to=["fff"], hops=1))
    whole = replaced(stated(), hops=with_hop(got, 0, withheld=()).hops)
    with pytest.raises(BadSignature):
        check(hop(whole, "ddd-1", "eee-1", onward_to=["fff"], hops=1))
    for way in ({"to": "fff-1"}, {"by": "ccc-1"}):
        other = with_hop(got, 0, **way)
        by = other.hops[0].to
        with pytest.raises(BadSignature):
            check(hop(other, by, "eee-1", onward_to=[], hops=1))


def test_a_hop_is_signed_for_nothing_but_a_relay() -> None:
    relay = hop(stated(), "bbb-1", "ddd-1")
    said = _signed(relay, relay.hops[0], ())
    for purpose, stands in (("relay", True), ("agreement", False), ("envelope", False)):
        pair = sign(relay_world.NODES["bbb-1"], purpose, world.ALLIANCE, said)
        texts = {"ed25519": to_text(pair.ed25519), "ml_dsa_65": to_text(pair.ml_dsa_65)}
        other = with_hop(relay, 0, **texts)
        if stands:
            check(other)
            continue
        with pytest.raises(BadSignature):
            check(other)


@pytest.mark.parametrize("signature", ["ed25519", "ml_dsa_65"])
@pytest.mark.parametrize(
    ("text", "rule"),
    [("", "length"), ("AAAA", "length"), ("A===", "base64url"), ("é", "base64url")],
)
def test_signatures_have_one_form(signature: str, text: str, rule: str) -> None:
    relay = with_hop(passed(stated(), "bbb-1", "ddd-1"), 0, **{signature: text})
    assert refused(relay) == (f"relay/hops/{signature}", rule)


# --- how far it may go ---


def test_hops_are_counted_down() -> None:
    first = hop(stated(), "bbb-1", "ddd-1", hops=1)
    check(hop(first, "ddd-1", "eee-1", hops=0))
    assert refused(hop(first, "ddd-1", "eee-1", hops=1)) == ("relay/hops", "limit")
    assert refused(hop(first, "ddd-1", "eee-1", hops=8)) == ("relay/hops", "limit")
    last = hop(stated(), "bbb-1", "ddd-1", hops=0)
    assert refused(hop(last, "ddd-1", "eee-1", hops=0)) == ("relay/hops", "limit")
    second = hop(first, "ddd-1", "eee-1", hops=0)
    assert refused(hop(second, "eee-1", "fff-1", hops=0)) == ("relay/hops", "limit")


def test_members_only_become_fewer() -> None:
    first = hop(stated(), "bbb-1", "ddd-1", onward_to=["eee", "fff"])
    check(hop(first, "ddd-1", "eee-1", onward_to=["fff"]))
    check(hop(first, "ddd-1", "eee-1", onward_to=[]))
    assert refused(hop(first, "ddd-1", "ggg-1", onward_to=[])) == ("relay/hops", "limit")
    wider = hop(first, "ddd-1", "eee-1", onward_to=["fff", "ggg"])
    assert refused(wider) == ("relay/hops", "limit")
    closed = hop(stated(), "bbb-1", "ddd-1", onward_to=[])
    assert refused(hop(closed, "ddd-1", "eee-1", onward_to=[])) == ("relay/hops", "limit")


def test_a_limit_is_broken_in_the_middle_too() -> None:
    relay = hop(stated(), "bbb-1", "ddd-1", hops=2)
    relay = hop(relay, "ddd-1", "eee-1", hops=2)
    relay = hop(relay, "eee-1", "fff-1", hops=1)
    assert refused(relay) == ("relay/hops", "limit")


def test_members_are_those_of_the_registry_and_not_names_of_nodes() -> None:
    first = hop(stated(), "bbb-1", "ddd-1", onward_to=["eee-1"])
    assert refused(hop(first, "ddd-1", "eee-1", onward_to=[])) == ("relay/hops", "limit")


@pytest.mark.parametrize(
    "way",
    [
        ("bbb-1", "bbb-1"),
        ("bbb-1", "ddd-1", "bbb-1"),
        ("bbb-1", "ddd-1", "eee-1", "ddd-1"),
        ("bbb-1", "aaa-1"),
        ("bbb-1", "ddd-1", "aaa-1"),
    ],
)
def test_no_way_comes_to_one_member_twice_or_back_to_the_origin(way: tuple[str, ...]) -> None:
    assert refused(passed(stated(), *way)) == ("relay/hops", "way")


def test_two_nodes_of_one_member_are_one_member() -> None:
    registry = relay_world.registry_of(eee_1=relay_world.entry("eee-1", member="bbb"))
    relay = passed(stated(), "bbb-1", "ddd-1", "eee-1")
    assert refused(relay, registry=registry) == ("relay/hops", "way")


def test_what_its_origin_sent_to_a_member_does_not_come_there_by_a_detour() -> None:
    assert refused(passed(stated(), "bbb-1", "ccc-1")) == ("relay/hops", "addressed")
    assert refused(passed(stated(), "bbb-1", "ddd-1", "ccc-1")) == ("relay/hops", "addressed")
    assert refused(passed(stated(), "bbb-1", "ccc-1", "ddd-1")) == ("relay/hops", "addressed")
    registry = relay_world.registry_of(ddd_1=relay_world.entry("ddd-1", member="ccc"))
    relay = passed(stated(), "bbb-1", "ddd-1")
    assert refused(relay, registry=registry) == ("relay/hops", "addressed")


def test_an_addressee_that_nobody_knows_makes_no_difference() -> None:
    nodes = {name: node for name, node in REGISTRY.nodes.items() if name != "ccc-1"}
    check(passed(stated(), "bbb-1", "ddd-1"), world.make_registry(nodes=nodes))
