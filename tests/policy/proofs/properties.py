"""What is proved of the model, and for each property a broken model of which it does not hold."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import z3

from tests.policy.proofs.model import (
    AGREEMENTS,
    BOOLEANS,
    BOUNDS,
    DIRECT,
    FIELDS,
    GROUP,
    LEVELS,
    MEMBERS,
    NAMES,
    NO_END,
    ORIGIN,
    RED,
    SKEW,
    STRANGER,
    STRICT,
    VALUES,
    WAY,
    WIDTHS,
    Agreement,
    Alliance,
    Clearance,
    Formula,
    Label,
    Model,
    Reader,
    Way,
    bit,
    largest,
    pick,
    same,
)


@dataclass(frozen=True)
class Property:
    """``claim`` says of a model what must hold; ``broken`` is a model for which it does not."""

    name: str
    claim: Callable[[Model], Formula]
    broken: Model


def counterexample(wanted: Property, model: Model) -> z3.ModelRef | None:
    """Return a case in which the property does not hold, None if there is none at all."""
    solver = z3.Solver()
    solver.add(z3.Not(wanted.claim(model)))
    answer = solver.check()
    if answer == z3.unknown:
        raise AssertionError(f"{wanted.name}: undecided")
    return solver.model() if answer == z3.sat else None


# Anything that may be: one value for each field, within its bounds.


def symbol(prefix: str, field: str) -> Formula:
    name = f"{prefix}.{field}"
    if field in BOOLEANS:
        return z3.Bool(name)
    return z3.BitVec(name, WIDTHS[field]) if field in WIDTHS else z3.Int(name)


def any_label(prefix: str) -> Label:
    return Label(*(symbol(prefix, field) for field in FIELDS))


def is_label(label: Label) -> Formula:
    bounded = (
        z3.And(getattr(label, field) >= low, getattr(label, field) <= high)
        for field, (low, high) in BOUNDS.items()
    )
    return z3.And(*bounded, label.review <= NO_END)


def any_clearance(prefix: str) -> Clearance:
    return Clearance(
        z3.Int(f"{prefix}.level"),
        z3.BitVec(f"{prefix}.needed", VALUES),
        z3.BitVec(f"{prefix}.any_of", VALUES),
    )


def any_agreement(number: int) -> Agreement:
    name = f"agreement{number}"
    return Agreement(
        z3.Bool(f"{name}.signed"),
        z3.BitVec(f"{name}.givers", MEMBERS),
        z3.BitVec(f"{name}.receivers", MEMBERS),
        *(z3.Int(f"{name}.{field}") for field in ("tlp", "level", "begin", "end")),
    )


ALLIANCE = Alliance(
    group=z3.BitVec("group", MEMBERS),
    clearances=tuple(any_clearance(f"member{number}") for number in range(MEMBERS)),
    assurances=tuple(z3.Int(f"assurance{number}") for number in range(MEMBERS)),
    asked=tuple(z3.Int(f"asked{level}") for level in range(LEVELS)),
    agreements=tuple(any_agreement(number) for number in range(AGREEMENTS)),
)
READER = Reader(z3.Int("reader.tlp"), any_clearance("reader"), z3.BitVec("nation", MEMBERS))
ONE, TWO, THREE = any_label("one"), any_label("two"), any_label("three")
EMBARGO, AT = z3.Int("embargo"), z3.Int("at")
PASSED = Way(
    z3.Int("way.length"),
    tuple(z3.Int(f"way.step{place}") for place in range(WAY)),
    z3.BitVec("way.names", NAMES),
    z3.Int("way.hops"),
)
LABELS = z3.And(is_label(ONE), is_label(TWO), is_label(THREE))
IS_PASSED = z3.And(
    *(PASSED.length >= 1, PASSED.length <= WAY, PASSED.hops >= 0, PASSED.hops <= 8),
    *(z3.And(step >= 0, step <= MEMBERS) for step in PASSED.steps),
)
OWN = z3.BitVecVal(1 << ORIGIN, MEMBERS)


def is_subset(one: Formula, two: Formula) -> Formula:
    return one & ~two == 0


def holds(claim: Formula) -> Formula:
    return z3.Implies(LABELS, claim)


def recipients(model: Model, label: Label, alliance: Alliance = ALLIANCE) -> Formula:
    return model.recipients(alliance, label, EMBARGO, AT)


def holders(model: Model, label: Label, way: Way = PASSED) -> Formula:
    """The members who may have what was passed on."""
    return model.recipients(ALLIANCE, label, EMBARGO, AT, way)


def passed_on(claim: Formula) -> Formula:
    return holds(z3.Implies(IS_PASSED, claim))


# The claims.


def marked(label: Label, more: Label) -> Label:
    """The label with the restrictions of ``more`` written into it: it keeps what it has.

    A first REL TO, a first releasable category and a first TLP or classification are no
    restrictions: without them a label may be for nobody.
    """
    tagged = z3.And(label.classified, more.has_any)
    return replace(
        label,
        unknown=z3.Or(label.unknown, more.unknown),
        has_tlp=z3.Or(label.has_tlp, z3.And(label.classified, more.has_tlp)),
        tlp=pick(label.has_tlp, label.tlp, more.has_tlp, more.tlp, largest),
        rel=z3.If(more.has_rel, label.rel & more.rel, label.rel),
        level=largest(label.level, more.level),
        valid=z3.And(label.valid, more.valid),
        needed=label.needed | more.needed,
        has_any=z3.Or(label.has_any, tagged),
        any_of=pick(label.has_any, label.any_of, tagged, more.any_of, lambda a, b: a & b),
        begin=largest(label.begin, more.begin),
        end=z3.If(label.end <= more.end, label.end, more.end),
        review=z3.If(label.review <= more.review, label.review, more.review),
    )


def adding_a_marking(model: Model) -> Formula:
    """The names that are taken out of a REL TO must not be the unknown one: it shuts the list."""
    dropped = z3.And(ONE.has_rel, TWO.has_rel, bit(ONE.rel & ~TWO.rel, STRANGER))
    after = recipients(model, marked(ONE, TWO))
    return holds(z3.Or(dropped, is_subset(after, recipients(model, ONE))))


def joining_a_label(model: Model) -> Formula:
    product = recipients(model, model.join(ONE, TWO))
    both = recipients(model, ONE) & recipients(model, TWO)
    return holds(is_subset(product, both))


def joining_three(model: Model) -> Formula:
    product = recipients(model, model.join(model.join(ONE, TWO), THREE))
    every = recipients(model, ONE) & recipients(model, TWO) & recipients(model, THREE)
    return holds(is_subset(product, every))


def reading_a_product(model: Model) -> Formula:
    def reads(label: Label) -> Formula:
        return model.may_read(ALLIANCE, label, EMBARGO, AT, READER)

    return holds(z3.Implies(reads(model.join(ONE, TWO)), z3.And(reads(ONE), reads(TWO))))


def reading_needs_receiving(model: Model) -> Formula:
    reads = model.may_read(ALLIANCE, ONE, EMBARGO, AT, READER)
    return holds(z3.Implies(reads, bit(recipients(model, ONE), 1)))


def commutative(model: Model) -> Formula:
    return holds(same(model.join(ONE, TWO), model.join(TWO, ONE)))


def associative(model: Model) -> Formula:
    left = model.join(model.join(ONE, TWO), THREE)
    return holds(same(left, model.join(ONE, model.join(TWO, THREE))))


def idempotent(model: Model) -> Formula:
    return holds(same(model.join(ONE, ONE), ONE))


def unknown_denies(model: Model) -> Formula:
    unlabelled = z3.Not(z3.Or(ONE.has_tlp, ONE.classified))
    not_valid = z3.And(ONE.classified, z3.Not(ONE.valid))
    unknown = z3.Or(ONE.unknown, unlabelled, not_valid)
    strange = z3.And(ONE.has_rel, bit(ONE.rel, STRANGER))
    found = recipients(model, ONE)
    return holds(
        z3.And(
            z3.Implies(unknown, found == 0),
            z3.Implies(strange, is_subset(found, z3.BitVecVal(1 << ORIGIN, MEMBERS))),
        )
    )


def only_a_signed_agreement(model: Model) -> Formula:
    """For whom no signed agreement in force names it, there is nothing but its own."""
    found = recipients(model, ONE)
    claims = []
    for member in range(1, MEMBERS):
        signed = z3.Or(
            *(
                z3.And(
                    each.signed,
                    bit(each.receivers, member),
                    bit(each.givers, ORIGIN),
                    each.begin <= AT,
                    each.end > AT,
                )
                for each in ALLIANCE.agreements
            )
        )
        claims.append(z3.Implies(bit(found, member), signed))
    return holds(z3.And(*claims))


def withdrawing_an_agreement(model: Model) -> Formula:
    first, *others = ALLIANCE.agreements
    fewer = replace(ALLIANCE, agreements=(replace(first, signed=z3.BoolVal(False)), *others))
    return holds(is_subset(recipients(model, ONE, fewer), recipients(model, ONE)))


def an_embargo(model: Model) -> Formula:
    kept = z3.And(EMBARGO != -1, AT < EMBARGO + SKEW)
    own = z3.BitVecVal(1 << ORIGIN, MEMBERS)
    return holds(z3.Implies(kept, is_subset(recipients(model, ONE), own)))


def red_is_for_the_named(model: Model) -> Formula:
    red = z3.And(ONE.has_tlp, ONE.tlp == RED)
    named = z3.If(ONE.has_rel, z3.Extract(MEMBERS - 1, 0, ONE.rel), z3.BitVecVal(0, MEMBERS))
    return holds(z3.Implies(red, is_subset(recipients(model, ONE), named | (1 << ORIGIN))))


def only_within_signed_terms(model: Model) -> Formula:
    """Whoever has it but its originator is the last on the way, and every hop is named by it."""
    found = holders(model, ONE)
    claims = []
    for member in range(1, MEMBERS):
        over_one = z3.And(PASSED.length == 2, PASSED.steps[1] == member)
        over_two = z3.And(PASSED.length == 3, PASSED.steps[2] == member, is_named(PASSED.steps[1]))
        meant = z3.And(PASSED.length - 1 <= PASSED.hops, is_named(z3.IntVal(member)))
        claims.append(z3.Implies(bit(found, member), z3.And(z3.Or(over_one, over_two), meant)))
    return passed_on(z3.And(*claims))


def is_named(step: Formula) -> Formula:
    """Do the terms name a member, by itself or in the group?"""
    return z3.Or(
        *(
            z3.And(
                step == member,
                z3.Or(
                    bit(PASSED.names, member),
                    z3.And(bit(PASSED.names, GROUP), bit(ALLIANCE.group, member)),
                ),
            )
            for member in range(MEMBERS)
        )
    )


def passing_on_adds_nobody(model: Model) -> Formula:
    """Were everything agreed, its originator could have sent it to whoever has it now."""
    everybody = z3.BitVecVal((1 << MEMBERS) - 1, MEMBERS)
    whole = Agreement(
        *(z3.BoolVal(True), everybody, everybody, z3.IntVal(RED), z3.IntVal(LEVELS)),
        *(AT - SKEW, AT + SKEW + 1),
    )
    direct = recipients(model, ONE, replace(ALLIANCE, agreements=(whole,)))
    return passed_on(is_subset(holders(model, ONE), direct))


def some_levels_stay(model: Model) -> Formula:
    kept = z3.And(ONE.has_tlp, ONE.tlp >= STRICT)
    return passed_on(z3.Implies(kept, is_subset(holders(model, ONE), OWN)))


def no_way_leads_anywhere(model: Model) -> Formula:
    """Over its originator, over a stranger, or twice over one member nothing comes."""
    taken = [PASSED.length > place for place in range(WAY)]
    strange = [
        z3.And(there, z3.Or(step == ORIGIN, step >= MEMBERS))
        for there, step in zip(taken, PASSED.steps, strict=True)
    ]
    first, second, third = PASSED.steps
    twice = [
        z3.And(taken[1], first == second),
        z3.And(taken[2], z3.Or(first == third, second == third)),
    ]
    return passed_on(z3.Implies(z3.Or(*strange, *twice), is_subset(holders(model, ONE), OWN)))


def passing_on_is_agreed(model: Model) -> Formula:
    """Who has it shares a signed agreement in force with the one who passed it on to it."""
    found = holders(model, ONE)
    claims = []
    for member in range(1, MEMBERS):
        signed = z3.Or(
            *(
                z3.And(
                    *(each.signed, bit(each.receivers, member), bit(each.givers, other)),
                    PASSED.steps[place] == other,
                    *(PASSED.length == place + 2, each.begin <= AT, each.end > AT),
                )
                for each in ALLIANCE.agreements
                for other in range(MEMBERS)
                for place in range(WAY - 1)
            )
        )
        claims.append(z3.Implies(bit(found, member), signed))
    return passed_on(z3.And(*claims))


def narrower_terms(model: Model) -> Formula:
    fewer = replace(
        PASSED,
        names=PASSED.names & z3.BitVec("other.names", NAMES),
        hops=z3.If(PASSED.hops > 0, PASSED.hops - 1, PASSED.hops),
    )
    return passed_on(is_subset(holders(model, ONE, fewer), holders(model, ONE)))


# Models that are broken, each in one rule; some of them are how the code once was.


class TagOpens(Model):
    """Whoever holds a value of the permissive tag needs no level."""

    def cleared(self, clearance: Clearance, label: Label) -> Formula:
        held = z3.And(label.has_any, label.any_of & clearance.any_of != 0)
        return z3.Or(held, super().cleared(clearance, label))


class RedOpens(Model):
    """TLP:RED without a REL TO takes over the other part's."""

    def is_red_without(self, label: Label) -> Formula:
        return z3.BoolVal(False)


