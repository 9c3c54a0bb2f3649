"""The join of labels: what a product made from several statements must carry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from ringwall.labels.confidentiality import (
    PERMISSIVE,
    Category,
    Confidentiality,
    categories,
)
from ringwall.labels.label import Label, Tlp, counted_tlp, in_order

_NOT_UNDERSTOOD = "classification"
"""What stands in ``unknown`` for classifications that cannot be joined."""


class KnownPolicies(Protocol):
    """What an alliance and its classification policies say, as far as they are known."""

    def rank(self, policy: str, classification: str) -> int | None:
        """Return how high a classification stands, None if the policy does not know it."""
        ...

    def kind(self, policy: str, tag: str) -> str:
        """Return what kind of tag it is, "" if the policy does not know it."""
        ...

    def releasable(self, policy: str, tag: str) -> bool:
        """Tell whether the values of a tag say who may have it, as REL TO does."""
        ...

    def sound(self, stated: Confidentiality, highest: str) -> bool:
        """Tell whether a classification is valid, and would be at each level up to ``highest``."""
        ...

    def names(self, name: str) -> bool:
        """Tell whether a member or a group is called so in a REL TO or a releasable category."""
        ...


class NoPolicies:
    """Nothing is known of any policy: what differs cannot be joined."""

    def rank(self, policy: str, classification: str) -> int | None:
        """See KnownPolicies."""
        return None

    def kind(self, policy: str, tag: str) -> str:
        """See KnownPolicies."""
        return ""

    def releasable(self, policy: str, tag: str) -> bool:
        """See KnownPolicies."""
        return False

    def sound(self, stated: Confidentiality, highest: str) -> bool:
        """See KnownPolicies: what nobody knows is judged where it is known."""
        return True

    def names(self, name: str) -> bool:
        """See KnownPolicies: what nobody knows is judged where it is known."""
        return True


def join(labels: Iterable[Label], known: KnownPolicies | None = None) -> Label:
    """Return the strictest label: nobody may have the product who may not have every part.

    TLP and PAP: the highest; a part with neither a TLP nor a classification is not understood,
    nor are other wordings of a classification that a part does not have.
    REL TO: the names that stand in every list; two different names share nothing here, since
    groups are not known to a label. A part that is closed without a REL TO (TLP:RED, a
    classification) stays closed, and so does one that names somebody whom ``known`` does not know.
    Classification: the highest by ``known``; two policies at once, levels without a rank, or a
    part that is not valid are not understood. Restrictive tags: all values; permissive: those in
    common, which may be none; tags of no known kind that differ are not understood. IEP and ACS:
    all of them apply. Review: the earliest. Unknown parts: all of them. The operation is
    associative, commutative and idempotent. Raises ValueError for no labels: nothing has no label.
    """
    parts = list(labels)
    if not parts:
        raise ValueError("the join of no labels")
    known = known or NoPolicies()
    unknown = {name for part in parts for name in part.unknown}
    stated = {part.confidentiality for part in parts if part.confidentiality is not None}
    confidentiality = _classified(list(stated), known, unknown)
    levels = [part.tlp for part in parts if part.tlp is not None]
    alternatives = _alternatives(parts)
    wordless = any(part.alternatives and not part.confidentiality for part in parts)
    if wordless and (stated or not alternatives):
        unknown.add("alternatives")
    if (levels or stated) and any(not (part.tlp or part.confidentiality) for part in parts):
        unknown.add("unlabelled")
    return Label(
        tlp=max(levels, key=lambda tlp: tlp.rank, default=None),
        rel_to=_released(parts, known),
        confidentiality=confidentiality,
        alternatives=alternatives,
        pap=max((p.pap for p in parts if p.pap), key=lambda pap: pap.rank, default=None),
        iep=tuple(sorted({each for part in parts for each in part.iep})),
        acs=in_order(each for part in parts for each in part.acs),
        created=max(part.created for part in parts),
        review=min((part.review for part in parts if part.review), default=""),
        unknown=in_order(unknown),
    )


def _released(parts: list[Label], known: KnownPolicies) -> tuple[str, ...] | None:
    """Return the REL TO: what is closed without one must not open by another part's REL TO."""
    lists = [part.rel_to for part in parts if part.rel_to is not None]
    without = [part for part in parts if part.rel_to is None]
    red = any(counted_tlp(part) is Tlp.RED for part in without)
    closed = any(part.confidentiality and not _releases(part, known) for part in without)
    if (lists and red) or (closed and (lists or any(_releases(part, known) for part in parts))):
        return ()
    return _common(lists, known) if lists else None


