"""The release decision and the join of labels as formulas over a small domain.

Four members, one group of them and a name that nobody has; one classification policy with four
levels, three values of a restrictive tag, three of a permissive and a releasable tag; two
agreements; moments are integers. Everything in it is symbolic: who is in the group, who is cleared
for what, what the agreements say, both labels, the time, over whom it came and what its terms let
be passed on. The originator is member 0, which stands for any, since nothing else tells members
apart. A way of more than three members would come to somebody twice.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import z3

MEMBERS, NAMES, VALUES, LEVELS, AGREEMENTS = 4, 6, 3, 4, 2
GROUP, STRANGER = 4, 5
"""The bits of a REL TO: one for each member, the group, a name that is not known."""
ORIGIN = 0
WAY = 3
"""The members over which something may have come; the place of one that nobody is: MEMBERS."""
STRICT, RED = 3, 4
SKEW = 2
Formula = Any


@dataclass(frozen=True)
class Label:
    """A label; what an absent part would hold does not matter.

    ``valid``: the classification is known and not obsolete. ``needed``: values of the restrictive
    tag; ``any_of``: of the permissive one; ``codes``: of the releasable one. ``begin`` and ``end``
    are the dates of its IEP, -1 and 99 for none, as ``review`` is.
    """

    unknown: Formula
    has_tlp: Formula
    tlp: Formula
    has_rel: Formula
    rel: Formula
    classified: Formula
    valid: Formula
    level: Formula
    needed: Formula
    has_any: Formula
    any_of: Formula
    has_codes: Formula
    codes: Formula
    begin: Formula
    end: Formula
    review: Formula


FIELDS = tuple(Label.__dataclass_fields__)
BOOLEANS = {"unknown", "has_tlp", "has_rel", "classified", "valid", "has_any", "has_codes"}
WIDTHS = {"rel": NAMES, "codes": NAMES, "needed": VALUES, "any_of": VALUES}
BOUNDS = {"tlp": (0, RED), "level": (0, LEVELS - 1), "begin": (-1, 9), "end": (0, 99)}
NO_BEGIN, NO_END = -1, 99


@dataclass(frozen=True)
class Agreement:
    """An agreement, in force only if ``signed``."""

    signed: Formula
    givers: Formula
    receivers: Formula
    tlp: Formula
    level: Formula
    begin: Formula
    end: Formula


@dataclass(frozen=True)
class Clearance:
    """The highest level that is held, and the values of both tags."""

    level: Formula
    needed: Formula
    any_of: Formula


@dataclass(frozen=True)
class Alliance:
    """Whom the group holds, each member's clearance and assurance, what each level asks for."""

    group: Formula
    clearances: tuple[Clearance, ...]
    assurances: tuple[Formula, ...]
    asked: tuple[Formula, ...]
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True)
class Reader:
    """A reader of member 1; ``nation`` is a member, as one bit."""

    tlp: Formula
    clearance: Clearance
    nation: Formula


@dataclass(frozen=True)
class Way:
    """How it came, and what its originator's terms say of that.

    ``length``: how many of ``steps`` count, 0 for none: it comes from its originator. ``names``:
    whom it may be passed on to, over at most ``hops``.
    """

    length: Formula
    steps: tuple[Formula, ...]
    names: Formula
    hops: Formula


DIRECT = Way(z3.IntVal(0), (z3.IntVal(0),) * WAY, z3.BitVecVal(0, NAMES), z3.IntVal(0))
"""From the originator itself."""


def bit(vector: Formula, place: int) -> Formula:
    return z3.Extract(place, place, vector) == 1


def as_bit(place: Formula) -> Formula:
    """A member's place as a set of that one; a place that nobody has as the empty one."""
    found = z3.BitVecVal(0, MEMBERS)
    for member in range(MEMBERS):
        found = z3.If(place == member, z3.BitVecVal(1 << member, MEMBERS), found)
    return found


