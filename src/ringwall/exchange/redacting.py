"""Redacting: what of a released object each node gets, and the reasons, as an officer reads them.

A property is withheld from a node because a granular marking is not for it, because a rule of this
member says so, or because it names an object that the node may not know of. If the rest would be
no object, all of it is withheld. Who may know of an object: its originator, and whoever the
decision on one of the statements about it lets have it. Objects that nobody stated here, or only
what the submitter may not read, count for nothing: whoever names one tells nothing that is kept
here, and must not learn from the answer that it is.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from functools import lru_cache

import msgspec

from ringwall.alliance import CONTENT_ROLES, Alliance, Reader
from ringwall.core import split_fields
from ringwall.labels import TLP_MARKINGS
from ringwall.policy import NO_REDACTIONS, Kernel, RedactionRules, ReleaseClass
from ringwall.stix import OBJECT_TYPES, why_needed
from ringwall.store import GRANULAR, ReadTransaction

_END = re.compile(rb"--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OF_A_TYPE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_END_SIZE, _LONGEST_TYPE, _MOST_WORDS = 38, 250, 8
_TYPES = frozenset(name.encode() for name in OBJECT_TYPES)
FindReader = Callable[[ReadTransaction, str], Reader | None]
"""Returns a reader of this member by its name, as it is now."""
Knowers = Mapping[str, frozenset[str]]
"""STIX id → the nodes that may know of it; an id that is missing, anybody may."""


class Known(msgspec.Struct, frozen=True):
    """One kind of statement about an object: its class, and the nodes that may know of it."""

    object_id: str
    release_class: ReleaseClass
    nodes: frozenset[str]


class FieldReason(msgspec.Struct, frozen=True):
    """Why one property is withheld: ``rule`` is a stable token, ``source`` where it is written."""

    field: str
    rule: str
    source: str
    fact: str

    def clause(self) -> str:
        """Return the reason as a clause of a sentence."""
        return f"{self.field} ({self.fact})"


class Cut(msgspec.Struct, frozen=True):
    """What a node does not get of an object; ``closed``: why it gets nothing of it, or ""."""

    fields: tuple[FieldReason, ...]
    closed: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The properties, sorted."""
        return tuple(sorted(reason.field for reason in self.fields))


NO_CUT = Cut(())


class Subject(msgspec.Struct, frozen=True):
    """An object that is released to an audience."""

    object_id: str
    object_type: str
    body: bytes
    parts: Mapping[str, ReleaseClass]
    """The release class of each property that has one of its own."""
    audience: tuple[str, ...]
    named: frozenset[str] = frozenset()
    """The STIX ids that it names (:func:`named_ids`)."""
    withheld: Mapping[str, tuple[str, ...]] = {}
    """What was decided before: it stays withheld, whatever is decided now."""


class _Standing(msgspec.Struct, frozen=True):
    """What depends on the alliance alone, and which it was."""

    alliance: Alliance
    members: dict[str, str]
    """Node → its member."""
    ruled: dict[tuple[str, str], tuple[FieldReason, ...]]
    """What the rules withhold of a type from a member, as far as it was asked."""


