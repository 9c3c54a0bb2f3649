"""Redaction: the signature stays, and nobody learns more than the fields that they were shown."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, InvalidInput, canonical_json, split_fields
from ringwall.trust import (
    disclosed_digest,
    disclosure_digest,
    field_digest,
    field_salts,
    held_digest,
    is_wider,
    object_digest,
    redact,
    statement_item,
    verify_proof,
)
from ringwall.trust.documents import to_text
from ringwall.trust.redaction import withheld_places
from tests.trust import world

SEED = world.secret("redaction")
OBJECT: dict[str, Any] = {"a": 1, "b": "secret", "c": [True], "d": {"e": "f"}}
BODY = canonical_json(OBJECT)

names = st.text(min_size=1, max_size=6)
values = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6)
objects = st.dictionaries(names, values | st.lists(values, max_size=2), min_size=1, max_size=8)
seeds = st.binary(min_size=32, max_size=32)


def shown_salts(body: bytes, disclosure: bytes) -> dict[str, bytes]:
    """What a reader holds: the salt of each field that is shown, by name."""
    entries = [disclosure[at : at + 33] for at in range(0, len(disclosure), 33)]
    salts = [entry[1:] for entry in entries if entry[0] == 0]
    return dict(zip([name for name, _ in split_fields(body)], salts, strict=True))


def subset(data: st.DataObject, document: Mapping[str, Any]) -> set[str]:
    return data.draw(st.sets(st.sampled_from(sorted(document)), min_size=1))


@given(objects, seeds, st.data())
def test_the_digest_that_was_signed_stays(
    document: dict[str, Any], seed: bytes, data: st.DataObject
) -> None:
    body, withheld = canonical_json(document), subset(data, document)
    redacted, disclosure = redact(body, seed, withheld)
    assert disclosed_digest(redacted, disclosure) == object_digest(body, seed)
    kept = {name: value for name, value in document.items() if name not in withheld}
    assert redacted == canonical_json(kept)
    assert len(disclosure) == 33 * len(document)


@given(objects, seeds, st.data())
def test_withholding_step_by_step_is_withholding_at_once(
    document: dict[str, Any], seed: bytes, data: st.DataObject
) -> None:
    body, first = canonical_json(document), subset(data, document)
    rest = {name: value for name, value in document.items() if name not in first}
    assume(rest)
    second = subset(data, rest)
    once = redact(body, seed, first | second)
    redacted, disclosure = redact(body, seed, first)
    assert redact(redacted, b"", second, disclosure) == once


@given(objects, seeds, st.data())
def test_two_redactions_together_are_the_union_of_what_each_was_shown(
    document: dict[str, Any], seed: bytes, data: st.DataObject
) -> None:
    body = canonical_json(document)
    withheld = subset(data, document), subset(data, document)
    held = [redact(body, seed, each) for each in withheld]
    fields: dict[str, bytes] = {}
    salts: dict[str, bytes] = {}
    for redacted, disclosure in held:
        fields |= dict(split_fields(redacted))
        salts |= shown_salts(redacted, disclosure)
    union = set(document) - (withheld[0] & withheld[1])
    assert fields == {name: value for name, value in split_fields(body) if name in union}
    assert set(salts) == union
    # Of what is withheld from both, both hold one and the same digest, and no salt to test it with.
    everything = b"".join(redacted + disclosure for redacted, disclosure in held)
    all_salts = dict(zip(sorted_names(body), field_salts(seed, len(document)), strict=True))
    for name in withheld[0] & withheld[1]:
        assert all_salts[name] not in everything
    assert seed not in everything


def sorted_names(body: bytes) -> list[str]:
    return [name for name, _ in split_fields(body)]


@given(objects, seeds, st.data())
def test_no_guess_can_be_tested_with_what_a_reader_holds(
    document: dict[str, Any], seed: bytes, data: st.DataObject
) -> None:
    body, withheld = canonical_json(document), subset(data, document)
    redacted, disclosure = redact(body, seed, withheld)
    digests = {
        disclosure[at + 1 : at + 33] for at in range(0, len(disclosure), 33) if disclosure[at] == 1
    }
    salts = [*shown_salts(redacted, disclosure).values(), disclosure_digest(disclosure)]
    right = [(name, value) for name, value in split_fields(body) if name in withheld]
    tried = {field_digest(salt, name, value) for salt in salts for name, value in right}
    more = [field_salts(salt, len(document)) for salt in salts]
    tried |= {field_digest(each, *field) for stream in more for each in stream for field in right}
    assert tried.isdisjoint(digests)


def test_a_proof_holds_for_every_redaction_of_its_object() -> None:
    proof = world.seal().proofs[0]
    public = world.NODES["aaa-1"].public()
    whole = verify_proof(proof, world.BODY, world.SEED, public, world.ALLIANCE)
    for withheld in ({"name"}, {"name", "pattern", "confidence"}):
        redacted, disclosure = redact(world.BODY, world.SEED, withheld)
        leaf = verify_proof(proof, redacted, b"", public, world.ALLIANCE, disclosure=disclosure)
        assert leaf == whole
        other = redacted.replace(b"malicious", b"malicioux")
        with pytest.raises(BadEnvelope) as caught:
            verify_proof(proof, other, b"", public, world.ALLIANCE, disclosure=disclosure)
        assert caught.value.field == "proof/object"


def test_a_redaction_is_sealed_without_its_seed() -> None:
    redacted, disclosure = redact(world.BODY, world.SEED, {"name"})
    item = statement_item(
        origin="aaa-1",
        sequence=1,
        body=redacted,
        seed=world.SEED,
        label=world.LABEL,
        purpose="p",
        disclosure=disclosure,
    )
    sealed = world.seal(item)
    assert world.SEED not in b"".join((item.object, item.seed, item.disclosure))
    assert json.loads(sealed.proofs[0].leaf)["object"] == to_text(
        object_digest(world.BODY, world.SEED)
    )


@pytest.mark.parametrize(
    ("withheld", "missing"),
    [(set(), "nothing"), ({"z"}, "z"), ({"a", "z"}, "z"), ({"z", "y"}, "y, z")],
)
def test_only_fields_that_are_there_are_withheld(withheld: set[str], missing: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        redact(BODY, SEED, withheld)
    assert (caught.value.field, caught.value.rule) == ("withheld", "field")
    assert str(caught.value) == f"cannot withhold {missing}"


def test_a_disclosure_is_written_as_the_protocol_says() -> None:
    salts = field_salts(SEED, 4)
    redacted, disclosure = redact(BODY, SEED, {"b", "d"})
    assert redacted == b'{"a":1,"c":[true]}'
    hidden = [field_digest(salts[1], "b", b'"secret"'), field_digest(salts[3], "d", b'{"e":"f"}')]
    assert disclosure == b"\0" + salts[0] + b"\1" + hidden[0] + b"\0" + salts[2] + b"\1" + hidden[1]
    assert disclosed_digest(redacted, disclosure) == object_digest(BODY, SEED)
    more, narrower = redact(redacted, b"", {"a"}, disclosure)
    assert (more, narrower) == redact(BODY, SEED, {"a", "b", "d"})
    assert disclosure_digest(b"x") == hashlib.sha256(b"\x06x").digest()


def test_everything_may_be_withheld() -> None:
    redacted, disclosure = redact(BODY, SEED, set(OBJECT))
    assert redacted == b"{}"
    assert disclosed_digest(redacted, disclosure) == object_digest(BODY, SEED)


REDACTED, DISCLOSURE = redact(BODY, SEED, {"b"})


@pytest.mark.parametrize(
    ("disclosure", "rule", "why"),
    [
        (DISCLOSURE[:-1], "length", "131 bytes are no entries of 33"),
        (DISCLOSURE + b"\0", "length", "133 bytes are no entries of 33"),
        (DISCLOSURE[33:], "count", "2 salts for 3 fields"),
        (DISCLOSURE + b"\0" + bytes(32), "count", "4 salts for 3 fields"),
        (b"\2" + DISCLOSURE[1:], "tag", "an entry is neither a salt nor a digest"),
        (
            DISCLOSURE[:33] + DISCLOSURE[66:],
            "whole",
            "nothing is withheld: a whole object comes with its seed",
        ),
        (b"", "length", "0 bytes are no entries of 33"),
    ],
)
def test_a_disclosure_is_read_strictly(disclosure: bytes, rule: str, why: str) -> None:
    with pytest.raises(BadEnvelope) as caught:
        disclosed_digest(REDACTED, disclosure)
    assert (caught.value.field, caught.value.rule) == ("disclosure", rule)
    assert str(caught.value) == f"disclosure: {why}"
    if disclosure:
        with pytest.raises(BadEnvelope) as caught:
            redact(REDACTED, SEED, {"a"}, disclosure)
        assert caught.value.rule == rule


@given(at=st.integers(0, len(DISCLOSURE) - 1), bit=st.integers(0, 7))
def test_every_bit_of_a_disclosure_counts(at: int, bit: int) -> None:
    changed = bytearray(DISCLOSURE)
    changed[at] ^= 1 << bit
    try:
        found = disclosed_digest(REDACTED, bytes(changed))
    except BadEnvelope:
        return
    assert found != object_digest(BODY, SEED)


@pytest.mark.parametrize("body", [b'{"a":1,"c": [true],"d":{"e":"f"}}', b'{"a":1}', b"[]", b""])
def test_other_bytes_are_no_redaction(body: bytes) -> None:
    with pytest.raises((InvalidInput, BadEnvelope)):
        disclosed_digest(body, DISCLOSURE)


def test_a_redaction_has_one_way_to_be_written() -> None:
    with pytest.raises(InvalidInput) as caught:
        disclosed_digest(REDACTED.replace(b",", b", ", 1), DISCLOSURE)
    assert (caught.value.field, caught.value.rule) == ("object", "canonical")
    assert str(caught.value) == "the object's bytes are not canonical"


def test_wider_means_everything_the_other_shows_and_more() -> None:
    def disclosed(*withheld: str) -> bytes:
        return redact(BODY, SEED, set(withheld))[1]

    assert is_wider(disclosed("a"), disclosed("a", "b"))
    assert is_wider(b"", disclosed("a"))
    assert not is_wider(disclosed("a"), b"")
    assert not is_wider(b"", b"")
    assert not is_wider(disclosed("a"), disclosed("a"))
    assert not is_wider(disclosed("a", "b"), disclosed("a"))
    assert not is_wider(disclosed("a"), disclosed("b"))
    assert not is_wider(disclosed("a")[:-33], disclosed("a", "b"))


def test_what_is_held_has_one_object_digest_whole_or_not() -> None:
    assert held_digest(BODY, SEED) == held_digest(REDACTED, bytes(32), DISCLOSURE)


def test_the_places_that_are_withheld_count_from_zero_over_the_whole_object() -> None:
    assert withheld_places(b"") == ()
    for withheld, places in (({"a"}, (0,)), ({"b", "d"}, (1, 3)), ({"a", "b", "c"}, (0, 1, 2))):
        assert withheld_places(redact(BODY, SEED, withheld)[1]) == places
    twice = redact(REDACTED, b"", {"d"}, DISCLOSURE)[1]
    assert withheld_places(twice) == (1, 3)
