"""What is proved of passing on: what others got reaches only whom its originator's terms name."""

from dataclasses import replace

import z3

from tests.policy.proofs.model import (
    DIRECT,
    GROUP,
    LEVELS,
    MEMBERS,
    NAMES,
    ORIGIN,
    RED,
    SKEW,
    STRICT,
    WAY,
    Agreement,
    Alliance,
    Formula,
    Label,
    Model,
    Way,
    bit,
)
from tests.policy.proofs.symbols import (
    ALLIANCE,
    AT,
    EMBARGO,
    ONE,
    Property,
    holds,
    is_subset,
    recipients,
)

PASSED = Way(
    z3.Int("way.length"),
    tuple(z3.Int(f"way.step{place}") for place in range(WAY)),
    z3.BitVec("way.names", NAMES),
    z3.Int("way.hops"),
)
IS_PASSED = z3.And(
    *(PASSED.length >= 1, PASSED.length <= WAY, PASSED.hops >= 0, PASSED.hops <= 8),
    *(z3.And(step >= 0, step <= MEMBERS) for step in PASSED.steps),
)
OWN = z3.BitVecVal(1 << ORIGIN, MEMBERS)


def holders(model: Model, label: Label, way: Way = PASSED) -> Formula:
    """The members who may have what was passed on."""
    return model.recipients(ALLIANCE, label, EMBARGO, AT, way)


def passed_on(claim: Formula) -> Formula:
    return holds(z3.Implies(IS_PASSED, claim))


# The claims.


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


def it_is_the_holders(model: Model) -> Formula:
    """Nobody else has it by that way: not who passed it on, not who is named besides."""
    last = [z3.And(PASSED.length == place + 1, PASSED.steps[place] == 1) for place in range(WAY)]
    return passed_on(z3.Implies(bit(holders(model, ONE), 1), z3.Or(*last)))


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


# Models that are broken, each in one rule.


class OnlyTheLastIsNamed(Model):
    """Over whom it came to the one who is named does not matter."""

    def meant(self, alliance: Alliance, way: Way, step: Formula) -> Formula:
        last = z3.If(way.length == 2, way.steps[1], way.steps[2])
        return z3.Or(super().meant(alliance, way, step), step != last)


class WhoeverTookPart(Model):
    """What came over a member is that member's too."""

    def holds(self, way: Way, member: int) -> Formula:
        taken = [z3.And(way.length > place, way.steps[place] == member) for place in range(WAY)]
        return z3.Or(*taken)


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


ONWARD = (
    Property(
        *("what is passed on stays within its signed terms", only_within_signed_terms),
        OnlyTheLastIsNamed(),
    ),
    Property("what is passed on is its holder's alone", it_is_the_holders, WhoeverTookPart()),
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
