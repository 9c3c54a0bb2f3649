"""What a member may say of its own people, and no more. Pure.

A federated person is a reader whom the member's identity provider named and the alliance
description does not. Their names have a form of their own, so that nobody whom the description
once named lives on as one of them.
"""

import re

import msgspec

from ringwall.alliance.classification import ClassificationPolicy, Clearance
from ringwall.alliance.model import CONTENT_ROLES, ROLES, Alliance, Assertions, Reader
from ringwall.labels import Tlp

_FEDERATED = re.compile(r"p-[0-9a-f]{32}")
_NOTHING = Assertions()


class Cut(msgspec.Struct, frozen=True):
    """A reader without what its member may not assert; ``beyond`` names that, (attribute, value).

    What lies beyond is not lowered to what would be allowed: it is not given at all.
    """

    reader: Reader
    beyond: tuple[tuple[str, str], ...] = ()


def is_federated(name: str) -> bool:
    """Tell whether a reader's name is that of a federated person: ``p-`` and 32 hex digits."""
    return _FEDERATED.fullmatch(name) is not None


def within_assertions(alliance: Alliance, reader: Reader) -> str:
    """Return "" if the reader's member may assert all of this, else the attribute that it may not.

    The attributes are ``id``, ``member``, ``assertions`` (it may assert nobody), ``roles``,
    ``nationality``, ``communities``, ``tlp``, ``clearances``.
    """
    if not is_federated(reader.id) or reader.id in alliance.readers:
        return "id"
    member = alliance.members.get(reader.member)
    if member is None:
        return "member"
    if member.assertions is None:
        return "assertions"
    if mixes_duties(reader.roles):
        return "roles"
    beyond = cut_to_assertions(alliance, reader).beyond
    return beyond[0][0] if beyond else ""


def cut_to_assertions(alliance: Alliance, reader: Reader) -> Cut:
    """Take from a reader every attribute that its member may not assert of its own people."""
    member = alliance.members.get(reader.member)
    ceiling = (member.assertions if member else None) or _NOTHING
    roles = reader.roles & ceiling.roles & ROLES
    communities = reader.communities & ceiling.communities
    nationality = reader.nationality if reader.nationality in ceiling.nationalities else ""
    tlp = reader.tlp if reader.tlp.rank <= ceiling.tlp.rank else Tlp.CLEAR
    clearances = tuple(
        each for each in reader.clearances if _is_covered(alliance, each, ceiling.clearances)
    )
    beyond = [("roles", each) for each in sorted(reader.roles - roles)]
    beyond += [("nationality", reader.nationality)] if nationality != reader.nationality else []
    beyond += [("communities", each) for each in sorted(reader.communities - communities)]
    beyond += [("tlp", str(reader.tlp))] if tlp is not reader.tlp else []
    beyond += [
        ("clearances", f"{each.policy} {each.classification}")
        for each in reader.clearances
        if each not in clearances
    ]
    kept = msgspec.structs.replace(
        reader,
        roles=roles,
        communities=communities,
        nationality=nationality,
        tlp=tlp,
        clearances=clearances,
    )
    return Cut(kept, tuple(beyond))


def mixes_duties(roles: frozenset[str]) -> bool:
    """Tell whether roles join operating a node with its content, which nobody may have together."""
    return "administrator" in roles and bool(roles & (CONTENT_ROLES | {"submitter"}))


def _is_covered(alliance: Alliance, asked: Clearance, ceiling: tuple[Clearance, ...]) -> bool:
    policy = alliance.policies.get(asked.policy)
    if policy is None:
        return False
    return any(_covers(policy, each, asked) for each in ceiling if each.policy == asked.policy)


def _covers(policy: ClassificationPolicy, ceiling: Clearance, asked: Clearance) -> bool:
    highest, level = policy.rank(ceiling.classification), policy.rank(asked.classification)
    if highest is None or level is None or level > highest:
        return False
    return all(set(each.values) <= ceiling.holds(each.tag) for each in asked.categories)
