"""What an owner lets others know of existing: rules in ``discovery.yaml``, by default none.

A rule names members, the statements it is about, and what of them is shown. It opens no content:
only that something of this kind exists. Pure; who asks brings rules, alliance, class and time.
"""

from typing import Annotated, Literal

import msgspec

from ringwall.alliance import Alliance, NodeSeat
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration, place_of
from ringwall.labels import Tlp
from ringwall.policy import Question, ReleaseClass
from ringwall.policy.gates import (
    classification_gate,
    embargo_gate,
    fit_seats,
    iep_gate,
    label_gate,
    release_lists,
)

DOCUMENT = "discovery.yaml"
_NOBODY = "\0"
"""A member that nobody is: gates that look at the label alone are asked for it."""

ShownField = Literal["type", "sector", "month", "day", "label", "purpose"]
_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
_Names = Annotated[frozenset[_Name], msgspec.Meta(min_length=1, max_length=1000)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class DiscoveryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule: to whom, about which statements, showing what.

    ``to``: members and groups; once read, members. ``object_types``, ``sectors``, ``purposes``:
    None means all; a statement of which no sector is known is outside a rule that names sectors.
    ``highest_classification``: the highest level of each policy; without it nothing classified.
    ``as_of``: with ``day`` (``month``) what was stated today (this month) is not counted yet, so
    the time at which an entry comes tells no more than that. ``at_least``: no entry stands for
    fewer statements.
    """

    name: _Name
    to: _Names
    highest_tlp: Tlp
    show: Annotated[frozenset[ShownField], msgspec.Meta(min_length=1)]
    clause: _Text
    object_types: _Names | None = None
    sectors: _Names | None = None
    purposes: _Names | None = None
    highest_classification: dict[str, str] = {}
    as_of: Literal["now", "day", "month"] = "day"
    at_least: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5

    def counts(self, day: str, today: str) -> bool:
        """Tell whether what was stated on ``day`` is listed yet; both are YYYY-MM-DD."""
        if self.as_of == "now":
            return True
        return day < today if self.as_of == "day" else day[:7] < today[:7]


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules; of those that cover a statement the first that names a member counts for it."""

    rules: tuple[DiscoveryRule, ...] = ()


NO_DISCOVERY = Discovery()


def load_discovery(text: str | bytes, alliance: Alliance) -> Discovery:
    """Read ``discovery.yaml`` (YAML or JSON).

    Raises BadConfiguration with the place and the rule: ``shape``, ``unknown-name``,
    ``unique-name``, ``contradiction`` or as the strict YAML reader says.
    """
    document = read_yaml(text, DOCUMENT)
    try:
        read = msgspec.convert(document, Discovery)
    except msgspec.ValidationError as error:
        problem, place = place_of(error)
        raise _refusal(place, problem, "shape") from error
    seen: set[str] = set()
    for index, rule in enumerate(read.rules):
        if rule.name in seen:
            raise _refusal(f"/rules/{index}/name", f"{rule.name!r} stands twice", "unique-name")
        seen.add(rule.name)
        _check(rule, f"/rules/{index}", alliance)
    return Discovery(tuple(_expanded(rule, alliance) for rule in read.rules))


def _check(rule: DiscoveryRule, place: str, alliance: Alliance) -> None:
    known = alliance.members.keys() | alliance.groups.keys()
    if strangers := sorted(rule.to - known):
        problem = f"no member and no group is called {strangers[0]!r}"
        raise _refusal(f"{place}/to", problem, "unknown-name")
    for policy, level in rule.highest_classification.items():
        stated = alliance.policies.get(policy)
        if stated is None or level not in stated.levels:
            problem = f"no classification policy has {policy}:{level}"
            raise _refusal(f"{place}/highest_classification", problem, "unknown-name")
    if rule.highest_classification and "label" not in rule.show:
        problem = "a rule about what is classified shows the label: readers are cleared by it"
        raise _refusal(f"{place}/show", problem, "contradiction")
    if {"day", "month"} <= rule.show:
        raise _refusal(f"{place}/show", "show either the day or the month", "contradiction")


def _expanded(rule: DiscoveryRule, alliance: Alliance) -> DiscoveryRule:
    members = frozenset(member for name in rule.to for member in alliance.expand(name))
    return msgspec.structs.replace(rule, to=members)


def covers(rule: DiscoveryRule, asked: Question) -> bool:
    """Tell whether a rule is about such statements, for any member that it names.

    Never about one whose label or terms are not wholly understood, are past their review, not yet
    or no longer valid, under an embargo, or controlled by ACS. ``asked.member`` does not matter.
    """
    label_only = msgspec.structs.replace(asked, member=_NOBODY)
    gates = (label_gate, embargo_gate, iep_gate)
    if asked.release.label.acs or any(gate(label_only).outcome == "deny" for gate in gates):
        return False
    named = [
        name for _, names in release_lists(asked.alliance, asked.release.label) for name in names
    ]
    if not all(asked.alliance.coded(name) for name in named):
        return False
    return _is_about(rule, asked.release) and _reaches(rule, asked)


def _is_about(rule: DiscoveryRule, release: ReleaseClass) -> bool:
    sectors = release.terms.sectors
    return (
        (rule.object_types is None or release.object_type in rule.object_types)
        and (rule.purposes is None or release.purpose in rule.purposes)
        and (rule.sectors is None or (bool(sectors) and rule.sectors.issuperset(sectors)))
    )


def _reaches(rule: DiscoveryRule, asked: Question) -> bool:
    """Tell whether the label is no higher than the rule goes, in TLP and in classification."""
    label = asked.release.label
    if label.tlp is not None and label.tlp.rank > rule.highest_tlp.rank:
        return False
    stated = label.confidentiality
    if stated is None:
        return label.tlp is not None
    policy = asked.alliance.policies.get(stated.policy)
    highest = rule.highest_classification.get(stated.policy)
    if policy is None or highest is None:
        return False
    level, most = policy.rank(stated.classification), policy.rank(highest)
    return level is not None and most is not None and level <= most


def may_be_told(asked: Question) -> tuple[NodeSeat, ...]:
    """Return the nodes of a member that may hold that such a statement exists.

    None unless the member is cleared for the whole label: a catalogue names no compartment to
    whoever is not in it.
    """
    return () if classification_gate(asked).outcome == "deny" else fit_seats(asked)


def _refusal(place: str, problem: str, rule: str) -> BadConfiguration:
    where = place or "at the top"
    return BadConfiguration(f"{DOCUMENT}, {where}: {problem}", field=place, rule=rule)
