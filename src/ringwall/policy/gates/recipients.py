"""Gates that look at the label and at the member that would receive.

Sources: STANAG 4774 (classification, categories), FIRST TLP 2.0.
"""

from collections.abc import Iterator

from ringwall.alliance import Alliance, Level, NodeSeat
from ringwall.labels import Label, Tlp
from ringwall.policy.gates.clearances import shortfall
from ringwall.policy.gates.question import GateResult, Question


def classification_gate(asked: Question) -> GateResult:
    """Deny a member that is not cleared for the classification, under any policy that counts."""
    label, member = asked.release.label, asked.member
    source = "label.confidentiality"
    if label.confidentiality is None:
        return GateResult("classification", "abstain", "none", source, "it is not classified")
    if asked.is_origin:
        fact = f"{member} is the originator"
        return GateResult("classification", "pass", "originator", source, fact)
    rule, why = member_shortfall(asked.alliance, label, member)
    if rule:
        fact = f"{member} is not cleared: {why}"
        return GateResult("classification", "deny", rule, f"members.{member}.clearances", fact)
    fact = f"{member} is cleared: {why}"
    return GateResult("classification", "pass", "cleared", f"members.{member}.clearances", fact)


def member_shortfall(alliance: Alliance, label: Label, member: str) -> tuple[str, str]:
    """Return why a member is not cleared for a classification, as :func:`shortfall` says it."""
    known = alliance.members.get(member)

    def is_named(names: tuple[str, ...]) -> bool:
        found = [alliance.coded(name) for name in names]
        return all(found) and any(member in each for each in found)

    return shortfall(alliance.policies, label, known.clearances if known else (), is_named)


def rel_to_gate(asked: Question) -> GateResult:
    """Pass the originator and whoever REL TO names; abstain without a REL TO.

    Releasable categories of a classification count as REL TO does, and with it. A classified label
    without either goes to its originator only.
    """
    label, member = asked.release.label, asked.member
    if asked.is_origin:
        return GateResult("rel-to", "pass", "originator", "label", f"{member} is the originator")
    lists = release_lists(asked.alliance, label)
    if not lists:
        if label.confidentiality is None:
            return GateResult("rel-to", "abstain", "no-rel-to", "label", "the label has no REL TO")
        fact = "it is classified and no REL TO names anybody"
        return GateResult("rel-to", "deny", "no-rel-to", "label.rel_to", fact)
    for source, names in lists:
        named = [asked.alliance.coded(name) for name in names]
        if unknown := [name for name, found in zip(names, named, strict=True) if not found]:
            fact = f"REL TO names {', '.join(unknown)}, which this alliance does not know"
            return GateResult("rel-to", "deny", "unknown-name", source, fact)
        if not any(member in found for found in named):
            fact = f"REL TO names {', '.join(names)} only" if names else "REL TO names nobody"
            return GateResult("rel-to", "deny", "not-named", source, fact)
    listed = "; ".join(", ".join(names) for _, names in lists)
    return GateResult("rel-to", "pass", "named", lists[0][0], f"REL TO names {listed}")


def release_lists(alliance: Alliance, label: Label) -> list[tuple[str, tuple[str, ...]]]:
    """Return every list of names to which a label releases, with where it stands."""
    lists = [] if label.rel_to is None else [("label.rel_to", label.rel_to)]
    stated = label.confidentiality
    policy = alliance.policies.get(stated.policy) if stated else None
    if stated is not None and policy is not None:
        lists += [
            (f"label.confidentiality.{each.tag}", each.values)
            for each in stated.categories
            if each.tag in policy.tags and policy.tags[each.tag].releasable
        ]
    return lists


def tlp_gate(asked: Question) -> GateResult:
    """Deny TLP:RED to everybody but the originator and members that REL TO names themselves.

    RED is for individual recipients only (FIRST TLP 2.0), so being in a named group is not enough.
    The other levels limit what a recipient does next; they neither open nor close this release.
    """
    label, member = asked.release.label, asked.member
    if label.tlp is None:
        if label.confidentiality is not None:
            return GateResult("tlp", "abstain", "none", "label.tlp", "the label has no TLP")
        return GateResult("tlp", "deny", "no-tlp", "label.tlp", "the label has no TLP")
    if asked.is_origin:
        return GateResult("tlp", "pass", "originator", "label.tlp", f"{member} is the originator")
    if label.tlp is not Tlp.RED:
        fact = f"TLP:{label.tlp} limits only what the recipient does next"
        return GateResult("tlp", "pass", "onward", "label.tlp", fact)
    if _is_named_itself(asked):
        fact = f"TLP:RED and REL TO names {member} itself"
        return GateResult("tlp", "pass", "red-named", "label.tlp", fact)
    fact = f"TLP:RED is for those whom REL TO names one by one, and it does not name {member}"
    return GateResult("tlp", "deny", "red", "label.tlp", fact)


def _is_named_itself(asked: Question) -> bool:
    alliance, member = asked.alliance, asked.member
    return any(
        name not in alliance.groups and alliance.coded(name) == {member}
        for name in asked.release.label.rel_to or ()
    )


def node_gate(asked: Question) -> GateResult:
    """Deny whoever is no member of this alliance, or has no node fit to receive with."""
    member = asked.member
    known = asked.alliance.members.get(member)
    source = "alliance.members"
    if known is None:
        fact = f"{member} is no member of {asked.alliance.id}"
        return GateResult("node", "deny", "unknown-member", source, fact)
    if not known.nodes:
        return GateResult("node", "deny", "no-node", source, f"{member} has no node")
    if asked.is_origin or any(_why_unfit(asked, seat) == "" for seat in known.nodes):
        return GateResult("node", "pass", "has-node", source, f"{member} has a node")
    fact = _why_unfit(asked, known.nodes[0])
    return GateResult("node", "deny", "environment", f"{source}.{member}.nodes", fact)


def fit_seats(asked: Question) -> tuple[NodeSeat, ...]:
    """Return the nodes of the member that may hold such statements."""
    known = asked.alliance.members.get(asked.member)
    return tuple(seat for seat in known.nodes if not _why_unfit(asked, seat)) if known else ()


def _why_unfit(asked: Question, seat: NodeSeat) -> str:
    """Return why a node may not hold it, or "": transport, assurance, zone."""
    if not seat.post_quantum:
        return f"the transport of {seat.id} is not post-quantum"
    for level in _levels(asked):
        if seat.assurance < level.assurance:
            needed = f"{level.name} needs {level.assurance}"
            return f"{seat.id} has assurance {seat.assurance} and {needed}"
        if level.zones and seat.zone not in level.zones:
            zones = ", ".join(sorted(level.zones))
            return f"{seat.id} stands in zone {seat.zone or 'none'} and {level.name} needs {zones}"
    return ""


def _levels(asked: Question) -> Iterator[Level]:
    """Yield the label's level and those below it: what they ask of a node is asked of it too.

    A product has the highest level of its parts, and must not reach a node that no part may reach.
    """
    stated = asked.release.label.confidentiality
    policy = asked.alliance.policies.get(stated.policy) if stated else None
    rank = policy.rank(stated.classification) if stated and policy else None
    if policy is not None and rank is not None:
        for level in policy.levels.values():
            if level.rank == rank or (level.rank < rank and not level.obsolete):
                yield level
