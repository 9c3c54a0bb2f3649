"""Canonical JSON (RFC 8785) and the top-level fields of a canonical object.

msgspec's sorted encoder writes the same bytes as RFC 8785 except for floats and for keys outside
the Basic Multilingual Plane (RFC 8785 sorts by UTF-16 code units), so those go to ``rfc8785``,
which is some forty times slower. tests/core/test_canonical.py holds the two together.
"""

from typing import Any

import msgspec
import rfc8785

from ringwall.core.errors import InvalidInput

_ENCODER = msgspec.json.Encoder(order="sorted")
_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SAFE_INTEGER = 2**53 - 1
_FIRST_EXPONENT = 1e21  # from here on RFC 8785 (ECMAScript) writes an exponent


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 bytes of ``value`` (dict, list, str, int, float, bool, None).

    Raises InvalidInput (rule ``canonical``) for what RFC 8785 has no form for: integers beyond
    2^53 - 1 (or floats that would be written as such integers, and then not be read again), NaN,
    infinities, lone surrogates, keys that are not strings.
    """
    try:
        if _is_simple(value):
            return _ENCODER.encode(value)
        if _has_unreadable_float(value):
            raise InvalidInput("no canonical form: a number beyond 2^53 - 1", rule="canonical")
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, TypeError) as error:
        raise InvalidInput(f"no canonical form: {error}", rule="canonical") from error


def _is_simple(value: Any) -> bool:
    """Tell whether the fast encoder is known to be exact for ``value``."""
    pending: list[Any] = [value]
    while pending:
        item = pending.pop()
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is dict:
            if not all(map(str.isascii, item)):  # TypeError for keys that are not strings
                return False
            pending.extend(item.values())
        elif kind is list:
            pending.extend(item)
        elif kind is int:
            if not -_SAFE_INTEGER <= item <= _SAFE_INTEGER:
                return False
        else:
            return False
    return True


def _has_unreadable_float(value: Any) -> bool:
    """Tell whether a float would be written with integer digits only, beyond 2^53 - 1."""
    if type(value) is dict:
        return any(_has_unreadable_float(item) for item in value.values())
    if type(value) is list:
        return any(_has_unreadable_float(item) for item in value)
    return type(value) is float and _SAFE_INTEGER < abs(value) < _FIRST_EXPONENT


def split_fields(canonical: bytes) -> list[tuple[str, bytes]]:
    """Split a canonical JSON object into (name, canonical value bytes), in canonical order.

    The bytes must have come from :func:`canonical_json`; values are slices of them.
    Raises InvalidInput (rule ``canonical``) if they are not one JSON object.
    """
    try:
        fields = _FIELDS.decode(canonical)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"not a canonical object: {error}", rule="canonical") from error
    return [(name, bytes(value)) for name, value in fields.items()]


def join_fields(fields: list[tuple[str, bytes]]) -> bytes:
    """Join fields, in canonical order already, into the canonical bytes of the object."""
    parts = [_ENCODER.encode(name) + b":" + value for name, value in fields]
    return b"{" + b",".join(parts) + b"}"
