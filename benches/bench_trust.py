"""What proof and secrecy cost an object: signing and sealing it for four recipients, opening it.

The baseline protects each object by itself, as simply as can be: one Ed25519 signature and
AES-256-GCM under a fresh key, with nothing wrapped to anybody and nothing that would survive a
quantum computer or a relay.
"""

import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benches.examples import indicator
from benches.figure import Figure, microseconds
from ringwall.core import canonical_json
from ringwall.trust import (
    MAX_ITEMS,
    HolderKeys,
    Item,
    NodeKeys,
    PublicKeys,
    Registry,
    RegistryNode,
    open_envelope,
    seal_envelope,
    statement_item,
)

ALLIANCE = "bench"
AT = "2026-01-05T08:00:00.000000Z"
LABEL = {"tlp": "AMBER"}
NODES = ("aaa-1", "bbb-1", "ccc-1", "ddd-1", "eee-1")
BATCHES = tuple(count for count in (1, 100, 1000) if count <= MAX_ITEMS)


def run() -> list[Figure]:
    """Measure batches of several sizes; all values are for one object."""
    keys = {node: NodeKeys.generate() for node in NODES}
    registry = registry_of({node: pair.public() for node, pair in keys.items()})
    bodies = [canonical_json(indicator(number)) for number in range(max(BATCHES))]
    against = "Ed25519 + AES-256-GCM, each object by itself"
    plain_seal = plain_sealing(bodies)
    plain_open = plain_opening(bodies)
    figures = []
    for count in BATCHES:
        items = [sealable(number, bodies[number]) for number in range(count)]
        sealed = seal(keys[NODES[0]], keys, items)
        mine = keys[NODES[1]]
        value = microseconds(lambda i=items: seal(keys[NODES[0]], keys, i), per=count)
        figures.append(Figure(f"trust.sign_seal.{count}", value, "µs/object", plain_seal, against))
        value = microseconds(
            lambda data=sealed, k=mine: open_envelope(
                data, me=NODES[1], keys=k, alliance=ALLIANCE, registry=registry
            ),
            per=count,
        )
        figures.append(Figure(f"trust.open.{count}", value, "µs/object", plain_open, against))
    return figures


def sealable(number: int, body: bytes) -> Item:
    """Return one statement as it stands in an envelope."""
    return statement_item(
        origin=NODES[0],
        sequence=number + 1,
        body=body,
        seed=secrets.token_bytes(32),
        label=LABEL,
        purpose="collective-defence",
    )


def seal(origin: NodeKeys, keys: dict[str, NodeKeys], items: list[Item]) -> bytes:
    """Seal a batch to everybody else, with the salts and digests made anew."""
    return seal_envelope(
        origin,
        alliance=ALLIANCE,
        registry=1,
        origin=NODES[0],
        lane="ROUTINE",
        kind="statement",
        items=items,
        recipients={node: (keys[node].public(), 1) for node in NODES[1:]},
        at=AT,
    ).data


def registry_of(public: dict[str, PublicKeys]) -> Registry:
    """Return a registry of these nodes."""
    return Registry(
        alliance=ALLIANCE,
        number=1,
        previous="",
        alliance_digest="0" * 64,
        issued="2026-01-01T00:00:00.000000Z",
        threshold=1,
        holders={"holder": HolderKeys.generate().public()},
        nodes={
            node: RegistryNode(node[:3], place, keys, "2026-01-01T00:00:00.000000Z")
            for place, (node, keys) in enumerate(public.items(), 1)
        },
    )


def plain_sealing(bodies: list[bytes]) -> float:
    """Return microseconds for signing and encrypting one object by itself."""
    key = Ed25519PrivateKey.generate()

    def job() -> None:
        for body in bodies:
            AESGCM(secrets.token_bytes(32)).encrypt(bytes(12), key.sign(body) + body, b"")

    return microseconds(job, per=len(bodies))


def plain_opening(bodies: list[bytes]) -> float:
    """Return microseconds for decrypting and verifying one object by itself."""
    key, secret = Ed25519PrivateKey.generate(), secrets.token_bytes(32)
    public = key.public_key()
    sealed = [AESGCM(secret).encrypt(bytes(12), key.sign(body) + body, b"") for body in bodies]

    def job() -> None:
        for data in sealed:
            opened = AESGCM(secret).decrypt(bytes(12), data, b"")
            public.verify(opened[:64], opened[64:])

    return microseconds(job, per=len(bodies))
