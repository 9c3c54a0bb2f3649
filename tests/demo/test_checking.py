"""The check of the demonstration can fail: each kind of deviation is named."""

import msgspec
import pytest

from ringwall.demo import Arrival, Arrivals, Stated, latencies_ms, load_expectations, percentile
from ringwall.demo.checking import check_arrivals, check_counts, reader_sees
from ringwall.demo.scenario import ObjectExpectation

EXPECTED = load_expectations()
STATED = Stated(
    step="report",
    origin="borduria",
    object="report--9a266cdc-824f-4615-9381-e0ce21844562",
    version="",
    statement="borduria-1:7",
    label="TLP:AMBER//REL TO allies",
    submitted=100.0,
    recipients={},
    expected=ObjectExpectation(has=("arden",), withheld={"dorne": "rel-to"}),
)


def arrivals(*members: str) -> Arrivals:
    found = Arrivals()
    for number, member in enumerate(members):
        found.add(Arrival(member, STATED.statement, 100.02 + number, {}))
    return found


def test_what_arrived_as_expected_is_no_failure() -> None:
    assert check_arrivals([STATED], arrivals("arden")) == []


def test_what_is_missing_and_what_leaked_are_named() -> None:
    missing, leaked = check_arrivals([STATED], arrivals("dorne"))
    assert missing == "borduria-1:7 did not arrive at arden"
    assert leaked == "LEAK: borduria-1:7 arrived at dorne"


def test_a_statement_too_few_or_too_many_is_named() -> None:
    assert check_counts([STATED], EXPECTED)
    every = [
        msgspec.structs.replace(STATED, step=step, object=name)
        for step, expectation in EXPECTED.steps.items()
        for name in expectation.objects
    ]
    assert check_counts(every, EXPECTED) == []
    assert check_counts([*every, every[0]], EXPECTED)


@pytest.mark.parametrize(
    ("reader", "member", "sees"),
    [
        ("arden-analyst", "arden", True),
        ("arden-watch", "arden", True),
        ("arden-trainee", "arden", False),
        ("arden-tool", "arden", False),
        ("borduria-tool", "borduria", True),
        ("arden-admin", "arden", False),
        ("arden-auditor", "arden", False),
    ],
)
def test_the_rules_for_readers_are_those_of_the_file(reader: str, member: str, sees: bool) -> None:
    assert reader_sees(reader, member, STATED, EXPECTED.readers) is sees


def test_latency_counts_the_first_read_and_never_below_nothing() -> None:
    found = arrivals("arden", "caledon")
    found.add(Arrival("arden", STATED.statement, 500.0, {}))
    assert latencies_ms([STATED], found) == [pytest.approx(20.0), pytest.approx(1020.0)]
    early = Arrivals()
    early.add(Arrival("arden", STATED.statement, 99.0, {}))
    assert latencies_ms([STATED], early) == [0.0]


def test_percentiles_are_nearest_ranks() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.50), percentile(values, 0.99)) == (50.0, 99.0)
    assert (percentile([7.0], 0.99), percentile([], 0.5)) == (7.0, 0.0)
