"""Write docs/vectors/ anew: run ``python -m tests.trust.make_vectors``.

Only needed when the protocol changes. Keys, salts and registries come out the same each time;
ML-DSA signatures and HPKE encapsulations do not, so the files are kept, not made in tests.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from ringwall.trust import (
    AuditTree,
    Item,
    RegistryNode,
    Relay,
    addressee_digest,
    addressee_list,
    consistency_proof,
    encode_registry,
    inclusion_proof,
    leaf_documents,
    leaf_hash,
    object_digest,
    open_envelope,
    proof_document,
    redact,
    registry_document,
    relay_document,
    sign_checkpoint,
)
from ringwall.trust.documents import to_text
from ringwall.trust.keys import NodeKeys
from ringwall.trust.relays import _signed
from tests.trust import relay_world, world

DIRECTORY = Path(__file__).parents[2] / "docs" / "vectors"
# The leaves of the test vectors that Certificate Transparency's implementations share.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
CT_LEAVES += ["606162636465666768696a6b6c6d6e6f"]


def second_registry() -> Any:
    """Registry 2: a new node, and a revoked one."""
    joined = world.node_keys("ddd-1").public()
    nodes = dict(world.REGISTRY.nodes)
    nodes["ddd-1"] = RegistryNode("ddd", 4, joined, "2026-01-01T12:00:00.000000Z")
    nodes["ccc-1"] = msgspec.structs.replace(
        nodes["ccc-1"], revoked_at="2026-06-01T00:00:00.000000Z"
    )
    issued = "2026-01-02T00:00:00.000000Z"
    return world.make_registry(number=2, previous=world.REGISTRY.digest, issued=issued, nodes=nodes)


def digests() -> dict[str, Any]:
    """Object digest, addressee digest, leaf and leaf hash."""
    one, nodes = world.item(), ("bbb-1", "ccc-1")
    leaf = leaf_documents([one], nodes)[0]
    return {
        "object": to_text(one.object),
        "seed": to_text(one.seed),
        "object_digest": to_text(object_digest(one.object, one.seed)),
        "nodes": list(nodes),
        "addressee_salt": to_text(one.addressee_salt),
        "addressee_digest": to_text(addressee_digest(one.addressee_salt, addressee_list(nodes))),
        "leaf": leaf.decode(),
        "leaf_salt": to_text(one.leaf_salt),
        "leaf_hash": to_text(leaf_hash(leaf, one.leaf_salt)),
    }


def merkle() -> dict[str, Any]:
    """Roots of 0 to 8 leaves, and every proof among them."""
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]
    tree, roots = AuditTree(), [AuditTree().root.hex()]
    for hashed in hashes:
        tree.append(hashed)
        roots.append(tree.root.hex())

    def leaves(start: int, end: int) -> list[bytes]:
        return hashes[start:end]

    sizes = range(1, len(hashes) + 1)
    inclusion = [
        {"index": i, "size": n, "path": [h.hex() for h in inclusion_proof(i, n, leaves)]}
        for n in sizes
        for i in range(n)
    ]
    consistency = [
        {"old": o, "size": n, "proof": [h.hex() for h in consistency_proof(o, n, leaves)]}
        for n in sizes
        for o in range(1, n + 1)
    ]
    named = {"leaves": CT_LEAVES, "roots": roots}
    return {**named, "inclusion": inclusion, "consistency": consistency}


def registry() -> dict[str, Any]:
    """A chain of two documents; two of three holders sign each."""
    second = second_registry()
    signed = [
        world.signed_registry(),
        world.signed_registry(second, "holder-2", "holder-3"),
    ]
    return {
        "anchor": world.REGISTRY.digest,
        "digests": [world.REGISTRY.digest, second.digest],
        "documents": [registry_document(r).decode() for r in (world.REGISTRY, second)],
        "chain": [json.loads(encode_registry(one)) for one in signed],
    }


def envelope(**changes: Any) -> dict[str, Any]:
    """An envelope, one recipient's private keys, and what opening it gives."""
    sealed = world.seal(registry=2, **changes)
    keys = world.NODES["bbb-1"]
    opened = open_envelope(
        sealed.data, me="bbb-1", keys=keys, alliance=world.ALLIANCE, registry=second_registry()
    )
    return {
        "envelope": to_text(sealed.data),
        "node": "bbb-1",
        "keys": key_file(keys),
        "expected": {
            "envelope": sealed.id,
            "origin": "aaa-1",
            "position": opened.position,
            "items": [json.loads(proof.leaf) for proof in opened.proofs],
        },
    }


def key_file(keys: NodeKeys) -> dict[str, Any]:
    """The content of a node's key file."""
    seeds = {name: to_text(seed) for name, seed in keys._seeds.items()}
    return {"kind": "node", "version": 1, **seeds}


def receipt() -> dict[str, Any]:
    """An envelope that holds a receipt."""
    content = {"received": {"PRIORITY": 7}}
    bare = {"object": b"", "seed": b"", "label": {}, "purpose": "", "content": content}
    one = world.item(kind="receipt", sequence=0, **bare)
    return envelope(items=[one], kind="receipt", lane="CONTROL")


