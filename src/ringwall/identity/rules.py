"""The member's own rules: what its provider says of somebody, and what that makes of them.

``identity.yaml`` names the provider and, in order, rules: when claims are such and such, give
attributes. Without a rule that applies nobody gets anything; claims that no rule asks for are not
looked at. What the alliance allows the member to assert is applied afterwards (`federated`).
"""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from ringwall.alliance import ROLES, Alliance, Clearance
from ringwall.alliance.classifications import build_clearances
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration, place_of
from ringwall.labels import Tlp

DOCUMENT = "identity.yaml"
LONGEST_NAME = 80
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
_Value = str | int | bool


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The OpenID provider: ``issuer`` exactly as it names itself.

    ``client_secret_file`` lies in the node's directory; without one the client is a public one.
    ``userinfo``: ask its userinfo endpoint as well.
    """

    issuer: _Text
    client_id: _Text
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile")
    userinfo: bool = False


class Contains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on a claim that is a list: this is one of its items."""

    contains: _Value


class GivenClearance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A clearance under one policy: the highest level, and the values held of each tag."""

    classification: _Text
    categories: dict[str, tuple[str, ...]] = {}


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule gives; a clearance is named by its policy, as in the alliance description."""

    roles: frozenset[str] = frozenset()
    tlp: Tlp | None = None
    nationality: str = ""
    communities: frozenset[str] = frozenset()
    clearances: dict[str, GivenClearance] = {}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When every condition holds, this is given.

    A condition is a value, a list of values of which one must be there, or ``contains``. A claim
    whose name begins with a slash is a JSON pointer into a claim that is an object.
    """

    when: Annotated[dict[str, _Value | tuple[_Value, ...] | Contains], msgspec.Meta(min_length=1)]
    give: Given

    def applies(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether every condition holds."""
        return all(_holds(wanted, _claim(claims, name)) for name, wanted in self.when.items())


class IdentityRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole document; a session, and what the provider said, last ``session_hours``."""

    provider: ProviderSettings
    rules: tuple[Rule, ...]
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=12)] = 12.0
    name_claim: _Text = "name"


class Attributes(msgspec.Struct, frozen=True):
    """What the rules make of somebody's claims."""

    name: str
    roles: frozenset[str] = frozenset()
    tlp: Tlp = Tlp.CLEAR
    nationality: str = ""
    communities: frozenset[str] = frozenset()
    clearances: tuple[Clearance, ...] = ()
    contradiction: str = ""
    """The attribute of which two rules give different values; "" if there is none."""


def load_rules(text: str | bytes, alliance: Alliance) -> IdentityRules:
    """Read ``identity.yaml``. Raises BadConfiguration naming the place and the rule."""
    document = read_yaml(text, DOCUMENT)
    try:
        rules = msgspec.convert(document, IdentityRules)
    except msgspec.ValidationError as error:
        problem, place = place_of(error)
        raise _refusal(place, problem, "shape") from error
    if not is_secure(rules.provider.issuer):
        raise _refusal("/provider/issuer", "the issuer is not an https URL", "issuer")
    for index, rule in enumerate(rules.rules):
        _check(rule.give, f"/rules/{index}/give", alliance)
    return rules


def is_secure(url: str) -> bool:
    """Tell whether a URL is one of HTTPS, or of this very machine, which needs none."""
    try:
        parts = urlsplit(url)
        near = parts.scheme == "http" and parts.hostname in _LOOPBACK
    except ValueError:
        return False
    return bool(parts.hostname) and not parts.fragment and (parts.scheme == "https" or near)


def read_secret(provider: ProviderSettings, directory: Path) -> str:
    """Return the client's secret, "" if it has none.

    Raises BadConfiguration (rules ``unreadable``, ``mode``: others can read it).
    """
    if not provider.client_secret_file:
        return ""
    path = directory / provider.client_secret_file
    try:
        secret, mode = path.read_text("utf-8").strip(), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal("/provider/client_secret_file", f"{path}: {error}", "unreadable") from error
    if mode & 0o077:
        raise _refusal("/provider/client_secret_file", f"{path}: others can read it", "mode")
    return secret


def attributes(rules: IdentityRules, claims: Mapping[str, Any], alliance: Alliance) -> Attributes:
    """Return what the rules make of claims: everything that any of them gives, added up."""
    given = [rule.give for rule in rules.rules if rule.applies(claims)]
    nations = {each.nationality for each in given if each.nationality}
    clearances: dict[str, Clearance] = {}
    contradiction = "nationality" if len(nations) > 1 else ""
    for each in given:
        for clearance in _clearances(each, alliance):
            if clearances.setdefault(clearance.policy, clearance) != clearance:
                contradiction = "clearances"
    tlps = [each.tlp for each in given if each.tlp is not None]
    return Attributes(
        name=one_line(claims.get(rules.name_claim)),
        roles=frozenset().union(*(each.roles for each in given)),
        tlp=max(tlps, key=lambda tlp: tlp.rank, default=Tlp.CLEAR),
        nationality=min(nations, default=""),
        communities=frozenset().union(*(each.communities for each in given)),
        clearances=tuple(clearances.values()),
        contradiction=contradiction,
    )


def one_line(claim: Any) -> str:
    """Return a name from outside as one line without control, format and bidi characters."""
    if not isinstance(claim, str):
        return ""
    shown = unicodedata.normalize("NFC", claim[: 4 * LONGEST_NAME])
    visible = (each if unicodedata.category(each)[0] not in "CZ" else " " for each in shown)
    return " ".join("".join(visible).split())[:LONGEST_NAME]


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if not name.startswith("/"):
        return claims.get(name)
    found: Any = claims
    for part in name[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _holds(wanted: _Value | tuple[_Value, ...] | Contains, claim: Any) -> bool:
    if isinstance(wanted, Contains):
        return isinstance(claim, list) and any(_same(wanted.contains, each) for each in claim)
    if isinstance(wanted, tuple):
        return any(_same(each, claim) for each in wanted)
    return _same(wanted, claim)


def _same(wanted: _Value, claim: Any) -> bool:
    """Compare with the type: the number 1, the text "1" and true are three different things."""
    return type(wanted) is type(claim) and bool(wanted == claim)


def _check(given: Given, place: str, alliance: Alliance) -> None:
    if unknown := sorted(given.roles - ROLES):
        raise _refusal(f"{place}/roles", f"no role is called {unknown[0]!r}", "unknown-role")
    if given.nationality and given.nationality not in alliance.members:
        problem = f"no member is called {given.nationality!r}"
        raise _refusal(f"{place}/nationality", problem, "unknown-name")
    try:
        _clearances(given, alliance)
    except BadConfiguration as error:
        raise _refusal(f"{place}{error.field}", error.message, error.rule) from error


def _clearances(given: Given, alliance: Alliance) -> tuple[Clearance, ...]:
    return build_clearances(msgspec.to_builtins(given.clearances), alliance.policies)


def _refusal(place: str, problem: str, rule: str) -> BadConfiguration:
    where = place or "at the top"
    return BadConfiguration(f"{DOCUMENT}, {where}: {problem}", field=place, rule=rule)
