"""The frame and the header by hand: every length, every limit, every field that may not be."""

import struct
from typing import Any

import pytest

from ringwall.core import BadEnvelope, canonical_json
from ringwall.trust import MAX_ENVELOPE, MAX_RECIPIENTS, Recipient, Signature, peek_header
from ringwall.trust.wire import (
    MAX_HEADER,
    MAX_PAYLOAD,
    SIGNATURE_SIZE,
    Frame,
    join_frame,
    read_header,
    split_frame,
)
from tests.trust import world

PAIR = Signature(b"e" * 64, b"m" * 3309)


def frame(
    header: bytes = b"head",
    payload: bytes = b"pay",
    signature: bytes = b"e" * 64 + b"m" * 3309,
    ciphertext: bytes = b"cipher",
    magic: bytes = b"RWE1",
) -> bytes:
    """An envelope as docs/protocol.md, section 8, draws it."""
    parts = header, payload, signature, ciphertext
    return struct.pack(">4sIIII", magic, *map(len, parts)) + b"".join(parts)


def refusal(data: bytes) -> tuple[str, str, str]:
    with pytest.raises(BadEnvelope) as caught:
        split_frame(data)
    return caught.value.field, caught.value.rule, str(caught.value)


def test_a_frame_is_joined_and_split_as_the_protocol_draws_it() -> None:
    assert join_frame(b"head", b"pay", PAIR, b"cipher") == frame()
    assert split_frame(frame()) == Frame(b"head", b"pay", PAIR, b"cipher")
    empty = frame(b"", b"", ciphertext=b"")
    assert split_frame(empty) == Frame(b"", b"", PAIR, b"")


@pytest.mark.parametrize(
    "parts",
    [
        {"header": bytes(MAX_HEADER)},
        {"payload": bytes(MAX_PAYLOAD)},
        {"header": b"", "payload": b"", "ciphertext": bytes(MAX_ENVELOPE - 20 - SIGNATURE_SIZE)},
    ],
)
def test_a_part_may_be_as_long_as_its_limit(parts: dict[str, bytes]) -> None:
    found = split_frame(frame(**parts))
    assert {name: getattr(found, name) for name in parts} == parts


LENGTH = "envelope: a part is longer or shorter than it may be"
FILL = "envelope: the parts do not fill the envelope exactly"


