"""From a written agreement to an Agreement: what no schema can say.

An agreement stands in the alliance description, or is a document of its own that its parties sign.
Contradictions are refused with the clause they stand in: a party that gives and is none, a level
that its policy does not have, givers without anybody to give to, dates between which it never
holds.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ringwall.alliance.agreement import Agreement
from ringwall.alliance.classification import ClassificationPolicy
from ringwall.alliance.model import Alliance, Member
from ringwall.alliance.schema import AGREEMENT, check_schema, refusal
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import (
    BadConfiguration,
    InvalidInput,
    canonical_json,
    format_timestamp,
    parse_timestamp,
)
from ringwall.labels import Tlp

SHORTEST = timedelta(minutes=4)
"""An agreement opens two minutes late and shuts two early, wherever the clocks stand (design,
decision 12): one that is no longer than this never holds."""


class Parts(msgspec.Struct, frozen=True):
    """What an agreement refers to by name."""

    members: Mapping[str, Member]
    groups: Mapping[str, frozenset[str]]
    policies: Mapping[str, ClassificationPolicy]


def agreement_document(text: str | bytes) -> bytes:
    """Read an agreement by itself (YAML or JSON) and return the bytes that are signed: RFC 8785.

    Raises BadConfiguration (rules as :func:`ringwall.alliance.load_alliance`, ``schema``,
    ``canonical``). What it says is judged by :func:`read_agreement`.
    """
    document = read_yaml(text, AGREEMENT)
    check_schema(document, AGREEMENT)
    try:
        written = canonical_json(document)
    except InvalidInput as error:
        raise BadConfiguration(f"agreement: {error}", rule=error.rule) from error
    if read_yaml(written, AGREEMENT) != document:
        raise BadConfiguration("agreement: its bytes have two readings", rule="canonical")
    return written


def read_agreement(alliance: Alliance, document: bytes) -> Agreement:
    """Read the canonical bytes of an agreement by itself, as this alliance understands it.

    Raises BadConfiguration with the place and the rule: also for another alliance (``alliance``),
    or where a name is one that the alliance description has given already (``unique-name``).
    """
    if agreement_document(document) != document:
        raise BadConfiguration("agreement: its bytes are not canonical", rule="canonical")
    entry = read_yaml(document, AGREEMENT)
    head = entry.pop("agreement")
    if head["alliance"] != alliance.id:
        problem = f"it was made for {head['alliance']} and this is {alliance.id}"
        raise refusal(AGREEMENT, "alliance", problem, "agreement", "alliance")
    if any(each.id == head["id"] and not each.digest for each in alliance.agreements):
        problem = f"the alliance description has an agreement {head['id']}"
        raise refusal(AGREEMENT, "unique-name", problem, "agreement", "id")
    parts = Parts(alliance.members, alliance.groups, alliance.policies)
    made = build_agreement(AGREEMENT, (), head["id"], entry, parts)
    digest = hashlib.sha256(document).hexdigest()
    return msgspec.structs.replace(made, version=head["version"], digest=digest)


def build_agreement(
    what: str, path: tuple[str, ...], name: str, entry: dict[str, Any], parts: Parts
) -> Agreement:
    """Build an agreement from an entry that fits the schema; ``path`` is where it stands."""
    place = _Place(what, path)
    types, sectors = entry.get("object_types"), entry.get("sectors")
    parties = place.members(entry, "parties", parts)
    if len(parties) < 2:
        raise place.refusal("parties", "an agreement needs two members", "parties")
    onward = entry.get("onward", {})
    givers = place.among(parties, entry, "givers", parts)
    receivers = place.among(parties, entry, "receivers", parts)
    if len((givers or parties) | (receivers or parties)) < 2:
        problem = "the only one that gives is the only one that receives"
        raise place.refusal("contradiction", problem, "receivers")
    valid_from, valid_until = place.dates(entry)
    return Agreement(
        id=name,
        title=entry["title"],
        parties=parties,
        givers=givers,
        receivers=receivers,
        purposes=frozenset(entry["purposes"]),
        object_types=None if types is None else frozenset(types),
        sectors=None if sectors is None else frozenset(sectors),
        highest_tlp=Tlp(entry["highest_tlp"]),
        highest_classification=place.classifications(entry, parts),
        handling=tuple(sorted(entry.get("handling", ()))),
        obligations=tuple(sorted(entry.get("obligations", ()))),
        onward_to=place.members(onward, "to", parts, "onward") if onward else frozenset(),
        hops=onward.get("hops", 0),
        valid_from=valid_from,
        valid_until=valid_until,
        clause=entry["clause"],
    )


class _Place:
    """Where an agreement stands, for the error that says what is wrong with it."""

    def __init__(self, what: str, path: tuple[str, ...]) -> None:
        self._what = what
        self._path = path

    def refusal(self, rule: str, problem: str, *path: str | int) -> BadConfiguration:
        return refusal(self._what, rule, problem, *self._path, *path)

    def members(
        self, entry: dict[str, Any], field: str, parts: Parts, *above: str
    ) -> frozenset[str]:
        """Return the members that a list of members and groups means."""
        found: set[str] = set()
        for index, name in enumerate(entry[field]):
            if name not in parts.members and name not in parts.groups:
                problem = f"no member and no group is called {name!r}"
                raise self.refusal("unknown-name", problem, *above, field, index)
            found |= parts.groups.get(name, {name})
        return frozenset(found)

    def among(
        self, parties: frozenset[str], entry: dict[str, Any], field: str, parts: Parts
    ) -> frozenset[str] | None:
        if field not in entry:
            return None
        named = self.members(entry, field, parts)
        if strangers := sorted(named - parties):
            raise self.refusal("contradiction", f"{strangers[0]} is no party", field)
        return named

    def classifications(self, entry: dict[str, Any], parts: Parts) -> dict[str, str]:
        highest: dict[str, str] = entry.get("highest_classification", {})
        for policy, level in highest.items():
            known = parts.policies.get(policy)
            if known is None or level not in known.levels:
                problem = f"no classification policy has {policy}:{level}"
                raise self.refusal("unknown-name", problem, "highest_classification", policy)
        return highest

    def dates(self, entry: dict[str, Any]) -> tuple[str, str]:
        start, end = (self._moment(field, entry) for field in ("valid_from", "valid_until"))
        if start >= end:
            raise self.refusal("dates", "an agreement must end after it starts", "valid_until")
        if end - start <= SHORTEST:
            problem = "it would never hold: it opens two minutes late and shuts two early"
            raise self.refusal("dates", problem, "valid_until")
        return format_timestamp(start), format_timestamp(end)

    def _moment(self, field: str, entry: dict[str, Any]) -> datetime:
        text = entry[field]
        try:
            return parse_timestamp(text if "T" in text else f"{text}T00:00:00Z")
        except InvalidInput as error:
            raise self.refusal("timestamp", f"{text!r} is not a date", field) from error
