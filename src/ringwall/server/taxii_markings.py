"""Markings of what leaves by TAXII: every object carries the TLP of its statement's label.

A label may have been named when the object was submitted; then its bytes do not show it, and a
client that knows markings only would take the object for unmarked. The TLP is spliced into the
bytes on their way out; whatever is not sure is marked more strictly, never less. Objects that
carry their TLP, nearly all of a feed, go out as they are stored.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ringwall.labels import TLP_MARKINGS, Label, Tlp
from ringwall.store import PageRow

_PREFIX = "marking-definition--"
_TLP_2 = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
_TLP_1_RED = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
_TLP_1 = {
    Tlp.CLEAR: "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    Tlp.GREEN: "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    Tlp.AMBER: "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    Tlp.AMBER_STRICT: _TLP_1_RED,  # TLP 1 has no such level: the next stricter one
    Tlp.RED: _TLP_1_RED,
}
_RANKS = {name.removeprefix(_PREFIX).encode(): tlp.rank for name, tlp in TLP_MARKINGS.items()}
_KEY = b'"object_marking_refs":["marking-definition--'
_FIELDS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REFS: msgspec.json.Decoder[list[str]] = msgspec.json.Decoder(list[str])


class _Mark(msgspec.Struct, frozen=True):
    """How the objects of one release class are marked."""

    tlp: Tlp
    rank: int
    head: bytes
    """What comes first in an object that has no marking at all."""


def marked_bodies(rows: Sequence[PageRow], labels: Mapping[int, Label]) -> list[bytes]:
    """Return the objects of a page as they leave: each with a TLP 2.0 marking, or a TLP 1 one.

    ``labels``: of every release class among ``rows``. A label without TLP, which no reader should
    ever see, counts as RED.
    """
    marks = {number: _mark(label) for number, label in labels.items()}
    return [
        row.body if row.marked and _shows(row.body, mark.rank) else _spliced(row, mark)
        for row in rows
        for mark in (marks[row.release_class],)
    ]


def bodies_for_tlp_1(rows: Sequence[PageRow], labels: Mapping[int, Label]) -> list[bytes]:
    """Return the same for a client that knows TLP 1 only: CLEAR is WHITE, AMBER+STRICT is RED."""
    return [_translated(row.body, _tlp(labels[row.release_class])) for row in rows]


def _tlp(label: Label) -> Tlp:
    return label.tlp or Tlp.RED


def _mark(label: Label) -> _Mark:
    tlp = _tlp(label)
    return _Mark(tlp, tlp.rank, b'{"object_marking_refs":["%s"],' % _TLP_2[tlp].encode())


def _shows(body: bytes, rank: int) -> bool:
    """Tell whether the first marking of the object itself is a TLP of at least this rank.

    Looked for from the end, where it is nearer. Unless a single brace follows, the object's own, it
    may be a marking inside something else: that is looked at slowly.
    """
    at = body.rfind(_KEY)
    start = at + len(_KEY)
    found = _RANKS.get(body[start : start + 36])
    return at >= 0 and found is not None and found >= rank and body.count(b"}", start) == 1


def _spliced(row: PageRow, mark: _Mark) -> bytes:
    if not row.marked:
        return mark.head + row.body[1:]
    fields, refs = _read(row.body)
    if any(ref in TLP_MARKINGS and TLP_MARKINGS[ref].rank >= mark.rank for ref in refs):
        return row.body
    return _write(fields, [*refs, _TLP_2[mark.tlp]])


def _translated(body: bytes, tlp: Tlp) -> bytes:
    fields, refs = _read(body)
    levels = [tlp, *(TLP_MARKINGS[ref] for ref in refs if ref in TLP_MARKINGS)]
    strictest = max(levels, key=lambda level: level.rank)
    kept = [ref for ref in refs if ref not in TLP_MARKINGS]
    return _write(fields, [*kept, _TLP_1[strictest]])


def _read(body: bytes) -> tuple[dict[str, msgspec.Raw], list[str]]:
    fields = _FIELDS.decode(body)
    held = fields.get("object_marking_refs")
    return fields, _REFS.decode(held) if held is not None else []


def _write(fields: dict[str, msgspec.Raw], refs: list[str]) -> bytes:
    return msgspec.json.encode({**fields, "object_marking_refs": refs})
