"""Canonical JSON: the bytes of RFC 8785, whichever encoder wrote them."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json, join_fields, parse_json, split_fields

_numbers = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not 2**53 <= abs(number) < 1e21
)
_scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
_fast = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner, max_size=4)
    ),
    max_leaves=12,
)
_any = st.recursive(
    _scalars | _numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_fast)
def test_the_fast_encoder_writes_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(_any)
def test_all_values_are_written_as_rfc_8785(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(_any)
def test_what_was_written_is_read_again_and_stays(value: Any) -> None:
    written = canonical_json(value)
    assert parse_json(written) == value
    assert canonical_json(parse_json(written)) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": 2}, b'{"a":2,"b":1}'),
        # Section 3.2.3: by UTF-16 units an astral key (D83D…) comes before U+FB33.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
        ({"\u20ac": 1, "\r": 2, "1": 3}, b'{"\\r":2,"1":3,"\xe2\x82\xac":1}'),
        ([1.0, -0.0, 1e21, 1e-7, 0.1], b"[1,0,1e+21,1e-7,0.1]"),
        ('\x0f\n"\\/\u2028\x7f', b'"\\u000f\\n\\"\\\\/\xe2\x80\xa8\x7f"'),
        ({}, b"{}"),
        ([[], {}], b"[[],{}]"),
    ],
)
def test_examples(value: Any, written: bytes) -> None:
    assert canonical_json(value) == written


@pytest.mark.parametrize(
    "value",
    [
        2**53,
        -(2**53),
        float(2**53),
        1e20,
        {"a": [1e17]},
        float("nan"),
        float("inf"),
        "\ud800",
        {"\udfff": 1},
        {"a": ["\ud83d"]},
        {1: 2},
        {"a": {None: 1}},
        {"a": b"bytes"},
        {"a": {1, 2}},
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        canonical_json(value)
    assert caught.value.rule == "canonical"


@given(st.dictionaries(st.text(), _any))
def test_fields_split_and_join_to_the_same_bytes(value: dict[str, Any]) -> None:
    written = canonical_json(value)
    fields = split_fields(written)
    assert join_fields(fields) == written
    assert {name: json.loads(item) for name, item in fields} == value
    assert [name for name, _ in fields] == sorted(value, key=lambda key: key.encode("utf-16-be"))


@pytest.mark.parametrize("raw", [b"", b"[]", b"1", b'{"a":1', b'{"a":1}x', b'{"\xff":1}'])
def test_what_is_no_object_does_not_split(raw: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        split_fields(raw)
    assert caught.value.rule == "canonical"
