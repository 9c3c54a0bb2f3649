"""docs/vectors: the program makes and reads what the protocol's other implementations do."""

import hashlib
import json
from typing import Any

import msgspec
import pytest

from ringwall.core import BadEnvelope, PeerError
from ringwall.trust import (
    Proof,
    SignedCheckpoint,
    decode_registry,
    leaf_hash,
    merkle_root,
    object_digest,
    open_envelope,
    read_relay,
    redact,
    relay_document,
    verify,
    verify_checkpoint,
    verify_proof,
    verify_receipt,
    verify_registry_chain,
    verify_relay,
)
from ringwall.trust.documents import to_bytes, to_text
from ringwall.trust.signatures import Signature
from tests.trust import make_vectors, relay_world, world
from tests.trust.make_vectors import vector


def raw(text: str) -> bytes:
    return to_bytes(text, error=BadEnvelope, field="vector")


def test_the_program_reads_the_same_vectors() -> None:
    """A change of the wire format shows here first, and needs a new wire version."""
    chain = [decode_registry(json.dumps(one)) for one in vector("registry")["chain"]]
    registry = verify_registry_chain(chain, anchor=vector("registry")["anchor"])
    for name in ("envelope", "receipt", "redaction"):
        sealed = vector(name)
        opened = open_envelope(
            to_bytes(sealed["envelope"], error=BadEnvelope, field=name),
            me=sealed["node"],
            keys=world.NODES["bbb-1"],
            alliance=world.ALLIANCE,
            registry=registry,
        )
        expected = sealed["expected"]
        assert (opened.header.id, opened.position) == (expected["envelope"], expected["position"])
        assert [json.loads(proof.leaf) for proof in opened.proofs] == expected["items"]


@pytest.mark.parametrize("make", [make_vectors.digests, make_vectors.merkle])
def test_what_is_not_random_comes_out_the_same(make: Any) -> None:
    assert make() == vector(make.__name__)


def test_registry_documents_come_out_the_same() -> None:
    assert make_vectors.registry()["documents"] == vector("registry")["documents"]
    second = make_vectors.second_registry()
    assert [world.REGISTRY.digest, second.digest] == vector("registry")["digests"]


def test_a_redaction_comes_out_the_same() -> None:
    body, seed = raw(vector("statement")["object"]), raw(vector("statement")["seed"])
    redacted, disclosure = redact(body, seed, {"name"})
    assert vector("statement")["redacted"] == {
        "object": to_text(redacted),
        "disclosure": to_text(disclosure),
    }
    assert vector("redaction")["object_digest"] == to_text(object_digest(body, seed))


def proof_of(document: dict[str, Any]) -> Proof:
    return Proof(
        raw(document["leaf"]),
        raw(document["salt"]),
        tuple(raw(sibling) for sibling in document["path"]),
        document["index"],
        document["size"],
        raw(document["payload"]),
        Signature(raw(document["ed25519"]), raw(document["ml_dsa_65"])),
        document["key_id"],
    )


def test_the_statement_of_the_vectors_is_proven_whole_and_redacted() -> None:
    kept = vector("statement")
    proof, public = proof_of(kept["proof"]), world.NODES["aaa-1"].public()
    leaf = verify_proof(proof, raw(kept["object"]), raw(kept["seed"]), public, world.ALLIANCE)
    assert (leaf["origin"], leaf["sequence"], proof.index) == ("aaa-1", 5, 4)
    part, disclosure = (raw(kept["redacted"][name]) for name in ("object", "disclosure"))
    again = verify_proof(proof, part, b"", public, world.ALLIANCE, disclosure=disclosure)
    assert again == leaf
    with pytest.raises(BadEnvelope) as caught:
        verify_receipt(proof, public, world.ALLIANCE)
    assert caught.value.field == "proof/kind"


def test_the_relays_of_the_vectors_verify_and_the_refused_ones_do_not() -> None:
    kept = vector("relay")
    chain = [decode_registry(json.dumps(one)) for one in kept["chain"]]
    registry = verify_registry_chain(chain, anchor=kept["anchor"])
    assert [len(one["relay"]["hops"]) for one in kept["relays"]] == [1, 3]
    for one in kept["relays"]:
        relay = read_relay(one["relay"])
        leaf = verify_relay(relay, registry, me=one["node"], sender=one["sender"])
        assert msgspec.to_builtins(leaf) == one["leaf"]
        assert relay_document(relay) == one["relay"]
    rules = []
    for one in kept["refused"]:
        with pytest.raises(PeerError) as caught:
            verify_relay(read_relay(one["relay"]), registry, me=one["node"], sender=one["sender"])
        rules.append(caught.value.rule)
    assert rules == ["addressee", "way", "addressed", "limit", "limit", "widened", "signature"]


def test_what_a_hop_signs_is_in_the_vectors() -> None:
    for one in vector("relay")["relays"]:
        for hop, signed in zip(one["relay"]["hops"], one["signed"], strict=True):
            public = relay_world.NODES[hop["by"]].public()
            pair = Signature(raw(hop["ed25519"]), raw(hop["ml_dsa_65"]))
            verify(public, "relay", world.ALLIANCE, signed.encode(), pair)


def test_the_checkpoint_of_the_vectors_is_of_its_leaves() -> None:
    kept = vector("checkpoint")
    signed = SignedCheckpoint(kept["note"], raw(kept["ml_dsa_65"]))
    public = world.NODES["aaa-1"].public()
    found = verify_checkpoint(signed, public, world.ALLIANCE, "aaa-1")
    leaves = [leaf_hash(leaf.encode()) for leaf in kept["leaves"]]
    assert leaves[0] == hashlib.sha256(b"\0" + kept["leaves"][0].encode()).digest()
    assert (found.size, found.root) == (len(leaves), merkle_root(leaves))
