"""YAML with one reading only, and no way to make a small file large."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import load_alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration

TEXT = (Path(__file__).parent / "example.yaml").read_text(encoding="utf-8")

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(documents)
def test_json_means_in_yaml_what_it_means_in_json(document: Any) -> None:
    assert read_yaml(json.dumps(document)) == document
    assert read_yaml(json.dumps(document).encode()) == document


@given(documents)
def test_what_the_library_writes_is_read_back(document: Any) -> None:
    assert read_yaml(yaml.safe_dump(document)) == document


def test_a_pair_of_escapes_is_one_character_as_in_json() -> None:
    assert read_yaml(json.dumps({"\U0001f600": "\U0001f600"})) == {"\U0001f600": "\U0001f600"}


def test_words_stay_words() -> None:
    text = "[no, on, Yes, 2026-01-01, 010, 0x10, 1:30, 1.5, .inf, Null, '1', true, 7, ~, null]"
    assert read_yaml(text) == [
        "no", "on", "Yes", "2026-01-01", "010", "0x10", "1:30", "1.5", ".inf", "Null", "1",
        True, 7, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule", "place"),
    [
        ("a: 1\nb: 2\na: 3", "duplicate-key", "line 3, column 1"),
        ("x: {a: {b: 1, b: 2}}", "duplicate-key", "line 1, column 15"),
        ("a: &x [1]\nb: *x", "alias", "line 1, column 4"),
        ("b: *x", "alias", "line 1, column 4"),
        ("&x a: 1", "alias", "line 1, column 1"),
        ("a: !!python/object/apply:os.system [ls]", "tag", "line 1, column 4"),
        ("a: !!str 1", "tag", "line 1, column 4"),
        ("a: !!binary aGk=", "tag", "line 1, column 4"),
        ("1: a", "key", "line 1, column 1"),
        ("? [a, b]\n: c", "key", "line 1, column 3"),
        ("~: a", "key", "line 1, column 1"),
        ("a: [1", "yaml", "line 1, column 6"),
        ("a: 1\n---\nb: 2", "yaml", "line 2, column 1"),
        ("a: \x00", "yaml", ""),
        ("[" * 40 + "]" * 40, "depth", "line 1, column 17"),
        ("[" * 100_000, "depth", "line 1, column 17"),
        ("a: " + "9" * 5000, "yaml", ""),
        (r'a: "\ud83d"', "surrogate", "line 1, column 4"),
        (r'{"\ude00\ud83d": 1}', "surrogate", "line 1, column 2"),
    ],
)
def test_what_has_two_readings_is_refused(text: str, rule: str, place: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_yaml(text)
    assert (caught.value.rule, caught.value.field) == (rule, place)


def test_an_alias_bomb_does_not_go_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(BadConfiguration):
        load_alliance("\n".join(lines))


def test_a_duplicate_member_is_refused_where_it_stands() -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_alliance(TEXT.replace("  borduria:\n", "  arden:\n", 1))
    assert caught.value.rule == "duplicate-key"


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"a: \xc3", b"\xf0\x9f"])
def test_bytes_that_are_no_text_are_refused(raw: bytes) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_alliance(raw)
    assert caught.value.rule in {"yaml", "schema"}


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_alliance("#" * (4 * 1024 * 1024 + 1))
    assert caught.value.rule == "size"


def test_a_text_without_canonical_form_is_refused() -> None:
    with pytest.raises(BadConfiguration):
        load_alliance(TEXT.replace("name: Example alliance", 'name: "\\ud800"'))


@pytest.mark.parametrize("text", ["", "just words", "[]", "~"])
def test_a_description_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_alliance(text)
    assert (caught.value.rule, caught.value.field) == ("schema", "")
