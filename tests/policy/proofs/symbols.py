"""What a property is, how one is proved, and the symbols that stand for anything that may be."""

from collections.abc import Callable
from dataclasses import dataclass

import z3

from tests.policy.proofs.model import (
    AGREEMENTS,
    BOOLEANS,
    BOUNDS,
    FIELDS,
    LEVELS,
    MEMBERS,
    NO_END,
    VALUES,
    WIDTHS,
    Agreement,
    Alliance,
    Clearance,
    Formula,
    Label,
    Model,
    Reader,
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
LABELS = z3.And(is_label(ONE), is_label(TWO), is_label(THREE))


def is_subset(one: Formula, two: Formula) -> Formula:
    return one & ~two == 0


def holds(claim: Formula) -> Formula:
    return z3.Implies(LABELS, claim)


def recipients(model: Model, label: Label, alliance: Alliance = ALLIANCE) -> Formula:
    return model.recipients(alliance, label, EMBARGO, AT)
