"""A relay is read strictly: every field, its form and its size, before anything is believed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadEnvelope, canonical_json
from ringwall.trust import MAX_RECIPIENTS, MOST_HOPS, proof_document, read_relay, relay_document
from ringwall.trust.documents import to_text
from tests.trust import world
from tests.trust.relay_world import WAY, passed, stated

RELAY = passed(stated(), *WAY[:3])
PART = passed(stated({"name"}), *WAY[:2])


def document(**changes: Any) -> dict[str, Any]:
    """Return the document of a good relay, of which some fields are changed."""
    plain: dict[str, Any] = msgspec.json.decode(canonical_json(relay_document(RELAY)))
    return plain | changes


def refusal(changed: Any) -> tuple[str, str]:
    with pytest.raises(BadEnvelope) as caught:
        read_relay(changed)
    return caught.value.field, caught.value.rule


def test_a_document_holds_what_the_relay_holds() -> None:
    found = relay_document(RELAY)
    assert found["object"] == world.BODY.decode()
    assert (found["v"], found["seed"], found["disclosure"]) == (1, to_text(world.SEED), "")
    assert found["proof"] == proof_document(RELAY.proof)
    assert found["addressees"] == ["bbb-1", "ccc-1"]
    assert found["addressee_salt"] == to_text(world.secret("addressee salt 2"))
    assert [(one["by"], one["to"]) for one in found["hops"]] == [
        ("bbb-1", "ddd-1"),
        ("ddd-1", "eee-1"),
    ]
    assert read_relay(document()) == RELAY


def test_a_redaction_has_a_disclosure_and_no_seed() -> None:
    found = relay_document(PART)
    assert (found["seed"], found["disclosure"]) == ("", to_text(PART.disclosure))
    assert to_text(world.SEED) not in str(found)
    assert read_relay(found) == PART


@pytest.mark.parametrize("value", [None, [], "relay", 1, {}])
def test_something_else_is_no_relay(value: object) -> None:
    assert refusal(value) == ("relay", "shape")


@pytest.mark.parametrize("name", sorted(document()))
def test_no_field_may_be_missing(name: str) -> None:
    changed = document()
    del changed[name]
    assert refusal(changed) == ("relay", "shape")


@pytest.mark.parametrize("name", sorted(set(document()["hops"][0]) - {"ed25519", "ml_dsa_65"}))
def test_no_field_of_a_hop_may_be_missing(name: str) -> None:
    changed = document()
    del changed["hops"][0][name]
    assert refusal(changed) == ("relay", "shape")


@pytest.mark.parametrize("name", sorted(document()["proof"]))
def test_no_field_of_the_proof_may_be_missing(name: str) -> None:
    changed = document()
    del changed["proof"][name]
    assert refusal(changed) == ("relay", "shape")


def test_a_field_more_may_be_a_restriction() -> None:
    assert refusal(document(until="tomorrow")) == ("relay", "shape")
    for inner in ("proof", "hops"):
        changed = document()
        (changed["proof"] if inner == "proof" else changed["hops"][1])["until"] = "tomorrow"
        assert refusal(changed) == ("relay", "shape")


@pytest.mark.parametrize("version", [0, 2, -1])
def test_another_version_is_refused(version: int) -> None:
    assert refusal(document(v=version)) == ("relay/v", "version")
    proof = document()["proof"] | {"v": version}
    assert refusal(document(proof=proof)) == ("relay/v", "version")


@pytest.mark.parametrize("version", ["1", 1.5, True, None])
def test_a_version_is_a_number(version: object) -> None:
    assert refusal(document(v=version)) == ("relay", "shape")


@pytest.mark.parametrize(
    "changes",
    [
        {"object": 1},
        {"object": {}},
        {"seed": None},
        {"addressees": []},
        {"addressees": "bbb-1"},
        {"addressees": ["BBB-1"]},
        {"addressees": ["bbb-1\n"]},
        {"addressees": [""]},
        {"addressees": ["b" * 64]},
        {"hops": {}},
        {"hops": [[]]},
    ],
)
def test_fields_of_another_kind_are_refused(changes: dict[str, Any]) -> None:
    assert refusal(document(**changes)) == ("relay", "shape")


@pytest.mark.parametrize(
    "changes",
    [
        {"by": "BBB-1"},
        {"to": ""},
        {"to": "ddd-1\n"},
        {"at": "2026-01-01T00:00:00Z"},
        {"at": ""},
        {"onward_to": "eee"},
        {"onward_to": ["Eee"]},
        {"onward_to": ["a"] * (MAX_RECIPIENTS + 1)},
        {"hops": -1},
        {"hops": MOST_HOPS + 1},
        {"hops": 1.5},
        {"hops": "1"},
        {"withheld": [-1]},
        {"withheld": [0.5]},
        {"withheld": [2**53]},
        {"withheld": None},
        {"ed25519": None},
    ],
)
def test_hops_of_another_kind_are_refused(changes: dict[str, Any]) -> None:
    changed = document()
    changed["hops"][1] |= changes
    assert refusal(changed) == ("relay", "shape")


def test_eight_hops_are_the_most() -> None:
    one = document()["hops"][0]
    assert len(read_relay(document(hops=[one] * MOST_HOPS)).hops) == MOST_HOPS == 8
    assert refusal(document(hops=[one] * (MOST_HOPS + 1))) == ("relay", "shape")


def test_as_many_addressees_as_an_envelope_has() -> None:
    names = [f"n{number}" for number in range(MAX_RECIPIENTS + 1)]
    assert len(read_relay(document(addressees=names[1:])).addressees) == MAX_RECIPIENTS
    assert refusal(document(addressees=names)) == ("relay", "shape")
    hops = document()["hops"]
    hops[0]["onward_to"] = names[1:]
    assert len(read_relay(document(hops=hops)).hops[0].onward_to) == MAX_RECIPIENTS


@pytest.mark.parametrize("text", ["A", "AAA=", "AB", "A+/A", "é", "AAAA ", "AAAA\n"])
@pytest.mark.parametrize(
    "place", ["seed", "disclosure", "addressee_salt", "leaf", "salt", "payload", "ed25519", "path"]
)
def test_bytes_have_one_text(place: str, text: str) -> None:
    changed = document()
    if place in changed:
        changed[place] = text
        assert refusal(changed) == (f"relay/{place}", "base64url")
        return
    changed["proof"][place] = [text] if place == "path" else text
    assert refusal(changed) == (f"relay/proof/{place}", "base64url")


@pytest.mark.parametrize(
    ("place", "size"),
    [("addressee_salt", 32), ("proof/salt", 32), ("proof/ed25519", 64), ("proof/ml_dsa_65", 3309)],
)
def test_salts_and_signatures_have_one_size(place: str, size: int) -> None:
    for wrong in (0, size - 1, size + 1):
        changed = document()
        holder, _, name = place.rpartition("/")
        (changed[holder] if holder else changed)[name] = to_text(bytes(wrong))
        assert refusal(changed) == (f"relay/{place}", "length")


@pytest.mark.parametrize("changes", [{"index": -1}, {"size": 2**53}, {"path": ["A"] * 65}])
def test_a_proof_has_the_form_of_a_proof(changes: dict[str, Any]) -> None:
    assert refusal(document(proof=document()["proof"] | changes)) == ("relay", "shape")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(document())), json_values)
def test_hostile_values_are_refused_by_name_or_read(name: str, value: Any) -> None:
    changed, rule = document(**{name: value}), ""
    try:
        assert relay_document(read_relay(changed)) == changed
    except BadEnvelope as refused:
        rule = f"{refused.field.partition('/')[0]} {refused.rule}"
    assert rule in ("", *(f"relay {each}" for each in ("shape", "version", "base64url", "length")))
