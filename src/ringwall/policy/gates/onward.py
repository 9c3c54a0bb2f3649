"""The onward gate: what another member passed on reaches only whom its originator's terms name."""

from ringwall.alliance import Alliance
from ringwall.core import InvalidInput
from ringwall.labels import Tlp
from ringwall.labels.acs import permits_sharing
from ringwall.labels.acs_reading import read_controls
from ringwall.policy.gates.question import GateResult, Question, shown

_KEPT = frozenset({Tlp.RED, Tlp.AMBER_STRICT})
"""For the recipients themselves, or their organisation only (FIRST TLP 2.0): nothing to pass on."""


def onward_gate(asked: Question) -> GateResult:
    """Deny what was passed on unless the terms, signed by its originator, cover the whole way.

    Abstains about what comes from its originator. Agreements are asked by the agreement gate, for
    the last step: only who takes part in a step knows for certain what was agreed for it.
    """
    way = asked.release.relayed
    if not way:
        fact = f"it comes from {asked.release.origin} itself"
        return GateResult("onward", "abstain", "none", "terms", fact)
    if asked.is_origin:
        fact = f"{asked.member} is the originator"
        return GateResult("onward", "pass", "originator", "label", fact)
    for rule, source, fact in (_off_the_way(asked), _beyond(asked), _kept(asked)):
        if rule:
            return GateResult("onward", "deny", rule, source, fact)
    hops, most = len(way) - 1, asked.release.terms.hops
    fact = f"{asked.release.origin} lets it be passed on to {asked.member}, hop {hops} of {most}"
    return GateResult("onward", "pass", "named", "terms.onward_to", fact)


_Denied = tuple[str, str, str]
"""Rule, source and fact; a rule "" denies nothing."""
_NOTHING = ("", "", "")


def _off_the_way(asked: Question) -> _Denied:
    """Deny a way that is none, and one that does not end at the member that is asked about.

    When a member leaves, no agreement of the last step need end: what came by it closes here.
    """
    way = asked.release.relayed
    if len(way) < 2 or asked.release.origin in way or len(set(way)) < len(way):
        return "way", "relayed", f"it came over {shown(', '.join(way))}, which is no way"
    alliance = asked.alliance
    if strangers := [name for name in (asked.release.origin, *way) if name not in alliance.members]:
        fact = f"it came by {shown(strangers[0])}, which is no member of {alliance.id}"
        return "unknown-member", "alliance.members", fact
    if asked.member != way[-1]:
        return "not-holder", "relayed", f"it was passed on to {shown(way[-1])} and nobody else"
    return _NOTHING


def _beyond(asked: Question) -> _Denied:
    """Deny more hops than the terms give, and members that they do not name."""
    terms, way, origin = asked.release.terms, asked.release.relayed, asked.release.origin
    if not terms.onward_to or not terms.hops:
        return "no-onward", "terms.onward_to", f"{origin} lets nobody pass it on"
    if len(way) - 1 > terms.hops:
        return "hops", "terms.hops", f"hop {len(way) - 1}, and {origin} permits {terms.hops}"
    named = named_members(asked.alliance, terms.onward_to)
    strangers = [member for member in way[1:] if member not in named]
    if strangers:
        listed = ", ".join(terms.onward_to)
        fact = f"{origin} lets it be passed on to {listed}, and {shown(strangers[0])} is not meant"
        return "onward-to", "terms.onward_to", fact
    return _NOTHING


def named_members(alliance: Alliance, names: tuple[str, ...]) -> frozenset[str]:
    """Return the members that names mean; one that the alliance does not know means nobody."""
    found: frozenset[str] = frozenset()
    for name in names:
        try:
            found |= alliance.expand(name)
        except InvalidInput:
            continue
    return found


def _kept(asked: Question) -> _Denied:
    """Deny what its label keeps with those who got it from the originator."""
    label = asked.release.label
    if label.tlp in _KEPT:
        return "tlp", "label.tlp", f"TLP:{label.tlp} stays with those who got it"
    known = asked.alliance.members.get(asked.member)
    codes = known.codes | {known.id} if known else frozenset[str]()
    for text in label.acs:
        permitted, rule, fact = permits_sharing(read_controls(text), codes)
        if not permitted:
            return rule, "label.acs", shown(fact)
    return _NOTHING
