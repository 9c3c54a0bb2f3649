"""Signed documents as bytes: canonical JSON read strictly, and bytes inside JSON as base64url."""

import base64
import binascii
from typing import Annotated, Any, TypeVar

import msgspec

from ringwall.core import RingwallError, canonical_json
from ringwall.core.errors import InvalidInput

Shape = TypeVar("Shape")

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")]
Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
Moment = Annotated[
    str,
    msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z\Z"),
]
"""A time as every signed document writes it: fixed width, so that text order is time order."""
HexDigest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


def to_text(data: bytes) -> str:
    """Write bytes as unpadded base64url (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def to_bytes(
    text: str, *, size: int | None = None, error: type[RingwallError], field: str
) -> bytes:
    """Read unpadded base64url; only the one text that :func:`to_text` writes is taken.

    Raises ``error`` (rule ``base64url`` or ``length``).
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as cause:
        raise error(f"{field}: not base64url", field=field, rule="base64url") from cause
    if to_text(data) != text:
        raise error(f"{field}: not canonical base64url", field=field, rule="base64url")
    if size is not None and len(data) != size:
        raise error(f"{field}: {len(data)} bytes instead of {size}", field=field, rule="length")
    return data


def read_canonical(raw: bytes, *, error: type[RingwallError], field: str) -> dict[str, Any]:
    """Read a JSON object whose bytes are exactly its RFC 8785 form.

    Writing the value again and comparing refuses everything in which two readers could differ:
    duplicate keys, unsafe numbers, spaces, other escapes. Raises ``error`` (rule ``canonical``).
    """
    try:
        value = msgspec.json.decode(raw)
        exact = isinstance(value, dict) and canonical_json(value) == raw
    except (msgspec.DecodeError, UnicodeError, RecursionError, InvalidInput) as cause:
        raise error(f"{field}: not canonical JSON", field=field, rule="canonical") from cause
    if not exact:
        raise error(f"{field}: not a canonical JSON object", field=field, rule="canonical")
    document: dict[str, Any] = value
    return document


def take_shape(
    document: Any, shape: type[Shape], *, error: type[RingwallError], field: str
) -> Shape:
    """Convert a JSON value to ``shape``. Raises ``error`` (rule ``shape``) naming the place."""
    try:
        return msgspec.convert(document, shape)
    except (msgspec.ValidationError, RecursionError) as cause:
        raise error(f"{field}: {cause}", field=field, rule="shape") from cause
