"""Cutting: the drafts of a slice by what each node gets of them, with the decision and reasons.

An object may name others of the same slice, in whatever order: these count as stated. If one of
them turns out to be withheld from a node as a whole, whoever names it is looked at again.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ringwall.alliance import Reader
from ringwall.exchange.drafting import Draft, Group, Recipient, decision_of
from ringwall.exchange.redacting import Cut, FieldReason, Redactor, Subject, named_ids
from ringwall.store import ReadTransaction

_Cuts = dict[str, Cut]


class _Looked(msgspec.Struct):
    """A draft of which something may be withheld."""

    group: Group
    draft: Draft
    named: frozenset[str]
    cuts: _Cuts = {}


def cut_groups(
    redactor: Redactor, tx: ReadTransaction, groups: Sequence[Group], reader: Reader
) -> list[Group]:
    """Return the groups that ``reader`` submits, parted where nodes get less than others."""
    looked = [one for group in groups if group.audience for one in _to_look_at(redactor, group)]
    if not looked:
        return list(groups)
    _decide(redactor, tx, groups, looked, reader)
    cut = {id(one.draft): one for one in looked if one.cuts}
    found: dict[tuple[object, ...], Group] = {}
    for group in groups:
        for draft in group.drafts:
            one = cut.get(id(draft))
            key = (id(group), tuple(sorted(one.cuts.items(), key=_node)) if one else ())
            if key not in found:
                found[key] = _cut_group(redactor, group, one.cuts if one else {})
            found[key].drafts.append(draft)
    return list(found.values())


def _node(cut: tuple[str, Cut]) -> str:
    return cut[0]


def _to_look_at(redactor: Redactor, group: Group) -> list[_Looked]:
    ruled = redactor.has_rules(group.release_class.object_type)
    looked = []
    for draft in group.drafts:
        named = named_ids(draft.object.id, draft.object.body)
        if named or draft.parts or ruled:
            looked.append(_Looked(group, draft, named))
    return looked


def _decide(
    redactor: Redactor,
    tx: ReadTransaction,
    groups: Sequence[Group],
    looked: Sequence[_Looked],
    reader: Reader,
) -> None:
    """Decide on each draft, until no decision closes what another one counted on."""
    named = frozenset[str]().union(*(one.named for one in looked))
    stored = redactor.knowers(redactor.reach(tx, named), reader)
    coming: dict[str, dict[int, frozenset[str]]] = {}
    for group in groups:
        for draft in group.drafts:
            if draft.object.id in named:
                coming.setdefault(draft.object.id, {})[id(draft)] = frozenset(group.audience)
    waiting: Sequence[_Looked] = looked
    while waiting:
        knowers = stored | {
            name: stored.get(name, frozenset()).union(*mine.values())
            for name, mine in coming.items()
        }
        changed = set()
        for one in waiting:
            one.cuts = redactor.cuts(_subject(one), knowers)
            open_to = frozenset(one.group.audience) - _closed(one.cuts)
            mine = coming.get(one.draft.object.id, {})
            if id(one.draft) in mine and mine[id(one.draft)] != open_to:
                mine[id(one.draft)] = open_to
                changed.add(one.draft.object.id)
        waiting = [one for one in looked if not changed.isdisjoint(one.named)] if changed else []


def _subject(one: _Looked) -> Subject:
    obj = one.draft.object
    parts = dict(one.draft.parts)
    return Subject(obj.id, obj.type, obj.body, parts, one.group.audience, one.named)


def _closed(cuts: Mapping[str, Cut]) -> frozenset[str]:
    return frozenset(node for node, cut in cuts.items() if cut.closed)


def _cut_group(redactor: Redactor, group: Group, cuts: _Cuts) -> Group:
    """Return an empty group with what is withheld, from whom and why."""
    if not cuts:
        return msgspec.structs.replace(group, drafts=[])
    audience = tuple(node for node in group.audience if node not in _closed(cuts))
    withheld = {node: cuts[node].names for node in audience if node in cuts}
    recipients = tuple(
        _recipient(
            each, [node for node in redactor.seats(each.member) if node in group.audience], cuts
        )
        for each in group.recipients
    )
    return msgspec.structs.replace(
        group,
        audience=audience,
        recipients=recipients,
        decision=decision_of(redactor.version, audience, recipients),
        drafts=[],
        withheld=withheld,
    )


def _recipient(said: Recipient, nodes: Sequence[str], cuts: _Cuts) -> Recipient:
    """Say what a member gets: the worst of its nodes counts."""
    mine = [cuts[node] for node in nodes if node in cuts]
    if not said.permit or not mine:
        return said
    closed = [cut for cut in mine if cut.closed]
    if len(closed) == len(nodes):
        reason = f"withheld from {said.member}: {closed[0].closed}"
        return Recipient(said.member, permit=False, reason=reason, withheld=closed[0].fields)
    reasons: dict[str, FieldReason] = {}
    for cut in mine:
        reasons |= {reason.field: reason for reason in cut.fields}
    without = tuple(reasons[name] for name in sorted(reasons))
    clauses = ", ".join(reason.clause() for reason in without)
    reason = f"{said.reason}; without {clauses}"
    return msgspec.structs.replace(said, reason=reason, withheld=without)
