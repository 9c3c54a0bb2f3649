"""The independent verifier says of relays what the program says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.core import PeerError, canonical_json
from ringwall.trust import (
    MOST_HOPS,
    Registry,
    Relay,
    encode_registry,
    read_relay,
    relay_document,
    verify_relay,
)
from ringwall.trust.documents import to_text
from tests.trust import relay_world, world
from tests.trust.make_vectors import DIRECTORY, vector
from tests.trust.relay_world import REGISTRY, WAY, check, hop, narrowed, passed, stated, with_hop
from tests.trust.test_verifier import run

THREE = passed(narrowed(hop(stated(), "bbb-1", "ddd-1"), {"name"}), "ddd-1", "eee-1", "fff-1")


class Verdict:
    """Runs the verifier on one relay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, document: Any, *, sender: str, node: str, registry: Registry = REGISTRY
    ) -> tuple[int, str, str]:
        relay, signed = self.folder / "relay.json", self.folder / "registry.json"
        relay.write_text(json.dumps(document))
        signed.write_text(encode_registry(world.signed_registry(registry)))
        asked = ("--registry", signed, "--anchor", registry.digest)
        return run("relay", relay, *asked, "--sender", sender, "--node", node)


@pytest.fixture
def verdict(tmp_path: Path) -> Verdict:
    return Verdict(tmp_path)


@pytest.mark.parametrize("length", [1, 2, MOST_HOPS])
def test_a_relay_from_the_program(length: int, verdict: Verdict) -> None:
    relay = stated(onward={"hops": 8, "onward_to": ["é"]})
    for place, withheld in zip(range(length), ("", "name", "pattern"), strict=False):
        relay = hop(narrowed(relay, {withheld} - {""}), WAY[place], WAY[place + 1])
    relay = passed(relay, *WAY[len(relay.hops) : length + 1])
    leaf = check(relay)
    code, out, err = verdict(relay_document(relay), sender=WAY[length - 1], node=WAY[length])
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["leaf"] == msgspec.to_builtins(leaf)
    assert found["way"] == list(WAY[: length + 1])
    assert found["hops"] == relay.hops[-1].hops
    assert found["withheld"] == list(relay.hops[-1].withheld)
    assert found["onward_to"] == list(relay.hops[-1].onward_to)


@pytest.mark.parametrize(("sender", "node"), [("eee-1", "ggg-1"), ("ddd-1", "fff-1")])
def test_it_is_asked_who_handed_it_to_whom(sender: str, node: str, verdict: Verdict) -> None:
    code, _, err = verdict(relay_document(THREE), sender=sender, node=node)
    assert (code, "not from its sender" in err) == (1, True)


def changed(**changes: Any) -> Callable[[Relay], Relay]:
    return lambda relay: msgspec.structs.replace(relay, **changes)


WRONG: dict[str, Relay] = {
    "by no addressee": passed(stated(), "ddd-1", "eee-1"),
    "one member twice": passed(stated(), "bbb-1", "ddd-1", "eee-1", "ddd-1"),
    "to a member that its origin sent it to": passed(stated(), "bbb-1", "ddd-1", "ccc-1"),
    "does not begin where": hop(passed(stated(), "bbb-1", "ddd-1"), "fff-1", "eee-1"),
    "not let so far": hop(
        hop(stated(), "bbb-1", "ddd-1", onward_to=["fff"]), "ddd-1", "eee-1", onward_to=[]
    ),
    "further than was let": hop(hop(stated(), "bbb-1", "ddd-1", hops=0), "ddd-1", "eee-1", hops=0),
    "to others": hop(
        hop(stated(), "bbb-1", "ddd-1", onward_to=["eee"]), "ddd-1", "eee-1", onward_to=["fff"]
    ),
    "shows what was withheld": hop(
        changed(hops=hop(stated({"name"}), "bbb-1", "ddd-1").hops)(stated()), "ddd-1", "eee-1"
    ),
    "withheld other fields": changed(hops=hop(stated({"name"}), "bbb-1", "ddd-1").hops)(stated()),
    "not those that the origin named": changed(addressees=("bbb-1",))(THREE),
    "or not in order": changed(addressees=("ccc-1", "bbb-1"))(THREE),
    "a seed or a disclosure": changed(seed=world.SEED)(THREE),
    "Ed25519 signature is wrong": hop(stated(), "bbb-1", "ddd-1", keys=relay_world.NODES["ddd-1"]),
    "the Ed25519 signature is wrong": with_hop(THREE, 1, at="2027-01-01T00:00:00.000000Z"),
    "leaf: other fields": changed(
        proof=relay_world.proof_of_leaf(
            msgspec.json.decode(stated().proof.leaf) | {"restriction": "nobody"}
        )
    )(stated()),
}
WRONG["leaf: other fields"] = hop(WRONG["leaf: other fields"], "bbb-1", "ddd-1")


