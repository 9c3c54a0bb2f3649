"""One statement by itself (protocol 9), and one that other nodes passed on (protocol 15).

Written from docs/protocol.md; nothing of src/ is used.
"""

import re
from typing import Any

from primitives import (
    addressee_digest,
    b64,
    canonical,
    check_both,
    held_digest,
    key_id,
    pae,
    read_canonical,
    require,
    root_from_path,
    sha256,
    unb64,
)

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)
PROOF_FIELDS = {
    "v", "leaf", "salt", "path", "index", "size", "payload", "ed25519", "ml_dsa_65", "key_id",
}  # fmt: skip
PAYLOAD_FIELDS = {
    "v", "alliance", "origin", "batch_root", "batch_size", "header_digest",
}  # fmt: skip
LEAF_FIELDS = {
    "kind", "origin", "sequence", "object", "label", "purpose", "onward", "addressees",
}  # fmt: skip
RELAY_FIELDS = {
    "v", "object", "seed", "disclosure", "proof", "addressees", "addressee_salt", "hops",
}  # fmt: skip
HOP_FIELDS = {"by", "to", "at", "onward_to", "hops", "withheld", "ed25519", "ml_dsa_65"}
MOST_HOPS = 8
MOST_NAMES = 1100


def check_statement(bundle: dict[str, Any], registries: list[dict[str, Any]]) -> dict[str, Any]:
    """Check the proof of one statement on its own."""
    body = unb64(bundle["object"], "object")
    seed = unb64(bundle.get("seed", ""), "seed")
    disclosure = unb64(bundle.get("disclosure", ""), "disclosure")
    return check_proof(bundle["proof"], body, seed, disclosure, registries)


def check_proof(
    proof: dict[str, Any],
    body: bytes,
    seed: bytes,
    disclosure: bytes,
    registries: list[dict[str, Any]],
) -> dict[str, Any]:
    """Check that a key that the registries list for the leaf's origin signed this; return it."""
    raw_leaf, raw_payload = unb64(proof["leaf"], "leaf"), unb64(proof["payload"], "payload")
    leaf, payload = read_canonical(raw_leaf, "leaf"), read_canonical(raw_payload, "payload")
    digest = held_digest(body, seed, disclosure)
    require(leaf.get("kind") == "statement", "leaf: not a statement")
    require(leaf.get("object") == b64(digest), "leaf: of another object")
    salt, index, size = unb64(proof["salt"], "salt"), proof["index"], proof["size"]
    require(
        len(salt) == 32 and whole(size, 1) and whole(index, 0, size - 1), "proof: salt or index"
    )
    require(size == payload.get("batch_size"), "proof: another batch size")
    path = [unb64(sibling, "path") for sibling in proof["path"]]
    root = root_from_path(sha256(b"\x00", salt, raw_leaf), index, size, path)
    require(payload.get("batch_root") == b64(root), "proof: the path does not reach the root")
    alliance, origin = registries[-1]["alliance"], leaf["origin"]
    check_payload(payload)
    require(payload["alliance"] == alliance, "payload: alliance")
    require(payload.get("origin") == origin, "payload: another origin")
    candidates = [r["nodes"][origin]["keys"] for r in registries if origin in r["nodes"]]
    keys = [public for public in candidates if key_id(public) == proof["key_id"]]
    require(bool(keys), "proof: the registry has no such key of this origin")
    pair = unb64(proof["ed25519"], "proof"), unb64(proof["ml_dsa_65"], "proof")
    check_both(keys[0], pair, pae("envelope", alliance, raw_payload), "statement")
    return leaf


def check_payload(payload: dict[str, Any]) -> None:
    """Check that a payload holds what a payload holds, and nothing else."""
    good = set(payload) == PAYLOAD_FIELDS and whole(payload["v"], 1, 1)
    require(good, "payload: other fields, or another version")
    require(whole(payload["batch_size"], 1), "payload: batch size")


# ---------------- relays (protocol 15)


def check_relay(
    relay: dict[str, Any], registry: dict[str, Any], sender: str, node: str
) -> dict[str, Any]:
    """Check a relay that one node handed to another; return its leaf, way and limits."""
    check_shape(relay)
    seed, disclosure = unb64(relay["seed"], "seed"), unb64(relay["disclosure"], "disclosure")
    proof, body = relay["proof"], relay["object"].encode("utf-8", "surrogatepass")
    leaf = check_proof(proof, body, seed, disclosure, [registry])
    check_leaf(leaf)
    standing(registry, leaf["origin"])
    salt, addressees = unb64(relay["addressee_salt"], "addressee_salt"), relay["addressees"]
    named = len(salt) == 32 and leaf["addressees"] == b64(addressee_digest(salt, addressees))
    require(named, "addressees: not those that the origin named")
    hops: list[dict[str, Any]] = relay["hops"]
    way = check_way(relay, registry, leaf["origin"], sender, node)
    for place, hop in enumerate(hops):
        if place:
            check_step(hops[place - 1], hop, way[place + 2])
        pair = unb64(hop["ed25519"], "hop"), unb64(hop["ml_dsa_65"], "hop")
        message = pae("relay", registry["alliance"], signed_by_hop(relay, place))
        check_both(registry["nodes"][hop["by"]]["keys"], pair, message, f"hop {place}")
    withheld = [place for place, tag in enumerate(disclosure[::33]) if tag == 1]
    require(hops[-1]["withheld"] == withheld, "hops: the last one withheld other fields")
    last = {name: hops[-1][name] for name in ("onward_to", "hops", "withheld")}
    return {"leaf": leaf, "way": [hops[0]["by"], *(hop["to"] for hop in hops)], **last}


