"""The entries of a catalogue: what a member may know of existing, in groups and never one by one.

Pure. An entry is made of shown fields, a rough amount, and an id that means nothing to whoever has
no key: the bytes that one node gets depend on the statements that its rules cover, and on no other.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.core import canonical_json, format_timestamp
from ringwall.labels import Confidentiality, Label, Tlp, label_document, label_from_document
from ringwall.policy import Question, ReleaseClass
from ringwall.policy.gates import clearance_gate, label_gate, nationality_gate, role_gate
from ringwall.sharing.discovery import Discovery, DiscoveryRule, covers, may_be_told

MOST_ENTRIES = 2000
"""So many entries one node is told of by another: what is older is left out."""
LARGEST_ENTRY = 16 * 1024
"""An entry of more bytes of JSON is not told, and not taken."""
_AMOUNTS = ((1000, "thousands"), (100, "hundreds"), (10, "tens"))
_Text = Annotated[str, msgspec.Meta(max_length=250)]
LOCAL_NAME = re.compile(r"([a-z0-9-]{1,63})\.([0-9a-f]{32})", re.ASCII)
"""How a node calls an entry or a request of another: its node, and that node's own id for it."""
EntryName = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One group of statements; what its rule does not show is empty.

    ``amount``: below 10, 100, 1,000, or more. ``ceiling``: the highest TLP that its rule covers.
    ``time``: YYYY-MM or YYYY-MM-DD of being stated, in UTC. ``sectors`` None: not shown; empty:
    none is known. ``label``: TLP and classification; whom else it is released to is not shown.
    """

    id: EntryName
    amount: Literal["some", "tens", "hundreds", "thousands"]
    ceiling: Tlp
    type: _Text = ""
    sectors: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=256)] | None = None
    time: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}(-[0-9]{2})?)?$")] = ""
    label: dict[str, Any] | None = None
    purpose: _Text = ""

    @property
    def is_too_large(self) -> bool:
        """Tell whether an entry has more bytes than any rule needs; whoever keeps it pays."""
        return len(msgspec.json.encode(self)) > LARGEST_ENTRY

    @property
    def reading_label(self) -> Label:
        """Return the label that a reader is cleared by: the shown one, else the ceiling."""
        if self.label is None:
            return Label(tlp=self.ceiling)
        return label_from_document(self.label)


class _Time(msgspec.Struct, frozen=True):
    time: str = ""


_TIME = msgspec.json.Decoder(_Time)


class Covered(msgspec.Struct, frozen=True):
    """A release class that rules cover; per rule, how many statements each shown document has."""

    release: ReleaseClass
    groups: tuple[tuple[DiscoveryRule, Mapping[bytes, int]], ...]

    def group_for(self, member: str) -> tuple[DiscoveryRule, Mapping[bytes, int]] | None:
        """Return the first rule that names a member, with what it shows; None: none does."""
        return next((each for each in self.groups if member in each[0].to), None)


def covered_classes(
    alliance: Alliance,
    discovery: Discovery,
    tallies: Iterable[tuple[ReleaseClass, Mapping[str, int]]],
    at: datetime,
) -> list[Covered]:
    """Return those of an owner's classes that any rule covers now.

    ``tallies``: for each class how many statements were stated on which day (YYYY-MM-DD, UTC).
    """
    found, today = [], format_timestamp(at)[:10]
    for release, days in tallies:
        asked = Question(alliance, release, "", at)
        groups = tuple(
            (rule, _grouped(alliance, rule, release, days, today))
            for rule in discovery.rules
            if covers(rule, asked)
        )
        if groups:
            found.append(Covered(release, groups))
    return found


def _grouped(
    alliance: Alliance,
    rule: DiscoveryRule,
    release: ReleaseClass,
    days: Mapping[str, int],
    today: str,
) -> Mapping[bytes, int]:
    groups: Counter[bytes] = Counter()
    for day, count in days.items():
        if rule.counts(day, today):
            groups[canonical_json(_shown(alliance, rule, release, day))] += count
    return groups


def entries_for(
    alliance: Alliance,
    covered: Iterable[Covered],
    node: str,
    at: datetime,
    *,
    released: Callable[[ReleaseClass, str], bool],
    secret: bytes,
) -> list[Entry]:
    """Return what a node is told of, newest first; ``secret`` makes the ids.

    What is ``released`` to the node's member it has, so that is not listed.
    """
    member = alliance.node(node).member
    counts: dict[str, tuple[DiscoveryRule, Counter[bytes]]] = {}
    for each in covered:
        found = each.group_for(member)
        if found is None or released(each.release, member):
            continue
        seats = may_be_told(Question(alliance, each.release, member, at))
        if any(seat.id == node for seat in seats):
            rule, shown = found
            counts.setdefault(rule.name, (rule, Counter()))[1].update(shown)
    large = [
        (rule, shown, count)
        for rule, groups in counts.values()
        for shown, count in groups.items()
        if count >= rule.at_least
    ]
    large.sort(key=lambda each: (each[0].name, each[1]))
    large.sort(key=lambda each: _TIME.decode(each[1]).time, reverse=True)
    entries = [_entry(*each, node, secret) for each in large[:MOST_ENTRIES]]
    return [entry for entry in entries if not entry.is_too_large]


def _shown(
    alliance: Alliance, rule: DiscoveryRule, release: ReleaseClass, day: str
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "type" in rule.show:
        shown["type"] = release.object_type
    if "sector" in rule.show:
        shown["sectors"] = list(release.terms.sectors)
    if rule.show & {"day", "month"}:
        shown["time"] = day if "day" in rule.show else day[:7]
    if "label" in rule.show:
        shown["label"] = label_document(shown_label(alliance, release.label))
    if "purpose" in rule.show:
        shown["purpose"] = release.purpose
    return shown


def shown_label(alliance: Alliance, label: Label) -> Label:
    """Return the part of a label that says how sensitive something is, not whom it is for."""
    stated = label.confidentiality
    return Label(
        tlp=label.tlp,
        confidentiality=None if stated is None else _unaddressed(alliance, stated),
        alternatives=tuple(_unaddressed(alliance, each) for each in label.alternatives),
    )


def _unaddressed(alliance: Alliance, stated: Confidentiality) -> Confidentiality:
    policy = alliance.policies.get(stated.policy)
    tags = policy.tags if policy else {}
    kept = tuple(
        each for each in stated.categories if each.tag not in tags or not tags[each.tag].releasable
    )
    return msgspec.structs.replace(stated, categories=kept)


def _entry(rule: DiscoveryRule, shown: bytes, count: int, node: str, secret: bytes) -> Entry:
    named = canonical_json({"node": node, "rule": rule.name, "shown": shown.decode()})
    name = hmac.new(secret, named, hashlib.sha256).hexdigest()[:32]
    amount = next((word for least, word in _AMOUNTS if count >= least), "some")
    fields = {"id": name, "amount": amount, "ceiling": rule.highest_tlp.value}
    return msgspec.convert({**fields, **msgspec.json.decode(shown)}, Entry)


def may_know(alliance: Alliance, entry: Entry, owner: str, reader: Reader, at: datetime) -> bool:
    """Tell whether a reader may know of an entry that its member was told of, or told.

    As for content: a role that reads it, a clearance for the label, and for classified the
    nationality of its member, of the owner or of the sponsor.
    """
    label = msgspec.structs.replace(entry.reading_label, rel_to=(reader.member,))
    asked = Question(alliance, ReleaseClass(owner, "", label), reader.member, at)
    results = (
        label_gate(asked),
        clearance_gate(asked, reader),
        nationality_gate(asked, reader),
        role_gate(asked, reader),
    )
    return all(result.outcome != "deny" for result in results)