class FirstLevel(Model):
    """The level of a product is that of its first part."""

    def join_levels(self, one: Formula, two: Formula) -> Formula:
        return one


class UnlabelledForgets(Model):
    """A part without any level takes the TLP from the product."""

    def join(self, one: Label, two: Label) -> Label:
        whole = z3.And(*(z3.Or(each.has_tlp, each.classified) for each in (one, two)))
        joined = super().join(one, two)
        return replace(joined, has_tlp=z3.And(joined.has_tlp, whole), unknown=one.unknown)


class AlwaysDiffers(Model):
    """A classification that is not valid is not understood even when joined with itself."""

    def differ(self, one: Label, two: Label) -> Formula:
        return z3.BoolVal(True)


class KnownByLevel(Model):
    """What is not understood is let pass if there is a TLP."""

    def understood(self, label: Label) -> Formula:
        return z3.Or(super().understood(label), label.has_tlp)


class Unsigned(Model):
    """A draft of an agreement opens as an agreement does."""

    def opens(
        self, agreement: Agreement, label: Label, member: int, at: Formula, giver: Formula
    ) -> Formula:
        signed = replace(agreement, signed=z3.BoolVal(True))
        return super().opens(signed, label, member, at, giver)


class LastCounts(Model):
    """The first agreement, where there is one, replaces what the second says."""

    def agreed(
        self, alliance: Alliance, label: Label, member: int, at: Formula, giver: Formula
    ) -> Formula:
        first, second = alliance.agreements
        opens = [self.opens(each, label, member, at, giver) for each in (first, second)]
        return z3.If(first.signed, opens[0], opens[1])


