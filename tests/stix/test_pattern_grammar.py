"""The pattern grammar: the same as the fast path, and as the parser of the standard's authors.

Where ours differs from `stix2-patterns` it is on purpose; `DIFFERENCES` has every reason.
"""

import re
import time
from pathlib import Path

import pytest
import stix2patterns
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2patterns.validator import run_validator

from ringwall.core import InvalidInput
from ringwall.stix.pattern import by_grammar, check_pattern, comparisons, simple_comparisons
from ringwall.stix.pattern_grammar import NESTING_LIMIT, TOKEN_LIMIT
from tests.stix.test_pattern import BAD, GOOD

SPECIFICATION = Path(stix2patterns.__file__).parent / "test" / "v21" / "spec_examples.txt"

DIFFERENCES = {
    "time": "a time literal such as 30 February is no RFC 3339 time; only its form is looked at",
    "interval": "section 9.3: STOP is later than START, and counts are above zero",
    "hash": "a digest of the wrong length matches nothing, which harms nobody; it is let pass",
    "index": "its look at digests fails on an index: [file:hashes[0] = 'a']",
    "size": "no pattern may have more parts, or be nested deeper, than anybody would write",
}
"""What ours refuses (or takes) and `stix2-patterns` does not, by why."""


def is_taken(pattern: str) -> bool:
    return not isinstance(by_grammar(pattern), str)


def is_taken_by_antlr(pattern: str) -> bool:
    try:
        return not run_validator(pattern, stix_version="2.1")
    except AttributeError:
        return False  # an index that its grammar takes and its walk then fails at


def difference(pattern: str) -> str:
    """Return the reason why ours may differ on a pattern, "" for none."""
    reason = by_grammar(pattern)
    if isinstance(reason, str):
        if "is no timestamp" in reason:
            return "time"
        if "STOP must" in reason or "above zero" in reason:
            return "interval"
        if "more than" in reason or "deeper than" in reason:
            return "size"
        return ""
    try:
        problems = run_validator(pattern, stix_version="2.1")
    except AttributeError:
        return "index" if "hashes" in pattern else ""
    return "hash" if all("is not a valid" in problem for problem in problems) else ""


def assert_agreement(pattern: str) -> None:
    if is_taken(pattern) != is_taken_by_antlr(pattern):
        assert difference(pattern) in DIFFERENCES, pattern


