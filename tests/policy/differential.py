"""Four answers to one question: definition, compiled kernel, SQL filter, oracle.

A few stores are filled with statements of random labels; random alliances are then put over each
of them. For each alliance, at each of two moments, every member and every reader is asked about
every statement. The first difference raises an AssertionError with the case and the seed.
"""

import tempfile
from datetime import datetime
from pathlib import Path
from random import Random

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.labels import Label
from ringwall.policy import Kernel, ReleaseClass, decide_member, decide_reader
from ringwall.store import ReaderView, SqliteStore, Store
from tests.policy import oracle
from tests.policy.cases import MEMBERS, Book, Case, cards, case, description, moment
from tests.policy.read import read_book, read_card, read_case, read_label
from tests.store.samples import add, statement

STATEMENTS = 60
ALLIANCES = 12
"""Alliances over one store: to fill one costs more than to ask it."""


class Counted(msgspec.Struct):
    """How many decisions were compared; each is one of a member or of a reader."""

    decisions: int = 0
    permitted: int = 0
    classified: int = 0
    relayed: int = 0
    """Of those that permit: how many are about what others passed on to whoever is asked about."""
    of_readers: int = 0
    alliances: int = 0

    def __str__(self) -> str:
        return (
            f"{self.decisions:,} decisions agree in {self.alliances} alliances: definition, "
            f"compiled kernel, oracle; {self.of_readers:,} of them, of readers, in SQL too; "
            f"{self.permitted:,} permit, {self.classified:,} of those classified content and "
            f"{self.relayed:,} what was passed on"
        )


class SetClock:
    """A clock that stands where it was put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Stated(msgspec.Struct, frozen=True):
    """A statement: the raw case, and the class that the code under test made of it."""

    raw: Case
    label: Label
    release: ReleaseClass


def compare(least: int, *, seed: int) -> Counted:
    """Compare at least so many decisions."""
    rng = Random(seed)
    counted = Counted()
    while counted.decisions < least:
        with tempfile.TemporaryDirectory(prefix="ringwall-policy-") as folder:
            store = SqliteStore(Path(folder) / "ringwall.db")
            try:
                statements = fill(store, rng)
                for _ in range(ALLIANCES):
                    if counted.decisions < least:
                        one_alliance(store, statements, rng, counted, seed)
            finally:
                store.close()
    return counted


def fill(store: Store, rng: Random) -> dict[int, Stated]:
    """Store random statements, one of each case; return them by sequence."""
    found = {}
    for number in range(1, STATEMENTS + 1):
        raw = case(rng)
        one = Stated(raw, read_label(raw), read_case(raw))
        new = msgspec.structs.replace(statement(number), label=one.label, release_class=one.release)
        store.write(lambda tx, new=new: add(tx, new)).result()
        found[number] = one
    return found


def one_alliance(
    store: Store, statements: dict[int, Stated], rng: Random, counted: Counted, seed: int
) -> None:
    """Ask everybody of one new alliance about every statement, at two moments."""
    counted.alliances += 1
    number = counted.alliances
    book = description(rng, prefix=f"r{number}")
    alliance = read_book(book)
    shown = cards(rng, book, number)
    readers = {name: read_card(card) for name, card in shown.items()}
    clock = SetClock(moment(rng))
    kernel = Kernel(alliance, clock)
    for turn in range(2):
        where = f"seed {seed}, alliance {number}, turn {turn}"
        members(kernel, book, statements, clock.at, counted, where)
        for name, reader in readers.items():
            view = ReaderView(store, kernel, reader, route="test", places=f"{name}-{turn}")
            in_sql = {row.id.sequence for row in view.page(limit=STATEMENTS)}
            for sequence, one in statements.items():
                expected = oracle.may_read(book, one.raw, shown[name], clock.at)
                answers = reads(alliance, kernel, one, reader, clock.at)
                case_of = f"{where}, {name}: {one.raw} {shown[name]} {clock.at}"
                assert (*answers, sequence in in_sql) == (expected,) * 3, case_of
                count(counted, one, expected, reader.member)
                counted.of_readers += 1
        clock.at = moment(rng)


def members(
    kernel: Kernel,
    book: Book,
    statements: dict[int, Stated],
    at: datetime,
    counted: Counted,
    where: str,
) -> None:
    for one in statements.values():
        for name in [*MEMBERS, "zz"]:
            expected = oracle.may_receive(book, one.raw, name, at)
            defined = decide_member(kernel.alliance, one.release, name, at).permit
            compiled = kernel.may_receive(one.release, name)
            assert (defined, compiled) == (expected,) * 2, f"{where}, {name}: {one.raw} {at}"
            count(counted, one, expected, name)


def reads(
    alliance: Alliance, kernel: Kernel, one: Stated, reader: Reader, at: datetime
) -> tuple[bool, bool]:
    defined = decide_reader(alliance, one.release, reader, at).permit
    return defined, kernel.may_read(one.release, reader)


def count(counted: Counted, one: Stated, expected: bool, member: str) -> None:
    counted.decisions += 1
    counted.permitted += expected
    counted.classified += expected and one.label.confidentiality is not None
    passed_on = one.release.relayed and member != one.release.origin
    counted.relayed += expected and bool(passed_on)
