"""Relays: a statement that another node than its origin passes on, with the proof of its whole way.

The origin's proof says what it stated, under which label and terms, and to which addressees (their
digest, which the relay opens). Every node that passes it on adds a countersigned hop: from whom to
whom, without which fields, how much further it may go by what the two of them agreed, and the
digest of the hops before. So each receiver checks the whole way, whoever handed it the message.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Annotated, Any, NoReturn

import msgspec

from ringwall.core import BadEnvelope, InvalidInput, canonical_json
from ringwall.trust.digests import SALT_SIZE, SEED_SIZE, addressee_digest, addressee_list
from ringwall.trust.documents import (
    Moment,
    Name,
    Natural,
    Positive,
    read_canonical,
    take_shape,
    to_bytes,
    to_text,
)
from ringwall.trust.keys import SigningKeys
from ringwall.trust.merkle import leaf_hash
from ringwall.trust.redaction import withheld_places
from ringwall.trust.registry import Registry, RegistryNode
from ringwall.trust.signatures import ED25519_SIZE, ML_DSA_65_SIZE, Signature, sign, verify
from ringwall.trust.statements import Proof, proof_document, verify_proof
from ringwall.trust.wire import MAX_RECIPIENTS

RELAY_PURPOSE = "relay"
MOST_HOPS = 8
_Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_RECIPIENTS)]
_Path = Annotated[tuple[str, ...], msgspec.Meta(max_length=64)]


class Hop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node's countersignature: ``by`` passed it on to the node ``to``.

    ``onward_to`` are the members to which it may go from there, over at most ``hops`` more hops, as
    far as agreements limit it; the originator's own terms hold besides. ``withheld`` are the
    places, from 0, of the fields of the original object that ``to`` did not get. ``at`` is the word
    of ``by``. The signatures are base64url.
    """

    by: Name
    to: Name
    at: Moment
    onward_to: _Names
    hops: Annotated[int, msgspec.Meta(ge=0, le=MOST_HOPS)]
    withheld: tuple[Natural, ...]
    ed25519: str = ""
    ml_dsa_65: str = ""


class Relay(msgspec.Struct, frozen=True):
    """A statement on its way: what its holder has of it, its origin's proof, and the hops.

    Of a whole object ``seed`` is given, of a redaction ``disclosure``. ``addressees`` are the nodes
    that the origin sealed it to, which the leaf names by a digest under ``addressee_salt``.
    """

    object: bytes
    seed: bytes
    disclosure: bytes
    proof: Proof
    addressees: tuple[str, ...]
    addressee_salt: bytes
    hops: tuple[Hop, ...] = ()


class StatedLeaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the origin of a relay signed; its ``object`` and ``addressees`` are digests.

    There is nothing else in a leaf: whoever ignored a field of it could ignore a restriction.
    """

    kind: str
    object: str
    origin: Name
    sequence: Positive
    label: dict[str, Any]
    purpose: str
    onward: dict[str, Any]
    addressees: str


class _ProofShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    leaf: str
    salt: str
    path: _Path
    index: Natural
    size: Natural
    payload: str
    ed25519: str
    ml_dsa_65: str
    key_id: str


class _RelayShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    object: str
    seed: str
    disclosure: str
    proof: _ProofShape
    addressees: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
    addressee_salt: str
    hops: Annotated[tuple[Hop, ...], msgspec.Meta(max_length=MOST_HOPS)]


def relay_document(relay: Relay) -> dict[str, Any]:
    """Return a relay as the JSON object that travels and is kept; the object is its text."""
    return {
        "v": 1,
        "object": relay.object.decode(),
        "seed": to_text(relay.seed),
        "disclosure": to_text(relay.disclosure),
        "proof": proof_document(relay.proof),
        "addressees": list(relay.addressees),
        "addressee_salt": to_text(relay.addressee_salt),
        "hops": [_hop_document(hop) for hop in relay.hops],
    }


def _hop_document(hop: Hop) -> dict[str, Any]:
    lists = {"onward_to": list(hop.onward_to), "withheld": list(hop.withheld)}
    return {**msgspec.structs.asdict(hop), **lists}


def read_relay(document: Any) -> Relay:
    """Read a relay; nothing of it is believed yet.

    Raises BadEnvelope (field ``relay`` and places in it; rules ``shape``, ``version``,
    ``base64url``, ``length``).
    """
    shape = take_shape(document, _RelayShape, error=BadEnvelope, field="relay")
    if shape.v != 1 or shape.proof.v != 1:
        _refuse("v", "version", f"version {shape.v} is not understood")
    return Relay(
        object=shape.object.encode("utf-8", "surrogatepass"),
        seed=_bytes(shape.seed, "seed"),
        disclosure=_bytes(shape.disclosure, "disclosure"),
        proof=_read_proof(shape.proof),
        addressees=shape.addressees,
        addressee_salt=_bytes(shape.addressee_salt, "addressee_salt", SALT_SIZE),
        hops=shape.hops,
    )


def _read_proof(shape: _ProofShape) -> Proof:
    signature = Signature(
        _bytes(shape.ed25519, "proof/ed25519", ED25519_SIZE),
        _bytes(shape.ml_dsa_65, "proof/ml_dsa_65", ML_DSA_65_SIZE),
    )
    return Proof(
        _bytes(shape.leaf, "proof/leaf"),
        _bytes(shape.salt, "proof/salt", SALT_SIZE),
        tuple(_bytes(step, "proof/path") for step in shape.path),
        shape.index,
        shape.size,
        _bytes(shape.payload, "proof/payload"),
        signature,
        shape.key_id,
    )


def pass_on(
    keys: SigningKeys,
    alliance: str,
    relay: Relay,
    *,
    by: str,
    to: str,
    at: str,
    onward_to: Iterable[str] = (),
    hops: int = 0,
) -> Relay:
    """Return ``relay`` with a hop more, countersigned by the node ``by``."""
    withheld = withheld_places(relay.disclosure)
    hop = Hop(by, to, at, tuple(sorted(onward_to)), hops, withheld)
    made = sign(keys, RELAY_PURPOSE, alliance, _signed(relay, hop, relay.hops))
    signed = msgspec.structs.replace(
        hop, ed25519=to_text(made.ed25519), ml_dsa_65=to_text(made.ml_dsa_65)
    )
    return msgspec.structs.replace(relay, hops=(*relay.hops, signed))


def _signed(relay: Relay, hop: Hop, before: Sequence[Hop]) -> bytes:
    """Return what a hop's signature is over: the statement's leaf, the hop, the hops before it."""
    leaf = leaf_hash(relay.proof.leaf, relay.proof.salt)
    former = canonical_json([_hop_document(each) for each in before])
    return canonical_json(
        {
            "v": 1,
            "leaf": to_text(leaf),
            "by": hop.by,
            "to": hop.to,
            "at": hop.at,
            "onward_to": list(hop.onward_to),
            "hops": hop.hops,
            "withheld": list(hop.withheld),
            "previous": to_text(sha256(former).digest()),
        }
    )


def verify_relay(relay: Relay, registry: Registry, *, me: str, sender: str) -> StatedLeaf:
    """Check a relay that ``sender`` sent to the node ``me``; return what its origin signed.

    Checked are the origin's proof, that the first hop is by an addressee, that the way leads over
    ever other members, that each hop begins where the one before ended, keeps within what that one
    permitted and showed and is signed, and that the last is from ``sender`` to ``me``. What the
    leaf's terms permit is policy, and not asked here. A node whose key was revoked proves nothing:
    when it signed is its own word. Raises BadEnvelope (field ``relay/…``) and BadSignature.
    """
    leaf, hops = verify_origin(relay, registry), relay.hops
    if not hops or hops[0].by not in relay.addressees:
        _refuse("hops", "addressee", "whoever passed it on first is none of its addressees")
    if (hops[-1].by, hops[-1].to) != (sender, me):
        _refuse("hops", "last-hop", f"its last hop is not from {sender} to {me}")
    _check_way(relay, leaf.origin, registry)
    for place, hop in enumerate(hops):
        if place:
            _check_step(hops[place - 1], hop, registry)
        signature = Signature(
            _bytes(hop.ed25519, "hops/ed25519", ED25519_SIZE),
            _bytes(hop.ml_dsa_65, "hops/ml_dsa_65", ML_DSA_65_SIZE),
        )
        signed = _signed(relay, hop, hops[:place])
        verify(registry.nodes[hop.by].keys, RELAY_PURPOSE, registry.alliance, signed, signature)
    if hops[-1].withheld != withheld_places(relay.disclosure):
        _refuse("hops", "withheld", f"{sender} signed that it withheld other fields")
    return leaf


def verify_origin(relay: Relay, registry: Registry) -> StatedLeaf:
    """Check the origin's proof and the addressees that are shown with it; return the leaf.

    Raises BadEnvelope (fields ``relay/…``, ``proof/…``, ``disclosure``) and BadSignature.
    """
    raw = read_canonical(relay.proof.leaf, error=BadEnvelope, field="relay/proof/leaf")
    leaf = take_shape(raw, StatedLeaf, error=BadEnvelope, field="relay/proof/leaf")
    keys, alliance = _standing(registry, leaf.origin).keys, registry.alliance
    body, disclosure = relay.object, relay.disclosure
    if len(relay.seed) != (0 if disclosure else SEED_SIZE):
        _refuse("seed", "seed", "a seed of 32 bytes, or a disclosure and no seed")
    try:
        verify_proof(relay.proof, body, relay.seed, keys, alliance, disclosure=disclosure)
    except (InvalidInput, RecursionError) as cause:
        why = "relay: its object is not canonical"
        raise BadEnvelope(why, field="relay/object", rule="canonical") from cause
    named = addressee_digest(relay.addressee_salt, addressee_list(relay.addressees))
    in_order = list(relay.addressees) == sorted(set(relay.addressees))
    if not in_order or leaf.addressees != to_text(named):
        _refuse("addressees", "addressees", "these are not the addressees that its origin named")
    return leaf


def _check_way(relay: Relay, origin: str, registry: Registry) -> None:
    """Check that a way leads over ever other members, and to none that its origin sent it to.

    What the originator withheld from one of its addressees must not reach that one by a detour.
    """
    nodes = (origin, relay.hops[0].by, *(hop.to for hop in relay.hops))
    way = [_standing(registry, node).member for node in nodes]
    if len(set(way)) < len(way):
        _refuse("hops", "way", f"the way {', '.join(way)} comes to one member twice")
    addressed = {registry.nodes[node].member for node in relay.addressees if node in registry.nodes}
    if not addressed.isdisjoint(way[2:]):
        _refuse("hops", "addressed", "it was passed on to a member that its origin sent it to")


def _check_step(before: Hop, hop: Hop, registry: Registry) -> None:
    """Check that a hop begins where the one before it ended, and stays within its limits."""
    to = registry.nodes[hop.to].member
    if hop.by != before.to:
        _refuse("hops", "chain", f"{hop.by} passed on what {before.to} had got")
    if to not in before.onward_to:
        _refuse("hops", "limit", f"{before.by} did not let {before.to} pass it on to {to}")
    if hop.hops >= before.hops or not set(hop.onward_to) <= set(before.onward_to):
        _refuse("hops", "limit", f"{hop.by} let more pass than {before.by} had let")
    if not set(before.withheld) <= set(hop.withheld):
        _refuse("hops", "widened", f"{hop.by} passed on fields that {before.by} had withheld")


def _standing(registry: Registry, node: str) -> RegistryNode:
    found = registry.nodes.get(node)
    if found is None:
        _refuse("hops", "unknown-node", f"{node} is not in the registry")
    if found.revoked_at is not None:
        _refuse("hops", "revoked", f"the key of {node} is revoked")
    return found


def _bytes(text: str, field: str, size: int | None = None) -> bytes:
    return to_bytes(text, size=size, error=BadEnvelope, field=f"relay/{field}")


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise BadEnvelope(f"relay: {why}", field=f"relay/{field}", rule=rule)
