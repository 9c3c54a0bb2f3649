#!/usr/bin/env python3
"""Check Ringwall's envelopes, statements, relays, registries and audit logs, from docs/protocol.md.

This program shares no code with src/ and imports nothing of it: it is the second opinion. It
needs Python 3.11 and the packages `cryptography` (version 50 or later) and `rfc8785`.

    ringwall_verify.py registry REGISTRY… --anchor DIGEST
    ringwall_verify.py envelope FILE --registry REGISTRY… --anchor DIGEST --node NODE --keys FILE
    ringwall_verify.py statement FILE --registry REGISTRY… --anchor DIGEST
    ringwall_verify.py relay FILE --registry REGISTRY… --anchor DIGEST --sender NODE --node NODE
    ringwall_verify.py checkpoint FILE --leaves FILE --registry REGISTRY… --anchor DIGEST
    ringwall_verify.py vectors DIRECTORY

Prints one JSON object. Exit code 0: verified. 1: does not verify, the reason is on stderr.
2: wrong usage, or a file cannot be read.
"""

import argparse
import base64
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from primitives import (
    Unverified,
    addressee_digest,
    b64,
    canonical,
    check_both,
    check_ed25519,
    check_ml_dsa,
    held_digest,
    key_id,
    object_digest,
    open_wrap,
    pae,
    read_canonical,
    read_json,
    read_msgpack,
    require,
    root_from_path,
    sha256,
    tree_root,
    unb64,
)
from statements import (
    NAME,
    TIME,
    check_names,
    check_payload,
    check_relay,
    check_statement,
    signed_by_hop,
    whole,
)

# ---------------- registry (protocol 6)


REGISTRY_FIELDS = {
    "v", "alliance", "number", "previous", "alliance_digest", "issued", "threshold", "holders",
    "nodes",
}  # fmt: skip


def check_quorum(signed: dict[str, Any], document: bytes, by: dict[str, Any], what: str) -> None:
    """Check that enough holders of one document signed."""
    message = pae("registry", by["alliance"], document)
    good = 0
    for holder in by["holders"].values():
        pair = signed["signatures"].get(key_id(holder))
        if pair is not None:
            both = (unb64(pair["ed25519"], what), unb64(pair["ml_dsa_65"], what))
            check_both(holder, both, message, what)
            good += 1
    require(good >= by["threshold"], f"{what}: {good} of {by['threshold']} holders signed")


def check_alone(now: dict[str, Any], what: str) -> None:
    """Check what must hold within one registry document."""
    require(set(now) == REGISTRY_FIELDS and now["v"] == 1, f"{what}: unknown fields or version")
    require(1 <= now["threshold"] <= len(now["holders"]), f"{what}: threshold out of range")
    holders = list(now["holders"].values())
    node_keys = [node["keys"] for node in now["nodes"].values()]
    for name in ("ed25519", "ml_dsa_65"):
        keys = [entry[name] for entry in holders + node_keys]
        require(len(set(keys)) == len(keys), f"{what}: a key stands twice")
    places = [node["place"] for node in now["nodes"].values()]
    require(len(set(places)) == len(places), f"{what}: a place stands twice")


def check_follows(before: dict[str, Any], now: dict[str, Any], what: str) -> None:
    """Check that one registry document follows from another."""
    require(now["alliance"] == before["alliance"], f"{what}: another alliance")
    require(now["number"] == before["number"] + 1, f"{what}: wrong number")
    require(now["previous"] == sha256(canonical(before)).hex(), f"{what}: does not continue")
    require(now["issued"] >= before["issued"], f"{what}: issued before its predecessor")
    for name, old in before["nodes"].items():
        new = now["nodes"].get(name)
        require(new is not None, f"{what}: node {name} was removed")
        same = all(new[field] == old[field] for field in ("member", "place"))
        require(same, f"{what}: node {name} changed its member or place")
        reused = any(new["keys"][field] == old["keys"][field] for field in ("ed25519", "ml_dsa_65"))
        back = new["revoked_at"] is None or new["revoked_at"] > (old["revoked_at"] or "~")
        require(old["revoked_at"] is None or not reused or not back, f"{what}: {name} came back")


