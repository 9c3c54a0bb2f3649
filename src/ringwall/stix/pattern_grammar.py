"""The grammar of STIX patterns (STIX 2.1, section 9): any pattern, slowly and exactly.

Tokens are found by one regular expression, and an LALR(1) parser (made of the grammar when the
first uncommon pattern comes) takes them one by one with a stack of its own. So the work is linear
in the pattern's length, whatever is nested in it, and both are bounded besides.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from lark import Lark, Token, UnexpectedInput
from lark.lexer import Lexer

from ringwall.core import InvalidInput, parse_timestamp

TOKEN_LIMIT = 16 * 1024
"""How many tokens a pattern may have."""
NESTING_LIMIT = 64
"""How deep brackets and parentheses may stand in each other."""

_GRAMMAR = r"""
start: followed
followed: either | followed FOLLOWEDBY either
either: both | either OR both
both: observation | both AND observation
observation: LBRACK alternatives RBRACK
           | LPAREN followed RPAREN
           | observation START TIMESTAMP STOP TIMESTAMP
           | observation WITHIN (POSITIVE | POSITIVE_FRACTION) SECONDS
           | observation REPEATS POSITIVE TIMES

alternatives: conditions | alternatives OR conditions
conditions: test | conditions AND test
test: path (EQUAL | NOT EQUAL) primitive
    | path (ORDER | NOT ORDER) orderable
    | path (IN | NOT IN) set
    | path (MATCHING | NOT MATCHING) STRING
    | (EXISTS | NOT EXISTS) path
    | LPAREN alternatives RPAREN
path: (NAME | HYPHENATED) COLON (NAME | STRING) step*
step: DOT (NAME | STRING) | LBRACK (POSITIVE | ASTERISK) RBRACK
set: LPAREN RPAREN | LPAREN primitive (COMMA primitive)* RPAREN
primitive: orderable | BOOLEAN
orderable: POSITIVE | NEGATIVE | POSITIVE_FRACTION | NEGATIVE_FRACTION
         | STRING | BINARY | HEX | TIMESTAMP

