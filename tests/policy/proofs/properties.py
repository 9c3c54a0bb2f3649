"""What is proved of the model, and for each property a broken model of which it does not hold."""

from dataclasses import replace
from typing import Any

import z3

from tests.policy.proofs.model import (
    GROUP,
    MEMBERS,
    ORIGIN,
    RED,
    SKEW,
    STRANGER,
    Agreement,
    Alliance,
    Clearance,
    Formula,
    Label,
    Model,
    Reader,
    bit,
    largest,
    pick,
    same,
)
from tests.policy.proofs.onward import ONWARD
from tests.policy.proofs.symbols import (
    ALLIANCE,
    AT,
    EMBARGO,
    ONE,
    READER,
    THREE,
    TWO,
    Property,
    holds,
    is_subset,
    recipients,
)

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
    *ONWARD,
)
