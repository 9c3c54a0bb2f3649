"""What indexes are made from, derived again from a body that may be damaged."""

from hashlib import sha256

import msgspec

from ringwall.core import InvalidInput
from ringwall.stix import observables, references, search_text
from ringwall.store.keys import index_key
from ringwall.store.parts import open_part
from ringwall.trust import object_digest, statement_digest

MARKED = b'"object_marking_refs":['
"""Where this stands in an object, it or a part of it carries a marking."""
_UNREADABLE = (
    msgspec.DecodeError,
    InvalidInput,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    RecursionError,
)
"""What deriving anything from a damaged body may raise; the body itself is named elsewhere."""


def newer_digest(digest: bytes, seed: bytes, body: bytes) -> bytes:
    """Return the statement digest in place of an object digest, or what is there if it is wrong."""
    try:
        fits = object_digest(body, seed) == digest
    except InvalidInput:
        return digest
    return statement_digest(seed, sha256(body).digest()) if fits else digest


def derived_keys(body: bytes) -> set[int]:
    """Return the index keys of the observables that an object holds; none if it is damaged."""
    try:
        return {index_key(one.value) for one in observables(open_part(body))}
    except _UNREADABLE:
        return set()


def derived_text(body: bytes) -> str:
    """Return the text that an object is found by; "" if it is damaged."""
    try:
        return search_text(open_part(body))
    except _UNREADABLE:
        return ""


def derived_references(body: bytes) -> tuple[str, ...]:
    """Return the STIX ids that an object refers to; none if it is damaged."""
    try:
        return references(open_part(body))
    except _UNREADABLE:
        return ()