%declare FOLLOWEDBY OR AND NOT START STOP WITHIN SECONDS REPEATS TIMES IN EXISTS
%declare EQUAL ORDER MATCHING LBRACK RBRACK LPAREN RPAREN COLON DOT COMMA ASTERISK
%declare NAME HYPHENATED STRING BOOLEAN TIMESTAMP HEX BINARY
%declare POSITIVE NEGATIVE POSITIVE_FRACTION NEGATIVE_FRACTION
"""
_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Possessive throughout: what was matched is never tried again in shorter pieces.
_TOKEN = re.compile(
    rf"[{_SPACE}]++|//[^\r\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/"
    r"|(?P<TIMESTAMP>t'[^'\\]*+')"
    r"|(?P<HEX>h'(?:[0-9a-fA-F]{2})*+')"
    r"|(?P<BINARY>b'(?:[A-Za-z0-9+/]{4})*+(?:(?<!')|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)')"
    r"|(?P<STRING>'(?:[^'\\]++|\\['\\])*+')"
    r"|(?P<NEGATIVE_FRACTION>-(?:0|[1-9][0-9]*+)?\.[0-9]++)"
    r"|(?P<POSITIVE_FRACTION>\+?(?:0|[1-9][0-9]*+)?\.[0-9]++)"
    r"|(?P<NEGATIVE>-(?:0|[1-9][0-9]*+))"
    r"|(?P<POSITIVE>\+?(?:0|[1-9][0-9]*+))"
    r"|(?P<HYPHENATED>[A-Za-z_][A-Za-z0-9_]*+-[A-Za-z0-9_-]*+)"
    r"|(?P<NAME>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<EQUAL>==?|!=|<>)|(?P<ORDER>[<>]=?)"
    r"|(?P<LBRACK>\[)|(?P<RBRACK>\])|(?P<LPAREN>\()|(?P<RPAREN>\))"
    r"|(?P<COLON>:)|(?P<DOT>\.)|(?P<COMMA>,)|(?P<ASTERISK>\*)"
)
_KEYWORDS = {
    **{
        word: word
        for word in (
            "FOLLOWEDBY", "OR", "AND", "NOT", "START", "STOP", "WITHIN", "SECONDS", "REPEATS",
            "TIMES", "IN", "EXISTS",
        )
    },
    **dict.fromkeys(("LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"), "MATCHING"),
    **dict.fromkeys(("true", "false"), "BOOLEAN"),
    "LAST": "LAST",  # reserved, and in no rule
}  # fmt: skip
_NUMBERS = frozenset({"POSITIVE", "NEGATIVE", "POSITIVE_FRACTION", "NEGATIVE_FRACTION"})
_QUALIFIERS = frozenset({"START", "WITHIN", "REPEATS"})
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Malformed(Exception):
    """The text is no STIX pattern; the message says why, for a person."""


def parse(pattern: str) -> list[Token]:
    """Return the tokens of a pattern that the grammar takes. Raises Malformed."""
    tokens = list(_tokens(pattern))
    try:
        _parser().parse(tokens)  # our lexer takes what was split before
    except UnexpectedInput as error:
        where = getattr(error, "token", None)
        if where is None or where.type == "$END":
            raise Malformed("it ends too early") from error
        at = where.start_pos
        raise Malformed(f"{where[:40]!r} is not expected at character {at}") from error
    _check_qualifiers(tokens)
    return tokens


def _tokens(pattern: str) -> Iterator[Token]:
    at = count = nesting = 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None:
            raise Malformed(f"{pattern[at : at + 10]!r} at character {at} is no part of a pattern")
        kind, at = match.lastgroup, match.end()
        if kind is None:
            continue
        if kind == "NAME":
            kind = _KEYWORDS.get(match[0], "NAME")
        count += 1
        nesting += (kind in {"LBRACK", "LPAREN"}) - (kind in {"RBRACK", "RPAREN"})
        if count > TOKEN_LIMIT:
            raise Malformed(f"it has more than {TOKEN_LIMIT} parts")
        if nesting > NESTING_LIMIT:
            raise Malformed(f"it is nested deeper than {NESTING_LIMIT} levels")
        yield Token(kind, match[0], start_pos=match.start())


class _Given(Lexer):
    """Hands the parser tokens that were found before."""

    def __init__(self, lexer_conf: Any) -> None:
        pass

    def lex(self, data: Sequence[Token]) -> Iterator[Token]:  # type: ignore[override]
        return iter(data)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer=_Given)


def _check_qualifiers(tokens: Sequence[Token]) -> None:
    """Check what section 9.3 says beyond the grammar, of times and of repeated qualifiers."""
    seen: set[str] | None = set()
    for index, token in enumerate(tokens):
        if token.type == "RBRACK":
            seen = set()
        elif token.type == "RPAREN":
            seen = None  # a group: its parts have their own qualifiers
        elif token.type == "TIMESTAMP":
            _time(token)
        elif token.type in _QUALIFIERS:
            if seen is not None and token.type in seen:
                raise Malformed(f"{token} stands twice at one observation")
            if seen is not None:
                seen.add(token.type)
            if token.type == "START" and _time(tokens[index + 1]) >= _time(tokens[index + 3]):
                raise Malformed("STOP must be after START")
            if token.type != "START" and not float(tokens[index + 1]):
                raise Malformed(f"{token} needs a number above zero")


def _time(token: Token) -> Any:
    try:
        return parse_timestamp(token[2:-1])
    except InvalidInput as error:
        raise Malformed(f"{token[:40]} is no timestamp") from error


def comparisons_of(tokens: Sequence[Token]) -> list[tuple[str, str]]:
    """Return (object path, value) of every ``=`` and ``IN`` that is not negated.

    ``tokens`` come from :func:`parse`. Values are unescaped; numbers stay text; truth values,
    times and bytes are left out.
    """
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(tokens):
        if tokens[at].type != "COLON":
            at += 1
            continue
        end = _path_end(tokens, at + 2)
        path = "".join(tokens[at - 1 : end])
        at = end
        if tokens[at] in {"=", "=="}:
            found.extend(_value(path, tokens[at + 1]))
        elif tokens[at].type == "IN":
            at += 2
            while tokens[at].type != "RPAREN":
                found.extend(_value(path, tokens[at]))
                at += 1
    return found


def _path_end(tokens: Sequence[Token], at: int) -> int:
    while True:
        if tokens[at].type == "DOT":
            at += 2
        elif tokens[at].type == "LBRACK":
            at += 3
        else:
            return at


def _value(path: str, token: Token) -> Iterator[tuple[str, str]]:
    if token.type == "STRING":
        yield path, _ESCAPED.sub(r"\1", token[1:-1])
    elif token.type in _NUMBERS:
        yield path, str(token)
