"""The digest of an object: a list of salted digests of its top-level fields.

As in SD-JWT (RFC 9901) every field has a salt of its own, so that a field can be withheld later
and the origin's signature still verifies: a short value under an unsalted digest is guessed in
milliseconds. The salts come from one seed; whoever may see the whole object gets the seed.

A node pins what it keeps by a cheaper digest of its own, the statement digest: that of the object
is made when a statement is sealed, and most of what a feed brings is read here long before.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

import msgspec

from ringwall.core import InvalidInput, canonical_json

SEED_SIZE = SALT_SIZE = 32

_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


# STIX knows a few hundred field names, and every object repeats them.
@lru_cache(maxsize=1024)
def _name_colon(name: str) -> bytes:
    return canonical_json(name) + b":"


def field_salts(seed: bytes, count: int) -> list[bytes]:
    """Expand a 32-byte seed to ``count`` 32-byte salts, in canonical order of the fields."""
    stream = hashlib.shake_256(seed).digest(count * SALT_SIZE)
    return [stream[start : start + SALT_SIZE] for start in range(0, len(stream), SALT_SIZE)]


def field_digest(salt: bytes, name: str, value: bytes) -> bytes:
    """SHA-256(0x03 ‖ salt ‖ name as a JSON string ‖ ":" ‖ canonical value)."""
    return sha256(b"\x03" + salt + _name_colon(name) + value).digest()


def combine_field_digests(digests: Iterable[bytes]) -> bytes:
    """SHA-256(0x02 ‖ d1 ‖ … ‖ dn): the object digest, from revealed and withheld fields alike."""
    return sha256(b"\x02" + b"".join(digests)).digest()


def object_digest(body: bytes, seed: bytes) -> bytes:
    """Return the 32-byte digest of a canonical object under ``seed``.

    Raises InvalidInput (rule ``canonical``) unless ``body`` is exactly what its fields join to:
    otherwise two different texts would have one digest.
    """
    try:
        fields = _FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"not a canonical object: {error}", field="object", rule="canonical"
        ) from error
    parts = [b"".join((_name_colon(name), value)) for name, value in fields.items()]
    if b"{" + b",".join(parts) + b"}" != body:
        raise InvalidInput("the object's bytes are not canonical", field="object", rule="canonical")
    # As field_salts, field_digest and combine_field_digests say, in one pass: this is a hot path.
    stream = hashlib.shake_256(seed).digest(len(parts) * SALT_SIZE)
    digest = b"\x02"
    start = 0
    for part in parts:
        end = start + SALT_SIZE
        digest += sha256(b"\x03" + stream[start:end] + part).digest()
        start = end
    return sha256(digest).digest()


def statement_digest(seed: bytes, body_sha256: bytes) -> bytes:
    """SHA-256(0x05 ‖ seed ‖ SHA-256(body)): what the audit log of a node pins a statement by.

    It binds the same bytes and seed as the object digest, at a tenth of its cost, and like it
    tells nobody without the seed what the body may be. It never leaves the node.
    """
    return sha256(b"\x05" + seed + body_sha256).digest()


def addressee_list(nodes: Iterable[str]) -> bytes:
    """Return the canonical JSON list of the sorted recipient node ids."""
    return canonical_json(sorted(nodes))


def addressee_digest(salt: bytes, addressees: bytes) -> bytes:
    """SHA-256(0x04 ‖ salt ‖ addressees), the latter being an :func:`addressee_list`."""
    return sha256(b"\x04" + salt + addressees).digest()
