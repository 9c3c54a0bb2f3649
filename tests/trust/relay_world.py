"""An alliance that is long enough for every relay, and relays that are right or wrong."""

from collections.abc import Collection, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec

from ringwall.core import canonical_json
from ringwall.trust import (
    Item,
    Registry,
    RegistryNode,
    Relay,
    Signature,
    StatedLeaf,
    leaf_hash,
    merkle_root,
    pass_on,
    redact,
    sign,
    verify_relay,
)
from ringwall.trust.documents import to_text
from ringwall.trust.statements import Proof
from tests.trust import world

NAMES = tuple(f"{letter * 3}-1" for letter in "abcdefghijkl")
MEMBERS = tuple(name[:3] for name in NAMES)
NODES = {name: world.NODES.get(name) or world.node_keys(name) for name in NAMES}
WAY = ("bbb-1", *NAMES[3:11])
"""An addressee, and eight more nodes: as far as anything goes. aaa-1 states; ccc-1 has it too."""


def registry_of(*names: str, **changes: RegistryNode) -> Registry:
    """Return a registry of some nodes, by default of all, with other entries for some."""
    nodes = {
        name: RegistryNode(name[:3], place, keys.public(), world.ISSUED)
        for place, (name, keys) in enumerate(NODES.items(), 1)
        if not names or name in names
    }
    named = {name.replace("_", "-"): node for name, node in changes.items()}
    return world.make_registry(nodes=nodes | named)


REGISTRY = registry_of()


def entry(name: str, **changes: Any) -> RegistryNode:
    """Return the registry's entry of a node, changed."""
    return msgspec.structs.replace(REGISTRY.nodes[name], **changes)


def stated(withheld: Collection[str] = (), **changes: Any) -> Relay:
    """Return what bbb-1 holds of a statement that was sealed to it and ccc-1; nobody passed it on.

    It is the second of three statements.
    """
    items = [world.item(sequence, **changes) for sequence in (1, 2, 3)]
    proof = _sealed(msgspec.msgpack.encode(items)).proofs[1]
    relay = Relay(
        items[1].object, items[1].seed, b"", proof, ("bbb-1", "ccc-1"), items[1].addressee_salt
    )
    return narrowed(relay, withheld)


@cache
def _sealed(items: bytes) -> Any:
    return world.seal(*msgspec.msgpack.decode(items, type=list[Item]))


def narrowed(relay: Relay, withheld: Collection[str]) -> Relay:
    """Return a relay without some fields of its object."""
    if not withheld:
        return relay
    body, disclosure = redact(relay.object, relay.seed, withheld, relay.disclosure)
    return msgspec.structs.replace(relay, object=body, seed=b"", disclosure=disclosure)


def hop(relay: Relay, by: str, to: str, **changes: Any) -> Relay:
    """Let ``by`` pass it on to ``to``, as far as anybody may; ``keys`` may be another's."""
    fields: dict[str, Any] = {
        "at": world.SENT,
        "onward_to": MEMBERS,
        "hops": 8 - len(relay.hops),
        "keys": NODES[by],
        "alliance": world.ALLIANCE,
    } | changes
    return pass_on(relay=relay, by=by, to=to, **fields)


def passed(relay: Relay, *nodes: str) -> Relay:
    """Let a relay go over nodes, from the first to the last."""
    for by, to in pairwise(nodes):
        relay = hop(relay, by, to)
    return relay


def check(
    relay: Relay, registry: Registry = REGISTRY, *, me: str = "", sender: str = ""
) -> StatedLeaf:
    """Verify a relay as the node that its last hop names."""
    last = relay.hops[-1] if relay.hops else None
    me, sender = me or (last.to if last else "ddd-1"), sender or (last.by if last else "bbb-1")
    return verify_relay(relay, registry, me=me, sender=sender)


def proof_of_leaf(leaf: dict[str, Any], keys: Any = NODES["aaa-1"], **changes: Any) -> Proof:
    """Sign any leaf as the one item of a batch: what a dishonest origin can do."""
    raw, salt = canonical_json(leaf), world.secret("leaf salt")
    payload: dict[str, Any] = {
        "v": 1,
        "alliance": world.ALLIANCE,
        "origin": leaf.get("origin", "aaa-1"),
        "batch_root": to_text(merkle_root([leaf_hash(raw, salt)])),
        "batch_size": 1,
        "header_digest": to_text(bytes(32)),
    } | changes
    signed = canonical_json(payload)
    pair: Signature = sign(keys, "envelope", world.ALLIANCE, signed)
    return Proof(raw, salt, (), 0, 1, signed, pair, keys.public().key_id)


def with_hop(relay: Relay, place: int, **changes: Any) -> Relay:
    """Change a hop after it was signed."""
    hops = list(relay.hops)
    hops[place] = msgspec.structs.replace(hops[place], **changes)
    return with_hops(relay, hops)


def with_hops(relay: Relay, hops: Sequence[Any]) -> Relay:
    return msgspec.structs.replace(relay, hops=tuple(hops))
