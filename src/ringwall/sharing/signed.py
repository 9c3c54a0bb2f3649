"""A signed agreement: the document, who has signed it, who has withdrawn from it.

Pure: what counts is worked out from the signatures every time, never from a stored yes or no. An
agreement is in force when every party has signed the same bytes and none has withdrawn. Of several
versions the highest complete one counts; when that is withdrawn, or cannot be verified or read any
more, no older one comes back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from ringwall.alliance import Agreement, Alliance, agreement_document, read_agreement
from ringwall.core import (
    BadConfiguration,
    BadEnvelope,
    BadSignature,
    InvalidInput,
    canonical_json,
    parse_json,
    parse_timestamp,
)
from ringwall.trust import PublicKeys, Signature, SigningKeys, sign, verify

PURPOSES = {"signature": "agreement", "withdrawal": "agreement-withdrawal"}
"""What a signature is over: it cannot be taken for one of another purpose."""

LARGEST_DOCUMENT = 48 * 1024
"""So many bytes an agreement may have: a party list of a thousand members is not half of it."""
WORDS_AT_ONCE = 16
"""So many parties' signatures, and as many withdrawals, travel in one message beside it."""

Act = Literal["signature", "withdrawal"]
FindKeys = Callable[[str], tuple[str, PublicKeys] | None]
"""From a node to its member and keys in the registry; None if it is unknown or revoked."""


class PartySignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A party's word on an agreement: by which node's keys, when by its clock."""

    node: str
    at: str
    ed25519: bytes
    ml_dsa_65: bytes


class Held(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agreement as a node holds it; signatures and withdrawals by member.

    ``send_past``: the officer here asked for past statements to be sent when it comes into force;
    ``sent_past``: they were.
    """

    document: str
    signatures: dict[str, PartySignature] = {}
    withdrawals: dict[str, PartySignature] = {}
    send_past: bool = False
    sent_past: bool = False


def payload(agreement: Agreement, act: Act, member: str, at: str) -> bytes:
    """Return what a party signs: the agreement's digest, its own name, the time.

    A signature is besides over the members that its names mean now: when a group has grown, those
    who signed for the smaller one have not signed this.
    """
    stated: dict[str, Any] = {"agreement": agreement.digest, "member": member, "at": at}
    if act == "signature":
        stated["members"] = {
            name: None if meant is None else sorted(meant)
            for name, meant in (
                ("parties", agreement.parties),
                ("givers", agreement.givers),
                ("receivers", agreement.receivers),
                ("onward_to", agreement.onward_to),
            )
        }
    return canonical_json(stated)


def make_signature(
    keys: SigningKeys,
    act: Act,
    alliance: str,
    agreement: Agreement,
    member: str,
    node: str,
    at: str,
) -> PartySignature:
    """Sign an agreement, or one's withdrawal from it, for a member with a node's keys."""
    made = sign(keys, PURPOSES[act], alliance, payload(agreement, act, member, at))
    return PartySignature(node, at, made.ed25519, made.ml_dsa_65)


def check_signature(
    given: PartySignature,
    act: Act,
    alliance: str,
    agreement: Agreement,
    member: str,
    find: FindKeys,
) -> None:
    """Raise BadSignature unless ``member`` really gave this word, by a node that it has now."""
    known = find(given.node)
    if known is None or known[0] != member:
        raise BadSignature(
            f"{given.node} is no node of {member} as the registry stands", rule="signer"
        )
    signature = Signature(given.ed25519, given.ml_dsa_65)
    verify(known[1], PURPOSES[act], alliance, payload(agreement, act, member, given.at), signature)


def read_held(raw: Any) -> Held:
    """Read an agreement as a peer sends it. Raises BadEnvelope (rules ``agreement``, ``size``)."""
    try:
        held = msgspec.convert(raw, Held)
        if len(held.document.encode()) > LARGEST_DOCUMENT:
            why = f"agreement: at most {LARGEST_DOCUMENT} bytes"
            raise BadEnvelope(why, field="agreement", rule="size")
        for given in (*held.signatures.values(), *held.withdrawals.values()):
            parse_timestamp(given.at, field="at")
        parse_json(held.document.encode(), field="agreement")  # far quicker to refuse than YAML
        agreement_document(held.document)
    except (msgspec.ValidationError, InvalidInput, BadConfiguration) as error:
        raise BadEnvelope(f"agreement: {error}", field="agreement", rule="agreement") from error
    return held