SPELLED = [
    "[a:b = 1 OR a:c = 2 AND a:d = 3]", "[a:b NOT IN ('x')]", "[a:b IN ()]", "[NOT EXISTS a:b]",
    "[a:b[0].c[*] = 1]", "[a:b[-1] = 1]", "[a:b[01] = 1]", "[a:b[1.0] = 1]", "[a : b . c = 1]",
    "[a:b.c-d = 1]", "[a:'b-c'.d = 1]", "[a-b:c = 1]", "[a:b == 1]", "[a:b <> 1]", "[a:b != 1]",
    "[a:b => 1]", "[a:b =! 1]", "[a:b > true]", "[a:b = true]", "[a:b = TRUE]", "[a:true = 1]",
    "[true:b = 1]", "[a:AND = 1]", "[a:LIKE LIKE 'x']", "[a:b LIKE 1]", "[a:b MATCHES 'x' ]",
    "[a:b ISSUBSET 'x' OR a:b ISSUPERSET 'y']", "[a:b NOT LIKE 'x']", "[NOT a:b = 1]",
    "[a:b = .5]", "[a:b = 1.]", "[a:b = +1]", "[a:b = -0]", "[a:b = -.5]", "[a:b = 1e5]",
    "[a:b = h'ab']", "[a:b = h'a']", "[a:b = h'']", "[a:b = b'']", "[a:b = b'AAEC']",
    "[a:b = b'AAE=']", "[a:b = b'A']", "[a:b = b'====']", "[a:b = '']", "[a:b = '\\\\']",
    "[a:b = '\\n']", "[a:b = 'x\ny']", "[a:b = t'2026-01-01T00:00:00Z']", "[a:b = t'2026']",
    "[a:b = t'2026-13-01T00:00:00Z']", "[a:b = t'2026-01-01T00:00:00+01:00']",
    "[a:b = 1] /* comment */ OR // other\n[a:b = 2]", "[a:b = 1] /* not closed", "[a:b = 1]//x",
    "[a:b = 1] WITHIN 5 SECONDS", "[a:b = 1] WITHIN 5.5 SECONDS", "[a:b = 1] WITHIN -5 SECONDS",
    "[a:b = 1] WITHIN 5 HOURS", "[a:b = 1] within 5 SECONDS", "[a:b = 1] REPEATS 5 TIMES",
    "[a:b = 1] REPEATS 5.5 TIMES", "[a:b = 1] REPEATS 2 TIMES WITHIN 3 SECONDS",
    "[a:b = 1] REPEATS 2 TIMES REPEATS 3 TIMES", "([a:b = 1] REPEATS 2 TIMES) REPEATS 3 TIMES",
    "[a:b = 1] WITHIN 2 SECONDS WITHIN 3 SECONDS",
    "[a:b = 1] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'",
    "[a:b = 1] START '2026-01-01T00:00:00Z' STOP '2026-01-02T00:00:00Z'",
    "[a:b = 1] START t'2026-01-01T00:00:00Z'", "([a:b = 1] FOLLOWEDBY [a:b = 2]) WITHIN 5 SECONDS",
    "[a:b = 1] FOLLOWEDBY [a:b = 2] AND [a:b = 3] OR [a:b = 4]", "[a:b = 1] [a:b = 2]",
    "[(a:b = 1) AND (a:b = 2 OR (a:c = 3))]", "[((a:b = 1))]", "[a:b = (1)]", "([a:b = 1])",
    "(([a:b = 1]))", "[a:b = 1] AND", "AND [a:b = 1]", "[a:b = 1 AND]", "[a:b = a:c]", "[1 = a:b]",
    "[a:b = 1 FOLLOWEDBY a:b = 2]", "[a:b IN ('x' 'y')]", "[a:b IN ('x',)]", "[a:b IN 'x']",
    "[a:b IN (1, 'x', true, h'ab', t'2026-01-01T00:00:00Z')]", "[a:b = LAST]", "[a:b = \u00e4]",
    "[a:b\u00a0=\u20031]", "[a:b = 1]\x00", "[a.b = 1]", "[a:b: = 1]", "[:b = 1]", "[a: = 1]",
    "[a:b. = 1]", "[a:b[] = 1]", "[a:b[a] = 1]", "[a:b['a'] = 1]", "{a:b = 1}", "[a:b = \"x\"]",
    "[a--b:c = 1]", "[_a:_b = 1]", "[a:1b = 1]", "[a:b-c = 1]", "[EXISTS a:b AND a:c = 1]",
    "[file:hashes.'SHA-256' = 'f00']", "[file:hashes.MD5 = 'x']", "[a:b = 1] REPEATS 0 TIMES",
    "[a:b = 1] WITHIN 0 SECONDS", "[a:b = t'2026-02-30T00:00:00Z']",
    "[a:b = 1] START t'2026-01-02T00:00:00Z' STOP t'2026-01-01T00:00:00Z'",
]  # fmt: skip


@pytest.mark.parametrize("pattern", [*SPELLED, *GOOD, *BAD[2:]])
def test_the_grammar_agrees_with_the_reference_parser(pattern: str) -> None:
    assert_agreement(pattern)


def test_the_examples_of_the_standard_are_taken() -> None:
    examples = [line for line in SPECIFICATION.read_text().splitlines() if line.strip()]
    assert len(examples) > 20
    for pattern in examples:
        assert is_taken(pattern), pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[a:b = t'2026-02-30T00:00:00Z']", "time"),
        ("[a:b = 1] REPEATS 0 TIMES", "interval"),
        ("[a:b = 1] START t'2026-01-02T00:00:00Z' STOP t'2026-01-01T00:00:00Z'", "interval"),
        ("[file:hashes.'SHA-256' = 'f00']", "hash"),
        ("[" + "(" * NESTING_LIMIT + "a:b = 1" + ")" * NESTING_LIMIT + "]", "size"),
    ],
)
def test_every_difference_is_real(pattern: str, reason: str) -> None:
    assert is_taken(pattern) != is_taken_by_antlr(pattern)
    assert difference(pattern) == reason


# Patterns made by the grammar, and such with something wrong at one place.

