"""Checks of single values by STIX data type (STIX 2.1, section 2). Each takes the value and its
JSON pointer, and raises InvalidInput with that pointer and a rule.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, NoReturn

from ringwall.core import InvalidInput, parse_timestamp

Check = Callable[[Any, str], None]

IDENTIFIER = re.compile(
    r"(?=.{,288}\Z)([a-z0-9]+(?:-[a-z0-9]+)*)--"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
    re.ASCII,
)
# Surely a date: what this leaves out (late days of a month, leap seconds) goes to parse_timestamp.
_PLAIN_TIMESTAMP = re.compile(
    r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z",
    re.ASCII,
)
_DICTIONARY_KEY = re.compile(r"[A-Za-z0-9_-]{1,250}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)
_HASH_DIGITS = {
    "MD5": 32,
    "SHA-1": 40,
    "SHA-256": 64,
    "SHA-512": 128,
    "SHA3-256": 64,
    "SHA3-512": 128,
}


def refuse(field: str, rule: str, why: str) -> NoReturn:
    """Raise InvalidInput for the value at JSON pointer ``field``."""
    raise InvalidInput(f"{field or 'object'}: {why}", field=field, rule=rule)


def string(value: Any, path: str) -> None:
    """Check ``string``."""
    if type(value) is not str:
        refuse(path, "type", "must be a string")


def boolean(value: Any, path: str) -> None:
    """Check ``boolean``: true or false."""
    if type(value) is not bool:
        refuse(path, "type", "must be true or false")


def integer(value: Any, path: str) -> None:
    """Check ``integer``: a whole number (not ``true``, not ``1.0``)."""
    if type(value) is not int:
        refuse(path, "type", "must be an integer")


def number(value: Any, path: str) -> None:
    """Check ``float``: any JSON number."""
    if type(value) is not int and type(value) is not float:
        refuse(path, "type", "must be a number")


def timestamp(value: Any, path: str) -> None:
    """Check ``timestamp``: RFC 3339 in UTC, ending in Z."""
    string(value, path)
    if _PLAIN_TIMESTAMP.fullmatch(value) is None:
        parse_timestamp(value, field=path)


def between(low: float, high: float, check: Check = integer) -> Check:
    """Return a check for a number from ``low`` to ``high``, both included."""

    def bounded(value: Any, path: str) -> None:
        check(value, path)
        if not low <= value <= high:
            refuse(path, "range", f"must lie between {low} and {high}")

    return bounded


def one_of(*values: str) -> Check:
    """Return a check for a closed enumeration (``enum``)."""
    known = frozenset(values)

    def enumerated(value: Any, path: str) -> None:
        string(value, path)
        if value not in known:
            refuse(path, "enumeration", f"must be one of {', '.join(values)}")

    return enumerated


def list_of(check: Check) -> Check:
    """Return a check for a list with at least one item (``list``: none may be empty)."""

    def listed(value: Any, path: str) -> None:
        if type(value) is not list:
            refuse(path, "type", "must be a list")
        if not value:
            refuse(path, "empty-list", "must not be an empty list: leave the property out")
        for index, item in enumerate(value):
            check(item, f"{path}/{index}")

    return listed


def dictionary(value: Any, path: str) -> None:
    """Check ``dictionary``: an object that is not empty, with keys of letters, digits, - and _."""
    if type(value) is not dict:
        refuse(path, "type", "must be an object")
    if not value:
        refuse(path, "empty-dictionary", "must not be empty: leave the property out")
    for key in value:
        if _DICTIONARY_KEY.fullmatch(key) is None:
            refuse(path, "dictionary-key", f"the key {key[:40]!r} is not allowed in a dictionary")


def structure(required: tuple[str, ...], properties: dict[str, Check]) -> Check:
    """Return a check for an object with known properties; others are left alone."""

    def structured(value: Any, path: str) -> None:
        if type(value) is not dict:
            refuse(path, "type", "must be an object")
        for name in required:
            if name not in value:
                refuse(f"{path}/{name}", "required", "is required")
        for name, item in value.items():
            check = properties.get(name)
            if check is not None:
                check(item, f"{path}/{name}")

    return structured


def identifier(value: Any, path: str) -> None:
    """Check ``identifier``: ``type--UUID`` with an RFC 4122 UUID."""
    string(value, path)
    if IDENTIFIER.fullmatch(value) is None:
        refuse(path, "identifier", f"must have the form type--UUID, not {value[:80]!r}")


def reference_to(*types: str) -> Check:
    """Return a check for a reference to an object of one of ``types``, or of a custom type."""
    known = frozenset(types)

    def referring(value: Any, path: str) -> None:
        identifier(value, path)
        kind = value[:-38]
        if kind not in known and not kind.startswith("x-"):
            refuse(path, "reference-type", f"must refer to {' or '.join(types)}, not to {kind}")

    return referring


def hexadecimal(value: Any, path: str) -> None:
    """Check ``hex``: an even number of hexadecimal digits."""
    string(value, path)
    if _HEX.fullmatch(value) is None:
        refuse(path, "hexadecimal", "must be an even number of hexadecimal digits")


def binary(value: Any, path: str) -> None:
    """Check ``binary``: base64 (RFC 4648, section 4)."""
    string(value, path)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        refuse(path, "base64", "must be base64")


def hashes(value: Any, path: str) -> None:
    """Check ``hashes``: algorithm → digest; digests of known algorithms have their length."""
    dictionary(value, path)
    for algorithm, digest in value.items():
        place = f"{path}/{algorithm}"
        string(digest, place)
        digits = _HASH_DIGITS.get(algorithm)
        if digits is not None and (len(digest) != digits or _HEX.fullmatch(digest) is None):
            refuse(place, "hash", f"must be {digits} hexadecimal digits")
