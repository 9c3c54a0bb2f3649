"""Naming onward: no terms let others pass on the id of what the member itself keeps from somebody.

Whoever receives an object with such terms knows nothing of the member's own rules, so it would pass
on what the object names. What was never stated here is nobody's secret, and what follows from a
label everybody reads alike.
"""

from collections.abc import Sequence

import msgspec

from ringwall.alliance import Reader
from ringwall.exchange.drafting import Draft, Group
from ringwall.exchange.holding import held_releases
from ringwall.exchange.naming import waiting_objects
from ringwall.exchange.own_rules import OwnRules
from ringwall.exchange.redacting import Redactor, named_ids
from ringwall.stix import Refusal
from ringwall.store import ReadTransaction


class NamingOnward:
    """Looks at what the objects of submissions name; safe to share between threads."""

    def __init__(self, own_rules: OwnRules, redactor: Redactor) -> None:
        self._own_rules = own_rules
        self._redactor = redactor

    def part(
        self, tx: ReadTransaction, groups: Sequence[Group], reader: Reader
    ) -> tuple[list[Group], list[Refusal]]:
        """Leave out of the groups of one submission what names what is kept from somebody beyond.

        What the member stated counts, as far as ``reader`` may read it and unless they have it.
        """
        beyond = self._own_rules.beyond(groups[0].release_class) if groups else ()
        if not beyond:
            return list(groups), []
        named = {
            id(draft): named_ids(draft.object.id, draft.object.body)
            for group in groups
            for draft in group.drafts
        }
        kept = self._kept(tx, frozenset[str]().union(*named.values()), beyond, reader)
        fit = [
            msgspec.structs.replace(
                group,
                drafts=[each for each in group.drafts if kept.keys().isdisjoint(named[id(each)])],
            )
            for group in groups
        ]
        refused = [
            _refusal(draft, kept[min(found)])
            for group in groups
            for draft in group.drafts
            if (found := kept.keys() & named[id(draft)])
        ]
        return [group for group in fit if group.drafts], refused

    def _kept(
        self, tx: ReadTransaction, names: frozenset[str], members: Sequence[str], reader: Reader
    ) -> dict[str, str]:
        """Return why each of these STIX ids is kept from one of the members, if any is."""
        me = self._own_rules.member
        waiting = waiting_objects(held_releases(tx, me))
        found: dict[str, str] = {}
        for known in self._redactor.reach(tx, names):
            release, name = known.release_class, known.object_id
            if release.origin != me or not self._redactor.counts(release, reader):
                continue
            there = known.nodes - waiting.get(name, frozenset())
            for member in members:
                if not there.isdisjoint(self._redactor.seats(member)):
                    continue
                if why := self._own_rules.why_not(release, member):
                    found[name] = f"it names {name}, which is kept from {member}: {why}"
        return found


def _refusal(draft: Draft, why: str) -> Refusal:
    message = f"{draft.object.id}: onward_to: {why}"
    return Refusal(draft.place, draft.object.id, "onward_to", "own-rules", message)