def _releases(part: Label, known: KnownPolicies) -> bool:
    """Tell whether a classification says who may have it."""
    stated = part.confidentiality
    return stated is not None and any(
        known.releasable(stated.policy, each.tag) for each in stated.categories
    )


def _common(lists: Sequence[Iterable[str]], known: KnownPolicies) -> tuple[str, ...]:
    """Return the names in common. A list with an unknown name is for nobody, and stays so."""
    common = set(lists[0]).intersection(*lists[1:])
    dropped = set().union(*lists) - common
    return in_order(common) if all(map(known.names, dropped)) else ()


def _alternatives(parts: list[Label]) -> tuple[Confidentiality, ...]:
    """Return the alternatives that every part offers: any other would grant too much."""
    shared = set(parts[0].alternatives).intersection(*(part.alternatives for part in parts))
    return tuple(sorted(shared, key=repr))


def _classified(
    stated: list[Confidentiality], known: KnownPolicies, unknown: set[str]
) -> Confidentiality | None:
    """Join classifications. Of two policies only one is kept: nothing opens what is left."""
    if len(stated) < 2:
        return stated[0] if stated else None
    by_policy: dict[tuple[str, str], list[Confidentiality]] = defaultdict(list)
    for each in stated:
        by_policy[each.policy, each.policy_uri].append(each)
    if len(by_policy) > 1:
        unknown.add(_NOT_UNDERSTOOD)
    (policy, uri), kept = max(by_policy.items())
    ranks = {each.classification: known.rank(policy, each.classification) for each in kept}
    highest = max(ranks, key=lambda level: (ranks[level] or 0, level))
    unordered = len(ranks) > 1 and None in ranks.values()
    if unordered or not all(known.sound(each, highest) for each in kept):
        unknown.add(_NOT_UNDERSTOOD)
    marks = {mark for each in stated for mark in each.privacy_mark.split("; ")} - {""}
    joined = _joined_tags(policy, [each.categories for each in kept], known, unknown)
    return Confidentiality(policy, highest, joined, uri, "; ".join(sorted(marks)))


def _joined_tags(
    policy: str,
    lists: list[tuple[Category, ...]],
    known: KnownPolicies,
    unknown: set[str],
) -> tuple[Category, ...]:
    """Join tag by tag. A permissive tag counts only where it stands: elsewhere all may pass."""
    if len(lists) == 1:
        return lists[0]
    found: dict[tuple[str, str], list[Category]] = defaultdict(list)
    for each in lists:
        for category in each:
            found[category.tag, category.uri].append(category)
    joined = []
    for (tag, uri), parts in found.items():
        kinds = {part.kind or known.kind(policy, tag) for part in parts}
        everywhere = all(any(each.tag == tag and each.uri == uri for each in one) for one in lists)
        differ = len({part.values for part in parts}) > 1 or not everywhere
        if len(kinds) > 1 or (differ and kinds == {""}):
            unknown.add(_NOT_UNDERSTOOD)
        joined.append(_joined_tag(policy, parts, max(kinds), known))
    return categories(joined)


def _joined_tag(policy: str, parts: list[Category], kind: str, known: KnownPolicies) -> Category:
    """Join the categories of one tag, by its kind; the parts of another kind add nothing."""
    tag, uri = parts[0].tag, parts[0].uri
    kinds = {part.kind or known.kind(policy, tag) for part in parts}
    said = kind if len(kinds) > 1 else max(part.kind for part in parts)
    values = [part.values for part in parts if (part.kind or known.kind(policy, tag)) == kind]
    if kind == PERMISSIVE and known.releasable(policy, tag):
        return Category(tag, _common(values, known), said, uri)
    sets = [set(each) for each in values]
    common = set.intersection(*sets) if kind == PERMISSIVE else set.union(*sets)
    return Category(tag, tuple(sorted(common)), said, uri)
