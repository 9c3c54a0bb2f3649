"""From verified claims to a person: the member's rules, then what the alliance lets it assert."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.alliance.assertions import cut_to_assertions, mixes_duties
from ringwall.core import format_timestamp
from ringwall.identity.people import Person, person_id
from ringwall.identity.provider import Provider
from ringwall.identity.rules import Attributes, IdentityRules, attributes


class Federation(msgspec.Struct, frozen=True):
    """The provider of a node and the rules that it is read by."""

    provider: Provider
    rules: IdentityRules


class Assertion(msgspec.Struct, frozen=True):
    """Who logged in, or why the person has no standing here although the provider's word is good.

    ``refused`` is ``contradiction`` (two rules give different values), ``separation-of-duties`` or
    ``no-role`` (no rule gives a role that the member may assert), "" if the person comes in.
    ``beyond``: what the rules gave and the member may not assert.
    """

    person: Person
    beyond: tuple[tuple[str, str], ...] = ()
    refused: str = ""


def asserted_person(
    alliance: Alliance, member: str, rules: IdentityRules, claims: Mapping[str, Any], now: datetime
) -> Assertion:
    """Return whom verified claims describe, with no more than the member may assert."""
    given = attributes(rules, claims, alliance)
    issuer = rules.provider.issuer
    name = person_id(issuer, claims["sub"])
    asked = Reader(
        id=name,
        member=member,
        name=given.name or name,
        roles=given.roles,
        tlp=given.tlp,
        nationality=given.nationality,
        communities=given.communities,
        clearances=given.clearances,
    )
    cut = cut_to_assertions(alliance, asked)
    until = format_timestamp(now + timedelta(hours=rules.session_hours))
    person = Person(cut.reader, issuer, format_timestamp(now), until)
    return Assertion(person, cut.beyond, _refused(given, asked, cut.reader))


def _refused(given: Attributes, asked: Reader, kept: Reader) -> str:
    if given.contradiction:
        return "contradiction"
    if mixes_duties(asked.roles):
        return "separation-of-duties"
    return "" if kept.roles else "no-role"