class Redactor:
    """Decides what is withheld; safe to share between threads."""

    def __init__(
        self,
        kernel: Kernel,
        nodes: Collection[str],
        rules: RedactionRules = NO_REDACTIONS,
        find_reader: FindReader | None = None,
    ) -> None:
        """``nodes`` are the nodes there are, ``rules`` the member's own.

        ``find_reader``: without it a reader is whom the alliance description names.
        """
        self._find_reader = find_reader
        self._kernel = kernel
        self.nodes = frozenset(nodes)
        self._rules = rules
        self._known = _standing(kernel.alliance)

    def reach(self, tx: ReadTransaction, object_ids: Iterable[str]) -> list[Known]:
        """Return what is stated here about objects, and which nodes may know of each of it."""
        wanted = set(object_ids)
        if not wanted:
            return []
        classes = tx.release_classes()
        found = []
        for reach in tx.reaches(wanted):
            release = classes[reach.release_class]
            nodes = frozenset(self._kernel.audience(release, nodes=self.nodes))
            if reach.audience is not None:
                nodes &= frozenset(reach.audience)
            found.append(Known(reach.object_id, release, nodes | self.seats(release.origin)))
        return found

    def knowers(self, reach: Iterable[Known], reader: Reader | None) -> dict[str, frozenset[str]]:
        """Return which nodes may know of objects, as far as whoever names them may read of it.

        Of an object that it may not read, a reader learns nothing from what becomes of its own:
        it had the id from elsewhere. ``reader`` None: it is not known any more, and all counts.
        """
        found: dict[str, frozenset[str]] = {}
        for known in reach:
            if reader is None or self.counts(known.release_class, reader):
                about = found.get(known.object_id, frozenset())
                found[known.object_id] = about | known.nodes
        return found

    def counts(self, release: ReleaseClass, reader: Reader) -> bool:
        """Tell whether what a reader names may come from statements of this class.

        A tool that only submits reads nothing of others, and brings what people wrote who do: what
        its clearance would let it read counts.
        """
        if self._kernel.may_read(release, reader):
            return True
        if reader.roles & CONTENT_ROLES:
            return False
        gates = self._kernel.decide_reader(release, reader).gates
        return all(gate.rule == "no-content-role" for gate in gates if gate.outcome == "deny")

    def submitter(self, tx: ReadTransaction, name: str) -> Reader | None:
        """Return the reader who submitted something, None if there is none of this name now."""
        if self._find_reader is not None:
            return self._find_reader(tx, name)
        return self._kernel.alliance.readers.get(name)

    @property
    def version(self) -> str:
        """Return the version of the policy that decides."""
        return self._kernel.version

    def has_rules(self, object_type: str) -> bool:
        """Tell whether any rule of this member may concern a type."""
        return any(
            not rule.object_types or object_type in rule.object_types for rule in self._rules.rules
        )

    def seats(self, member: str) -> frozenset[str]:
        """Return the nodes of a member."""
        known = self._kernel.alliance.members.get(member)
        return frozenset(seat.id for seat in known.nodes) if known else frozenset()

    def cuts(self, subject: Subject, knowers: Knowers) -> dict[str, Cut]:
        """Return what is withheld, by node; who gets the whole object is not in it."""
        restricted = {
            name: knowers[name]
            for name in subject.named
            if name in knowers and not knowers[name].issuperset(subject.audience)
        }
        ruled = self.has_rules(subject.object_type)
        if not (restricted or subject.parts or ruled or subject.withheld):
            return {}
        fields = split_fields(subject.body)
        named = _named_by_field(fields, restricted.keys())
        members = self._standing().members
        withheld: dict[str, dict[str, FieldReason]] = {}
        present = {name for name, _ in fields}
        for node in subject.audience:
            reasons = [
                *self._marked(subject.parts, node),
                *self._ruled(subject.object_type, members.get(node, "")),
                *_unknown_to(named, restricted, node, members.get(node, node)),
                *_decided(subject.withheld.get(node, ())),
            ]
            mine = {each.field: each for each in reversed(reasons) if each.field in present}
            if mine:
                withheld[node] = mine
        return _finished(subject, withheld)

    def _standing(self) -> _Standing:
        """Return what is known of the alliance as it is now."""
        if self._known.alliance is not self._kernel.alliance:
            self._known = _standing(self._kernel.alliance)
        return self._known

    def _marked(self, parts: Mapping[str, ReleaseClass], node: str) -> list[FieldReason]:
        return [
            FieldReason(name, "granular-marking", GRANULAR, "its marking is not for them")
            for name, release in parts.items()
            if node not in self._kernel.audience(release, nodes=self.nodes)
        ]

    def _ruled(self, object_type: str, member: str) -> tuple[FieldReason, ...]:
        if not self._rules.rules:
            return ()
        known = self._standing()
        if (object_type, member) not in known.ruled:
            known.ruled[object_type, member] = tuple(
                FieldReason(field, "redaction-rule", rule.name, f"rule {rule.name}: {rule.clause}")
                for rule in self._rules.concerning(known.alliance, object_type, member)
                for field in rule.fields
            )
        return known.ruled[object_type, member]


def _standing(alliance: Alliance) -> _Standing:
    seats = {seat.id: member.id for member in alliance.members.values() for seat in member.nodes}
    return _Standing(alliance, seats, {})


