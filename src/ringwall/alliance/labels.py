"""Labels as an alliance knows them: named labels, REL TO names, markings of known policies."""

from collections.abc import Collection, Mapping

from ringwall.alliance.classification import ClassificationPolicy
from ringwall.alliance.model import Alliance
from ringwall.core import InvalidInput
from ringwall.labels import Confidentiality, KnownPolicies, Label, parse_label


def resolve_label(alliance: Alliance, text: str) -> Label:
    """Read the name of a named label, or a label expression whose names all exist.

    Raises InvalidInput (field ``label``; rule ``unknown-label``, ``unknown-name``,
    ``classification``, ``category`` or as :func:`ringwall.labels.parse_label` says).
    """
    name = text.strip()
    if name in alliance.labels:
        return alliance.labels[name]
    if ":" not in name:
        known = ", ".join(sorted(alliance.labels)) or "none"
        raise InvalidInput(
            f"label: {name[:80]!r} is neither a label expression nor a named label ({known})",
            field="label",
            rule="unknown-label",
        )
    label = parse_label(name)
    check_names(label, alliance.members.keys() | alliance.groups.keys(), alliance.policies)
    return label


def check_names(
    label: Label, names: Collection[str], policies: Mapping[str, ClassificationPolicy]
) -> None:
    """Raise InvalidInput if a label names what is not there.

    Rules: ``unknown-name`` for REL TO, ``classification`` and ``category`` for the rest.
    """
    for name in label.rel_to or ():
        if name not in names:
            raise InvalidInput(
                f"label: REL TO names {name!r}, which is no member and no group",
                field="label",
                rule="unknown-name",
            )
    if label.confidentiality is not None:
        wrong, why = why_invalid(label.confidentiality, policies)
        if wrong:
            raise InvalidInput(f"label: {why}", field="label", rule=wrong)


def why_invalid(
    stated: Confidentiality, policies: Mapping[str, ClassificationPolicy]
) -> tuple[str, str]:
    """Return the rule that a classification breaks and why, ("", "") if it is valid.

    Valid: policy, level and every tag and value are known and not obsolete, tags are of the kind
    that they say, and the level excludes none of them (STANAG 4774; the policy's SPIF).
    """
    policy = policies.get(stated.policy)
    if policy is None or (stated.policy_uri and policy.uri and stated.policy_uri != policy.uri):
        return "classification", f"the classification policy {stated.policy} is not known"
    level = policy.levels.get(stated.classification)
    if level is None or level.obsolete:
        known = "obsolete" if level else "not known"
        return "classification", f"{stated.policy}:{stated.classification} is {known}"
    for category in stated.categories:
        tag = policy.tags.get(category.tag)
        if tag is None or (category.uri and tag.uri and category.uri != tag.uri):
            return "category", f"{stated.policy} has no tag {category.tag}"
        if category.kind not in ("", tag.kind):
            return "category", f"{category.tag} is {tag.kind} and the label says {category.kind}"
        if tag.name in level.excludes:
            return "category", f"{stated.classification} cannot have {category.tag}"
        for value in category.values:
            if value not in tag.values or value in tag.obsolete:
                return "category", f"{category.tag} has no value {value}"
            if (tag.name, value) in level.excludes_values:
                return "category", f"{stated.classification} cannot have {tag.name}={value}"
    return "", ""


def known_policies(alliance: Alliance) -> KnownPolicies:
    """Return what the alliance and its classification policies say, for joins of labels."""
    return _Known(alliance)


class _Known:
    def __init__(self, alliance: Alliance) -> None:
        self._alliance = alliance
        self._policies = alliance.policies

    def rank(self, policy: str, classification: str) -> int | None:
        known = self._policies.get(policy)
        return None if known is None else known.rank(classification)

    def kind(self, policy: str, tag: str) -> str:
        known = self._policies.get(policy)
        return known.tags[tag].kind if known is not None and tag in known.tags else ""

    def releasable(self, policy: str, tag: str) -> bool:
        known = self._policies.get(policy)
        return known is not None and tag in known.tags and known.tags[tag].releasable

    def sound(self, stated: Confidentiality, highest: str) -> bool:
        most = self.rank(stated.policy, highest)
        if most is None or why_invalid(stated, self._policies)[0]:
            return False
        policy = self._policies[stated.policy]
        least = policy.levels[stated.classification].rank
        tags = {each.tag for each in stated.categories}
        values = {(each.tag, value) for each in stated.categories for value in each.values}
        between = (each for each in policy.levels.values() if least <= each.rank <= most)
        return all(
            tags.isdisjoint(each.excludes) and values.isdisjoint(each.excludes_values)
            for each in between
        )

    def names(self, name: str) -> bool:
        return bool(self._alliance.coded(name))
