"""Documents as bytes: one text for one value, and a refusal says where and by which rule."""

import base64

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, BadRegistry, RingwallError
from ringwall.trust.documents import (
    HexDigest,
    Moment,
    Name,
    Natural,
    Positive,
    read_canonical,
    take_shape,
    to_bytes,
    to_text,
)


class Point(msgspec.Struct, forbid_unknown_fields=True):
    x: Natural
    y: Natural


def said(error: RingwallError) -> tuple[str, str, str]:
    return error.field, error.rule, str(error)


@given(st.binary(max_size=70))
@example(b"\xfb\xff")
def test_bytes_come_back_from_unpadded_base64url(data: bytes) -> None:
    text = to_text(data)
    assert text == base64.b64encode(data, altchars=b"-_").decode().rstrip("=")
    assert to_bytes(text, error=BadEnvelope, field="f") == data
    assert to_bytes(text, size=len(data), error=BadEnvelope, field="f") == data


@pytest.mark.parametrize(
    ("text", "size", "rule", "why"),
    [
        ("*", None, "base64url", "not base64url"),
        ("A", None, "base64url", "not base64url"),
        ("AAAAA", None, "base64url", "not base64url"),
        ("ÄÄÄÄ", None, "base64url", "not base64url"),
        ("AA\n", None, "base64url", "not base64url"),
        ("AA==", None, "base64url", "not canonical base64url"),
        ("AB", None, "base64url", "not canonical base64url"),
        ("+/8", None, "base64url", "not canonical base64url"),
        ("AAAA", 4, "length", "3 bytes instead of 4"),
        ("", 1, "length", "0 bytes instead of 1"),
        ("AA", 0, "length", "1 bytes instead of 0"),
    ],
)
@pytest.mark.parametrize("error", [BadEnvelope, BadRegistry])
def test_any_other_text_or_size_is_refused(
    text: str, size: int | None, rule: str, why: str, error: type[RingwallError]
) -> None:
    with pytest.raises(error) as caught:
        to_bytes(text, size=size, error=error, field="a/b")
    assert said(caught.value) == ("a/b", rule, f"a/b: {why}")


def test_the_canonical_bytes_of_an_object_are_read() -> None:
    raw = '{"a":[1,null,"é"],"b":{}}'.encode()
    assert read_canonical(raw, error=BadEnvelope, field="f") == {"a": [1, None, "é"], "b": {}}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not canonical JSON"),
        (b"{", "not canonical JSON"),
        (b'{"a":"\xff"}', "not canonical JSON"),
        (b'{"a":' + b"[" * 100_000, "not canonical JSON"),
        (b'{"a":9007199254740992}', "not canonical JSON"),
        (b'{"a": 1}', "not a canonical JSON object"),
        (b'{"b":1,"a":1}', "not a canonical JSON object"),
        (b'{"a":1,"a":1}', "not a canonical JSON object"),
        (b'{"\\u0061":1}', "not a canonical JSON object"),
        (b'{"a":1.0}', "not a canonical JSON object"),
        (b"{}\n", "not a canonical JSON object"),
        (b"[]", "not a canonical JSON object"),
        (b'"a"', "not a canonical JSON object"),
    ],
)
@pytest.mark.parametrize("error", [BadEnvelope, BadRegistry])
def test_other_bytes_are_no_document(raw: bytes, why: str, error: type[RingwallError]) -> None:
    with pytest.raises(error) as caught:
        read_canonical(raw, error=error, field="a/b")
    assert said(caught.value) == ("a/b", "canonical", f"a/b: {why}")


@pytest.mark.parametrize("error", [BadEnvelope, BadRegistry])
def test_a_shape_says_which_place_does_not_fit(error: type[RingwallError]) -> None:
    assert take_shape({"x": 1, "y": 2}, Point, error=error, field="f") == Point(1, 2)
    with pytest.raises(error) as caught:
        take_shape({"x": 1, "y": -2}, Point, error=error, field="a/b")
    assert said(caught.value) == ("a/b", "shape", "a/b: Expected `int` >= 0 - at `$.y`")


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (Name, ["a", "7", "a-b", "a" * 63], ["", "A", "-a", "a-", "a" * 64, "a\n", "ä", "a_b"]),
        (Natural, [0, 2**53 - 1], [-1, 2**53, "0", 1.5]),
        (Positive, [1, 2**53 - 1], [0, 2**53]),
        (
            Moment,
            ["2026-01-02T03:04:05.678900Z"],
            [
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:04:05.678900Z\n",
                "2026-01-02 03:04:05.678900Z",
                "2026-01-02T03:04:05.6789000Z",
                "2026-01-02T03:04:05.678900+00:00",
            ],
        ),
        (HexDigest, ["0af" + "9" * 61], ["0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n"]),
    ],
)
def test_what_every_document_calls_a_name_a_number_a_time_or_a_digest(
    shape: type, good: list[object], bad: list[object]
) -> None:
    for value in good:
        assert take_shape(value, shape, error=BadEnvelope, field="f") == value
    for value in bad:
        with pytest.raises(BadEnvelope):
            take_shape(value, shape, error=BadEnvelope, field="f")
