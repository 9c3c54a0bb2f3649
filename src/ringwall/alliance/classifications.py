"""From written classification policies and clearances to values: what no schema can say."""

from collections.abc import Mapping
from typing import Any

from ringwall.alliance.classification import (
    ClassificationPolicy,
    Clearance,
    Equivalence,
    Level,
    Tag,
)
from ringwall.alliance.schema import ALLIANCE, refusal
from ringwall.core import BadConfiguration
from ringwall.labels import Category

_ROOT = "classification_policies"


def build_policies(entries: Mapping[str, Any]) -> dict[str, ClassificationPolicy]:
    """Build the policies of a description that fits the schema.

    Raises BadConfiguration (rules ``unique-rank``, ``unique-uri``, ``unknown-name``,
    ``contradiction``).
    """
    policies = {name: _policy(name, entry) for name, entry in sorted(entries.items())}
    _check_uris(policies)
    for name, policy in policies.items():
        for index, each in enumerate(policy.equivalences):
            _check_equivalence(name, index, each, policy, policies)
    for name, policy in policies.items():
        _check_order(name, policy, policies)
    return policies


def _policy(name: str, entry: dict[str, Any]) -> ClassificationPolicy:
    tags = {tag: _tag(name, tag, said) for tag, said in sorted(entry.get("tags", {}).items())}
    ranks: dict[int, str] = {}
    levels: dict[str, Level] = {}
    for level, said in entry["levels"].items():
        path = (_ROOT, name, "levels", level)
        other = ranks.setdefault(said["rank"], level)
        if other != level:
            raise refusal(ALLIANCE, "unique-rank", f"{other} has this rank", *path, "rank")
        for tag in said.get("excludes", ()):
            if tag not in tags:
                raise _unknown(f"there is no tag {tag!r}", *path, "excludes")
        excluded = frozenset(
            (each["tag"], each["value"]) for each in said.get("excludes_values", ())
        )
        for tag, value in sorted(excluded):
            if tag not in tags or value not in tags[tag].values:
                raise _unknown(f"there is no {tag}={value}", *path, "excludes_values")
        levels[level] = Level(
            name=level,
            rank=said["rank"],
            obsolete=said.get("obsolete", False),
            excludes=frozenset(said.get("excludes", ())),
            excludes_values=excluded,
            assurance=said.get("assurance", 0),
            zones=frozenset(said.get("zones", ())),
        )
    equivalences = tuple(
        _equivalence(name, index, said) for index, said in enumerate(entry.get("equivalences", ()))
    )
    return ClassificationPolicy(name, entry.get("uri", ""), levels, tags, equivalences)


def _tag(policy: str, name: str, said: dict[str, Any]) -> Tag:
    path = (_ROOT, policy, "tags", name)
    values, obsolete = frozenset(said["values"]), frozenset(said.get("obsolete", ()))
    if strangers := sorted(obsolete - values):
        raise _unknown(f"{strangers[0]!r} is none of its values", *path, "obsolete")
    releasable = said.get("releasable", False)
    if releasable and said["kind"] != "permissive":
        problem = "who may have it is said by a permissive tag: being named once is enough"
        raise refusal(ALLIANCE, "contradiction", problem, *path, "releasable")
    return Tag(name, said["kind"], values, obsolete, releasable, said.get("uri", ""))


def _check_uris(policies: Mapping[str, ClassificationPolicy]) -> None:
    holders: dict[str, str] = {}
    for name, policy in policies.items():
        holder = holders.setdefault(policy.uri, name) if policy.uri else name
        if holder != name:
            raise refusal(ALLIANCE, "unique-uri", f"{holder} has this URI too", _ROOT, name, "uri")


def _equivalence(policy: str, index: int, said: dict[str, Any]) -> Equivalence:
    path = (_ROOT, policy, "equivalences", index, "categories")
    categories: dict[tuple[str, str], tuple[str, str]] = {}
    for place, each in enumerate(said.get("categories", ())):
        ours, theirs = (each["tag"], each["value"]), (each["other_tag"], each["other_value"])
        if categories.setdefault(ours, theirs) != theirs:
            problem = f"{ours[0]}={ours[1]} has two equivalents"
            raise refusal(ALLIANCE, "contradiction", problem, *path, place)
    return Equivalence(said["other"], said["ours"], said["theirs"], categories)