def check_registries(files: list[dict[str, Any]], anchor: str) -> list[dict[str, Any]]:
    """Check a chain of registry documents from its anchor."""
    chain: list[dict[str, Any]] = []
    require(bool(files), "registry: none given")
    for signed in files:
        document = canonical(signed["document"])
        now: dict[str, Any] = signed["document"]
        what = f"registry {now.get('number')}"
        check_alone(now, what)
        if chain:
            check_follows(chain[-1], now, what)
            check_quorum(signed, document, chain[-1], what)
        else:
            require(sha256(document).hex() == anchor, f"{what}: is not the anchor")
            require(now["number"] == 1 and now["previous"] == "", f"{what}: is not the first")
        check_quorum(signed, document, now, what)
        chain.append(now)
    return chain


# ---------------- envelopes (protocol 8)


def split(data: bytes) -> tuple[bytes, bytes, tuple[bytes, bytes], bytes]:
    """Take an envelope apart."""
    require(20 <= len(data) <= 8_000_000 and data[:4] == b"RWE1", "envelope: not RWE1")
    sizes = struct.unpack(">4I", data[4:20])
    require(sizes[2] == 3373 and sum(sizes) + 20 == len(data), "envelope: lengths do not fit")
    parts, at = [], 20
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return parts[0], parts[1], (parts[2][:64], parts[2][64:]), parts[3]


ITEM_SIZE = {1: 11, 2: 12}  # by wire version


def item_leaf(item: list[Any], nodes: list[str], version: int) -> tuple[dict[str, Any], bytes]:
    """Make the leaf of an item, and its hash."""
    size = ITEM_SIZE[version]
    require(isinstance(item, list) and len(item) == size, f"body: an item has {size} elements")
    kind, origin, sequence, body, seed, salt, addressee_salt, label, purpose, onward = item[:10]
    content, disclosure = item[10], item[11] if version > 1 else b""
    require(len(salt) == len(addressee_salt) == 32, "body: a salt is not 32 bytes long")
    leaf = {"kind": kind, "origin": origin, "sequence": sequence}
    leaf["addressees"] = b64(addressee_digest(addressee_salt, nodes))
    if kind == "statement":
        require(sequence >= 1 and content == {}, "body: not a statement")
        leaf |= {"object": b64(held_digest(body, seed, disclosure)), "label": label}
        leaf |= {"purpose": purpose, "onward": onward}
    else:
        require(kind == "receipt", f"body: unknown kind {kind}")
        empty = (body, seed, label, purpose, onward, disclosure) == (b"", b"", {}, "", {}, b"")
        require(empty, "body: a receipt has content only")
        leaf["content"] = content
    return leaf, sha256(b"\x00", salt, canonical(leaf))


LANE, KIND = re.compile("[A-Z]{1,16}"), re.compile("[a-z-]{1,32}")
IDENTITY = re.compile("[A-Za-z0-9_-]{22}")


def check_header(header: dict[str, Any]) -> None:
    """Check what the fields of a header may hold; fields that are unknown may stand beside them."""
    forms = {"id": IDENTITY, "alliance": NAME, "origin": NAME, "lane": LANE, "kind": KIND}
    for field, form in (forms | {"sent": TIME}).items():
        value = header[field]
        good = isinstance(value, str) and form.fullmatch(value) is not None
        require(good, f"header: {field}")
    require(whole(header["registry"], 1), "header: registry")
    recipients = header["recipients"]
    require(isinstance(recipients, list) and bool(recipients), "header: no recipients")
    check_names([entry["node"] for entry in recipients], "header: recipients")


