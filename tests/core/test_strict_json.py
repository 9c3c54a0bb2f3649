"""Strict JSON: everything sound is read as json.loads reads it, everything else is refused."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, Limits, TooLarge, parse_json

_numbers = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not 2**53 <= abs(number) < 1e21
)
_any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | _numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down (1 is not 1.0, nor is it true)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(_any, st.booleans(), st.sampled_from([None, 0, 2]))
def test_sound_text_is_read_as_the_standard_library_reads_it(
    value: Any, escaped: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    assert same(parse_json(text.encode()), json.loads(text))


@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
def test_numbers_are_read_alike_or_refused(text: str) -> None:
    expected = json.loads(text)
    if abs(expected) < 2**53:
        assert same(parse_json(text.encode()), expected)
    elif isinstance(expected, int) or expected == float("inf"):
        with pytest.raises(InvalidInput, match=r"2\^53|too large"):
            parse_json(text.encode())


def _pairs_text(pairs: list[tuple[str, Any]], escaped: bool) -> str:
    def key_text(key: str) -> str:
        if escaped:
            return '"' + "".join(f"\\u{ord(char):04x}" for char in key) + '"'
        return json.dumps(key)

    return "{" + ", ".join(f"{key_text(key)}:{json.dumps(value)}" for key, value in pairs) + "}"


_keys = st.text(st.sampled_from('ab:\\"u3'), max_size=2)


@given(st.lists(st.tuples(_keys, st.sampled_from([1, ":", "a:b", "\\u003a", {}])), max_size=5),
       st.booleans(), st.booleans())  # fmt: skip
def test_duplicate_keys_are_refused_and_only_they(
    pairs: list[tuple[str, Any]], escaped: bool, nested: bool
) -> None:
    text = _pairs_text(pairs, escaped)
    if nested:
        text = f'[{{"k": {text}}}, "\\u003A"]'
    repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    if not repeated:
        assert parse_json(text.encode()) == json.loads(text)
        return
    with pytest.raises(InvalidInput) as caught:
        parse_json(text.encode())
    assert caught.value.rule == "duplicate-key"


@pytest.mark.parametrize(
    ("raw", "field", "rule"),
    [
        (b'{"a":1,"a":1}', "/a", "duplicate-key"),
        (b'{"a":{"b/c":{"~":1,"~":2}}}', "/a/b~1c/~0", "duplicate-key"),
        (b'[0,{"a":1,"\\u0061":2}]', "/1/a", "duplicate-key"),
        (b'{"a":"\\u003a","b":1,"b":1}', "/b", "duplicate-key"),
        (b'{"a":"\\u003A","b":1,"b":1}', "/b", "duplicate-key"),
        (b"9007199254740992", "", "integer-range"),
        (b'{"a":[0,-9007199254740992]}', "/a/1", "integer-range"),
        (b'{"a":' + b"1" * 5000 + b"}", "", "integer-range"),
        (b"18446744073709551616", "", "integer-range"),
        (b"9007199254740992.0", "", "number-range"),
        (b"1e400", "", "number-range"),
        (b'{"a":-1E400}', "/a", "number-range"),
        (b"NaN", "", "json"),
        (b"[Infinity]", "", "json"),
        (b"-Infinity", "", "json"),
        (b'"\\ud800"', "", "surrogate"),
        (b'{"a":"x\\uDC00"}', "/a", "surrogate"),
        (b'{"a":{"\\udbff":1}}', "/a", "surrogate"),
        (b'"\\udc00\\ud800"', "", "surrogate"),
        (b'"\xff"', "", "utf-8"),
        (b'"\xc0\x80"', "", "utf-8"),
        (b'"\xed\xa0\x80"', "", "utf-8"),
        (b"\xef\xbb\xbf1", "", "json"),
        ("1".encode("utf-16"), "", "utf-8"),
        (b"", "", "json"),
        (b"1 2", "", "json"),
        (b"{}{}", "", "json"),
        (b"[1,]", "", "json"),
        (b'{"a":1,}', "", "json"),
        (b"{'a':1}", "", "json"),
        (b'"a\nb"', "", "json"),
        (b'"\\x41"', "", "json"),
        (b"01", "", "json"),
        (b"+1", "", "json"),
        (b".5", "", "json"),
        (b"// c\n1", "", "json"),
        (b"[" * 100_000, "", "depth"),
        (b'{"a":' * 100_000, "", "depth"),
        (b"[" * 33 + b"]" * 33, "", "depth"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_what_two_readers_could_read_differently(raw: bytes, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(raw)
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_the_prefix_comes_before_the_pointer() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(b'{"a":1,"a":1}', field="/objects/3")
    assert caught.value.field == "/objects/3/a"
    assert "/objects/3/a" in str(caught.value)


def test_depth_is_counted_outside_strings_only() -> None:
    assert parse_json(b"[" * 32 + b"]" * 32)
    assert parse_json(json.dumps({"a": "[" * 500, "b": '{"\\' * 50}).encode())
    assert parse_json(b"[" + b"[]," * 100 + b"[]]")


def test_limits_are_settings() -> None:
    with pytest.raises(TooLarge) as caught:
        parse_json(b"[1,2]", limits=Limits(size=4))
    assert caught.value.rule == "size"
    assert parse_json(b"[1,2]", limits=Limits(size=5)) == [1, 2]
    with pytest.raises(InvalidInput):
        parse_json(b"[[1]]", limits=Limits(depth=1))


def test_messages_can_always_be_printed() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(b'{"\\ud800":1,"\\ud800":1}')
    str(caught.value).encode()
    caught.value.field.encode()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except InvalidInput:
        return
    assert same(value, json.loads(raw.decode()))
