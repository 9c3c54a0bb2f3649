"""Arrays in PostgreSQL's binary form, a whole column at a time.

psycopg would look up how to write each element; a bundle has 25,000 of them. Layout: number of
dimensions, whether there are nulls, type of the elements, length, lower bound, then each element
with its length before it (-1: null).
"""

import struct
from collections.abc import Collection, Iterable

from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")
_LENGTH = struct.Struct("!i")
_NULL = _LENGTH.pack(-1)
_BOOL, _BYTEA, _INT8, _TEXT = 16, 17, 20, 25


class Bigints(bytes):
    """The binary form of a ``bigint[]``."""


class Texts(bytes):
    """The binary form of a ``text[]``."""


class Blobs(bytes):
    """The binary form of a ``bytea[]``."""


class Booleans(bytes):
    """The binary form of a ``boolean[]``."""


class _Packed(Dumper):
    """Sends what is in binary form already."""

    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        return obj


class BigintsDumper(_Packed):
    """Sends Bigints."""

    oid = 1016


class TextsDumper(_Packed):
    """Sends Texts."""

    oid = 1009


class BlobsDumper(_Packed):
    """Sends Blobs."""

    oid = 1001


class BooleansDumper(_Packed):
    """Sends Booleans."""

    oid = 1000


DUMPERS: dict[type, type[Dumper]] = {
    Bigints: BigintsDumper,
    Texts: TextsDumper,
    Blobs: BlobsDumper,
    Booleans: BooleansDumper,
}


def encode_text(text: str) -> bytes:
    """Return text as PostgreSQL can hold it: U+0000 and lone surrogates are replaced.

    Names and times cannot contain them; the words of peers and of queries may.
    """
    data = text.encode("utf-8", "replace")
    return data.replace(b"\0", b"\xef\xbf\xbd") if b"\0" in data else data


def bigints(values: Collection[int]) -> Bigints:
    """Pack whole numbers."""
    flat = [8] * (2 * len(values))
    flat[1::2] = values
    return Bigints(_header(_INT8, len(values)) + struct.pack("!" + "iq" * len(values), *flat))


def bigints_or_nulls(values: Collection[int | None]) -> Bigints:
    """Pack whole numbers, some of which may be missing."""
    data = b"".join(
        [_NULL if one is None else struct.pack("!iq", 8, one) for one in values],
    )
    return Bigints(_header(_INT8, len(values), nulls=True) + data)


def texts(values: Iterable[str]) -> Texts:
    """Pack texts."""
    kept = list(values)
    try:
        encoded = [one.encode() for one in kept]
    except UnicodeEncodeError:
        return encoded_texts([encode_text(one) for one in kept])
    if "\0" in "".join(kept):
        return encoded_texts([encode_text(one) for one in kept])
    return encoded_texts(encoded)


def encoded_texts(values: Collection[bytes]) -> Texts:
    """Pack texts that are UTF-8 already, without U+0000."""
    return Texts(_pack(_TEXT, values))


def blobs(values: Collection[bytes]) -> Blobs:
    """Pack byte strings."""
    return Blobs(_pack(_BYTEA, values))


def booleans(values: Collection[bool]) -> Booleans:
    """Pack truth values."""
    data = b"".join([b"\0\0\0\1\1" if one else b"\0\0\0\1\0" for one in values])
    return Booleans(_header(_BOOL, len(values)) + data)


def _pack(oid: int, values: Collection[bytes]) -> bytes:
    parts = [b""] * (2 * len(values))
    parts[::2] = map(_LENGTH.pack, map(len, values))
    parts[1::2] = values
    return _header(oid, len(values)) + b"".join(parts)


def _header(oid: int, length: int, *, nulls: bool = False) -> bytes:
    if length == 0:
        return _HEADER.pack(0, 0, oid, 0, 0)[:12]
    return _HEADER.pack(1, int(nulls), oid, length, 1)
