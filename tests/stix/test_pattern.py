"""Patterns: well formed or refused, agreeing with the grammar's own parser on ordinary ones."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.validator import run_validator

from ringwall.core import CallerError, InvalidInput, TooLarge
from ringwall.stix.pattern import PATTERN_LIMIT, check_pattern, comparisons

GOOD = [
    "[ipv4-addr:value = '192.0.2.1']",
    "[file:hashes.'TLSH' = 'aa' OR file:hashes.X IN ('a', 'b')]",
    "([a:b = 1] AND [a:c != 2]) WITHIN 5 SECONDS",
    "[a:b = 'it\\'s ] here'] FOLLOWEDBY [a:b LIKE 'x%']",
    "[a:b[*].c ISSUBSET '198.51.100.0/24']",
    "[a:b = t'2026-01-01T00:00:00Z'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
    "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port NOT = 80]",
    "[a:b NOT IN (1, 2.5, -3)] REPEATS 5 TIMES",
    "[(a:b = 1 OR a:b = 2) AND EXISTS a:c]",
    "[a:b MATCHES '^[a-z]+$']",
    "[a:b = true AND a:c = h'ab' AND a:d = b'AAEC']",
]
BAD = [
    "",
    "   ",
    "192.0.2.1",
    "[ipv4-addr:value = '192.0.2.1'",
    "ipv4-addr:value = '192.0.2.1']",
    "[ipv4-addr:value = '192.0.2.1]",
    '[ipv4-addr:value = "192.0.2.1"]',
    "[]",
    "()",
    "(a:b = 1)",
    "[a:b = 1)]",
    "([a:b = 1]",
    "[[a:b = 1]]",
    "[ipv4-addr:value]",
    "[a:b = 1]]",
    "[a:b = 1; drop]",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_good_patterns_pass(pattern: str) -> None:
    check_pattern(pattern, "/pattern")


@pytest.mark.parametrize("pattern", BAD)
def test_bad_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_pattern(pattern, "/pattern")
    assert (caught.value.field, caught.value.rule) == ("/pattern", "pattern")


@pytest.mark.parametrize("pattern", GOOD)
def test_the_reference_parser_takes_them_too(pattern: str) -> None:
    assert not run_validator(pattern, stix_version="2.1")


@pytest.mark.parametrize("pattern", BAD[2:])
def test_the_reference_parser_refuses_them_too(pattern: str) -> None:
    assert run_validator(pattern, stix_version="2.1")


_literal = st.text(max_size=12).map(
    lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
)


@given(st.lists(_literal, min_size=1, max_size=4))
def test_any_literal_may_stand_in_a_pattern_and_comes_back(literals: list[str]) -> None:
    pattern = f"[url:value IN ({', '.join(literals)})]"
    check_pattern(pattern, "/pattern")
    values = [value for _, value in comparisons(pattern)]
    rewritten = ["'" + v.replace("\\", "\\\\").replace("'", "\\'") + "'" for v in values]
    assert rewritten == literals


def test_only_what_is_asserted_is_taken() -> None:
    pattern = (
        "[a:b = 'x' AND a:c != 'no' AND a:d NOT = 'no' AND a:e NOT IN ('no') AND a:f > 5 "
        "AND a:g LIKE 'no' AND a:h = 7 AND a:i IN ('y', 'z')]"
    )
    assert list(comparisons(pattern)) == [("a:b", "x"), ("a:h", "7"), ("a:i", "y"), ("a:i", "z")]


def test_nothing_is_taken_from_what_is_no_pattern() -> None:
    assert list(comparisons("[a:b = \"x\" OR a:b = 'y']")) == []


def test_a_list_is_taken_as_a_list() -> None:
    assert list(comparisons("[a:b IN ('x', 2, true) AND a:c IN () AND a:d.'e'[*] = 'y']")) == [
        ("a:b", "x"),
        ("a:b", "2"),
        ("a:d.'e'[*]", "y"),
    ]
    assert list(comparisons("[a:b IN ('no'")) == list(comparisons("[a:b IN")) == []


def test_a_pattern_has_a_size() -> None:
    frame = len("[a:b = '']")
    check_pattern(f"[a:b = '{'x' * (PATTERN_LIMIT - frame)}']", "/pattern")
    for letter, length in (("x", PATTERN_LIMIT - frame + 1), ("\u00e4", PATTERN_LIMIT // 2)):
        with pytest.raises(TooLarge) as caught:
            check_pattern(f"[a:b = '{letter * length}']", "/pattern")
        assert (caught.value.field, caught.value.rule) == ("/pattern", "size")


def _seconds(pattern: str) -> float:
    """Return the least processor time of three runs."""
    times: list[float] = []
    for _ in range(3):
        started = time.process_time()
        with contextlib.suppress(CallerError):
            check_pattern(pattern, "/pattern")
        list(comparisons(pattern))
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        ("", "1a", ""),
        ("", "1a", ":"),
        ("", "a", ":"),
        ("[a:b = ", "1-", "]"),
        ("[", "a:b IN ", "]"),
        ("[", "a:b IN (1,", "]"),
        ("[a:b IN (", "1,", ")]"),
        ("[", "a:b = 1 AND ", "a:b = 1]"),
        ("[", "a:b[1", "]"),
        ("[a:b", ".'c'", ""),
        ("[a:b", ".'c", ""),
        ("[a:b = '", "\\'", ""),
        ("(" * 32_000, "[a:b=1]", ""),
        ("", "(", ""),
        ("", " ", "x"),
    ],
    ids=lambda text: text[:10],
)
def test_the_work_grows_as_the_pattern_does(head: str, unit: str, tail: str) -> None:
    small, large = (
        head[: size // 2] + unit * (size // 2 // len(unit)) + tail[: size // 2]
        for size in (4_000, 64_000)
    )
    # Sixteen times the text: sixteen times the work if it is linear, 256 times if quadratic.
    assert _seconds(large) < 64 * (_seconds(small) + 1e-4)
