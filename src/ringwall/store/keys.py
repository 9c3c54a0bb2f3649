"""The key under which a text is indexed: 8 bytes in place of text of any length."""

import struct
from collections.abc import Collection, Sequence
from hashlib import blake2b

import msgspec


def index_key(text: str) -> int:
    """Return 64 bits of a digest of ``text``, as a signed integer.

    Two texts with one key are possible, and can be made on purpose: whoever looks up compares the
    text itself.
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def index_keys(texts: Sequence[str]) -> tuple[int, ...]:
    """Return the keys of many texts."""
    digests = [blake2b(text.encode(), digest_size=8).digest() for text in texts]
    return struct.unpack(f">{len(texts)}q", b"".join(digests))


def key_list(texts: Collection[str]) -> str:
    """Return the keys of texts as a JSON list."""
    return msgspec.json.encode(index_keys([*texts])).decode()
