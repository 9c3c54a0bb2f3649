"""What the room hands out: objects that are valid and canonical, refusals with their reasons."""

import msgspec

# Of nothing but text and tuples of it, so no garbage collector need look at them.


class Observable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value to match by: ``kind`` is a STIX type or like ``file:sha-256``, value normalised."""

    kind: str
    value: str


class StixObject(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One version of a STIX 2.1 object, valid and canonical.

    ``version`` is ``modified``, else ``created``, else empty (observables carry no times).
    ``body`` holds the RFC 8785 bytes: written once, then stored, signed and served as they are.
    ``sha256`` is their digest.
    ``warnings`` are lines for a person about what was kept although the standard advises against.
    ``observables`` and ``text`` are what the object is matched and found by, ``references`` the
    STIX ids of the objects that it refers to.
    """

    id: str
    type: str
    version: str
    body: bytes
    sha256: bytes
    marking_refs: tuple[str, ...]
    granular: bool
    warnings: tuple[str, ...] = ()
    observables: tuple[Observable, ...] = ()
    text: str = ""
    references: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """One object of a submission that was refused.

    ``index`` is its place in the bundle, from 0. ``object_id`` is what it called itself, empty if
    that cannot be read. ``field`` is a JSON pointer inside the object (empty: the whole object),
    ``rule`` a stable token, ``message`` one line for a person.
    """

    index: int
    object_id: str
    field: str
    rule: str
    message: str


class Submission(msgspec.Struct, frozen=True, gc=False):
    """What a submission holds: accepted objects in their order, and what was refused.

    ``markings`` maps the id of every accepted marking definition to its canonical bytes, for the
    labels room; the definitions stand among ``objects`` as well.
    """

    objects: tuple[StixObject, ...]
    refusals: tuple[Refusal, ...]
    markings: dict[str, bytes]
    places: tuple[int, ...] = ()
    """Where each accepted object stood, from 0."""
    copies: tuple[tuple[int, int], ...] = ()
    """Where an equal copy of an accepted object stood, and where that one stood: one fate."""


def version_order(version: str) -> str:
    """Write a version so that text order is time order: the digits of a second may differ."""
    whole, dot, fraction = version.removesuffix("Z").partition(".")
    return f"{whole}{dot}{fraction}".rstrip("0") if dot else f"{whole}."