@pytest.mark.parametrize("why", WRONG)
def test_what_the_program_refuses_is_refused(why: str, verdict: Verdict) -> None:
    relay = WRONG[why]
    with pytest.raises(PeerError):
        check(relay)
    last = relay.hops[-1]
    code, out, err = verdict(relay_document(relay), sender=last.by, node=last.to)
    assert (code, out) == (1, "")
    assert why in err


@pytest.mark.parametrize("name", ["aaa-1", "bbb-1", "eee-1"])
def test_a_revoked_or_unknown_node_proves_nothing(name: str, verdict: Verdict) -> None:
    gone = relay_world.entry(name, revoked_at="2099-01-01T00:00:00.000000Z")
    revoked = relay_world.registry_of(**{name.replace("-", "_"): gone})
    others = [other for other in relay_world.NAMES if other != name]
    for registry in (revoked, relay_world.registry_of(*others)):
        with pytest.raises(PeerError):
            check(THREE, registry)
        code, _, err = verdict(
            relay_document(THREE), sender="eee-1", node="fff-1", registry=registry
        )
        assert code == 1
        assert name in err or "no such key of this origin" in err


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return every place of a document, containers too."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path] * bool(path) + [one for key, it in inner for one in places(it, (*path, key))]


def spoilt(path: tuple[str | int, ...]) -> list[dict[str, Any]]:
    """Return a good document, wrong in one place in each of some ways."""
    made = []
    for change in (grown, lambda _: None, lambda _: "AAAA", lambda _: 1.5, lambda _: []):
        document = msgspec.json.decode(canonical_json(relay_document(THREE)))
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        before = holder[path[-1]]
        holder[path[-1]] = change(before)
        if holder[path[-1]] != before:
            made.append(document)
    return made


def grown(value: Any) -> Any:
    if isinstance(value, dict):
        return value | {"more": 1}
    if isinstance(value, list):
        return [*value, *(value[:1] or [1])]
    return value + 1 if isinstance(value, int) else "B" + value


def test_whatever_is_spoilt_is_refused_by_both(tmp_path: Path) -> None:
    """The vector of relays lists what must not verify: here, all of it in one run."""
    good = msgspec.json.decode(canonical_json(relay_document(THREE)))
    bad = [document for path in places(good) for document in spoilt(path)]
    assert len(bad) > 200
    for document in bad:
        with pytest.raises(PeerError):
            verify_relay(read_relay(document), REGISTRY, me="fff-1", sender="eee-1")
    for path in DIRECTORY.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    handed = {"sender": "eee-1", "node": "fff-1"}
    kept = vector("relay") | {
        "anchor": REGISTRY.digest,
        "chain": [json.loads(encode_registry(world.signed_registry(REGISTRY)))],
        "relays": [],
        "refused": [handed | {"why": str(at), "relay": one} for at, one in enumerate(bad)],
    }
    (tmp_path / "relay.json").write_text(json.dumps(kept))
    assert run("vectors", tmp_path)[::2] == (0, "")
    kept["refused"].append(handed | {"why": "nothing is wrong", "relay": good})
    (tmp_path / "relay.json").write_text(json.dumps(kept))
    assert "nothing is wrong, and it verifies" in run("vectors", tmp_path)[2]


def test_hops_of_another_statement_are_refused(verdict: Verdict) -> None:
    mixed = relay_world.with_hops(stated(purpose="exercise"), THREE.hops[:1])
    code, _, err = verdict(relay_document(mixed), sender="bbb-1", node="ddd-1")
    assert (code, "signature is wrong" in err) == (1, True)
    assert to_text(THREE.proof.leaf) != to_text(mixed.proof.leaf)
