"""Two-person release: what a member lets leave only when a second officer has confirmed it.

A member's own rules, in YAML or JSON. They hold back; they open nothing.

    two_person:
      - name: classified
        clause: standing order 4
        to: [dorne]                 # members and groups; left out: everybody
        object_types: [report]      # left out: every type
        lowest_tlp: AMBER           # from this level on; left out: every level
        policies: [ALLIED]          # classified or also worded so; left out: all
"""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from ringwall.alliance import Alliance
from ringwall.core import BadConfiguration, InvalidInput
from ringwall.labels import Tlp
from ringwall.policy.release_class import ReleaseClass
from ringwall.stix import OBJECT_TYPES

_Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class HoldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule; None and () concern everything."""

    name: _Name
    clause: _Text
    to: tuple[_Name, ...] = ()
    object_types: tuple[str, ...] = ()
    lowest_tlp: Tlp | None = None
    policies: tuple[str, ...] = ()

    def concerns(self, alliance: Alliance, release: ReleaseClass, member: str) -> bool:
        """Tell whether statements of this class wait before they go to ``member``."""
        label = release.label
        worded = (label.confidentiality, *label.alternatives)
        policies = {stated.policy for stated in worded if stated is not None}
        return (
            (not self.to or any(_names(alliance, name, member) for name in self.to))
            and (not self.object_types or release.object_type in self.object_types)
            and (self.lowest_tlp is None or _reaches(label.tlp, self.lowest_tlp))
            and (not self.policies or not policies.isdisjoint(self.policies))
        )


def _names(alliance: Alliance, name: str, member: str) -> bool:
    """Tell whether a name means a member; one that the alliance has lost means everybody."""
    try:
        return member in alliance.expand(name)
    except InvalidInput:
        return True


def _reaches(tlp: Tlp | None, lowest: Tlp) -> bool:
    return tlp is None or tlp.rank >= lowest.rank


class HoldRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a member."""

    two_person: tuple[HoldRule, ...] = ()

    def holding(self, alliance: Alliance, release: ReleaseClass, member: str) -> HoldRule | None:
        """Return the first rule that holds it back from a member, None if none does."""
        found = (each for each in self.two_person if each.concerns(alliance, release, member))
        return next(found, None)

    def holding_any(
        self, alliance: Alliance, releases: Iterable[ReleaseClass], member: str
    ) -> HoldRule | None:
        """Return the first rule that holds any of these classes back, None if none does.

        They are those of an object and of the properties with a class of their own that go with it.
        """
        found = (self.holding(alliance, each, member) for each in releases)
        return next((rule for rule in found if rule is not None), None)


NO_HOLDS = HoldRules()


def read_hold_rules(document: Any, alliance: Alliance) -> HoldRules:
    """Read the rules of a parsed document.

    Raises BadConfiguration (field ``two_person``; rules ``shape``, ``unique-name``,
    ``unknown-name``, ``unknown-type``): a rule that is not understood keeps the node from starting.
    """
    try:
        rules = msgspec.convert(document, HoldRules)
    except msgspec.ValidationError as error:
        raise _refusal("shape", str(error)) from error
    names = [rule.name for rule in rules.two_person]
    if len(set(names)) < len(names):
        raise _refusal("unique-name", "two rules have one name")
    for rule in rules.two_person:
        for name in rule.to:
            try:
                alliance.expand(name)
            except InvalidInput as error:
                raise _refusal("unknown-name", f"{rule.name}: {error.message}") from error
        kinds = {kind for kind in rule.object_types if not kind.startswith("x-")}
        if unheard := sorted(kinds.difference(OBJECT_TYPES)):
            raise _refusal("unknown-type", f"{rule.name}: no type is called {unheard[0]!r}")
        if unknown := sorted(set(rule.policies) - alliance.policies.keys()):
            raise _refusal("unknown-name", f"{rule.name}: no policy is called {unknown[0]!r}")
    return rules


def _refusal(rule: str, problem: str) -> BadConfiguration:
    return BadConfiguration(f"two_person: {problem}", field="two_person", rule=rule)
