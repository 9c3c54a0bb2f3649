"""STIX patterns (STIX 2.1, section 9): whether one is well formed, and the values it names."""

import re
from collections.abc import Iterator
from typing import NoReturn

from ringwall.stix.checks import refuse

_TOKEN = re.compile(
    r"\s+"
    r"|(?P<text>(?:[tTbBhH])?'(?:[^'\\]|\\.)*')"
    r"|(?P<open>[\[(])|(?P<close>[\])])"
    r"|(?P<operator>!=|<>|<=|>=|==|[=<>])"
    r"|(?P<path>[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+(?:\.(?:[a-zA-Z0-9_-]+|'(?:[^'\\]|\\.)*')|\[(?:\d+|\*)\])*)"
    r"|(?P<word>[A-Za-z_]+)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<comma>,)",
    re.DOTALL | re.ASCII,
)
_CLOSES = {"]": "[", ")": "("}
_COMPARES = frozenset({"IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET", "EXISTS"})

Token = tuple[str, str]


def tokens(pattern: str) -> list[Token] | None:
    """Split a pattern into (kind, text); None if some of it is no token of the language."""
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None:
            return None
        if match.lastgroup is not None:
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return found


def check_pattern(pattern: str, path: str) -> None:
    """Check that a pattern is made of observations in balanced brackets, each with a comparison.

    Raises InvalidInput (rule ``pattern``) at JSON pointer ``path``.
    """
    parts = tokens(pattern)
    if not parts:
        _malformed(path, "it is empty or holds what is no part of the language")
    if parts[0][1] not in {"[", "("} or ("open", "[") not in parts:
        _malformed(path, "it must start with [")
    open_brackets: list[str] = []
    compares = False
    for kind, text in parts:
        if kind == "open":
            if text == "[" and "[" in open_brackets:
                _malformed(path, "an observation stands inside another")
            open_brackets.append(text)
            compares = compares and text != "["
        elif kind == "close":
            if not open_brackets or open_brackets.pop() != _CLOSES[text]:
                _malformed(path, f"{text} closes nothing")
            if text == "]" and not compares:
                _malformed(path, "an observation compares nothing")
        else:
            compares = compares or kind == "operator" or text in _COMPARES
    if open_brackets:
        _malformed(path, f"{open_brackets[-1]} is not closed")


def _malformed(path: str, why: str) -> NoReturn:
    refuse(path, "pattern", f"not a STIX pattern: {why}")


def comparisons(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield (object path, value) of every ``=`` and ``IN`` that is not negated.

    Nothing comes from a pattern that is not well formed. Values are unescaped; numbers stay text.
    """
    parts = tokens(pattern) or []
    for index, (kind, path) in enumerate(parts):
        if kind != "path" or index + 2 >= len(parts):
            continue
        operator = parts[index + 1][1]
        if operator in {"=", "=="}:
            yield from _literals(path, parts[index + 2 : index + 3])
        elif operator == "IN":
            yield from _literals(path, _until_closed(parts[index + 2 :]))


def _until_closed(parts: list[Token]) -> list[Token]:
    for index, (kind, _) in enumerate(parts):
        if kind == "close":
            return parts[:index]
    return []


def _literals(path: str, parts: list[Token]) -> Iterator[tuple[str, str]]:
    for kind, text in parts:
        if kind == "text" and text[0] == "'":
            yield path, re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        elif kind == "number":
            yield path, text
