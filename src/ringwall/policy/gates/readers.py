"""Gates for a reader, besides those of its member."""

from ringwall.alliance import CONTENT_ROLES, Reader, within_assertions
from ringwall.policy.gates.clearances import shortfall
from ringwall.policy.gates.question import GateResult, Question
from ringwall.policy.gates.recipients import release_lists


def clearance_gate(asked: Question, reader: Reader) -> GateResult:
    """Deny a reader whose highest TLP, or whose clearance, is below the label's."""
    label = asked.release.label
    source = f"reader {reader.id}"
    if label.tlp is None and label.confidentiality is None:
        fact = "the label has neither a TLP nor a classification"
        return GateResult("clearance", "deny", "no-tlp", "label.tlp", fact)
    if label.tlp is not None and label.tlp.rank > reader.tlp.rank:
        fact = f"{reader.id} may see up to TLP:{reader.tlp} and this is TLP:{label.tlp}"
        return GateResult("clearance", "deny", "clearance", source, fact)
    if label.confidentiality is not None:
        rule, why = shortfall(
            asked.alliance.policies,
            label,
            reader.clearances,
            lambda names: _is_named(asked, reader, names),
        )
        if rule:
            fact = f"{reader.id} is not cleared: {why}"
            return GateResult("clearance", "deny", rule, source, fact)
    return GateResult("clearance", "pass", "cleared", source, f"{reader.id} is cleared for it")


def nationality_gate(asked: Question, reader: Reader) -> GateResult:
    """Deny classified content to people of nations that its REL TO does not name.

    A member's staff may be of another nationality than the member; whom a classified label is
    released to is a matter of both. Whoever serves a company or a body may have what REL TO names
    that member for, if of the sponsor's nation or of a nation that REL TO names. Releasable
    categories count as REL TO does, and the nationality must stand in every list.
    """
    label, alliance = asked.release.label, asked.alliance
    source = f"reader {reader.id}"
    if label.confidentiality is None:
        fact = "only classified content asks for a nationality"
        return GateResult("nationality", "abstain", "none", source, fact)
    lists = [names for _, names in release_lists(alliance, label)] or [()]
    allowed = frozenset.intersection(*(_nations(asked, reader.member, each) for each in lists))
    if reader.nationality in allowed:
        fact = f"{reader.id} is of {reader.nationality}"
        return GateResult("nationality", "pass", "named", source, fact)
    fact = f"{reader.id} is of {reader.nationality or 'no known nation'}, which it is not for"
    return GateResult("nationality", "deny", "nationality", source, fact)


def _is_named(asked: Question, reader: Reader, names: tuple[str, ...]) -> bool:
    known = all(map(asked.alliance.coded, names))
    return known and reader.nationality in _nations(asked, reader.member, names)


def _nations(asked: Question, member: str, names: tuple[str, ...]) -> frozenset[str]:
    """Return whose people may have what is released to ``names``, when they serve ``member``."""
    alliance = asked.alliance
    allowed = {asked.release.origin}.union(*map(alliance.coded, names))
    known = alliance.members.get(member)
    if known is not None and known.sponsor and member in allowed:
        allowed.add(known.sponsor)
    return frozenset(allowed)


def role_gate(asked: Question, reader: Reader) -> GateResult:
    """Deny readers without a role that reads content, and readers that the alliance lacks.

    A submitter reads what its own member stated. A reader whose entry has changed since is
    unknown: a session must not outlive the roles that it began with. A narrower credential of a
    reader (fewer roles, a lower TLP) still is that reader.
    """
    alliance, release = asked.alliance, asked.release
    source = f"reader {reader.id}"
    if not _is_known(asked, reader):
        fact = f"{reader.id} is no reader of {alliance.id} as it stands now"
        return GateResult("role", "deny", "unknown-reader", "alliance.readers", fact)
    if reader.roles & CONTENT_ROLES:
        return GateResult("role", "pass", "content-role", source, f"{reader.id} reads content")
    if "submitter" in reader.roles and reader.member == release.origin:
        fact = f"{reader.id} reads what {reader.member} stated"
        return GateResult("role", "pass", "own-member", source, fact)
    roles = ", ".join(sorted(reader.roles))
    fact = f"the role {roles or 'none'} of {reader.id} does not read this content"
    return GateResult("role", "deny", "no-content-role", source, fact)


def _is_known(asked: Question, reader: Reader) -> bool:
    entry = asked.alliance.readers.get(reader.id)
    if entry is None:
        return not within_assertions(asked.alliance, reader)
    same = (entry.member, entry.nationality, entry.communities, entry.clearances)
    return (
        same == (reader.member, reader.nationality, reader.communities, reader.clearances)
        and reader.roles <= entry.roles
        and reader.tlp.rank <= entry.tlp.rank
    )