class Model:
    """The rules. A subclass that overrides one of them is a broken model."""

    def recipients(
        self, alliance: Alliance, label: Label, embargo: Formula, at: Formula, way: Way = DIRECT
    ) -> Formula:
        """The set of members who may have it, as bits."""
        found = z3.BitVecVal(0, MEMBERS)
        for member in range(MEMBERS):
            permits = self.permits(alliance, label, embargo, at, member, way)
            found = z3.If(permits, found | (1 << member), found)
        return found

    def permits(
        self,
        alliance: Alliance,
        label: Label,
        embargo: Formula,
        at: Formula,
        member: int,
        way: Way = DIRECT,
    ) -> Formula:
        understood = self.understood(label)
        if member == ORIGIN:
            return understood
        return z3.And(
            understood,
            self.in_time(label, embargo, at),
            self.named(alliance, label, member),
            self.red(label, member),
            z3.Implies(label.classified, self.cleared(alliance.clearances[member], label)),
            z3.Implies(label.classified, self.fit(alliance, label, member)),
            z3.Or(way.length == 0, self.onward(alliance, label, member, way)),
            self.agreed(alliance, label, member, at, self.giver(way)),
        )

    def may_read(
        self, alliance: Alliance, label: Label, embargo: Formula, at: Formula, reader: Reader
    ) -> Formula:
        """May the reader of member 1 see it?"""
        return z3.And(
            self.permits(alliance, label, embargo, at, 1),
            z3.Implies(label.has_tlp, label.tlp <= reader.tlp),
            z3.Implies(label.classified, self.cleared(reader.clearance, label)),
            z3.Implies(label.classified, self.nation(alliance, label, reader)),
        )

    def understood(self, label: Label) -> Formula:
        known = z3.Implies(label.classified, label.valid)
        return z3.And(z3.Not(label.unknown), known, z3.Or(label.has_tlp, label.classified))

    def in_time(self, label: Label, embargo: Formula, at: Formula) -> Formula:
        return z3.And(
            at < label.review - SKEW,
            z3.Or(embargo == NO_BEGIN, at >= embargo + SKEW),
            z3.Or(label.begin == NO_BEGIN, at >= label.begin + SKEW),
            at < label.end - SKEW,
        )

    def listed(self, alliance: Alliance, names: Formula, member: int) -> Formula:
        in_group = z3.And(bit(names, GROUP), bit(alliance.group, member))
        return z3.And(z3.Not(bit(names, STRANGER)), z3.Or(bit(names, member), in_group))

    def named(self, alliance: Alliance, label: Label, member: int) -> Formula:
        codes = z3.And(label.classified, label.has_codes)
        return z3.And(
            z3.Implies(label.classified, z3.Or(label.has_rel, label.has_codes)),
            z3.Implies(label.has_rel, self.listed(alliance, label.rel, member)),
            z3.Implies(codes, self.listed(alliance, label.codes, member)),
        )

    def red(self, label: Label, member: int) -> Formula:
        itself = z3.And(label.has_rel, bit(label.rel, member))
        return z3.Implies(z3.And(label.has_tlp, label.tlp == RED), itself)

    def cleared(self, clearance: Clearance, label: Label) -> Formula:
        return z3.And(
            label.level <= clearance.level,
            label.needed & ~clearance.needed == 0,
            z3.Implies(label.has_any, label.any_of & clearance.any_of != 0),
        )

    def fit(self, alliance: Alliance, label: Label, member: int) -> Formula:
        return z3.And(
            *(
                z3.Implies(level <= label.level, alliance.assurances[member] >= needed)
                for level, needed in enumerate(alliance.asked)
            )
        )

    def nation(self, alliance: Alliance, label: Label, reader: Reader) -> Formula:
        lists = [(label.has_rel, label.rel), (label.has_codes, label.codes)]
        return z3.And(
            *(
                z3.Implies(there, reader.nation & self.people(alliance, names) != 0)
                for there, names in lists
            )
        )

    def people(self, alliance: Alliance, names: Formula) -> Formula:
        named = z3.Extract(MEMBERS - 1, 0, names) | (1 << ORIGIN)
        return z3.If(bit(names, GROUP), named | alliance.group, named)

    def onward(self, alliance: Alliance, label: Label, member: int, way: Way) -> Formula:
        """May the member have what others passed on?"""
        return z3.And(
            self.is_way(way),
            self.holds(way, member),
            way.length - 1 <= self.most_hops(way),
            *(
                z3.Implies(way.length > place, self.meant(alliance, way, way.steps[place]))
                for place in range(1, WAY)
            ),
            z3.Implies(label.has_tlp, self.may_go_on(label)),
        )

    def is_way(self, way: Way) -> Formula:
        taken = [way.length > place for place in range(WAY)]
        pairs = itertools.combinations(range(WAY), 2)
        return z3.And(
            way.length >= 2,
            *(
                z3.Implies(there, z3.And(step > ORIGIN, step < MEMBERS))
                for there, step in zip(taken, way.steps, strict=True)
            ),
            *(z3.Implies(taken[two], way.steps[one] != way.steps[two]) for one, two in pairs),
        )

    def holds(self, way: Way, member: int) -> Formula:
        return z3.Or(
            *(
                z3.And(way.length == place + 1, step == member)
                for place, step in enumerate(way.steps)
            )
        )

    def most_hops(self, way: Way) -> Formula:
        return way.hops

    def meant(self, alliance: Alliance, way: Way, step: Formula) -> Formula:
        """A name that nobody has takes nothing from the others."""
        named = z3.Extract(MEMBERS - 1, 0, way.names)
        everybody = z3.If(bit(way.names, GROUP), named | alliance.group, named)
        return everybody & as_bit(step) != 0

    def may_go_on(self, label: Label) -> Formula:
        return label.tlp < STRICT

    def giver(self, way: Way) -> Formula:
        """The one who sends it to the last on the way, as a bit."""
        origin = z3.BitVecVal(1 << ORIGIN, MEMBERS)
        last_but_one = z3.If(way.length == 2, as_bit(way.steps[0]), as_bit(way.steps[1]))
        return z3.If(way.length < 2, origin, last_but_one)

    def agreed(
        self, alliance: Alliance, label: Label, member: int, at: Formula, giver: Formula
    ) -> Formula:
        return z3.Or(*(self.opens(each, label, member, at, giver) for each in alliance.agreements))

    def opens(
        self, agreement: Agreement, label: Label, member: int, at: Formula, giver: Formula
    ) -> Formula:
        return z3.And(
            agreement.signed,
            agreement.givers & giver != 0,
            bit(agreement.receivers, member),
            z3.Implies(label.has_tlp, label.tlp <= agreement.tlp),
            z3.Implies(label.classified, label.level <= agreement.level),
            at >= agreement.begin + SKEW,
            at < agreement.end - SKEW,
        )

    def join(self, one: Label, two: Label) -> Label:
        """The label of a product of two."""
        both = z3.And(one.classified, two.classified)
        broken = z3.And(both, z3.Not(z3.And(one.valid, two.valid)), self.differ(one, two))
        return Label(
            unknown=z3.Or(one.unknown, two.unknown, self.half_labelled(one, two), broken),
            has_tlp=z3.Or(one.has_tlp, two.has_tlp),
            tlp=pick(one.has_tlp, one.tlp, two.has_tlp, two.tlp, largest),
            has_rel=z3.Or(one.has_rel, two.has_rel, self.shut(one, two)),
            rel=self.join_rel(one, two),
            classified=z3.Or(one.classified, two.classified),
            valid=pick(one.classified, one.valid, two.classified, two.valid, z3.And),
            level=pick(one.classified, one.level, two.classified, two.level, self.join_levels),
            needed=pick(one.classified, one.needed, two.classified, two.needed, lambda a, b: a | b),
            has_any=z3.Or(tagged(one, "has_any"), tagged(two, "has_any")),
            any_of=self.join_any(one, two),
            has_codes=z3.Or(tagged(one, "has_codes"), tagged(two, "has_codes")),
            codes=self.join_codes(one, two),
            begin=largest(one.begin, two.begin),
            end=smallest(one.end, two.end),
            review=smallest(one.review, two.review),
        )

    def join_levels(self, one: Formula, two: Formula) -> Formula:
        return largest(one, two)

    def differ(self, one: Label, two: Label) -> Formula:
        return z3.Not(same_classification(one, two))

    def half_labelled(self, one: Label, two: Label) -> Formula:
        labelled = [z3.Or(each.has_tlp, each.classified) for each in (one, two)]
        return labelled[0] != labelled[1]

    def shut(self, one: Label, two: Label) -> Formula:
        """A part that is closed without a REL TO must not open by the other's."""
        lists = z3.Or(one.has_rel, two.has_rel)
        codes = z3.Or(tagged(one, "has_codes"), tagged(two, "has_codes"))
        red = z3.Or(*(self.is_red_without(each) for each in (one, two)))
        closed = z3.Or(
            *(
                z3.And(z3.Not(each.has_rel), each.classified, z3.Not(each.has_codes))
                for each in (one, two)
            )
        )
        return z3.Or(z3.And(lists, red), z3.And(closed, z3.Or(lists, codes)))

    def is_red_without(self, label: Label) -> Formula:
        return z3.And(z3.Not(label.has_rel), label.has_tlp, label.tlp == RED)

    def join_rel(self, one: Label, two: Label) -> Formula:
        common = pick(one.has_rel, one.rel, two.has_rel, two.rel, shared_names)
        return z3.If(self.shut(one, two), z3.BitVecVal(0, NAMES), common)

    def join_any(self, one: Label, two: Label) -> Formula:
        first, second = tagged(one, "has_any"), tagged(two, "has_any")
        return pick(first, one.any_of, second, two.any_of, lambda a, b: a & b)

    def join_codes(self, one: Label, two: Label) -> Formula:
        first, second = tagged(one, "has_codes"), tagged(two, "has_codes")
        return pick(first, one.codes, second, two.codes, shared_names)