def redacted(sequence: int, *withheld: str) -> Item:
    """Return the item of a statement of which some fields are withheld."""
    body, disclosure = redact(world.BODY, world.SEED, withheld)
    return world.item(sequence, object=body, seed=b"", disclosure=disclosure)


def redaction() -> dict[str, Any]:
    """An envelope of a whole statement and two redactions of its object."""
    items = [world.item(1), redacted(2, "name"), redacted(3, "confidence", "name", "pattern_type")]
    digest = to_text(object_digest(world.BODY, world.SEED))
    return envelope(items=items) | {"object_digest": digest}


def statement() -> dict[str, Any]:
    """One statement of a batch of five, proven by itself, whole and without its name."""
    proof = world.seal(*(world.item(sequence) for sequence in range(1, 6))).proofs[4]
    part = redacted(5, "name")
    return {
        "object": to_text(world.BODY),
        "seed": to_text(world.SEED),
        "proof": proof_document(proof),
        "redacted": {"object": to_text(part.object), "disclosure": to_text(part.disclosure)},
    }


def relay() -> dict[str, Any]:
    """Relays over one hop and over three, and some that do not verify; a registry of six nodes."""
    registry = relay_world.registry_of(*relay_world.NAMES[:6])
    first = _hop(_stated(), "bbb-1", "ddd-1", ["eee", "fff"], 2)
    second = _hop(relay_world.narrowed(first, {"name"}), "ddd-1", "eee-1", ["fff"], 1)
    part = relay_world.narrowed(second, {"confidence", "pattern_type"})
    return {
        "anchor": registry.digest,
        "chain": [json.loads(encode_registry(world.signed_registry(registry)))],
        "relays": [
            _handed(one)
            | {
                "leaf": json.loads(one.proof.leaf),
                "signed": [
                    _signed(one, hop, one.hops[:place]).decode()
                    for place, hop in enumerate(one.hops)
                ],
            }
            for one in (first, _hop(part, "eee-1", "fff-1", [], 0))
        ],
        "refused": [{"why": why} | _handed(one) for why, one in _refused(first, second).items()],
    }


def _refused(first: Relay, second: Relay) -> dict[str, Relay]:
    """Relays whose signatures are right, but for the last, and that are refused all the same."""
    closed = _hop(first, "ddd-1", "eee-1", [], 1)
    whole = msgspec.structs.replace(_stated(), hops=second.hops)
    other = _stated(purpose="exercise")
    return {
        "its first hop is by no addressee": _hop(other, "ddd-1", "eee-1", [], 0),
        "it comes back to its origin": _hop(other, "bbb-1", "aaa-1", [], 0),
        "it goes to a member that its origin sent it to": _hop(other, "bbb-1", "ccc-1", [], 0),
        "it goes to a member that was not let": _hop(closed, "eee-1", "fff-1", [], 0),
        "it may go further than was let": _hop(second, "eee-1", "fff-1", [], 1),
        "it shows what was withheld": _hop(whole, "eee-1", "fff-1", [], 0),
        "its hop is of another statement": msgspec.structs.replace(other, hops=first.hops),
    }


def _stated(**changes: Any) -> Relay:
    terms = {"hops": 3, "onward_to": ["ddd", "eee", "fff"]}
    return relay_world.stated(onward=terms, **changes)


def _hop(relay: Relay, by: str, to: str, onward_to: list[str], hops: int) -> Relay:
    return relay_world.hop(relay, by, to, onward_to=onward_to, hops=hops)


def _handed(relay: Relay) -> dict[str, Any]:
    """A relay, who hands it over, and to whom."""
    last = relay.hops[-1]
    return {"sender": last.by, "node": last.to, "relay": relay_document(relay)}


def checkpoint() -> dict[str, Any]:
    """A log of five entries and its checkpoint."""
    leaves = [
        json.dumps({"entry": n, "kind": "example", "salt": to_text(world.secret(f"audit {n}", 16))})
        for n in range(5)
    ]
    leaves = [leaf.replace(": ", ":").replace(", ", ",") for leaf in leaves]
    tree = AuditTree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf.encode()))
    keys = world.NODES["aaa-1"]
    signed = sign_checkpoint(keys, world.ALLIANCE, "aaa-1", tree.size, tree.root)
    note = {"node": "aaa-1", "note": signed.note, "ml_dsa_65": to_text(signed.ml_dsa_65)}
    return {**note, "leaves": leaves}


MAKERS = (digests, merkle, registry, envelope, receipt, redaction, statement, relay, checkpoint)


def vector(name: str) -> dict[str, Any]:
    """Read a vector file as it is kept."""
    read: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text(encoding="utf-8"))
    return read


def main() -> None:
    """Write every vector file."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for make in MAKERS:
        text = json.dumps(make(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (DIRECTORY / f"{make.__name__}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