def check_sender(header: dict[str, Any], registry: dict[str, Any]) -> dict[str, str]:
    """Check that the origin's key was valid; return its public keys."""
    require(header["alliance"] == registry["alliance"], "header: another alliance")
    require(header["registry"] == registry["number"], "header: another registry")
    sender = registry["nodes"].get(header["origin"])
    require(sender is not None, "header: the origin is not in the registry")
    revoked = sender["revoked_at"]
    valid = sender["valid_from"] <= header["sent"]
    if revoked is not None:
        valid = valid and header["sent"] < revoked and registry["issued"] < revoked
    require(valid, "header: the origin's key was not valid")
    keys: dict[str, str] = sender["keys"]
    return keys


def check_envelope(
    data: bytes, registry: dict[str, Any], node: str, keys: dict[str, str]
) -> dict[str, Any]:
    """Check and open an envelope for one recipient."""
    raw_header, raw_payload, signatures, ciphertext = split(data)
    header = read_canonical(raw_header, "header")
    version = header.get("v")
    require(type(version) is int and version in ITEM_SIZE, "header: unknown wire version")
    check_header(header)
    public = check_sender(header, registry)
    alliance, envelope = header["alliance"], header["id"]
    check_both(public, signatures, pae("envelope", alliance, raw_payload), "envelope")
    payload = read_canonical(raw_payload, "payload")
    signed = {
        "v": 1,
        "alliance": alliance,
        "origin": header["origin"],
        "header_digest": b64(sha256(raw_header)),
        "batch_root": payload.get("batch_root"),
        "batch_size": payload.get("batch_size"),
    }
    require(payload == signed, "payload: does not fit the header")
    check_payload(payload)
    require(header["ciphertext"] == b64(sha256(ciphertext)), "header: another ciphertext")
    nodes = [entry["node"] for entry in header["recipients"]]
    require(nodes == sorted(set(nodes)), "header: recipients not in order")
    wraps = {entry["node"]: entry["wrap"] for entry in header["recipients"]}
    require(node in wraps, f"header: {node} is not a recipient")
    info = canonical({"alliance": alliance, "envelope": envelope, "recipient": node})
    wrapped = read_canonical(open_wrap(unb64(wraps[node], "wrap"), keys, info), "wrap")
    good = set(wrapped) == {"key", "position"} and whole(wrapped["position"], 1)
    require(good, "wrap: bad plaintext")
    try:
        associated = canonical({"alliance": alliance, "envelope": envelope})
        body = AESGCM(unb64(wrapped["key"], "wrap")).decrypt(bytes(12), ciphertext, associated)
    except (InvalidTag, ValueError) as error:
        raise Unverified("ciphertext: does not open") from error
    items = read_msgpack(body)
    require(isinstance(items, list) and 1 <= len(items) <= 1000, "body: 1 to 1000 items")
    require(len(items) == payload["batch_size"], "payload: another batch size")
    leaves = [item_leaf(item, nodes, version) for item in items]
    for leaf, _ in leaves:
        same = (leaf["kind"], leaf["origin"]) == (header["kind"], header["origin"])
        require(same, "body: an item of another kind or origin")
    require(b64(tree_root([hashed for _, hashed in leaves])) == payload["batch_root"], "batch root")
    return {
        "envelope": envelope,
        "origin": header["origin"],
        "position": wrapped["position"],
        "items": [leaf for leaf, _ in leaves],
    }


# ---------------- audit log (protocol 10)


