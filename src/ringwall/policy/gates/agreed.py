"""The agreement gate: nothing reaches another member that no agreement in force opens."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache

from ringwall.alliance import Agreement, Alliance
from ringwall.core import InternalFault, parse_timestamp
from ringwall.policy.gates.question import SKEW, GateResult, Question, shown
from ringwall.policy.release_class import ReleaseClass


def agreement_gate(asked: Question, covering: list[Agreement]) -> GateResult:
    """Pass the originator, and whoever shares an agreement that covers this and is in force.

    ``covering``: what :func:`covering_agreements` says of the same question.
    """
    if asked.is_origin:
        fact = f"{asked.member} is the originator"
        return GateResult("agreement", "pass", "originator", "label", fact)
    opened = next((each for each in covering if in_force(each, asked.at)), None)
    if opened is not None:
        fact = f"{opened.title} ({opened.clause}) is in force"
        return GateResult("agreement", "pass", "in-force", _source([opened]), fact)
    if covering:
        fact = f"not in force now: {_titles(covering)}"
        return GateResult("agreement", "deny", "dates", _source(covering), fact)
    return _shortfall(asked)


def covering_agreements(asked: Question) -> list[Agreement]:
    """Return the agreements that open this release to this member at some time."""
    return [
        agreement
        for agreement in asked.alliance.agreements
        if agreement.joins(asked.release.giver, asked.member)
        and covers(asked.alliance, agreement, asked.release)
    ]


def covers(alliance: Alliance, agreement: Agreement, release: ReleaseClass) -> bool:
    """Tell whether an agreement is about such statements, whoever gives and receives."""
    return all(holds(alliance, agreement, release) for holds in _CONDITIONS.values())


def _has_purpose(alliance: Alliance, agreement: Agreement, release: ReleaseClass) -> bool:
    return release.purpose in agreement.purposes


def _has_type(alliance: Alliance, agreement: Agreement, release: ReleaseClass) -> bool:
    return agreement.object_types is None or release.object_type in agreement.object_types


def _has_sectors(alliance: Alliance, agreement: Agreement, release: ReleaseClass) -> bool:
    stated = release.terms.sectors
    return agreement.sectors is None or (bool(stated) and agreement.sectors.issuperset(stated))


def _reaches_tlp(alliance: Alliance, agreement: Agreement, release: ReleaseClass) -> bool:
    tlp = release.label.tlp
    if tlp is None:
        return release.label.confidentiality is not None
    return tlp.rank <= agreement.highest_tlp.rank


def _reaches_classification(
    alliance: Alliance, agreement: Agreement, release: ReleaseClass
) -> bool:
    stated = release.label.confidentiality
    if stated is None:
        return True
    policy = alliance.policies.get(stated.policy)
    highest = agreement.highest_classification.get(stated.policy)
    if policy is None or highest is None:
        return False
    level, most = policy.rank(stated.classification), policy.rank(highest)
    return level is not None and most is not None and level <= most


# In the order in which a shortfall is explained, after that no agreement joins the two at all.
_CONDITIONS: dict[str, Callable[[Alliance, Agreement, ReleaseClass], bool]] = {
    "purpose": _has_purpose,
    "object-type": _has_type,
    "sectors": _has_sectors,
    "highest-tlp": _reaches_tlp,
    "highest-classification": _reaches_classification,
}


def _shortfall(asked: Question) -> GateResult:
    """Name the condition at which the last agreement fell out."""
    alliance, release, member = asked.alliance, asked.release, asked.member
    left = [each for each in alliance.agreements if each.joins(release.giver, member)]
    if not left:
        fact = f"no agreement joins {release.giver} and {member}"
        return GateResult("agreement", "deny", "no-agreement", "", fact)
    for rule, holds in _CONDITIONS.items():
        kept = [agreement for agreement in left if holds(alliance, agreement, release)]
        if not kept:
            fact = f"{_subject(rule, release)} is {_relation(rule)} by {_titles(left)}"
            return GateResult("agreement", "deny", rule, _source(left), fact)
        left = kept
    raise InternalFault("an agreement covers a release and was not found", rule="agreement")


def _subject(rule: str, release: ReleaseClass) -> str:
    stated = release.label.confidentiality
    named = f"{stated.policy}:{stated.classification}" if stated else "nothing"
    subjects = {
        "purpose": f"the purpose {shown(release.purpose)}",
        "object-type": f"the type {shown(release.object_type)}",
        "sectors": f"the sector {shown(', '.join(release.terms.sectors)) or 'that is not named'}",
        "highest-tlp": f"TLP:{release.label.tlp or 'none'}",
        "highest-classification": shown(named),
    }
    return subjects[rule]


def _relation(rule: str) -> str:
    return "above what is covered" if rule.startswith("highest") else "not covered"


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
