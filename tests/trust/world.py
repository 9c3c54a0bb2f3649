"""A small alliance with fixed keys, for the tests of trust and for the test vectors.

Every secret here is made from its name, so that it is the same in every run; never do that.
"""

import hashlib
from typing import Any

from ringwall.trust import (
    HolderKeys,
    Item,
    NodeKeys,
    Registry,
    RegistryNode,
    Sealed,
    SignedRegistry,
    seal_envelope,
    sign_registry,
)

ALLIANCE = "example-alliance"
ISSUED = "2026-01-01T00:00:00.000000Z"
SENT = "2026-01-02T03:04:05.678900Z"
BODY = (
    b'{"confidence":85,"created":"2026-01-02T03:04:05.000Z",'
    b'"id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",'
    b'"indicator_types":["malicious-activity"],"modified":"2026-01-02T03:04:05.000Z",'
    b'"name":"Spear-phishing sender \xe2\x80\x9cgrid\xe2\x80\x9d",'
    b'"pattern":"[ipv4-addr:value = \'192.0.2.7\']","pattern_type":"stix",'
    b'"spec_version":"2.1","type":"indicator","valid_from":"2026-01-02T03:04:05Z"}'
)
LABEL = {"rel_to": ["bbb", "ccc"], "tlp": "AMBER"}


def secret(name: str, size: int = 32) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


def node_keys(name: str) -> NodeKeys:
    sizes = {"ed25519": 32, "ml-dsa": 32, "ml-kem": 64, "x25519": 32}
    return NodeKeys(*(secret(f"{name} {part}", size) for part, size in sizes.items()))


def holder_keys(name: str) -> HolderKeys:
    return HolderKeys(secret(f"{name} ed25519"), secret(f"{name} ml-dsa"))


NODES = {name: node_keys(name) for name in ("aaa-1", "bbb-1", "ccc-1")}
HOLDERS = {name: holder_keys(name) for name in ("holder-1", "holder-2", "holder-3")}
SEED = secret("object seed")


def make_registry(**changes: Any) -> Registry:
    fields: dict[str, Any] = {
        "alliance": ALLIANCE,
        "number": 1,
        "previous": "",
        "alliance_digest": hashlib.sha256(b"the alliance description").hexdigest(),
        "issued": ISSUED,
        "threshold": 2,
        "holders": {name: keys.public() for name, keys in HOLDERS.items()},
        "nodes": {
            name: RegistryNode(name[:3], place, keys.public(), ISSUED)
            for place, (name, keys) in enumerate(NODES.items(), 1)
        },
    }
    return Registry(**(fields | changes))


REGISTRY = make_registry()


def signed_registry(registry: Registry = REGISTRY, *names: str) -> SignedRegistry:
    return sign_registry(registry, [HOLDERS[name] for name in names or ("holder-1", "holder-2")])


def item(sequence: int = 1, **changes: Any) -> Item:
    fields: dict[str, Any] = {
        "kind": "statement",
        "origin": "aaa-1",
        "sequence": sequence,
        "object": BODY,
        "seed": SEED,
        "leaf_salt": secret(f"leaf salt {sequence}"),
        "addressee_salt": secret(f"addressee salt {sequence}"),
        "label": LABEL,
        "purpose": "collective-defence",
        "onward": {},
        "content": {},
    }
    return Item(**(fields | changes))


def seal(*items: Item, **changes: Any) -> Sealed:
    fields: dict[str, Any] = {
        "keys": NODES["aaa-1"],
        "alliance": ALLIANCE,
        "registry": 1,
        "origin": "aaa-1",
        "lane": "PRIORITY",
        "kind": "statement",
        "items": items or (item(1), item(2), item(3)),
        "recipients": {
            "bbb-1": (NODES["bbb-1"].public(), 7),
            "ccc-1": (NODES["ccc-1"].public(), 12),
        },
        "at": SENT,
    }
    return seal_envelope(**(fields | changes))