def check_checkpoint(
    signed: dict[str, Any], leaves: list[bytes], registries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Check a checkpoint, and that the leaves are those it was made over."""
    node, registry = signed["node"], registries[-1]
    require(node in registry["nodes"], "checkpoint: the node is not in the registry")
    public = registry["nodes"][node]["keys"]
    origin = f"ringwall/{registry['alliance']}/{node}"
    text, blank, line = signed["note"].rpartition("\n\n")
    parts = line.removesuffix("\n").split(" ")
    require(bool(blank) and len(parts) == 3 and parts[:2] == ["—", origin], "checkpoint: no note")
    text += "\n"
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except ValueError as error:
        raise Unverified("checkpoint: signature line") from error
    name_key = sha256(origin.encode(), b"\n\x01", unb64(public["ed25519"], "keys"))
    require(raw[:4] == name_key[:4], "checkpoint: of another key")
    check_ed25519(public, raw[4:], text.encode(), "checkpoint")
    message = pae("checkpoint", registry["alliance"], text.encode())
    check_ml_dsa(public, unb64(signed["ml_dsa_65"], "checkpoint"), message, "checkpoint")
    lines = text.split("\n")
    require(len(lines) == 4 and lines[0] == origin, "checkpoint: of another log")
    require(re.fullmatch(r"0|[1-9][0-9]*", lines[1]) is not None, "checkpoint: size")
    size = int(lines[1])
    require(len(leaves) >= size, f"audit log: {len(leaves)} leaves, the checkpoint has {size}")
    root = tree_root([sha256(b"\x00", leaf) for leaf in leaves[:size]])
    require(base64.b64encode(root).decode() == lines[2], "audit log: not what was signed")
    return {"origin": origin, "size": size, "root": root.hex()}


# ---------------- vectors and command line


def check_digests(vector: dict[str, Any]) -> None:
    """Check the vector of digests."""
    body, seed = unb64(vector["object"], "object"), unb64(vector["seed"], "seed")
    require(b64(object_digest(body, seed)) == vector["object_digest"], "object digest")
    salt = unb64(vector["addressee_salt"], "salt")
    found = b64(addressee_digest(salt, vector["nodes"]))
    require(found == vector["addressee_digest"], "addressee digest")
    hashed = sha256(b"\x00", unb64(vector["leaf_salt"], "salt"), vector["leaf"].encode())
    require(b64(hashed) == vector["leaf_hash"], "leaf hash")


def check_merkle(vector: dict[str, Any]) -> None:
    """Check the vector of Merkle trees."""
    hashes = [sha256(b"\x00", bytes.fromhex(leaf)) for leaf in vector["leaves"]]
    for size, root in enumerate(vector["roots"]):
        require(tree_root(hashes[:size]).hex() == root, f"root of {size} leaves")
    for proof in vector["inclusion"]:
        path = [bytes.fromhex(sibling) for sibling in proof["path"]]
        found = root_from_path(hashes[proof["index"]], proof["index"], proof["size"], path)
        require(found.hex() == vector["roots"][proof["size"]], "inclusion proof")


def check_relays(vector: dict[str, Any]) -> None:
    """Check the vector of relays: those that verify, and those that must not."""
    registry = check_registries(vector["chain"], vector["anchor"])[-1]
    for one in vector["relays"]:
        found = check_relay(one["relay"], registry, one["sender"], one["node"])
        require(found["leaf"] == one["leaf"], "relay: of another leaf")
        signed = [signed_by_hop(one["relay"], place) for place in range(len(one["signed"]))]
        require(signed == [text.encode() for text in one["signed"]], "relay: signs something else")
    for one in vector["refused"]:
        try:
            check_relay(one["relay"], registry, one["sender"], one["node"])
        except Unverified:
            continue
        raise Unverified(f"relay: {one['why']}, and it verifies")


def check_vectors(directory: Path) -> dict[str, Any]:
    """Check every test vector."""

    def vector(name: str) -> dict[str, Any]:
        return load(directory / f"{name}.json")

    check_digests(vector("digests"))
    check_merkle(vector("merkle"))
    registry = vector("registry")
    chain = check_registries(registry["chain"], registry["anchor"])
    for name in ("envelope", "receipt", "redaction"):
        sealed = vector(name)
        data = unb64(sealed["envelope"], name)
        found = check_envelope(data, chain[-1], sealed["node"], sealed["keys"])
        require(found == sealed["expected"], f"{name}: opens to something else")
        digests = {item.get("object") for item in found["items"]}
        same = name != "redaction" or digests == {sealed["object_digest"]}
        require(same, f"{name}: of another object")
    statement = vector("statement")
    leaf = check_statement(statement, chain)
    part = statement["redacted"] | {"proof": statement["proof"]}
    require(check_statement(part, chain) == leaf, "statement: its redaction proves another")
    check_relays(vector("relay"))
    checkpoint = vector("checkpoint")
    leaves = [leaf.encode() for leaf in checkpoint["leaves"]]
    audit = check_checkpoint(checkpoint, leaves, chain)
    return {"vectors": 9, "registry": chain[-1]["number"], "statement": leaf, "audit": audit}


def load(path: Path) -> dict[str, Any]:
    """Read a JSON file."""
    return read_json(path.read_bytes(), str(path))


def key_now(chain: list[dict[str, Any]], origin: str, signed_by: str) -> str:
    """Say what the newest registry holds of a key: what was signed with it may be older or not.

    When something was signed is the signer's own word, and of a revoked key anybody's.
    """
    entry = chain[-1]["nodes"][origin]
    if key_id(entry["keys"]) != signed_by:
        return "replaced"
    return "in force" if entry["revoked_at"] is None else f"revoked from {entry['revoked_at']}"


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do what the command line asks; return what to print."""
    if arguments.command == "vectors":
        return check_vectors(arguments.directory)
    if arguments.command == "registry":
        chain = check_registries([load(path) for path in arguments.files], arguments.anchor)
        return {"registry": chain[-1]["number"], "nodes": sorted(chain[-1]["nodes"])}
    chain = check_registries([load(path) for path in arguments.registry], arguments.anchor)
    if arguments.command == "statement":
        bundle = load(arguments.file)
        leaf = check_statement(bundle, chain)
        return {"leaf": leaf, "key": key_now(chain, leaf["origin"], bundle["proof"]["key_id"])}
    if arguments.command == "relay":
        sender, node = arguments.sender, arguments.node
        return check_relay(load(arguments.file), chain[-1], sender, node)
    if arguments.command == "checkpoint":
        lines = arguments.leaves.read_bytes().split(b"\n")
        return check_checkpoint(load(arguments.file), lines[:-1], chain)
    data = arguments.file.read_bytes()
    number = read_canonical(split(data)[0], "header").get("registry")
    named = [registry for registry in chain if registry["number"] == number]
    require(bool(named), f"header: registry {number} was not given")
    found = check_envelope(data, named[0], arguments.node, load(arguments.keys))
    signed_by = key_id(named[0]["nodes"][found["origin"]]["keys"])
    return found | {"key": key_now(chain, found["origin"], signed_by)}


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(description="Check Ringwall's proofs independently.")
    commands = top.add_subparsers(dest="command", required=True)
    vectors = commands.add_parser("vectors", help="all test vectors of a directory")
    vectors.add_argument("directory", type=Path)
    registry = commands.add_parser("registry", help="a chain of signed registry documents")
    registry.add_argument("files", type=Path, nargs="+")
    registry.add_argument("--anchor", required=True)
    for name in ("envelope", "statement", "relay", "checkpoint"):
        command = commands.add_parser(name)
        command.add_argument("file", type=Path)
        command.add_argument("--registry", type=Path, nargs="+", required=True)
        command.add_argument("--anchor", required=True, help="digest of the first registry")
        if name in ("envelope", "relay"):
            command.add_argument("--node", required=True, help="the recipient")
        if name == "relay":
            command.add_argument("--sender", required=True, help="who handed it to the recipient")
        if name == "envelope":
            command.add_argument("--keys", type=Path, required=True, help="its key file")
        if name == "checkpoint":
            command.add_argument("--leaves", type=Path, required=True, help="one leaf a line")
    return top


def main() -> NoReturn:
    """Run, print one JSON object, exit."""
    arguments = parser().parse_args()
    try:
        result = run(arguments)
    except OSError as error:
        sys.stderr.write(f"cannot read: {error}\n")
        sys.exit(2)
    except Unverified as error:
        sys.stderr.write(f"NOT VERIFIED: {error}\n")
        sys.exit(1)
    except (KeyError, TypeError, AttributeError, IndexError, struct.error) as error:
        # Material of another shape than the protocol's: to be refused like any other.
        sys.stderr.write(f"NOT VERIFIED: unexpected shape: {error!r}\n")
        sys.exit(1)
    sys.stdout.write(json.dumps({"verified": True, **result}, sort_keys=True) + "\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
