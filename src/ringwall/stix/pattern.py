"""STIX patterns (STIX 2.1, section 9): whether one is well formed, and the values it names.

A pattern comes from anybody, so every part of the work here is linear in its length.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NoReturn

from ringwall.core import TooLarge
from ringwall.stix.checks import refuse

PATTERN_LIMIT = 64 * 1024
"""How long a pattern may be, in bytes of UTF-8."""

# Possessive throughout: what was matched is never tried again in shorter pieces.
_TOKEN = re.compile(
    r"\s++"
    r"|(?P<text>(?:[tTbBhH])?'(?:[^'\\]++|\\.)*+')"
    r"|(?P<open>[\[(])|(?P<close>[\])])"
    r"|(?P<operator>!=|<>|<=|>=|==|[=<>])"
    r"|(?P<path>[a-zA-Z0-9_-]++:[a-zA-Z0-9_-]++"
    r"(?:\.(?:[a-zA-Z0-9_-]++|'(?:[^'\\]++|\\.)*+')|\[(?:\d++|\*)\])*+)"
    r"|(?P<run>\+?[a-zA-Z0-9_-]++(?:\.\d++)?+)"
    r"|(?P<comma>,)",
    re.DOTALL | re.ASCII,
)
# A run that is no path is cut up by itself: looking for a path from each piece would be quadratic.
_PIECE = re.compile(r"(?P<word>[A-Za-z_]++)|(?P<number>[+-]?\d++(?:\.\d++)?+)", re.ASCII)
_CLOSES = {"]": "[", ")": "("}
_COMPARES = frozenset({"IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS"})
_LISTED = frozenset({"text", "number", "word", "comma"})

# The forms that most patterns have: [a:b = 'x'], and several of those joined by AND or OR.
_SIMPLE_LIMIT = PATTERN_LIMIT // 4  # characters, of at most four bytes
_NAME_PART = r"(?!(?:true|false)\b)[a-z][a-z0-9_]*+"
_COMPARISON = (
    r"(?!(?:true|false)\b)[a-z][a-z0-9-]*+:"
    rf"{_NAME_PART}(?:\.{_NAME_PART}|\.MD5|\.'[A-Za-z0-9-]++')*+ *+= *+'[^'\\]*+'"
)
_SIMPLE = re.compile(rf"\[ *+{_COMPARISON}(?: ++(?:AND|OR) ++{_COMPARISON})*+ *+\]")
_COMPARED = re.compile(r"([a-z][a-z0-9-]*+:[a-zA-Z0-9_.'-]++) *+= *+'([^'\\]*+)'")

Token = tuple[str, str]


def _simple(pattern: str) -> list[tuple[str, str]] | None:
    """Return path and value of every comparison of a pattern in a common form, else None."""
    global _last
    known, found = _last  # a pattern is checked, and then asked for its values
    if known != pattern:
        fits = len(pattern) <= _SIMPLE_LIMIT and _SIMPLE.fullmatch(pattern) is not None
        found = _COMPARED.findall(pattern) if fits else None
        _last = pattern, found
    return found


_last: tuple[str, list[tuple[str, str]] | None] = ("", None)


def tokens(pattern: str) -> list[Token] | None:
    """Split a pattern into (kind, text); None if some of it is no token of the language."""
    found: list[Token] = []
    if not _split(_TOKEN, pattern, found):
        return None
    return found


def _split(token: re.Pattern[str], text: str, found: list[Token]) -> bool:
    """Add the tokens of ``text`` to ``found``; tell whether they are all of it."""
    at = 0
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            return False
        if match.lastgroup == "run":
            if not _split(_PIECE, match[0], found):
                return False
        elif match.lastgroup is not None:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return True


def check_pattern(pattern: str, path: str) -> None:
    """Check that a pattern is made of observations in balanced brackets, each with a comparison.

    Raises InvalidInput (rule ``pattern``) or TooLarge (rule ``size``) at JSON pointer ``path``.
    """
    if _simple(pattern) is not None:
        return
    if len(pattern.encode()) > PATTERN_LIMIT:
        why = f"{path}: a pattern may have at most {PATTERN_LIMIT} bytes"
        raise TooLarge(why, field=path, rule="size")
    parts = tokens(pattern)
    if not parts:
        _malformed(path, "it is empty or holds what is no part of the language")
    if parts[0][1] not in {"[", "("} or ("open", "[") not in parts:
        _malformed(path, "it must start with [")
    _check_brackets(parts, path)


def _check_brackets(parts: list[Token], path: str) -> None:
    open_brackets: list[str] = []
    observes = compares = False
    for kind, text in parts:
        if kind == "open":
            if text == "[" and observes:
                _malformed(path, "an observation stands inside another")
            open_brackets.append(text)
            if text == "[":
                observes, compares = True, False
        elif kind == "close":
            if not open_brackets or open_brackets.pop() != _CLOSES[text]:
                _malformed(path, f"{text} closes nothing")
            if text == "]" and not compares:
                _malformed(path, "an observation compares nothing")
            observes = observes and text != "]"
        else:
            compares = compares or kind == "operator" or text in _COMPARES
    if open_brackets:
        _malformed(path, f"{open_brackets[-1]} is not closed")


def _malformed(path: str, why: str) -> NoReturn:
    refuse(path, "pattern", f"not a STIX pattern: {why}")


def comparisons(pattern: str) -> Iterable[tuple[str, str]]:
    """Return (object path, value) of every ``=`` and ``IN`` that is not negated.

    Nothing comes from a pattern that is not well formed. Values are unescaped; numbers stay text.
    """
    simple = _simple(pattern)
    return _compared(pattern) if simple is None else simple


def _compared(pattern: str) -> Iterator[tuple[str, str]]:
    parts = tokens(pattern) or []
    for index, (kind, path) in enumerate(parts):
        if kind != "path" or index + 2 >= len(parts):
            continue
        operator = parts[index + 1][1]
        if operator in {"=", "=="}:
            yield from _literals(path, parts[index + 2 : index + 3])
        elif operator == "IN":
            yield from _literals(path, _list_at(parts, index + 2))


def _list_at(parts: list[Token], start: int) -> list[Token]:
    """Return what stands in the list that opens at ``start``, nothing if there is no whole list.

    A path ends the walk, so lists never overlap and no token is looked at for two of them.
    """
    if parts[start][1] != "(":
        return []
    end = start + 1
    while end < len(parts) and parts[end][0] in _LISTED:
        end += 1
    return parts[start + 1 : end] if end < len(parts) and parts[end][1] == ")" else []


def _literals(path: str, parts: list[Token]) -> Iterator[tuple[str, str]]:
    for kind, text in parts:
        if kind == "text" and text[0] == "'":
            yield path, re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        elif kind == "number":
            yield path, text