def signed_by_hop(relay: dict[str, Any], place: int) -> bytes:
    """Return what the signatures of a hop are over."""
    hop, proof = relay["hops"][place], relay["proof"]
    leaf = sha256(b"\x00", unb64(proof["salt"], "salt"), unb64(proof["leaf"], "leaf"))
    words = {name: hop[name] for name in HOP_FIELDS - {"ed25519", "ml_dsa_65"}}
    before = b64(sha256(canonical(relay["hops"][:place])))
    return canonical({"v": 1, "leaf": b64(leaf), "previous": before, **words})


def check_way(
    relay: dict[str, Any], registry: dict[str, Any], origin: str, sender: str, node: str
) -> list[str]:
    """Check who passed it on to whom; return the members from the origin's to the last one."""
    hops = relay["hops"]
    require(hops[0]["by"] in relay["addressees"], "hops: the first is by no addressee")
    ends = (hops[-1]["by"], hops[-1]["to"])
    require(ends == (sender, node), "hops: the last is not from its sender to its receiver")
    names = [origin, hops[0]["by"], *(hop["to"] for hop in hops)]
    way = [standing(registry, name)["member"] for name in names]
    require(len(set(way)) == len(way), "hops: one member twice")
    nodes = registry["nodes"]
    had = {nodes[name]["member"] for name in relay["addressees"] if name in nodes}
    require(had.isdisjoint(way[2:]), "hops: to a member that its origin sent it to")
    return way


def check_step(before: dict[str, Any], hop: dict[str, Any], to: str) -> None:
    """Check that a hop keeps within the one before it; ``to`` is the member that it goes to."""
    require(hop["by"] == before["to"], "hops: one does not begin where the other ended")
    require(to in before["onward_to"], "hops: not let so far")
    require(hop["hops"] < before["hops"], "hops: lets it go further than was let")
    require(set(hop["onward_to"]) <= set(before["onward_to"]), "hops: lets it go to others")
    require(set(before["withheld"]) <= set(hop["withheld"]), "hops: shows what was withheld")


def standing(registry: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a node whose key counts."""
    require(name in registry["nodes"], f"{name}: is not in the registry")
    entry: dict[str, Any] = registry["nodes"][name]
    require(entry["revoked_at"] is None, f"{name}: its key is revoked")
    return entry


def check_shape(relay: dict[str, Any]) -> None:
    """Check the fields of a relay document and what they may hold."""
    require(set(relay) == RELAY_FIELDS, "relay: other fields")
    proof, hops = relay["proof"], relay["hops"]
    require(isinstance(proof, dict) and set(proof) == PROOF_FIELDS, "proof: other fields")
    require(whole(relay["v"], 1, 1) and whole(proof["v"], 1, 1), "relay: unknown version")
    require(isinstance(relay["object"], str), "object: not text")
    require(whole(proof["index"]) and whole(proof["size"]), "proof: index or size")
    require(isinstance(proof["path"], list) and len(proof["path"]) <= 64, "proof: path")
    check_names(relay["addressees"], "addressees")
    in_order = relay["addressees"] == sorted(set(relay["addressees"]))
    require(in_order and bool(relay["addressees"]), "addressees: none, or not in order")
    require(isinstance(hops, list) and 1 <= len(hops) <= MOST_HOPS, "hops: 1 to 8")
    for hop in hops:
        require(isinstance(hop, dict) and set(hop) == HOP_FIELDS, "hops: other fields")
        check_names([hop["by"], hop["to"]], "hops")
        check_names(hop["onward_to"], "hops")
        require(isinstance(hop["at"], str) and TIME.fullmatch(hop["at"]) is not None, "hops: at")
        require(whole(hop["hops"], 0, MOST_HOPS), "hops: 0 to 8 more")
        places = hop["withheld"]
        require(isinstance(places, list) and all(map(whole, places)), "hops: withheld")


def check_leaf(leaf: dict[str, Any]) -> None:
    """Check that a leaf holds what a statement's leaf holds, and nothing else."""
    require(set(leaf) == LEAF_FIELDS, "leaf: other fields")
    require(whole(leaf["sequence"], 1), "leaf: sequence")
    maps = isinstance(leaf["label"], dict) and isinstance(leaf["onward"], dict)
    require(maps and isinstance(leaf["purpose"], str), "leaf: label, terms or purpose")


def check_names(names: Any, what: str) -> None:
    """Check a list of names."""
    require(isinstance(names, list) and len(names) <= MOST_NAMES, f"{what}: not a list of names")
    good = all(isinstance(name, str) and NAME.fullmatch(name) is not None for name in names)
    require(good, f"{what}: not names")


def whole(value: Any, least: int = 0, most: int = 2**53 - 1) -> bool:
    """Tell whether a value is an integer within bounds."""
    return type(value) is int and least <= value <= most
