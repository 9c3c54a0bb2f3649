"""JSON that two readers can never read differently (RFC 8259 with I-JSON's limits, RFC 7493).

Refused, with the place named as a JSON pointer: duplicate keys, integers beyond 2^53 - 1, numbers
that overflow to infinity, NaN and Infinity, lone surrogates, invalid UTF-8, nesting beyond a
limit, anything after the value.
"""

import json
import re
from typing import Any, NoReturn

import msgspec

from ringwall.core.errors import InvalidInput, TooLarge

_SAFE_INTEGER = 2**53 - 1
_FIRST_EXPONENT = 1e21  # smaller floats have a canonical form of digits only
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BIG_NUMBER = re.compile(rb"[0-9]{16}|[0-9.][eE]")
_DIGITS_ALIKE = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_LONG_NUMBER = b"0" * 16


class Limits(msgspec.Struct, frozen=True):
    """What one JSON text may be at most."""

    size: int = 4 * 1024 * 1024
    depth: int = 32


DEFAULT_LIMITS = Limits()


def parse_json(raw: bytes, *, limits: Limits = DEFAULT_LIMITS, field: str = "") -> Any:
    """Read one JSON value strictly; ``field`` prefixes the JSON pointer in errors.

    Raises TooLarge (rule ``size``) and InvalidInput (rules ``json``, ``utf-8``, ``depth``,
    ``duplicate-key``, ``integer-range``, ``number-range``, ``surrogate``).
    """
    if len(raw) > limits.size:
        raise TooLarge(
            f"{field or 'input'}: {len(raw)} bytes, at most {limits.size} are taken",
            field=field,
            rule="size",
        )
    _check_depth(raw, limits.depth, field)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _parse_slowly(raw, field)
    return value if _is_unambiguous(raw, value) else _parse_slowly(raw, field)


def _is_unambiguous(raw: bytes, value: Any) -> bool:
    """Tell whether the fast decoder, which keeps the last duplicate, surely lost nothing.

    It refuses bad UTF-8, lone surrogates, NaN and overflow by itself. Without an escaped colon
    (``\\u003a``) both texts hold the same colons in strings, so one less means a lost member.
    """
    if b"\\u003" in raw or _LONG_NUMBER in raw.translate(_DIGITS_ALIKE):
        return False
    return raw.count(b":") == msgspec.json.encode(value).count(b":")


def _parse_slowly(raw: bytes, field: str) -> Any:
    """Parse once more with the place of everything at hand, to accept or to name what is wrong."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(field, "utf-8", f"not UTF-8 at byte {error.start}")
    if text.startswith("\ufeff"):
        _refuse(field, "json", "starts with a byte order mark")
    value = _parse(text, field)
    if _ESCAPED_SURROGATE.search(raw) or _BIG_NUMBER.search(raw):
        _check_scalars(value, field)
    return value


def _parse(text: str, field: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        _refuse(field, "json", f"{error.msg} at line {error.lineno} column {error.colno}")
    except ValueError as error:
        _refuse(field, "integer-range" if "digit" in str(error) else "json", str(error))
    return _settle(value, field)


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, before duplicates are looked for (so the path is known)."""


def _settle(value: Any, path: str) -> Any:
    """Turn written pairs into dicts, refusing duplicates with their place."""
    if type(value) is _Pairs:
        settled: dict[str, Any] = {}
        for key, item in value:
            if key in settled:
                _refuse(f"{path}/{_escape(key)}", "duplicate-key", f"the key {key!r} stands twice")
            kind = type(item)
            nested = kind is _Pairs or kind is list
            settled[key] = _settle(item, f"{path}/{_escape(key)}") if nested else item
        return settled
    if type(value) is list:
        return [_settle(item, f"{path}/{index}") for index, item in enumerate(value)]
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_NOT_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[^\[\]{}"]+', re.DOTALL)


def _check_depth(raw: bytes, limit: int, field: str) -> None:
    """Refuse nesting bombs before any recursive parser sees them.

    Strings and scalars are dropped at C speed; what is left are the brackets.
    """
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return
    depth = 0
    for bracket in _NOT_BRACKETS.sub(b"", raw):
        depth += 1 if bracket in b"[{" else -1
        if depth > limit:
            _refuse(field, "depth", f"nested deeper than {limit} levels")


def _check_scalars(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_scalars(key, path)
            _check_scalars(item, f"{path}/{_escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_scalars(item, f"{path}/{index}")
    elif isinstance(value, str):
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            _refuse(path, "surrogate", "a lone surrogate is no character")
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            _refuse(path, "number-range", "the number is too large for IEEE 754")
        if _SAFE_INTEGER < abs(value) < _FIRST_EXPONENT:
            _refuse(path, "number-range", "its canonical form would be an unsafe integer")
    elif isinstance(value, int) and not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
        _refuse(path, "integer-range", "integers must lie between -(2^53-1) and 2^53-1")


def _escape(key: str) -> str:
    """Escape a key for a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    safe = field.encode("utf-8", "backslashreplace").decode()
    raise InvalidInput(f"{safe or 'input'}: {why}", field=safe, rule=rule)
