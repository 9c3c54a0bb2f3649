"""Model and code say the same of random concrete cases: so the proofs speak about the code."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import z3

from ringwall.alliance import (
    Agreement,
    Alliance,
    ClassificationPolicy,
    Clearance,
    Level,
    Member,
    NodeSeat,
    Reader,
    Tag,
    known_policies,
)
from ringwall.labels import Category, Confidentiality, Iep, Label, Terms, Tlp, join
from ringwall.policy import ReleaseClass, decide_member, decide_reader
from tests.policy.proofs import model as m

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ["aa", "bb", "cc", "dd", "group", "stranger"]
PEOPLE = NAMES[: m.MEMBERS]
TLPS = list(Tlp)
WHERE = "2026-01-01T00:{:02}:00.000000Z"


def stamp(minute: int) -> str:
    return WHERE.format(minute)


def chosen(values: list[str], bits: int) -> tuple[str, ...]:
    return tuple(value for place, value in enumerate(values) if bits >> place & 1)


def often(rng: Random, bits: int) -> int:
    """Bits, more of them set than not."""
    return rng.getrandbits(bits) | rng.getrandbits(bits)


# A concrete case as plain numbers.


def label(rng: Random) -> dict[str, Any]:
    rel = often(rng, m.NAMES) & ~(0 if rng.random() < 0.1 else 1 << m.STRANGER)
    codes = often(rng, m.NAMES) & ~(0 if rng.random() < 0.1 else 1 << m.STRANGER)
    return {
        "unknown": rng.random() < 0.05,
        "has_tlp": rng.random() < 0.8,
        "tlp": rng.randint(0, m.RED),
        "has_rel": rng.random() < 0.6,
        "rel": rel,
        "classified": rng.random() < 0.6,
        "valid": rng.random() < 0.95,
        "level": rng.randrange(m.LEVELS),
        "needed": rng.getrandbits(m.VALUES) & rng.getrandbits(m.VALUES),
        "has_any": rng.random() < 0.4,
        "any_of": rng.getrandbits(m.VALUES),
        "has_codes": rng.random() < 0.4,
        "codes": codes,
        "begin": rng.choice([m.NO_BEGIN, m.NO_BEGIN, rng.randint(0, 9)]),
        "end": rng.choice([m.NO_END, m.NO_END, rng.randint(5, 30)]),
        "review": rng.choice([m.NO_END, m.NO_END, rng.randint(5, 30)]),
    }


def similar(rng: Random, one: dict[str, Any]) -> dict[str, Any]:
    other = label(rng)
    return {name: other[name] if rng.random() < 0.4 else value for name, value in one.items()}


def clearance(rng: Random) -> tuple[int, int, int]:
    return rng.randint(1, m.LEVELS - 1), often(rng, m.VALUES), often(rng, m.VALUES)


def agreement(rng: Random) -> tuple[bool, int, int, int, int, int, int]:
    return (
        *(rng.random() < 0.8, often(rng, m.MEMBERS) | 1, often(rng, m.MEMBERS)),
        *(rng.randint(2, m.RED), rng.randint(-1, m.LEVELS - 1), rng.randint(0, 6)),
        rng.randint(10, 30),
    )


class Case:
    """A concrete alliance, reader, embargo and moment, as numbers."""

    def __init__(self, rng: Random) -> None:
        self.group = often(rng, m.MEMBERS)
        self.clearances = [clearance(rng) for _ in PEOPLE]
        self.assurances = [rng.randint(0, 3) for _ in PEOPLE]
        self.asked = [rng.choice([0, 0, 0, rng.randint(0, 3)]) for _ in range(m.LEVELS)]
        self.agreements = [agreement(rng) for _ in range(m.AGREEMENTS)]
        self.reader = (rng.randint(1, m.RED), clearance(rng), rng.choice([1, 2, 2, 4, 8, 0]))
        self.embargo = rng.choice([-1, -1, rng.randint(0, 9)])
        self.at = rng.randint(3, 20)

    # As the model takes it.

    def in_model(self) -> tuple[m.Alliance, m.Reader]:
        agreements = (
            m.Agreement(
                *(z3.BoolVal(signed), z3.BitVecVal(givers, m.MEMBERS)),
                z3.BitVecVal(receivers, m.MEMBERS),
                *map(z3.IntVal, numbers),
            )
            for signed, givers, receivers, *numbers in self.agreements
        )
        alliance = m.Alliance(
            z3.BitVecVal(self.group, m.MEMBERS),
            tuple(map(held_in_model, self.clearances)),
            tuple(map(z3.IntVal, self.assurances)),
            tuple(map(z3.IntVal, self.asked)),
            tuple(agreements),
        )
        tlp, held, nation = self.reader
        reader = m.Reader(z3.IntVal(tlp), held_in_model(held), z3.BitVecVal(nation, m.MEMBERS))
        return alliance, reader

    # As the code takes it.

    def in_code(self) -> tuple[Alliance, Reader]:
        policy = ClassificationPolicy(
            "P",
            "",
            {f"L{n}": Level(f"L{n}", n, assurance=each) for n, each in enumerate(self.asked)},
            {
                "K": Tag("K", "restrictive", frozenset("012")),
                "T": Tag("T", "permissive", frozenset("012")),
                "REL": Tag("REL", "permissive", frozenset(NAMES), releasable=True),
            },
        )
        members = {
            name: Member(
                *(name, name, "nation"),
                nodes=(NodeSeat(f"{name}-1", name, place + 1, assurance=self.assurances[place]),),
                clearances=(held_in_code(self.clearances[place]),),
            )
            for place, name in enumerate(PEOPLE)
        }
        tlp, held, nation = self.reader
        nationality = "".join(chosen(PEOPLE, nation))
        analyst = frozenset({"analyst"})
        reader = Reader(
            *("r", "bb", "r", analyst, TLPS[tlp], nationality), clearances=(held_in_code(held),)
        )
        alliance = Alliance(
            *("bridge", "Bridge", "exercise", members),
            {"group": frozenset(chosen(PEOPLE, self.group))},
            tuple(agreement_in_code(each) for each in self.agreements if each[0]),
            *({}, {"r": reader}, "", {"P": policy}),
        )
        return alliance, reader


def held_in_model(held: tuple[int, int, int]) -> m.Clearance:
    level, needed, any_of = held
    vectors = (z3.BitVecVal(each, m.VALUES) for each in (needed, any_of))
    return m.Clearance(z3.IntVal(level), *vectors)


def held_in_code(held: tuple[int, int, int]) -> Clearance:
    level, needed, any_of = held
    held_of = (("K", needed), ("T", any_of))
    categories = tuple(Category(tag, chosen(["0", "1", "2"], bits)) for tag, bits in held_of)
    return Clearance("P", f"L{level}", categories)


def agreement_in_code(each: tuple[bool, int, int, int, int, int, int]) -> Agreement:
    _, givers, receivers, tlp, level, begin, end = each
    sides = [frozenset(chosen(PEOPLE, bits)) for bits in (givers, receivers)]
    return Agreement(
        *("a", "A", sides[0] | sides[1], frozenset({"collective-defence"}), None, TLPS[tlp]),
        *(stamp(begin), stamp(end), "1"),
        givers=sides[0],
        receivers=sides[1],
        highest_classification={"P": f"L{level}"} if level >= 0 else {},
    )


def label_in_model(said: dict[str, Any]) -> m.Label:
    def value(field: str) -> Any:
        if field in m.BOOLEANS:
            return z3.BoolVal(said[field])
        if field in m.WIDTHS:
            return z3.BitVecVal(said[field], m.WIDTHS[field])
        return z3.IntVal(said[field])

    return m.Label(*map(value, m.FIELDS))


def label_in_code(said: dict[str, Any]) -> Label:
    dated = said["begin"] != m.NO_BEGIN or said["end"] != m.NO_END
    begin = stamp(said["begin"]) if said["begin"] != m.NO_BEGIN else ""
    end = stamp(said["end"]) if said["end"] != m.NO_END else ""
    return Label(
        tlp=TLPS[said["tlp"]] if said["has_tlp"] else None,
        rel_to=chosen(NAMES, said["rel"]) if said["has_rel"] else None,
        confidentiality=classification_in_code(said) if said["classified"] else None,
        iep=(Iep(start=begin, end=end),) if dated else (),
        review=stamp(said["review"]) if said["review"] != m.NO_END else "",
        unknown=("x",) if said["unknown"] else (),
    )


def classification_in_code(said: dict[str, Any]) -> Confidentiality:
    values = ["0", "1", "2"]
    stated = [Category("K", chosen(values, said["needed"]))] if said["needed"] else []
    stated += [Category("REL", chosen(NAMES, said["codes"]))] if said["has_codes"] else []
    stated += [Category("T", chosen(values, said["any_of"]))] if said["has_any"] else []
    stated += [] if said["valid"] else [Category("Z", ("z",))]
    return Confidentiality("P", f"L{said['level']}", tuple(stated))


@pytest.mark.parametrize("seed", range(4))
def test_model_and_code_agree_on_labels_and_on_their_products(seed: int) -> None:
    rng, checked = Random(seed), m.Model()
    opened = products = read = 0
    for _ in range(40):
        case = Case(rng)
        alliance, reader = case.in_model()
        real, person = case.in_code()
        one = label(rng)
        two = similar(rng, one)
        modelled = [label_in_model(each) for each in (one, two)]
        labels = [label_in_code(each) for each in (one, two)]
        modelled.append(checked.join(*modelled))
        labels.append(join(labels, known_policies(real)))
        terms = Terms(embargo=stamp(case.embargo) if case.embargo >= 0 else "")
        at = START + timedelta(minutes=case.at)
        times = (z3.IntVal(case.embargo), z3.IntVal(case.at))
        for which, (abstract, concrete) in enumerate(zip(modelled, labels, strict=True)):
            release = ReleaseClass("aa", "note", concrete, terms=terms)
            found = z3.simplify(checked.recipients(alliance, abstract, *times)).as_long()
            named = {name for name in PEOPLE if decide_member(real, release, name, at).permit}
            assert named == set(chosen(PEOPLE, found)), (seed, one, two, which)
            may = z3.is_true(z3.simplify(checked.may_read(alliance, abstract, *times, reader)))
            assert decide_reader(real, release, person, at).permit is may, (seed, one, two, which)
            opened += len(named) > 1
            products += which == 2 and len(named) > 1
            read += may
    assert min(opened, products, read) > 0


def test_model_and_code_measure_time_alike() -> None:
    """At every minute around a date: the skew of the model is the skew of the code."""
    said = label(Random(1)) | {"unknown": False, "classified": False, "has_tlp": True, "tlp": 1}
    said |= {"has_rel": False, "begin": 5, "end": 20, "review": 18}
    case = Case(Random(2))
    case.agreements = [(True, 15, 15, 4, 3, 3, 30)] * m.AGREEMENTS
    alliance, _ = case.in_model()
    real, _ = case.in_code()
    answers = []
    for minute in range(30):
        times = (z3.IntVal(-1), z3.IntVal(minute))
        found = z3.simplify(m.Model().recipients(alliance, label_in_model(said), *times)).as_long()
        release = ReleaseClass("aa", "note", label_in_code(said))
        at = START + timedelta(minutes=minute)
        named = {name for name in PEOPLE if decide_member(real, release, name, at).permit}
        assert named == set(chosen(PEOPLE, found)), minute
        answers.append(len(named))
    assert sorted(set(answers)) == [1, 4]


# Over whom it came, and what its terms let be passed on.


def way(rng: Random) -> tuple[list[int], int, int]:
    """Members by their places, mostly each once and not the originator; names; hops."""
    steps = rng.sample([1, 2, 3], rng.choice([2, 2, 3]))
    if rng.random() < 0.3:
        steps = [rng.randint(0, m.MEMBERS) for _ in range(rng.randint(1, m.WAY))]
    return steps, often(rng, m.NAMES), rng.choice([0, 1, 1, 2, 2, 8])


def fit_to_go_on(rng: Random, one: dict[str, Any]) -> dict[str, Any]:
    """The label with less that closes it: too few of any labels would reach anybody."""
    freed = {"unknown": False, "tlp": rng.randint(0, m.STRICT), "classified": rng.random() < 0.3}
    freed |= {"begin": m.NO_BEGIN, "review": m.NO_END, "rel": one["rel"] | 0b1110}
    return one | {name: value for name, value in freed.items() if rng.random() < 0.8}


def way_in_model(steps: list[int], names: int, hops: int) -> m.Way:
    filled = [*steps, 0, 0, 0][: m.WAY]
    return m.Way(
        *(z3.IntVal(len(steps)), tuple(map(z3.IntVal, filled))),
        *(z3.BitVecVal(names, m.NAMES), z3.IntVal(hops)),
    )


@pytest.mark.parametrize("seed", range(4))
def test_model_and_code_agree_on_what_is_passed_on(seed: int) -> None:
    rng, checked = Random(seed), m.Model()
    reached = shut = 0
    for _ in range(30):
        case = Case(rng)
        alliance, _ = case.in_model()
        real, _ = case.in_code()
        one, (steps, names, hops) = fit_to_go_on(rng, label(rng)), way(rng)
        terms = Terms(
            embargo=stamp(case.embargo) if case.embargo >= 0 else "",
            onward_to=chosen(NAMES, names),
            hops=hops,
        )
        relayed = tuple([*PEOPLE, "stranger"][step] for step in steps)
        release = ReleaseClass("aa", "note", label_in_code(one), terms=terms, relayed=relayed)
        at, times = START + timedelta(minutes=case.at), (case.embargo, case.at)
        found = checked.recipients(
            *(alliance, label_in_model(one), *map(z3.IntVal, times)),
            way_in_model(steps, names, hops),
        )
        named = {name for name in PEOPLE if decide_member(real, release, name, at).permit}
        assert named == set(chosen(PEOPLE, z3.simplify(found).as_long())), (seed, one, terms, steps)
        reached += bool(named - {"aa"})
        shut += named == {"aa"}
    assert min(reached, shut) > 0
