"""How a reader's classes are kept and are asked for: compact values, the same in every backend."""

from collections.abc import Collection, Mapping
from functools import lru_cache

import msgspec


class _Classes(msgspec.Struct, frozen=True, array_like=True):
    open: list[int]
    replayed: dict[int, int]


_DECODER = msgspec.msgpack.Decoder(_Classes)


def encode_classes(open_classes: Collection[int], replayed: Mapping[int, int]) -> bytes:
    """Write the open release classes, and the replay at which each of some comes again."""
    return msgspec.msgpack.encode(_Classes(sorted(open_classes), dict(replayed)))


def decode_classes(data: bytes) -> tuple[frozenset[int], dict[int, int]]:
    """Read :func:`encode_classes`'s bytes."""
    known = _DECODER.decode(data)
    return frozenset(known.open), known.replayed


def mark_classes(classes: Collection[int]) -> bytes:
    """Return a byte for each class from 1 to the last that is open: 1 if it is open, else 0.

    A database looks at one byte for each statement. A list it would read anew for each query, or
    for each statement; a table it would keep, and what is kept may be another reader's, or old.
    """
    return _marks(frozenset(classes))


@lru_cache(maxsize=256)
def _marks(classes: frozenset[int]) -> bytes:
    """The same classes come again with every page, and a frozenset keeps its hash."""
    return bytes(map(classes.__contains__, range(1, max(classes, default=0) + 1)))