def _check_equivalence(
    name: str,
    index: int,
    each: Equivalence,
    policy: ClassificationPolicy,
    policies: Mapping[str, ClassificationPolicy],
) -> None:
    path = (_ROOT, name, "equivalences", index)
    other = policies.get(each.other)
    if other is None or each.other == name:
        raise _unknown(f"no other policy is called {each.other!r}", *path, "other")
    if each.ours not in policy.levels:
        raise _unknown(f"{name} has no level {each.ours!r}", *path, "ours")
    if each.theirs not in other.levels:
        raise _unknown(f"{each.other} has no level {each.theirs!r}", *path, "theirs")
    for (tag, value), (other_tag, other_value) in each.categories.items():
        for known, a_tag, a_value in ((policy, tag, value), (other, other_tag, other_value)):
            if a_tag not in known.tags or a_value not in known.tags[a_tag].values:
                problem = f"{known.name} has no {a_tag}={a_value}"
                raise _unknown(problem, *path, "categories")
        if policy.tags[tag].kind != other.tags[other_tag].kind:
            problem = f"{tag} and {other_tag} are of different kinds"
            raise refusal(ALLIANCE, "contradiction", problem, *path, "categories")
        if policy.tags[tag].releasable != other.tags[other_tag].releasable:
            problem = f"of {tag} and {other_tag} only one says who may have it"
            raise refusal(ALLIANCE, "contradiction", problem, *path, "categories")


def _check_order(
    name: str, policy: ClassificationPolicy, policies: Mapping[str, ClassificationPolicy]
) -> None:
    """Refuse equivalences that turn the order of levels round, or give a level two equivalents."""
    for other in {each.other for each in policy.equivalences}:
        mapped = [
            (policy.levels[each.ours].rank, policies[other].levels[each.theirs].rank)
            for each in policy.equivalences
            if each.other == other
        ]
        ours = [rank for rank, _ in mapped]
        theirs = [rank for _, rank in sorted(mapped)]
        if len(set(ours)) < len(ours) or theirs != sorted(theirs):
            problem = f"its equivalences with {other} contradict the order of their levels"
            raise refusal(ALLIANCE, "contradiction", problem, _ROOT, name, "equivalences")
    for index, each in enumerate(policy.equivalences):
        if _is_lowered(name, each, policy, policies[each.other]):
            problem = f"by way of {each.other}:{each.theirs} it would be less than {each.ours}"
            raise refusal(ALLIANCE, "contradiction", problem, _ROOT, name, "equivalences", index)


def _is_lowered(
    name: str, each: Equivalence, policy: ClassificationPolicy, other: ClassificationPolicy
) -> bool:
    """Tell whether the other policy leads back to a lower level than where it came from."""
    ours, theirs = policy.levels[each.ours].rank, other.levels[each.theirs].rank
    return any(
        back.other == name
        and other.levels[back.ours].rank >= theirs
        and policy.levels[back.theirs].rank < ours
        for back in other.equivalences
    )


def build_clearances(
    entries: Mapping[str, Any], policies: Mapping[str, ClassificationPolicy], *path: str
) -> tuple[Clearance, ...]:
    """Build the clearances of a member, a reader or an assertion; ``path`` is where they stand.

    Raises BadConfiguration (rule ``unknown-name``).
    """
    return tuple(
        _clearance(name, said, policies, *path, "clearances", name)
        for name, said in sorted(entries.items())
    )


def _clearance(
    name: str, said: dict[str, Any], policies: Mapping[str, ClassificationPolicy], *path: str
) -> Clearance:
    policy = policies.get(name)
    if policy is None:
        raise _unknown(f"no classification policy is called {name!r}", *path)
    if said["classification"] not in policy.levels:
        problem = f"{name} has no level {said['classification']!r}"
        raise _unknown(problem, *path, "classification")
    held = said.get("categories", {})
    for tag, values in held.items():
        known = policy.tags.get(tag)
        if known is None or not known.values.issuperset(values):
            raise _unknown(f"{name} has no such category", *path, "categories", tag)
    categories = (Category(tag, tuple(sorted(values))) for tag, values in sorted(held.items()))
    return Clearance(name, said["classification"], tuple(categories))


def _unknown(problem: str, *path: str | int) -> BadConfiguration:
    return refusal(ALLIANCE, "unknown-name", problem, *path)
