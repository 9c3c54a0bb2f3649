"""A member's own redaction rules: which properties whoever they name does not get.

They stand in ``redactions.yaml`` of a node, and can only withhold. A rule for a name that the
alliance does not know any more is a rule for everybody.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from ringwall.alliance import Alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration, InvalidInput
from ringwall.stix import OBJECT_TYPES, needed_properties

DOCUMENT = "redactions.yaml"
_MOST = 1_000
_PLACE = re.compile(r"`\$([^`]*)`\Z")
_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")]
_Property = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,249}\Z")]
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]


class RedactionRule(msgspec.Struct, frozen=True):
    """One rule: the members behind ``to`` get no object with these ``fields``.

    ``to``: members and groups. ``object_types``: () means every type; an object whose type requires
    one of the fields is then withheld as a whole. ``clause`` says where it stands written, for the
    officer who reads the reason.
    """

    name: str
    to: tuple[str, ...]
    fields: tuple[str, ...]
    clause: str
    object_types: tuple[str, ...] = ()


class RedactionRules(msgspec.Struct, frozen=True):
    """All rules of a member, in the order of their names."""

    rules: tuple[RedactionRule, ...] = ()

    def concerning(self, alliance: Alliance, object_type: str, member: str) -> list[RedactionRule]:
        """Return the rules that withhold something of an object type from a member."""
        return [
            rule
            for rule in self.rules
            if (not rule.object_types or object_type in rule.object_types)
            and any(_names(alliance, name, member) for name in rule.to)
        ]


NO_REDACTIONS = RedactionRules()


def _names(alliance: Alliance, name: str, member: str) -> bool:
    try:
        return member in alliance.expand(name)
    except InvalidInput:
        return True


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    to: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1)]
    fields: Annotated[tuple[_Property, ...], msgspec.Meta(min_length=1)]
    clause: _Line
    object_types: tuple[_Name, ...] = ()


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    redactions: Annotated[dict[_Name, _Rule], msgspec.Meta(max_length=_MOST)]


def read_redactions(text: str | bytes, alliance: Alliance) -> RedactionRules:
    """Read ``redactions.yaml``.

    Raises BadConfiguration naming the place (a JSON pointer) and the rule: ``shape``,
    ``unknown-name`` (no member or group), ``unknown-type``, ``needed`` (a property without which
    the rest would be no STIX object) or what :func:`read_yaml` refuses.
    """
    document = read_yaml(text, DOCUMENT)
    try:
        read = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        raise _refusal(_pointer(found[1]) if found else "", str(error), "shape") from error
    for name, rule in read.redactions.items():
        _check(f"/redactions/{name}", rule, alliance)
    return RedactionRules(
        tuple(
            RedactionRule(name, rule.to, rule.fields, rule.clause, rule.object_types)
            for name, rule in sorted(read.redactions.items())
        )
    )


def _check(place: str, rule: _Rule, alliance: Alliance) -> None:
    _check_all(f"{place}/to", rule.to, alliance.members | alliance.groups, "unknown-name")
    types = dict.fromkeys(OBJECT_TYPES)
    standard = [one for one in rule.object_types if not one.startswith("x-")]
    _check_all(f"{place}/object_types", standard, types, "unknown-type")
    for object_type in rule.object_types or ("",):
        for field in needed_properties(object_type).intersection(rule.fields):
            raise _refusal(
                f"{place}/fields",
                f"{field} cannot be withheld: {object_type or 'an object'} is none without it",
                "needed",
            )


def _check_all(place: str, names: Sequence[str], known: Mapping[str, Any], rule: str) -> None:
    for name in names:
        if name not in known:
            raise _refusal(place, f"{name[:80]!r} is not known", rule)


def _pointer(place: str) -> str:
    """Return a JSON pointer for the place in a message of msgspec, which hides a map's keys."""
    steps = place.replace("[...]", ".*").replace("[", ".").replace("]", "")
    return steps.replace(".", "/")


def _refusal(place: str, problem: str, rule: str) -> BadConfiguration:
    return BadConfiguration(f"{DOCUMENT}, {place or '/'}: {problem}", field=place, rule=rule)