@pytest.mark.parametrize(
    ("data", "rule", "why"),
    [
        (b"", "size", "envelope: 0 bytes are no envelope"),
        (frame()[:19], "size", "envelope: 19 bytes are no envelope"),
        (bytes(MAX_ENVELOPE + 1), "size", "envelope: 8000001 bytes are no envelope"),
        (frame(magic=b"RWE2"), "magic", "envelope: does not start with RWE1"),
        (b"\0" * 20, "magic", "envelope: does not start with RWE1"),
        (b"RWE1" + bytes(16), "length", LENGTH),
        (frame(header=bytes(MAX_HEADER + 1)), "length", LENGTH),
        (frame(payload=bytes(MAX_PAYLOAD + 1)), "length", LENGTH),
        (frame(signature=bytes(SIGNATURE_SIZE - 1)), "length", LENGTH),
        (frame(signature=bytes(SIGNATURE_SIZE + 1)), "length", LENGTH),
        (frame() + b"\0", "length", FILL),
        (frame()[:-1], "length", FILL),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_what_is_no_frame_is_refused(data: bytes, rule: str, why: str) -> None:
    assert refusal(data) == ("frame", rule, why)


def document(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "v": 2,
        "id": "A" * 22,
        "alliance": "ally",
        "origin": "aaa-1",
        "lane": "FLASH",
        "kind": "statement",
        "registry": 3,
        "sent": world.SENT,
        "recipients": [{"node": "bbb-1", "wrap": "w1"}, {"node": "ccc-1", "wrap": "w2"}],
        "ciphertext": "C" * 43,
    }
    return {name: value for name, value in (fields | changes).items() if value != "left out"}


def test_a_header_is_read_field_by_field() -> None:
    raw = canonical_json(document())
    header = read_header(raw)
    assert header == peek_header(frame(raw))
    assert {name: getattr(header, name) for name in document()} == document() | {
        "recipients": (Recipient("bbb-1", "w1"), Recipient("ccc-1", "w2"))
    }
    assert header.nodes == ("bbb-1", "ccc-1")
    assert header.unknown_fields == ()


def test_fields_of_a_later_version_are_named_and_left_aside() -> None:
    recipients = document()["recipients"]
    recipients[0] |= {"z": 1, "a": 2}
    recipients[1] |= {"via": {}}
    header = read_header(canonical_json(document(recipients=recipients, hint=1, also=None)))
    assert header.unknown_fields == (
        "also",
        "hint",
        "recipients/0/a",
        "recipients/0/z",
        "recipients/1/via",
    )
    assert header.recipients == (Recipient("bbb-1", "w1"), Recipient("ccc-1", "w2"))


def many(count: int) -> list[dict[str, str]]:
    return [{"node": f"n{number:04}", "wrap": ""} for number in range(count)]


def test_as_many_recipients_as_the_limit_says() -> None:
    header = read_header(canonical_json(document(recipients=many(MAX_RECIPIENTS))))
    assert len(header.nodes) == MAX_RECIPIENTS


ORDER = "header: recipients are not in ascending order, each once"


@pytest.mark.parametrize(
    ("changes", "field", "rule", "why"),
    [
        ({"v": 0}, "header/v", "version", "header: wire version 0 is not understood"),
        ({"v": 3}, "header/v", "version", "header: wire version 3 is not understood"),
        ({"v": "1"}, "header/v", "version", "header: wire version '1' is not understood"),
        ({"v": True}, "header/v", "version", "header: wire version True is not understood"),
        ({"v": "left out"}, "header/v", "version", "header: wire version None is not understood"),
        ({"id": "A" * 23}, "header", "shape", "`$.id`"),
        ({"id": "left out"}, "header", "shape", "`id`"),
        ({"lane": "A" * 17}, "header", "shape", "`$.lane`"),
        ({"kind": "Statement"}, "header", "shape", "`$.kind`"),
        ({"registry": 0}, "header", "shape", "`$.registry`"),
        ({"sent": "2026-01-02T03:04:05Z"}, "header", "shape", "`$.sent`"),
        ({"ciphertext": "C" * 44}, "header", "shape", "`$.ciphertext`"),
        ({"ciphertext": "C" * 42}, "header", "shape", "`$.ciphertext`"),
        ({"recipients": []}, "header", "shape", "`$.recipients`"),
        ({"recipients": {}}, "header", "shape", "`$.recipients`"),
        ({"recipients": many(MAX_RECIPIENTS + 1)}, "header", "shape", "`$.recipients`"),
        ({"recipients": [{"node": "a", "wrap": "w" * 4097}]}, "header", "shape", "[0].wrap`"),
        ({"recipients": [{"node": "A", "wrap": "w"}]}, "header", "shape", "[0].node`"),
        ({"recipients": many(3)[::-1]}, "header/recipients", "recipients", ORDER),
        ({"recipients": many(2) * 2}, "header/recipients", "recipients", ORDER),
        ({"recipients": many(1) * 2}, "header/recipients", "recipients", ORDER),
    ],
)
def test_a_header_that_is_wrong_is_refused(
    changes: dict[str, Any], field: str, rule: str, why: str
) -> None:
    with pytest.raises(BadEnvelope, match=r"\Aheader: ") as caught:
        read_header(canonical_json(document(**changes)))
    assert (caught.value.field, caught.value.rule) == (field, rule)
    assert str(caught.value).endswith(why)


def test_a_header_has_one_way_to_be_written() -> None:
    with pytest.raises(BadEnvelope, match=r"\Aheader: not a canonical JSON object\Z") as caught:
        read_header(canonical_json(document()) + b" ")
    assert (caught.value.field, caught.value.rule) == ("header", "canonical")
