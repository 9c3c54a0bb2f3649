"""Passing on: how far the agreements along a way let a received statement go any further.

The release decision asks the agreement of the last step (gates.agreed) and the originator's terms
(gates.onward). What the earlier steps agreed is known to those who took part in them only. So each
who passes something on asks here what it agreed itself, and countersigns what is left: what
arrives names its own limits.
"""

from datetime import datetime

import msgspec

from ringwall.alliance import Agreement, Alliance
from ringwall.policy import gates
from ringwall.policy.gates import GateResult, Question
from ringwall.policy.release_class import ReleaseClass


class Limit(msgspec.Struct, frozen=True):
    """To which members something may go from here, over at most so many hops."""

    members: frozenset[str]
    hops: int

    def within(self, other: "Limit") -> "Limit":
        """Return what both permit."""
        return Limit(self.members & other.members, min(self.hops, other.hops))

    def after_a_hop(self) -> "Limit":
        """Return what is left after one hop more."""
        return Limit(self.members, max(self.hops - 1, 0))


NO_FURTHER = Limit(frozenset(), 0)


def passing_on(
    alliance: Alliance, release: ReleaseClass, holder: str, to: str, at: datetime
) -> tuple[GateResult, Limit]:
    """Say whether the agreement under which ``holder`` got a class lets it pass that on to ``to``.

    With it comes how far it may go, this hop included; of several agreements the one that reaches
    farthest counts. What the originator's terms say is not asked here.
    """
    opening = _opening(alliance, release, holder, at)
    allowing = [each for each in opening if to in each.onward_to and each.hops]
    if not allowing:
        named = ", ".join(f"{each.title} ({each.clause})" for each in opening)
        verb = "do not let" if len(opening) > 1 else "does not let"
        who = f"{named} {verb}" if named else "no agreement in force lets"
        fact = f"{who} {holder} pass it on to {to}"
        return GateResult("passing-on", "deny", "not-agreed", "agreements", fact), NO_FURTHER
    best = max(allowing, key=lambda each: (each.hops, len(each.onward_to)))
    source = f"agreement {best.id}, {best.clause}"
    fact = f"{best.title} ({best.clause}) lets {holder} pass it on to {to}"
    return GateResult("passing-on", "pass", "agreed", source, fact), _limit(best)


def further(alliance: Alliance, release: ReleaseClass, holder: str, to: str, at: datetime) -> Limit:
    """Return how far ``to`` may pass on what ``holder`` passes on to it now.

    ``release`` is the class as ``holder`` has it: agreements and terms of all steps count as far as
    they are known here.
    """
    _, agreed = passing_on(alliance, release, holder, to, at)
    passed = msgspec.structs.replace(release, relayed=way_to(release, holder, to))
    opening = _opening(alliance, passed, to, at)
    last = max((_limit(each) for each in opening), key=_reach, default=NO_FURTHER)
    stated = Limit(_named(alliance, release), release.terms.hops - len(passed.relayed) + 1)
    left = agreed.after_a_hop().within(last).within(stated)
    return left if left.hops > 0 and left.members else NO_FURTHER


def way_to(release: ReleaseClass, holder: str, to: str) -> tuple[str, ...]:
    """Return the way of a class that ``holder`` has once it is passed on to ``to``."""
    return (*(release.relayed or (holder,)), to)


def _opening(
    alliance: Alliance, release: ReleaseClass, member: str, at: datetime
) -> list[Agreement]:
    """Return the agreements in force under which a member has, or would get, a class."""
    asked = Question(alliance, release, member, at)
    return [each for each in gates.covering_agreements(asked) if gates.in_force(each, at)]


def _limit(agreement: Agreement) -> Limit:
    return Limit(agreement.onward_to, agreement.hops)


def _reach(limit: Limit) -> tuple[int, int]:
    return limit.hops, len(limit.members)


def _named(alliance: Alliance, release: ReleaseClass) -> frozenset[str]:
    return gates.named_members(alliance, release.terms.onward_to)
