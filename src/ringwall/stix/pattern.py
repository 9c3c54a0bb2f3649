"""STIX patterns (STIX 2.1, section 9): whether one is well formed, and the values it names.

Most patterns have one of a few forms, for which a regular expression is enough; all others go to
the grammar. tests/stix/test_pattern_grammar.py holds the two together.
"""

import re
from collections.abc import Iterable

from ringwall.core import TooLarge
from ringwall.stix.checks import refuse

PATTERN_LIMIT = 64 * 1024
"""How long a pattern may be, in bytes of UTF-8."""

# [a:b = 'x'], and several of those joined by AND or OR. Possessive throughout.
_SIMPLE_LIMIT = PATTERN_LIMIT // 4  # characters, of at most four bytes
_NAME_PART = r"(?!(?:true|false)\b)[a-z][a-z0-9_]*+"
_PATH = (
    r"(?!(?:true|false)\b)[a-z][a-z0-9-]*+:"
    rf"{_NAME_PART}(?:\.{_NAME_PART}|\.MD5|\.'[A-Za-z0-9-]++')*+"
)
_COMPARISON = rf"{_PATH} *+= *+'[^'\\]*+'"
_ONE = re.compile(rf"({_PATH}) *+= *+'([^'\\]*+)'")
_SIMPLE = re.compile(rf"\[ *+{_COMPARISON}(?: ++(?:AND|OR) ++{_COMPARISON})*+ *+\]")
_COMPARED = re.compile(r"([a-z][a-z0-9-]*+:[a-zA-Z0-9_.'-]++) *+= *+'([^'\\]*+)'")
_JOINS = 256
"""So many comparisons at most: few enough to be sure that the grammar's limits allow them."""

Comparisons = Iterable[tuple[str, str]]


def simple_comparisons(pattern: str) -> list[tuple[str, str]] | None:
    """Return path and value of every comparison of a pattern in a common form, else None."""
    if len(pattern) > _SIMPLE_LIMIT:
        return None
    if pattern[:1] == "[" and pattern[-1:] == "]":
        # The commonest of all: what was split within a value is no comparison.
        parts = pattern[1:-1].split(" OR ", _JOINS)
        matches = [_ONE.fullmatch(part) for part in parts]
        if None not in matches and len(parts) <= _JOINS:
            return [(match[1], match[2]) for match in matches if match]
    if _SIMPLE.fullmatch(pattern) is None:
        return None
    found: list[tuple[str, str]] = _COMPARED.findall(pattern)
    return found if len(found) <= _JOINS else None


# What was found of the last pattern: one is checked, and then asked for its values.
_last: tuple[str, Comparisons | str] = ("", "it is empty")


def _read(pattern: str) -> Comparisons | str:
    """Return the comparisons of a pattern, or in words why it is none."""
    global _last
    known, found = _last
    if known == pattern:
        return found
    simple = simple_comparisons(pattern)
    found = by_grammar(pattern) if simple is None else simple
    _last = pattern, found
    return found


def by_grammar(pattern: str) -> Comparisons | str:
    """Return the comparisons of a pattern, or in words why it is none, by the grammar alone."""
    # Imported when the first uncommon pattern comes: it takes some 20 ms.
    from ringwall.stix.pattern_grammar import Malformed, comparisons_of, parse

    if len(pattern.encode("utf-8", "surrogatepass")) > PATTERN_LIMIT:
        return f"it has more than {PATTERN_LIMIT} bytes"
    try:
        return comparisons_of(parse(pattern))
    except Malformed as error:
        return str(error)


def check_pattern(pattern: str, path: str) -> None:
    """Check that a pattern is well formed by the grammar of the standard.

    Raises InvalidInput (rule ``pattern``) or TooLarge (rule ``size``) at JSON pointer ``path``.
    """
    found = _read(pattern)
    if isinstance(found, str):
        if len(pattern.encode("utf-8", "surrogatepass")) > PATTERN_LIMIT:
            why = f"{path}: a pattern may have at most {PATTERN_LIMIT} bytes"
            raise TooLarge(why, field=path, rule="size")
        refuse(path, "pattern", f"not a STIX pattern: {found}")


def comparisons(pattern: str) -> Comparisons:
    """Return (object path, value) of every ``=`` and ``IN`` that is not negated.

    Nothing comes from a pattern that is not well formed. Values are unescaped; numbers stay text.
    """
    found = _read(pattern)
    return () if isinstance(found, str) else found
