"""The join of labels: what a product made from several statements must carry."""

from collections.abc import Iterable

from ringwall.labels.label import Label, Tlp, in_order


def join(labels: Iterable[Label]) -> Label:
    """Return the strictest label: nobody may have the product who may not have every part.

    TLP: the highest, and none at all if any part has none. REL TO: the names that stand in every
    list; two different names share nothing here, since groups are not known to a label. Unknown
    parts: all of them. Two classification policies at once are not understood. The operation is
    associative, commutative and idempotent. Raises ValueError for no labels: nothing has no label.
    """
    parts = list(labels)
    if not parts:
        raise ValueError("the join of no labels")
    classified = {(part.policy, part.classification) for part in parts} - {("", "")}
    unknown = {name for part in parts for name in part.unknown}
    if len(classified) > 1:
        unknown.add("policy")
    policy, classification = max(classified, default=("", ""))
    return Label(
        tlp=_strictest([part.tlp for part in parts]),
        rel_to=_common([part.rel_to for part in parts if part.rel_to is not None]),
        policy=policy,
        classification=classification,
        unknown=in_order(unknown),
    )


def _strictest(levels: list[Tlp | None]) -> Tlp | None:
    known = [level for level in levels if level is not None]
    return max(known, key=lambda level: level.rank) if len(known) == len(levels) else None


def _common(lists: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    return in_order(set(lists[0]).intersection(*lists[1:])) if lists else None
