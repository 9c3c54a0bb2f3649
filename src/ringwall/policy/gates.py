"""The gates, one function each: every one looks at its own part of a release and at nothing else.

Sources: STANAG 4774 (REL TO), FIRST TLP 2.0, the alliance's agreements. A gate passes, abstains
(has nothing to say) or denies; whatever it does not know, it denies. ``fact`` is a clause for an
officer, ready to follow "withheld from dorne:".
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from ringwall.alliance import CONTENT_ROLES, Agreement, Alliance, Reader
from ringwall.core import InternalFault, InvalidInput, parse_timestamp
from ringwall.labels import Tlp
from ringwall.policy.release_class import ReleaseClass

SKEW = timedelta(minutes=2)
"""Clocks of members may differ by this: permissions start late and end early by it."""

_LONGEST_QUOTE = 200
GateName = Literal["label", "rel-to", "tlp", "agreement", "node", "clearance", "role"]


class GateResult(msgspec.Struct, frozen=True):
    """What one gate says: ``rule`` is a stable token, ``source`` where it stands written."""

    gate: GateName
    outcome: Literal["pass", "abstain", "deny"]
    rule: str
    source: str
    fact: str


def _shown(text: str) -> str:
    """Return text from outside as it may stand in a line: short, and without control characters."""
    short = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return short if short.isprintable() else ascii(short)


def label_gate(release: ReleaseClass) -> GateResult:
    """Deny a label that is not wholly understood: what it would restrict cannot be known."""
    label = release.label
    if label.unknown:
        fact = f"the label holds {_shown(', '.join(label.unknown))}, which is not understood"
        return GateResult("label", "deny", "not-understood", "label.unknown", fact)
    if label.policy or label.classification:
        policy = _shown(f"{label.policy} {label.classification}".strip())
        fact = f"the classification policy {policy} is not understood"
        return GateResult("label", "deny", "classification", "label.policy", fact)
    if label.tlp is None:
        return GateResult("label", "deny", "no-tlp", "label.tlp", "the label has no TLP")
    return GateResult("label", "pass", "understood", "label", "the label is understood")


def rel_to_gate(alliance: Alliance, release: ReleaseClass, member: str) -> GateResult:
    """Pass the originator and whoever REL TO names; abstain without a REL TO."""
    names = release.label.rel_to
    if member == release.origin:
        return GateResult("rel-to", "pass", "originator", "label", f"{member} is the originator")
    if names is None:
        return GateResult("rel-to", "abstain", "no-rel-to", "label", "the label has no REL TO")
    try:
        named = frozenset[str]().union(*(alliance.expand(name) for name in names))
    except InvalidInput:
        unknown = [name for name in names if not _is_known(alliance, name)]
        fact = f"REL TO names {', '.join(unknown)}, which this alliance does not know"
        return GateResult("rel-to", "deny", "unknown-name", "label.rel_to", fact)
    listed = ", ".join(names) or "nobody"
    if member not in named:
        fact = f"REL TO names {listed} only" if names else "REL TO names nobody"
        return GateResult("rel-to", "deny", "not-named", "label.rel_to", fact)
    return GateResult("rel-to", "pass", "named", "label.rel_to", f"REL TO names {listed}")


def _is_known(alliance: Alliance, name: str) -> bool:
    return name in alliance.members or name in alliance.groups


def tlp_gate(release: ReleaseClass, member: str) -> GateResult:
    """Deny TLP:RED to everybody but the originator and members that REL TO names themselves.

    RED is for individual recipients only (FIRST TLP 2.0), so being in a named group is not enough.
    The other levels limit what a recipient does next; they neither open nor close this release.
    """
    label = release.label
    if label.tlp is None:
        return GateResult("tlp", "deny", "no-tlp", "label.tlp", "the label has no TLP")
    if member == release.origin:
        return GateResult("tlp", "pass", "originator", "label.tlp", f"{member} is the originator")
    if label.tlp is not Tlp.RED:
        fact = f"TLP:{label.tlp} limits only what the recipient does next"
        return GateResult("tlp", "pass", "onward", "label.tlp", fact)
    if member in (label.rel_to or ()):
        fact = f"TLP:RED and REL TO names {member} itself"
        return GateResult("tlp", "pass", "red-named", "label.tlp", fact)
    fact = f"TLP:RED is for those whom REL TO names one by one, and it does not name {member}"
    return GateResult("tlp", "deny", "red", "label.tlp", fact)


def agreement_gate(
    covering: list[Agreement], alliance: Alliance, release: ReleaseClass, member: str, at: datetime
) -> GateResult:
    """Pass the originator, and whoever shares an agreement that covers this and is in force.

    ``covering``: what :func:`covering_agreements` says of the same release and member.
    """
    if member == release.origin:
        fact = f"{member} is the originator"
        return GateResult("agreement", "pass", "originator", "label", fact)
    opened = next((each for each in covering if in_force(each, at)), None)
    if opened is not None:
        fact = f"{opened.title} ({opened.clause}) is in force"
        return GateResult("agreement", "pass", "in-force", _source([opened]), fact)
    if covering:
        fact = f"not in force now: {_titles(covering)}"
        return GateResult("agreement", "deny", "dates", _source(covering), fact)
    return _shortfall(alliance, release, member)


def _joins(agreement: Agreement, release: ReleaseClass, member: str) -> bool:
    return release.origin in agreement.parties and member in agreement.parties


def _has_purpose(agreement: Agreement, release: ReleaseClass, member: str) -> bool:
    return release.purpose in agreement.purposes


def _has_type(agreement: Agreement, release: ReleaseClass, member: str) -> bool:
    return agreement.object_types is None or release.object_type in agreement.object_types


def _reaches_tlp(agreement: Agreement, release: ReleaseClass, member: str) -> bool:
    tlp = release.label.tlp
    return tlp is not None and tlp.rank <= agreement.highest_tlp.rank


# In the order in which a shortfall is explained.
_CONDITIONS: dict[str, Callable[[Agreement, ReleaseClass, str], bool]] = {
    "no-agreement": _joins,
    "purpose": _has_purpose,
    "object-type": _has_type,
    "highest-tlp": _reaches_tlp,
}


def covering_agreements(alliance: Alliance, release: ReleaseClass, member: str) -> list[Agreement]:
    """Return the agreements that open this release to this member at some time."""
    return [
        agreement
        for agreement in alliance.agreements
        if all(holds(agreement, release, member) for holds in _CONDITIONS.values())
    ]


def _shortfall(alliance: Alliance, release: ReleaseClass, member: str) -> GateResult:
    """Name the condition at which the last agreement fell out."""
    left = list(alliance.agreements)
    for rule, holds in _CONDITIONS.items():
        kept = [agreement for agreement in left if holds(agreement, release, member)]
        if not kept:
            fallen = [] if rule == "no-agreement" else left
            return GateResult(
                "agreement", "deny", rule, _source(fallen), _fact(rule, fallen, release, member)
            )
        left = kept
    raise InternalFault("an agreement covers a release and was not found", rule="agreement")


def _fact(rule: str, fallen: list[Agreement], release: ReleaseClass, member: str) -> str:
    titles = _titles(fallen)
    facts = {
        "no-agreement": f"no agreement joins {release.origin} and {member}",
        "purpose": f"the purpose {_shown(release.purpose)} is not covered by {titles}",
        "object-type": f"the type {_shown(release.object_type)} is not covered by {titles}",
        "highest-tlp": f"TLP:{release.label.tlp or 'none'} is above what is covered by {titles}",
    }
    return facts[rule]


def _titles(agreements: Iterable[Agreement]) -> str:
    return ", ".join(f"{each.title} ({each.clause})" for each in agreements)


def _source(agreements: Iterable[Agreement]) -> str:
    return "; ".join(f"agreement {each.id}, {each.clause}" for each in agreements)


def boundaries(agreement: Agreement) -> tuple[datetime, datetime]:
    """Return the first moment at which the agreement opens, and the first at which it is shut."""
    return _boundaries(agreement.valid_from, agreement.valid_until)


@lru_cache(maxsize=4096)  # an alliance has few dates and asks for them with every decision
def _boundaries(valid_from: str, valid_until: str) -> tuple[datetime, datetime]:
    return parse_timestamp(valid_from) + SKEW, parse_timestamp(valid_until) - SKEW


def in_force(agreement: Agreement, at: datetime) -> bool:
    """Tell whether the agreement may open anything at ``at``, wherever the clocks stand."""
    opens, closes = boundaries(agreement)
    return opens <= at < closes


def next_change(covering: Iterable[Agreement], at: datetime) -> datetime | None:
    """Return when one of the agreements next opens or closes after ``at``, None if never."""
    moments = [moment for each in covering for moment in boundaries(each) if moment > at]
    return min(moments, default=None)


def node_gate(alliance: Alliance, member: str) -> GateResult:
    """Deny whoever is no member of this alliance, or has no node to receive with."""
    if member not in alliance.members:
        fact = f"{member} is no member of {alliance.id}"
        return GateResult("node", "deny", "unknown-member", "alliance.members", fact)
    if not alliance.members[member].nodes:
        return GateResult("node", "deny", "no-node", "alliance.members", f"{member} has no node")
    return GateResult("node", "pass", "has-node", "alliance.members", f"{member} has a node")


def clearance_gate(release: ReleaseClass, reader: Reader) -> GateResult:
    """Deny a reader whose highest TLP is below the label's."""
    tlp = release.label.tlp
    source = f"reader {reader.id}"
    if tlp is None:
        return GateResult("clearance", "deny", "no-tlp", "label.tlp", "the label has no TLP")
    if tlp.rank > reader.tlp.rank:
        fact = f"{reader.id} may see up to TLP:{reader.tlp} and this is TLP:{tlp}"
        return GateResult("clearance", "deny", "clearance", source, fact)
    fact = f"{reader.id} may see up to TLP:{reader.tlp}"
    return GateResult("clearance", "pass", "cleared", source, fact)


def role_gate(alliance: Alliance, release: ReleaseClass, reader: Reader) -> GateResult:
    """Deny readers without a role that reads content, and readers that the alliance lacks.

    A submitter reads what its own member stated. A reader whose entry has changed since is
    unknown: a session must not outlive the roles that it began with.
    """
    source = f"reader {reader.id}"
    if alliance.readers.get(reader.id) != reader:
        fact = f"{reader.id} is no reader of {alliance.id} as it stands now"
        return GateResult("role", "deny", "unknown-reader", "alliance.readers", fact)
    if reader.roles & CONTENT_ROLES:
        return GateResult("role", "pass", "content-role", source, f"{reader.id} reads content")
    if "submitter" in reader.roles and reader.member == release.origin:
        fact = f"{reader.id} reads what {reader.member} stated"
        return GateResult("role", "pass", "own-member", source, fact)
    roles = ", ".join(sorted(reader.roles))
    fact = f"the role {roles} of {reader.id} does not read this content"
    return GateResult("role", "deny", "no-content-role", source, fact)
