"""How the classes of a reader's state are kept: one compact value, the same in every backend."""

from collections.abc import Collection, Mapping

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