class NoEmbargo(Model):
    """An embargo is not looked at."""

    def in_time(self, label: Label, embargo: Formula, at: Formula) -> Formula:
        return super().in_time(label, z3.IntVal(-1), at)


class GroupsAreNamed(Model):
    """TLP:RED reaches whoever is in a group that REL TO names."""

    def red(self, label: Label, member: int) -> Formula:
        return z3.Or(super().red(label, member), z3.And(label.has_rel, bit(label.rel, GROUP)))


class AnyList(Model):
    """A nationality that stands in one list need not stand in the other."""

    def nation(self, alliance: Alliance, label: Label, reader: Reader) -> Formula:
        lists = [(label.has_rel, label.rel), (label.has_codes, label.codes)]
        return z3.Or(
            *(
                z3.And(there, reader.nation & self.people(alliance, names) != 0)
                for there, names in lists
            )
        )


class ReadersAlone(Model):
    """Whoever is cleared may read, whatever its member may have."""

    def may_read(
        self, alliance: Alliance, label: Label, embargo: Formula, at: Formula, reader: Reader
    ) -> Any:
        return z3.And(self.understood(label), self.cleared(reader.clearance, label))


class OnlyTheLastIsNamed(Model):
    """Over whom it came to the one who is named does not matter."""

    def meant(self, alliance: Alliance, way: Way, step: Formula) -> Formula:
        last = z3.If(way.length == 2, way.steps[1], way.steps[2])
        return z3.Or(super().meant(alliance, way, step), step != last)


