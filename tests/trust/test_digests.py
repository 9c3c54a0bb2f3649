"""Salted field digests: one text has one digest, and nothing is guessed without its salt."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, canonical_json, split_fields
from ringwall.trust import (
    addressee_digest,
    addressee_list,
    combine_field_digests,
    field_digest,
    field_salts,
    object_digest,
    statement_digest,
)

SEED = bytes(range(32))
values = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9)
objects = st.dictionaries(st.text(max_size=9), values | st.lists(values, max_size=3), max_size=6)


def plainly(document: dict[str, Any], seed: bytes) -> bytes:
    """The definition, written out for documents whose keys are ASCII."""
    stream = hashlib.shake_256(seed).digest(32 * len(document))
    digests = b""
    for index, name in enumerate(sorted(document)):
        text = json.dumps(name) + ":" + json.dumps(document[name], separators=(",", ":"))
        salt = stream[index * 32 : index * 32 + 32]
        digests += hashlib.sha256(b"\x03" + salt + text.encode()).digest()
    return hashlib.sha256(b"\x02" + digests).digest()


def test_the_digest_is_as_the_protocol_says() -> None:
    document = {"b": [1, "x"], "a": True, "type": "indicator"}
    assert object_digest(canonical_json(document), SEED) == plainly(document, SEED)


def test_the_statement_digest_is_of_seed_and_body_and_no_object_digest() -> None:
    body = canonical_json({"a": 1})
    inner = hashlib.sha256(body).digest()
    expected = hashlib.sha256(b"\x05" + SEED + inner).digest()
    assert statement_digest(SEED, inner) == expected
    assert len({expected, object_digest(body, SEED), statement_digest(bytes(32), inner)}) == 3


@given(first=objects, second=objects)
def test_different_objects_have_different_digests(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    bodies = canonical_json(first), canonical_json(second)
    same = object_digest(bodies[0], SEED) == object_digest(bodies[1], SEED)
    assert same == (bodies[0] == bodies[1])


def test_the_seed_changes_every_salt() -> None:
    assert len(set(field_salts(SEED, 500)) | set(field_salts(bytes(32), 500))) == 1000
    assert {len(salt) for salt in field_salts(SEED, 500)} == {32}
    assert object_digest(b"{}", SEED) == hashlib.sha256(b"\x02").digest()
    assert object_digest(b'{"a":1}', SEED) != object_digest(b'{"a":1}', bytes(32))


@given(objects, st.data())
def test_a_field_can_be_withheld_and_the_digest_stays(
    document: dict[str, Any], data: st.DataObject
) -> None:
    body = canonical_json(document)
    fields = split_fields(body)
    salts = field_salts(SEED, len(fields))
    hidden = data.draw(st.sets(st.sampled_from(range(len(fields))))) if fields else set()
    withheld = {index: field_digest(salts[index], *fields[index]) for index in hidden}
    digests = [
        withheld[index] if index in hidden else field_digest(salts[index], name, value)
        for index, (name, value) in enumerate(fields)
    ]
    assert combine_field_digests(digests) == object_digest(body, SEED)


OTHER = "the object's bytes are not canonical"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a": 1}', OTHER),
        (b'{"a":1}\n', OTHER),
        (b'{"a":1,"a":1}', OTHER),
        (b'{"\\u0061":1}', OTHER),
        (b"[]", "not a canonical object: Expected `object`, got `array`"),
        (b"", "not a canonical object: Input data was truncated"),
        (b"{\xff", "not a canonical object: JSON is malformed"),
        (b'{"\xff":1}', "not a canonical object: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_other_bytes_have_no_digest(body: bytes, why: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        object_digest(body, SEED)
    assert (caught.value.field, caught.value.rule) == ("object", "canonical")
    assert str(caught.value).startswith(why)
    assert why != OTHER or str(caught.value) == OTHER


def test_salts_are_blocks_of_one_stream() -> None:
    stream = hashlib.shake_256(SEED).digest(96)
    assert field_salts(SEED, 3) == [stream[:32], stream[32:64], stream[64:]]
    assert field_salts(SEED, 0) == []


def test_a_field_and_its_siblings_are_hashed_as_the_protocol_says() -> None:
    expected = hashlib.sha256(b"\x03" + SEED + '"é":[1]'.encode()).digest()
    assert field_digest(SEED, "é", b"[1]") == expected
    assert combine_field_digests(iter([b"1", b"2"])) == hashlib.sha256(b"\x0212").digest()


def test_the_addressee_digest_depends_on_salt_and_set_only() -> None:
    def digest(salt: bytes, *nodes: str) -> bytes:
        return addressee_digest(salt, addressee_list(nodes))

    assert digest(SEED, "b", "a") == digest(SEED, "a", "b")
    assert digest(SEED, "a", "b") != digest(SEED, "a")
    assert digest(SEED, "a") != digest(bytes(32), "a")
    assert digest(SEED, "a") == hashlib.sha256(b"\x04" + SEED + b'["a"]').digest()