def tagged(label: Label, field: str) -> Formula:
    return z3.And(label.classified, getattr(label, field))


def pick(has_one: Formula, one: Formula, has_two: Formula, two: Formula, both: Any) -> Formula:
    """What is there of the two; ``both`` makes one of two that are there."""
    return z3.If(z3.And(has_one, has_two), both(one, two), z3.If(has_one, one, two))


def shared_names(one: Formula, two: Formula) -> Formula:
    """The names in common; a list that would lose the unknown name is for nobody."""
    dropped = bit(one ^ two, STRANGER)
    return z3.If(dropped, z3.BitVecVal(0, NAMES), one & two)


def largest(one: Formula, two: Formula) -> Formula:
    return z3.If(one >= two, one, two)


def smallest(one: Formula, two: Formula) -> Formula:
    return z3.If(one <= two, one, two)


def same(one: Label, two: Label) -> Formula:
    """Do two labels say the same? What an absent part would hold does not matter."""

    def equal(field: str) -> Formula:
        return getattr(one, field) == getattr(two, field)

    return z3.And(
        *(equal(field) for field in ("unknown", "has_tlp", "has_rel", "classified")),
        z3.Implies(one.has_tlp, equal("tlp")),
        z3.Implies(one.has_rel, equal("rel")),
        z3.Implies(one.classified, same_classification(one, two)),
        *(equal(field) for field in ("begin", "end", "review")),
    )


def same_classification(one: Label, two: Label) -> Formula:
    def equal(field: str) -> Formula:
        return getattr(one, field) == getattr(two, field)

    return z3.And(
        *(equal(field) for field in ("valid", "level", "needed", "has_any", "has_codes")),
        z3.Implies(one.has_any, equal("any_of")),
        z3.Implies(one.has_codes, equal("codes")),
    )