class NamingOpens(Model):
    """Whom the terms name for passing it on needs no REL TO."""

    def permits(
        self,
        alliance: Alliance,
        label: Label,
        embargo: Formula,
        at: Formula,
        member: int,
        way: Way = DIRECT,
    ) -> Formula:
        goes_on = z3.And(way.length > 0, label.has_rel)
        rel = z3.If(goes_on, label.rel | way.names, label.rel)
        return super().permits(alliance, replace(label, rel=rel), embargo, at, member, way)


class StrictGoesOn(Model):
    """Only TLP:RED stays with those who got it."""

    def may_go_on(self, label: Label) -> Formula:
        return label.tlp < RED


class AnyWay(Model):
    """A way may lead over a member that left, over its originator and over one member twice."""

    def is_way(self, way: Way) -> Formula:
        return way.length >= 2


class AgreedWithTheOriginator(Model):
    """An agreement with the originator is enough, whoever passes it on."""

    def giver(self, way: Way) -> Formula:
        return OWN


class NoneIsNoLimit(Model):
    """No hops in the terms mean as many as one likes."""

    def most_hops(self, way: Way) -> Formula:
        return z3.If(way.hops == 0, z3.IntVal(99), way.hops)


PROPERTIES = (
    Property("adding a marking never adds a recipient", adding_a_marking, TagOpens()),
    Property("no product exceeds its strictest part: members", joining_a_label, RedOpens()),
    Property("no product of three exceeds its strictest part", joining_three, FirstLevel()),
    Property("no product exceeds its strictest part: readers", reading_a_product, AnyList()),
    Property("joins are commutative", commutative, FirstLevel()),
    Property("joins are associative", associative, UnlabelledForgets()),
    Property("joins are idempotent", idempotent, AlwaysDiffers()),
    Property("what is not known denies", unknown_denies, KnownByLevel()),
    Property("only a signed agreement opens anything", only_a_signed_agreement, Unsigned()),
    Property("withdrawing an agreement opens nothing", withdrawing_an_agreement, LastCounts()),
    Property("before its embargo ends nobody else has it", an_embargo, NoEmbargo()),
    Property("TLP:RED is for those named one by one", red_is_for_the_named, GroupsAreNamed()),
    Property(
        "no reader sees what its member may not have", reading_needs_receiving, ReadersAlone()
    ),
    Property(
        *("what is passed on stays within its signed terms", only_within_signed_terms),
        OnlyTheLastIsNamed(),
    ),
    Property(
        "passing on adds nobody that the label closes out", passing_on_adds_nobody, NamingOpens()
    ),
    Property("RED and AMBER+STRICT are never passed on", some_levels_stay, StrictGoesOn()),
    Property("no loop and no stranger passes anything on", no_way_leads_anywhere, AnyWay()),
    Property(
        *("only an agreement of the last hop opens it", passing_on_is_agreed),
        AgreedWithTheOriginator(),
    ),
    Property("narrower terms let nothing more go on", narrower_terms, NoneIsNoLimit()),
)