def portions(held: Held, member: str) -> Iterator[Held]:
    """Part what is held into what fits into messages: whoever takes them all has all signatures.

    The signature of ``member``, which sends them, is in each. So are the first withdrawals: one
    closes as much as all of them.
    """
    own = {name: given for name, given in held.signatures.items() if name == member}
    others = sorted(held.signatures.keys() - {member})
    withdrawals = dict(sorted(held.withdrawals.items())[:WORDS_AT_ONCE])
    for start in range(0, max(1, len(others)), WORDS_AT_ONCE - 1):
        several = others[start : start + WORDS_AT_ONCE - 1]
        signatures = own | {name: held.signatures[name] for name in several}
        yield Held(held.document, signatures, withdrawals)


def believed(
    said: Held, agreement: Agreement, alliance: str, sender: str, find: FindKeys
) -> tuple[dict[str, PartySignature], dict[str, PartySignature]]:
    """Return those of the signatures and of the withdrawals in ``said`` that verify now.

    Some may not any more, because a key was replaced. That ``sender``, a member, withdraws, its
    envelope proves. Raises BadEnvelope (rule ``party``) for words of members that are no party.
    """
    strangers = (said.signatures.keys() | said.withdrawals.keys()) - agreement.parties
    if strangers:
        raise BadEnvelope(f"agreement: {min(strangers)} is no party", rule="party")

    def verifies(act: Act, member: str, given: PartySignature) -> bool:
        try:
            check_signature(given, act, alliance, agreement, member, find)
        except BadSignature:
            return False
        return True

    signatures = {
        member: given
        for member, given in said.signatures.items()
        if verifies("signature", member, given)
    }
    withdrawals = {
        member: given
        for member, given in said.withdrawals.items()
        if member == sender or verifies("withdrawal", member, given)
    }
    return signatures, withdrawals


def is_complete(agreement: Agreement, held: Held) -> bool:
    """Tell whether every party has signed."""
    return agreement.parties <= held.signatures.keys()


def in_effect(
    alliance: Alliance,
    all_held: Iterable[Held],
    find: FindKeys,
    damaged: Iterable[bytes] = (),
    *,
    member: str = "",
) -> tuple[Agreement, ...]:
    """Return the agreements that count under an alliance description, sorted by name.

    Every signature is verified again: a row that was changed in a database opens nothing. What is
    unreadable, ``damaged`` (rows as they are stored), or holds a signature that does not verify any
    more (a key was revoked, a group has other members) may have closed what an older version opens:
    that stays closed. What ``member``, a party, has not signed never closed anything. Where it does
    not even say which agreement it was, nothing counts.
    """
    best: dict[str, tuple[Agreement, Held]] = {}
    lost: dict[str, int] = {}

    def lose(name: str, version: int) -> None:
        lost[name] = max(version, lost.get(name, 0))

    try:
        for raw in damaged:
            lose(*_named(_document(raw)))
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        return ()
    for held in all_held:
        if member and member not in held.signatures:
            continue
        try:
            agreement = read_agreement(alliance, held.document.encode())
        except BadConfiguration:
            lose(*_named(held.document))
            continue
        if not _verified(alliance, agreement, held, find):
            lose(agreement.id, agreement.version)
            continue
        if not is_complete(agreement, held):
            continue
        known = best.get(agreement.id)
        if known is None or known[0].version < agreement.version:
            best[agreement.id] = (agreement, held)
    return tuple(
        agreement
        for name, (agreement, held) in sorted(best.items())
        if not held.withdrawals and agreement.version > lost.get(name, 0)
    )


def _verified(alliance: Alliance, agreement: Agreement, held: Held, find: FindKeys) -> bool:
    """Tell whether every signature that the parties gave still is one.

    Of what not all have signed, those of members count that are no party any more: it may have been
    in force when they were.
    """
    asked = agreement.parties if is_complete(agreement, held) else held.signatures.keys()
    try:
        for member in asked:
            given = held.signatures[member]
            check_signature(given, "signature", alliance.id, agreement, member, find)
    except BadSignature:
        return False
    return True


def _document(row: bytes) -> str:
    """Return the document in a row that is no more what was stored."""
    document: str = msgspec.json.decode(row)["document"]
    return document


def _named(document: str) -> tuple[str, int]:
    """Return name and version of a document that this alliance description cannot make sense of."""
    head: Mapping[str, Any] = msgspec.json.decode(document)["agreement"]
    return str(head["id"]), int(head["version"])
