"""From an alliance description to an Alliance: YAML, schema, then what no schema can say.

Every refusal is a BadConfiguration that names the place as a JSON pointer and the rule.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from ringwall.alliance.agreements import Parts, build_agreement
from ringwall.alliance.classification import ClassificationPolicy
from ringwall.alliance.classifications import build_clearances, build_policies
from ringwall.alliance.labels import check_names
from ringwall.alliance.model import (
    CONTENT_ROLES,
    Alliance,
    Assertions,
    Member,
    NodeSeat,
    Reader,
)
from ringwall.alliance.schema import ALLIANCE, check_schema, refusal
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import (
    BadConfiguration,
    InvalidInput,
    canonical_json,
)
from ringwall.labels import NOBODY, Label, Tlp, parse_label

_Policies = dict[str, ClassificationPolicy]
_SPONSORED = frozenset({"company", "organisation"})


def load_alliance(text: str | bytes) -> Alliance:
    """Read an alliance description. Raises BadConfiguration for whatever is not wholly right."""
    description = read_yaml(text)
    digest = _digest(description)
    check_schema(description)
    policies = build_policies(description.get("classification_policies", {}))
    members = _members(description["members"], policies)
    groups = _groups(description.get("groups", {}), members)
    _check_codes(members, groups)
    parts = Parts(members, groups, policies)
    return Alliance(
        id=description["alliance"]["id"],
        name=description["alliance"]["name"],
        kind=description["alliance"]["kind"],
        members=members,
        groups=groups,
        agreements=tuple(
            build_agreement(ALLIANCE, ("agreements", name), name, entry, parts)
            for name, entry in sorted(description.get("agreements", {}).items())
        ),
        labels=_labels(description.get("labels", {}), parts),
        readers=_readers(description.get("readers", {}), members, policies),
        digest=digest,
        policies=policies,
    )


def _digest(description: Any) -> str:
    try:
        return hashlib.sha256(canonical_json(description)).hexdigest()
    except InvalidInput as error:
        raise BadConfiguration(f"alliance description: {error}", rule=error.rule) from error


def _refusal(rule: str, problem: str, *path: str | int) -> BadConfiguration:
    return refusal(ALLIANCE, rule, problem, *path)


def _members(entries: dict[str, Any], policies: _Policies) -> dict[str, Member]:
    members = {name: _member(name, entry, policies) for name, entry in sorted(entries.items())}
    _check_seats(members)
    for member in members.values():
        _check_sponsor(member, members)
    return members


def _member(name: str, entry: dict[str, Any], policies: _Policies) -> Member:
    _check_not_reserved(name, "members", name)
    seats = (
        NodeSeat(id=node, member=name, **seat) for node, seat in entry.get("nodes", {}).items()
    )
    return Member(
        id=name,
        name=entry["name"],
        kind=entry["kind"],
        sponsor=entry.get("sponsor", ""),
        sectors=tuple(entry.get("sectors", ())),
        nodes=tuple(sorted(seats, key=lambda seat: seat.place)),
        codes=frozenset(entry.get("codes", ())),
        clearances=build_clearances(entry.get("clearances", {}), policies, "members", name),
        assertions=_assertions(name, entry["assertions"], policies)
        if "assertions" in entry
        else None,
    )


def _assertions(member: str, entry: dict[str, Any], policies: _Policies) -> Assertions:
    path = ("members", member, "assertions")
    return Assertions(
        roles=frozenset(entry["roles"]),
        tlp=Tlp(entry.get("tlp", "CLEAR")),
        nationalities=frozenset(entry.get("nationalities", ())),
        communities=frozenset(entry.get("communities", ())),
        clearances=build_clearances(entry.get("clearances", {}), policies, *path),
    )


def _check_not_reserved(name: str, *path: str) -> None:
    if name == NOBODY:
        raise _refusal("reserved-name", f"{NOBODY!r} means nobody in a label", *path)


def _check_seats(members: dict[str, Member]) -> None:
    nodes: set[str] = set()
    places: dict[int, str] = {}
    for seat in (seat for member in members.values() for seat in member.nodes):
        path = ("members", seat.member, "nodes", seat.id)
        if seat.id in nodes:
            raise _refusal("unique-node", f"{seat.id} is a node of another member too", *path)
        if seat.place in places:
            holder = places[seat.place]
            raise _refusal("unique-place", f"{holder} has place {seat.place}", *path, "place")
        nodes.add(seat.id)
        places[seat.place] = seat.id


def _check_sponsor(member: Member, members: dict[str, Member]) -> None:
    path = ("members", member.id, "sponsor")
    if member.kind in _SPONSORED and not member.sponsor:
        raise _refusal("sponsor", f"a {member.kind} needs a nation as sponsor", *path)
    if member.kind not in _SPONSORED and member.sponsor:
        raise _refusal("sponsor", f"a {member.kind} has no sponsor", *path)
    if member.sponsor and member.sponsor not in members:
        raise _refusal("unknown-name", f"no member is called {member.sponsor!r}", *path)
    if member.sponsor and members[member.sponsor].kind != "nation":
        raise _refusal("sponsor", f"{member.sponsor} is not a nation", *path)


def _groups(entries: dict[str, list[str]], members: dict[str, Member]) -> dict[str, frozenset[str]]:
    for group, names in entries.items():
        _check_not_reserved(group, "groups", group)
        if group in members:
            raise _refusal("unique-name", "a member has this name too", "groups", group)
        for index, name in enumerate(names):
            if name not in members:
                raise _refusal(
                    "unknown-name", f"no member is called {name!r}", "groups", group, index
                )
    return {group: frozenset(names) for group, names in sorted(entries.items())}


def _check_codes(members: dict[str, Member], groups: dict[str, frozenset[str]]) -> None:
    for name, member in members.items():
        for code in sorted(member.codes - {name}):
            _check_not_reserved(code, "members", name, "codes")
            if code in members or code in groups:
                problem = f"{code!r} is the name of another member or of a group"
                raise _refusal("unique-name", problem, "members", name, "codes")


def _labels(entries: dict[str, str], parts: Parts) -> dict[str, Label]:
    return {name: _label(name, text, parts) for name, text in sorted(entries.items())}


def _label(name: str, text: str, parts: Parts) -> Label:
    try:
        label = parse_label(text)
        check_names(label, parts.members.keys() | parts.groups.keys(), parts.policies)
    except InvalidInput as error:
        raise _refusal(error.rule, error.message, "labels", name) from error
    return label


def _readers(
    entries: dict[str, Any], members: dict[str, Member], policies: _Policies
) -> dict[str, Reader]:
    return dict(_checked_readers(entries, members, policies))


def _checked_readers(
    entries: dict[str, Any], members: dict[str, Member], policies: _Policies
) -> Iterator[tuple[str, Reader]]:
    for name, entry in sorted(entries.items()):
        reader = Reader(
            id=name,
            member=entry["member"],
            name=entry["name"],
            roles=frozenset(entry["roles"]),
            tlp=Tlp(entry.get("tlp", "CLEAR")),
            nationality=entry.get("nationality", ""),
            communities=frozenset(entry.get("communities", ())),
            clearances=build_clearances(entry.get("clearances", {}), policies, "readers", name),
        )
        if reader.member not in members:
            problem = f"no member is called {reader.member!r}"
            raise _refusal("unknown-name", problem, "readers", name, "member")
        if "administrator" in reader.roles and reader.roles & (CONTENT_ROLES | {"submitter"}):
            problem = "an administrator operates and reads no content: use a second reader"
            raise _refusal("separation-of-duties", problem, "readers", name, "roles")
        yield name, reader