def named_ids(object_id: str, body: bytes) -> frozenset[str]:
    """Return the STIX ids that a canonical object names, at any depth, but its own.

    Every identifier counts, whatever its property is called, creators and markings too, and also
    inside a text, a pattern or a URL. What is written in capitals names the same as what is not.
    Those of TLP are everybody's.
    """
    if body.count(b"--") < 2:
        return frozenset()
    return _ids_in(body) - {object_id, object_id.lower()} - TLP_MARKINGS.keys()


def _ids_in(text: bytes) -> frozenset[str]:
    """Return the STIX ids in canonical JSON, each as it is written and in small letters."""
    found: set[str] = set()
    for match in _END.finditer(text):
        start, end = match.span()
        before = text[max(0, start - _LONGEST_TYPE - 1) : start]
        rest = before.rstrip(_OF_A_TYPE)
        kind = before[len(rest) :]
        name = (kind + match[0]).decode()
        found.add(name)
        if not (kind in _TYPES and rest[-1:] == text[end : end + 1] == b'"'):
            found.update(_in_running_text(name, is_escape=rest[-1:] == b"\\"))
    return frozenset(found.union([name.lower() for name in found if not name.islower()]))


def _in_running_text(name: str, *, is_escape: bool) -> Iterator[str]:
    """Yield what else an id may be before which words stand, or the letter of an escape (\\n)."""
    kind, end = name[:-_END_SIZE], name[-_END_SIZE:]
    kinds = [kind, kind[5 if kind[:1] == "u" else 1 :]] if is_escape else [kind]
    for each in kinds:
        words = each.replace("_", "-").split("-")[-_MOST_WORDS:]
        yield from ("-".join(words[at:]) + end for at in range(len(words)) if words[at])


def _named_by_field(
    fields: Iterable[tuple[str, bytes]], wanted: Set[str]
) -> dict[str, tuple[str, ...]]:
    """Return which properties name any of these ids, and which."""
    named = {
        field: tuple(sorted(_ids_in(value) & wanted))
        for field, value in (fields if wanted else ())
        if field != "id"
    }
    return {field: names for field, names in named.items() if names}


def _unknown_to(
    named: Mapping[str, tuple[str, ...]], knowers: Knowers, node: str, member: str
) -> list[FieldReason]:
    return [
        FieldReason(name, "reference", target, f"it names an object that {member} may not have")
        for name, targets in named.items()
        for target in targets
        if node not in knowers[target]
    ]


def _decided(fields: Iterable[str]) -> list[FieldReason]:
    return [FieldReason(name, "decided", "release", "it was decided before") for name in fields]


def _finished(
    subject: Subject, withheld: Mapping[str, Mapping[str, FieldReason]]
) -> dict[str, Cut]:
    """Withhold what goes with what is withheld, and everything where the rest is no object."""
    cuts: dict[str, Cut] = {}
    needed: dict[frozenset[str], tuple[str, str]] = {}
    marked = _selected(subject.body) if withheld else frozenset()
    for node, reasons in withheld.items():
        mine = dict(reasons)
        if marked and not marked.isdisjoint(mine):
            for name in (GRANULAR, *subject.parts):
                mine.setdefault(name, _WITH_MARKINGS[name == GRANULAR](name))
        names = frozenset(mine)
        if names not in needed:
            needed[names] = why_needed(subject.body, names)
        name, why = needed[names]
        closed = f"{mine[name].clause()}, and {why}" if name else ""
        cuts[node] = Cut(tuple(mine[each] for each in sorted(mine)), closed)
    return cuts


def _selected(body: bytes) -> frozenset[str]:
    """Return the properties that the granular markings of an object name, and their own name."""
    if b'"granular_markings":' not in body:
        return frozenset()
    entries = msgspec.json.decode(body).get(GRANULAR, [])
    selectors = [each for entry in entries for each in entry.get("selectors", ())]
    return frozenset({GRANULAR, *(str(each).partition(".")[0] for each in selectors)})


@lru_cache(maxsize=1024)
def _with_markings(name: str) -> FieldReason:
    fact = "without its marking nobody could tell whose it is"
    return FieldReason(name, "granular-markings", GRANULAR, fact)


@lru_cache(maxsize=1)
def _the_markings(name: str) -> FieldReason:
    return FieldReason(name, "granular-markings", GRANULAR, "they name what is withheld")


_WITH_MARKINGS = {False: _with_markings, True: _the_markings}
