"""The key under which an observable's value is indexed: 8 bytes in place of text of any length."""

from hashlib import blake2b


def observable_key(value: str) -> int:
    """Return 64 bits of a digest of ``value``, as a signed integer.

    Two values with one key are possible, and can be made on purpose: whoever looks up compares
    the value itself (``stix.observables``).
    """
    return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "big", signed=True)
