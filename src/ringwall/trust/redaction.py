"""Redaction: some fields of an object are withheld, and the digest that its origin signed stays.

In place of the seed, from which the salt of every field could be made, the recipient of a
redaction gets a disclosure: for each top-level field of the original object, in canonical order,
33 bytes: 0x00 ‖ the salt of a field that is shown, or 0x01 ‖ the digest of one that is not. The
redacted body is the canonical object of the fields that are shown. So the reader learns how many
fields are withheld and between which names they stand, and neither names nor values: a digest
under a salt of 32 random bytes tests no guess. Salts are blocks of SHAKE-256 over the seed, of
which any number tells nothing of the others to whoever does not have all 256 bits of the seed.

No disclosure (b"") means the whole object under its seed, everywhere in this module.
"""

from collections.abc import Collection
from hashlib import sha256
from typing import NoReturn

from ringwall.core import BadEnvelope, InvalidInput, join_fields, split_fields
from ringwall.trust.digests import (
    SALT_SIZE,
    combine_field_digests,
    field_digest,
    field_salts,
    object_digest,
)

_REVEALED, _WITHHELD = 0, 1
_ENTRY_SIZE = 1 + SALT_SIZE


def redact(
    body: bytes, seed: bytes, withheld: Collection[str], disclosure: bytes = b""
) -> tuple[bytes, bytes]:
    """Withhold top-level fields of a canonical object; return the redacted body and disclosure.

    With a ``disclosure`` the body is itself a redaction, of which more is withheld now. Raises
    InvalidInput (rule ``field``) if ``withheld`` is empty or names what the body does not have,
    and BadEnvelope for a disclosure of another body.
    """
    fields = split_fields(body)
    names = {name for name, _ in fields}
    if not withheld or not names.issuperset(withheld):
        missing = ", ".join(sorted(set(withheld) - names)) or "nothing"
        raise InvalidInput(f"cannot withhold {missing}", field="withheld", rule="field")
    given = _entries(disclosure, len(fields)) if disclosure else _salted(seed, len(fields))
    shown = iter(fields)
    entries: list[tuple[int, bytes]] = []
    for kind, data in given:
        if kind == _REVEALED:
            name, value = next(shown)
            if name in withheld:
                entries.append((_WITHHELD, field_digest(data, name, value)))
                continue
        entries.append((kind, data))
    kept = [field for field in fields if field[0] not in withheld]
    return join_fields(kept), b"".join(bytes([kind]) + data for kind, data in entries)


def disclosed_digest(body: bytes, disclosure: bytes) -> bytes:
    """Return the object digest of the original, from a redacted body and its disclosure.

    It is what ``object_digest`` gives for the whole object and its seed. Raises BadEnvelope (field
    ``disclosure``; rules ``length``, ``tag``, ``count``, ``whole``) and InvalidInput (rule
    ``canonical``) unless the body is exactly what its fields join to.
    """
    fields = split_fields(body)
    if join_fields(fields) != body:
        raise InvalidInput("the object's bytes are not canonical", field="object", rule="canonical")
    shown = iter(fields)
    return combine_field_digests(
        data if kind == _WITHHELD else field_digest(data, *next(shown))
        for kind, data in _entries(disclosure, len(fields))
    )


def held_digest(body: bytes, seed: bytes, disclosure: bytes = b"") -> bytes:
    """Return the object digest of what a node holds: a whole object, or a redaction."""
    return disclosed_digest(body, disclosure) if disclosure else object_digest(body, seed)


def disclosure_digest(disclosure: bytes) -> bytes:
    """SHA-256(0x06 ‖ disclosure): where a node keeps the seed of a whole object.

    It is as hard to guess as the salts in the disclosure, and no salt is made from it.
    """
    return sha256(b"\x06" + disclosure).digest()


def is_wider(disclosure: bytes, other: bytes) -> bool:
    """Tell whether a redaction shows every field that another shows of the same object, and more.

    Both must have given the same object digest: then they are of the same fields.
    """
    if not disclosure or not other:
        return not disclosure and bool(other)
    shown, before = _shown(disclosure), _shown(other)
    return len(disclosure) == len(other) and shown > before


def withheld_places(disclosure: bytes) -> tuple[int, ...]:
    """Return the places, from 0, of the fields of the original that a disclosure withholds."""
    tags = disclosure[::_ENTRY_SIZE]
    return tuple(place for place, tag in enumerate(tags) if tag == _WITHHELD)


def _shown(disclosure: bytes) -> set[int]:
    tags = disclosure[::_ENTRY_SIZE]
    return {place for place, tag in enumerate(tags) if tag == _REVEALED}


def _salted(seed: bytes, count: int) -> list[tuple[int, bytes]]:
    return [(_REVEALED, salt) for salt in field_salts(seed, count)]


def _entries(disclosure: bytes, fields: int) -> list[tuple[int, bytes]]:
    """Read a disclosure for a body of so many fields; there is one way to write it."""
    if not disclosure or len(disclosure) % _ENTRY_SIZE:
        _refuse("length", f"{len(disclosure)} bytes are no entries of {_ENTRY_SIZE}")
    entries = [
        (disclosure[at], disclosure[at + 1 : at + _ENTRY_SIZE])
        for at in range(0, len(disclosure), _ENTRY_SIZE)
    ]
    if any(kind not in (_REVEALED, _WITHHELD) for kind, _ in entries):
        _refuse("tag", "an entry is neither a salt nor a digest")
    shown = sum(kind == _REVEALED for kind, _ in entries)
    if shown != fields:
        _refuse("count", f"{shown} salts for {fields} fields")
    if shown == len(entries):
        _refuse("whole", "nothing is withheld: a whole object comes with its seed")
    return entries


def _refuse(rule: str, why: str) -> NoReturn:
    raise BadEnvelope(f"disclosure: {why}", field="disclosure", rule=rule)
