"""From an alliance description to an Alliance: YAML, schema, then what no schema can say.

Every refusal is a BadConfiguration that names the place as a JSON pointer and the rule.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from ringwall.alliance.labels import check_rel_to
from ringwall.alliance.model import (
    CONTENT_ROLES,
    Agreement,
    Alliance,
    Member,
    NodeSeat,
    Reader,
)
from ringwall.alliance.schema import check_schema, pointer
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import (
    BadConfiguration,
    InvalidInput,
    canonical_json,
    format_timestamp,
    parse_timestamp,
)
from ringwall.labels import NOBODY, Label, Tlp, parse_label

_SPONSORED = frozenset({"company", "organisation"})


def load_alliance(text: str | bytes) -> Alliance:
    """Read an alliance description. Raises BadConfiguration for whatever is not wholly right."""
    description = read_yaml(text)
    digest = _digest(description)
    check_schema(description)
    members = _members(description["members"])
    groups = _groups(description.get("groups", {}), members)
    return Alliance(
        id=description["alliance"]["id"],
        name=description["alliance"]["name"],
        kind=description["alliance"]["kind"],
        members=members,
        groups=groups,
        agreements=tuple(
            _agreement(name, entry, members, groups)
            for name, entry in sorted(description.get("agreements", {}).items())
        ),
        labels=_labels(description.get("labels", {}), members.keys() | groups.keys()),
        readers=_readers(description.get("readers", {}), members),
        digest=digest,
    )


def _digest(description: Any) -> str:
    try:
        return hashlib.sha256(canonical_json(description)).hexdigest()
    except InvalidInput as error:
        raise BadConfiguration(f"alliance description: {error}", rule=error.rule) from error


def _refusal(rule: str, problem: str, *path: str | int) -> BadConfiguration:
    place = pointer(*path)
    return BadConfiguration(f"alliance description, {place}: {problem}", field=place, rule=rule)


def _members(entries: dict[str, Any]) -> dict[str, Member]:
    members = {name: _member(name, entry) for name, entry in sorted(entries.items())}
    _check_seats(members)
    for member in members.values():
        _check_sponsor(member, members)
    return members


def _member(name: str, entry: dict[str, Any]) -> Member:
    _check_not_reserved(name, "members", name)
    seats = (
        NodeSeat(id=node, member=name, place=seat["place"])
        for node, seat in entry.get("nodes", {}).items()
    )
    return Member(
        id=name,
        name=entry["name"],
        kind=entry["kind"],
        sponsor=entry.get("sponsor", ""),
        sectors=tuple(entry.get("sectors", ())),
        nodes=tuple(sorted(seats, key=lambda seat: seat.place)),
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


def _agreement(
    name: str,
    entry: dict[str, Any],
    members: dict[str, Member],
    groups: dict[str, frozenset[str]],
) -> Agreement:
    types = entry.get("object_types")
    valid_from, valid_until = _dates(name, entry)
    return Agreement(
        id=name,
        title=entry["title"],
        parties=_parties(name, entry["parties"], members, groups),
        purposes=frozenset(entry["purposes"]),
        object_types=None if types is None else frozenset(types),
        highest_tlp=Tlp(entry["highest_tlp"]),
        valid_from=valid_from,
        valid_until=valid_until,
        clause=entry["clause"],
    )


def _parties(
    agreement: str,
    names: list[str],
    members: dict[str, Member],
    groups: dict[str, frozenset[str]],
) -> frozenset[str]:
    path = ("agreements", agreement, "parties")
    parties: set[str] = set()
    for index, name in enumerate(names):
        if name not in members and name not in groups:
            problem = f"no member and no group is called {name!r}"
            raise _refusal("unknown-name", problem, *path, index)
        parties |= groups.get(name, {name})
    if len(parties) < 2:
        raise _refusal("parties", "an agreement needs two members", *path)
    return frozenset(parties)


def _dates(agreement: str, entry: dict[str, Any]) -> tuple[str, str]:
    moments = tuple(_moment(agreement, field, entry) for field in ("valid_from", "valid_until"))
    if moments[0] >= moments[1]:
        path = ("agreements", agreement, "valid_until")
        raise _refusal("dates", "an agreement must end after it starts", *path)
    return moments[0], moments[1]


def _moment(agreement: str, field: str, entry: dict[str, Any]) -> str:
    text = entry[field]
    try:
        return format_timestamp(parse_timestamp(text if "T" in text else f"{text}T00:00:00Z"))
    except InvalidInput as error:
        path = ("agreements", agreement, field)
        raise _refusal("timestamp", f"{text!r} is not a date", *path) from error


def _labels(entries: dict[str, str], names: set[str]) -> dict[str, Label]:
    return {name: _label(name, text, names) for name, text in sorted(entries.items())}


def _label(name: str, text: str, names: set[str]) -> Label:
    try:
        label = parse_label(text)
        check_rel_to(label, names)
    except InvalidInput as error:
        raise _refusal(error.rule, error.message, "labels", name) from error
    return label


def _readers(entries: dict[str, Any], members: dict[str, Member]) -> dict[str, Reader]:
    return dict(_checked_readers(entries, members))


def _checked_readers(
    entries: dict[str, Any], members: dict[str, Member]
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
        )
        if reader.member not in members:
            problem = f"no member is called {reader.member!r}"
            raise _refusal("unknown-name", problem, "readers", name, "member")
        if "administrator" in reader.roles and reader.roles & (CONTENT_ROLES | {"submitter"}):
            problem = "an administrator operates and reads no content: use a second reader"
            raise _refusal("separation-of-duties", problem, "readers", name, "roles")
        yield name, reader
