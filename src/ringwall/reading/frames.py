"""What node and reading process say to each other: MessagePack, each with its length before it."""

from typing import BinaryIO

import msgspec

from ringwall.stix import ReadSlice

LENGTH = 8

decode_pieces = msgspec.msgpack.Decoder(list[bytes]).decode
decode_slice = msgspec.msgpack.Decoder(ReadSlice).decode
_encode = msgspec.msgpack.Encoder().encode


def write_frame(stream: BinaryIO, content: list[bytes] | ReadSlice) -> None:
    """Write one message and flush. Raises OSError if nobody reads any more."""
    data = _encode(content)
    stream.write(len(data).to_bytes(LENGTH, "big"))
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next message, None when there is no whole one any more."""
    length = stream.read(LENGTH)
    if len(length) < LENGTH:
        return None
    size = int.from_bytes(length, "big")
    data = stream.read(size)
    return data if len(data) == size else None