_name = st.sampled_from(["a", "value", "file", "x_y", "hashes", "MD5", "true", "AND", "b2"])
_kind = st.sampled_from(["file", "ipv4-addr", "x-a--b", "a", "true", "url"])
_quoted = st.text("ab'\\ ]=[\n\u00e4", max_size=5).map(
    lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
)
_literal = _quoted | st.sampled_from(
    ["1", "-2.5", "true", "h'ab'", "b'AAEC'", "t'2026-01-01T00:00:00Z'", "'SHA-256'", "+3"]
)
_step = st.one_of(
    _name.map(lambda name: f".{name}"), _quoted.map(lambda name: f".{name}"),
    st.sampled_from(["[*]", "[0]", "[-1]", ".'SHA-256'"]),
)  # fmt: skip
_path = st.builds(
    lambda kind, name, steps: f"{kind}:{name}{''.join(steps)}",
    _kind,
    _name,
    st.lists(_step, max_size=2),
)
_equal = st.builds("{} {} {}".format, _path, st.sampled_from(["=", "!=", "NOT =", "=="]), _literal)
_test = _equal | st.one_of(
    st.builds("{}={}".format, _path, _literal),
    st.builds("{} {} {}".format, _path, st.sampled_from(["<", ">=", "LIKE", "NOT MATCHES"]),
              _quoted),
    st.builds(lambda path, items: f"{path} IN ({', '.join(items)})", _path,
              st.lists(_literal, max_size=3)),
    st.builds("EXISTS {}".format, _path),
)  # fmt: skip
_joined = st.recursive(
    _test,
    lambda inner: (
        st.builds("{} AND {}".format, inner, inner)
        | st.builds("{} OR {}".format, inner, inner)
        | st.builds("({})".format, inner)
    ),
    max_leaves=4,
)
_observed = st.recursive(
    _joined.map(lambda test: f"[{test}]"),
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR", "FOLLOWEDBY"]), inner)
        | st.builds("({})".format, inner)
        | st.builds("{} WITHIN 5 SECONDS".format, inner)
        | st.builds("{} REPEATS 2 TIMES".format, inner)
    ),
    max_leaves=3,
)
_simple = st.lists(
    st.builds("{}{}{}".format, _path, st.sampled_from([" = ", "=", "  = "]), _quoted),
    min_size=1,
    max_size=4,
).flatmap(
    lambda tests: st.sampled_from([" OR ", " AND ", "  OR "]).map(
        lambda word: f"[{word.join(tests)}]"
    )
)
_piece = st.sampled_from(
    [*"[]()'=:.,*\\ ", " AND ", " OR ", "NOT", "x", "1", "true", "-", "\n", "//"]
)


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A pattern with a piece put in, taken out or put in place of another."""
    pattern = draw(_simple | _observed)
    at = draw(st.integers(0, len(pattern)))
    gone = draw(st.integers(0, 3))
    return pattern[:at] + draw(st.just("") | _piece) + pattern[at + gone :]


@settings(max_examples=300)
@given(_observed | _simple | broken())
def test_the_grammar_agrees_with_the_reference_parser_on_made_patterns(pattern: str) -> None:
    assert_agreement(pattern)


@pytest.mark.long
@settings(max_examples=20_000)
@given(_observed | _simple | broken())
def test_the_grammar_agrees_with_the_reference_parser_on_many(pattern: str) -> None:
    assert_agreement(pattern)


@settings(max_examples=3000)
@given(_simple | broken())
def test_the_fast_path_is_the_grammar(pattern: str) -> None:
    fast = simple_comparisons(pattern)
    if fast is not None:
        assert by_grammar(pattern) == fast


@given(_quoted)
def test_common_forms_take_the_fast_path(literal: str) -> None:
    for pattern in (
        f"[url:value = {literal}]",
        f"[file:hashes.'SHA-256' = {literal} OR file:hashes.MD5 = 'a']",
        f"[domain-name:value={literal} AND domain-name:resolves_to_refs[*].value = 'a']",
    ):
        found = simple_comparisons(pattern)
        if "\\" in literal or "[*]" in pattern:
            assert found is None
        else:
            assert found is not None


def test_limits_are_refusals_with_a_rule() -> None:
    for pattern in (
        f"[a:b IN ({', '.join(['1'] * TOKEN_LIMIT)})]",
        "(" * 100 + "[a:b = 1]" + ")" * 100,
    ):
        with pytest.raises(InvalidInput) as caught:
            check_pattern(pattern, "/pattern")
        assert (caught.value.field, caught.value.rule) == ("/pattern", "pattern")
        assert list(comparisons(pattern)) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "[" + "a:b = 1 AND " * 2_700 + "a:b = 1]",
        "[a:b IN (" + "1," * 8_000 + "1)]",
        "[a:b = 1] OR " * 1_800 + "[a:b = 1]",
        "[a:b" + ".c" * 8_000 + " = 1]",
        "/**/" * 16_000,
        "[a:b = '" + "\\'" * 30_000 + "']",
        "[a:b = '" + "x" * 60_000,
        "/*" * 32_000,
    ],
    ids=lambda pattern: pattern[:12],
)
def test_no_pattern_costs_seconds(pattern: str) -> None:
    by_grammar(GOOD[0])  # the parser is made now
    started = time.process_time()
    by_grammar(pattern)
    assert time.process_time() - started < 10  # what backtracks takes minutes


def test_the_reason_is_in_words() -> None:
    for pattern in BAD:
        reason = by_grammar(pattern)
        assert isinstance(reason, str)
        assert re.search("[a-z]", reason)
