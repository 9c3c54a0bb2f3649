"""Is somebody cleared for a classification? The same rule for a member and for a reader.

STANAG 4774: the clearance must be under the label's policy, or under one that the label's policy
calls equivalent, or under one in whose words the originator labelled it too. Then its level is
high enough, it holds every value of each restrictive tag, and one value of each permissive tag.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ringwall.alliance import (
    ClassificationPolicy,
    Clearance,
    Equivalence,
    Tag,
    why_invalid,
)
from ringwall.labels import RESTRICTIVE, Category, Confidentiality, Label

_Policies = Mapping[str, ClassificationPolicy]
_Reading = tuple[Confidentiality, Clearance, str]
"""A classification, the clearance under its policy, and how the two came together."""

IsNamed = Callable[[tuple[str, ...]], bool]
"""Tells whether a list of names, as REL TO has them, is for whoever asks."""


def _names_nobody(_: tuple[str, ...]) -> bool:
    return False


def shortfall(
    policies: _Policies,
    label: Label,
    clearances: Sequence[Clearance],
    is_named: IsNamed = _names_nobody,
) -> tuple[str, str]:
    """Return the rule and the reason why ``clearances`` do not reach the label's classification.

    ("", how) if one does. The label must have a classification. ``is_named`` is asked about the
    releasable categories of another wording: those of the label itself are a gate of their own.
    """
    first: tuple[str, str] | None = None
    for stated, clearance, way in _readings(policies, label, clearances, is_named):
        rule, why = _compare(policies[stated.policy], stated, clearance)
        if not rule:
            return "", f"{clearance.policy}:{clearance.classification} covers it{way}"
        first = first or (rule, why)
    stated_policy = label.confidentiality.policy if label.confidentiality else ""
    return first or ("policy", f"nothing is held under {stated_policy} or an equivalent")


def _readings(
    policies: _Policies, label: Label, clearances: Sequence[Clearance], is_named: IsNamed
) -> Iterator[_Reading]:
    """Yield what to compare: as it stands, as the originator also wrote it, by equivalence."""
    stated = label.confidentiality
    if stated is None or why_invalid(stated, policies)[0]:
        return
    held = {clearance.policy: clearance for clearance in clearances}
    if stated.policy in held:
        yield stated, held[stated.policy], ""
    for other in label.alternatives:
        # Another classification under the same policy is no other wording: it contradicts.
        usable = other.policy != stated.policy and not why_invalid(other, policies)[0]
        if usable and other.policy in held and _is_for(policies[other.policy], other, is_named):
            yield other, held[other.policy], ", as its originator labelled it too"
    for equivalence in _equivalences(policies[stated.policy], stated.classification):
        clearance = held.get(equivalence.other)
        seen = clearance and _translate(policies, stated.policy, equivalence, clearance)
        if clearance and seen:
            named = f"{clearance.policy}:{clearance.classification}"
            yield stated, seen, f", as {stated.policy} calls {named} equivalent"


def _is_for(policy: ClassificationPolicy, stated: Confidentiality, is_named: IsNamed) -> bool:
    """Tell whether the releasable categories of a wording name whoever asks."""
    return all(
        is_named(each.values) for each in stated.categories if policy.tags[each.tag].releasable
    )


def _equivalences(policy: ClassificationPolicy, classification: str) -> Iterator[Equivalence]:
    """Yield the equivalences of a level, then those of higher ones: they cover what is below.

    Were a lower level closed to whom a higher one is open, a product could be read by somebody
    who may not read its parts.
    """
    rank = policy.levels[classification].rank
    for each in sorted(policy.equivalences, key=lambda each: policy.levels[each.ours].rank):
        level = policy.levels[each.ours]
        if level.rank >= rank and not level.obsolete:
            yield each


def _translate(
    policies: _Policies, policy: str, equivalence: Equivalence, clearance: Clearance
) -> Clearance | None:
    """Return what a clearance under another policy amounts to, None if it is not high enough.

    A category without an equivalent there is not held.
    """
    other = policies[equivalence.other]
    theirs = other.levels[equivalence.theirs]
    reached = other.rank(clearance.classification)
    if theirs.obsolete or reached is None or reached < theirs.rank:
        return None
    held = []
    for (tag, value), (other_tag, other_value) in sorted(equivalence.categories.items()):
        known = other.tags[other_tag]
        valid = other_value in known.values - known.obsolete
        excluded = (
            other_tag in theirs.excludes or (other_tag, other_value) in theirs.excludes_values
        )
        if valid and not excluded and other_value in clearance.holds(other_tag):
            held.append(Category(tag, (value,)))
    return Clearance(policy, equivalence.ours, tuple(held))


def _enforced(
    policy: ClassificationPolicy, stated: Confidentiality
) -> Iterator[tuple[Category, Tag]]:
    """Yield the categories that a clearance must meet: the gate of REL TO has the releasable."""
    for category in stated.categories:
        tag = policy.tags[category.tag]
        if tag.kind != "informative" and not tag.releasable:
            yield category, tag


def _compare(
    policy: ClassificationPolicy, stated: Confidentiality, clearance: Clearance
) -> tuple[str, str]:
    needed, reached = policy.rank(stated.classification), policy.rank(clearance.classification)
    if needed is None or reached is None or reached < needed:
        why = f"{clearance.policy}:{clearance.classification} is below {stated.classification}"
        return "level", why
    for category, tag in _enforced(policy, stated):
        held = clearance.holds(tag.name)
        if tag.kind == RESTRICTIVE:
            if missing := sorted(set(category.values) - held):
                return "category", f"{tag.name}={missing[0]} is not held"
        elif held.isdisjoint(category.values):
            return "category", f"none of {tag.name}={', '.join(category.values)} is held"
    return "", ""
