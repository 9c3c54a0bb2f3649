"""What node and reading process say to each other: MessagePack, each with its length before it."""

from typing import BinaryIO

import msgspec

from ringwall.stix import ReadSlice

LENGTH = 8
MOST_BYTES = 256 * 1024 * 1024
"""Many times what an answer can have: more is no length."""

decode_pieces = msgspec.msgpack.Decoder(list[bytes]).decode
decode_slice = msgspec.msgpack.Decoder(ReadSlice).decode
_encode = msgspec.msgpack.Encoder().encode


def frame_of(content: list[bytes] | ReadSlice) -> bytes:
    """Return one message as it is sent."""
    data = _encode(content)
    return len(data).to_bytes(LENGTH, "big") + data


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next message, None when there is no whole one any more."""
    length = stream.read(LENGTH)
    if len(length) < LENGTH:
        return None
    size = int.from_bytes(length, "big")
    if size > MOST_BYTES:
        return None
    data = stream.read(size)
    return data if len(data) == size else None
