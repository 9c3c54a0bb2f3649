"""The fast lane: what it takes, the full check takes without a warning, with the same bytes."""

import copy
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import Limits, canonical_json, parse_json
from ringwall.stix import StixObject, observables, read_object, references, search_text, validate
from ringwall.stix.fast import read_fast
from ringwall.stix.tables import TABLES
from tests.stix.examples import EXAMPLES, LATER, TIME, identifier
from tests.stix.misp_events import misp_bundles
from tests.stix.mutations import mutated, names

LIMITS = Limits()
# Their required properties need the closer look.
SLOW = {"language-content", "marking-definition"}


def assert_same_outcome(raw: bytes) -> StixObject | None:
    """Compare both lanes on one object; return what the fast one made of it."""
    fast = read_fast(raw, LIMITS)
    if fast is None:
        return None
    obj = parse_json(raw)
    assert validate(obj) == ()
    body = canonical_json(obj)
    assert fast == StixObject(
        id=obj["id"],
        type=obj["type"],
        version=obj.get("modified") or obj.get("created") or "",
        body=body,
        marking_refs=tuple(obj.get("object_marking_refs", ())),
        granular="granular_markings" in obj,
        observables=observables(body),
        text=search_text(body),
        references=references(body),
        sha256=sha256(body).digest(),
    )
    return fast


@pytest.mark.parametrize("kind", sorted(set(EXAMPLES) - SLOW))
def test_ordinary_objects_take_the_fast_lane(kind: str) -> None:
    for raw in (json.dumps(EXAMPLES[kind]).encode(), canonical_json(EXAMPLES[kind])):
        assert assert_same_outcome(raw) is not None


RICH = {
    "created_by_ref": identifier("identity"),
    "object_marking_refs": [identifier("marking-definition")],
    "labels": ["a", "b:c"],
    "confidence": 100,
    "lang": "en",
    "revoked": False,
    "external_references": [{"source_name": "list", "external_id": "X:1"}],
}


def test_common_properties_do_not_slow_an_object_down() -> None:
    for kind in sorted(set(EXAMPLES) - SLOW):
        if "created" in TABLES[kind].properties:
            assert assert_same_outcome(json.dumps({**EXAMPLES[kind], **RICH}).encode()) is not None


@settings(max_examples=1500)
@given(mutated([*EXAMPLES.values(), *({**obj, **RICH} for obj in EXAMPLES.values())]))
def test_both_lanes_agree_on_mutated_objects(obj: dict[str, Any]) -> None:
    assert_same_outcome(json.dumps(obj).encode())


_likely = st.sampled_from(
    [TIME, LATER, "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
     "2026-03-01T08:00:00.1234567890Z", "2026-03-01T08:00:60Z", "2026-03-01T08:00:00.000Z\n",
     identifier("identity"), identifier("identity").upper(), identifier("identity") + "\n", "",
     "\u0660", "192.0.2.1", "https://example.com/A?b", "HTTP://Example.com", "a\x00b", True, 1, 0,
     -1, 101, 2**53, 2**53 - 1, 1.0, 1e3, [], [""], ["a"], {}, {"MD5": "ab" * 16}, {"MD5": "x"},
     "[a:b = 'c']", "[a:b = 'c' AND d:e = 'f']", "[a:b='\\'']", "[a:true = 'c']"]
)  # fmt: skip


@settings(max_examples=1500)
@given(st.sampled_from(sorted(EXAMPLES)), names, _likely, names, _likely)
def test_both_lanes_agree_on_likely_values(
    kind: str, name: str, value: Any, other: str, more: Any
) -> None:
    assert_same_outcome(json.dumps({**EXAMPLES[kind], name: value, other: more}).encode())


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_both_lanes_agree_on_every_property_with_every_likely_value(kind: str) -> None:
    for name in TABLES[kind].properties:
        for value in (TIME, 1, 1.0, True, "a", "[a:b = 'c']", ["a"], [1], {"a": "b"}, [{}], None):
            assert_same_outcome(json.dumps({**EXAMPLES[kind], name: value}).encode())


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        (b'"name":"a"', True),
        (b'"name":"a","name":"a"', False),
        (b'"name":"a","n\\u0061me":"a"', False),
        (b'"name":"\\u003a","name":"::"', False),
        (b'"name":"\\ud83d\\ude00"', True),
        (b'"name":"\\ud800"', False),
        (b'"name":"\xff"', False),
        (b'"name":"a","confidence":9007199254740993', False),
        (b'"name":"a","confidence":1e1', False),
        (b'"name":"a","confidence":-0', None),
        (b'"name":"a","labels":["x","x"]', True),
        (b'"name":"a"} ', False),
    ],
)
def test_what_was_written_decides(written: bytes, taken: bool | None) -> None:
    raw = canonical_json(EXAMPLES["tool"]).replace(b'"name":"scanner"', written)
    found = assert_same_outcome(raw)
    assert taken is None or (found is not None) == taken


@given(st.binary(max_size=60), st.integers(0, 300))
def test_both_lanes_agree_on_any_bytes_in_the_middle(noise: bytes, at: int) -> None:
    raw = json.dumps({**EXAMPLES["indicator"], **RICH}).encode()
    fast = read_fast(raw[:at] + noise + raw[at:], LIMITS)
    if fast is not None:
        assert_same_outcome(raw[:at] + noise + raw[at:])


def test_limits_hold_on_the_fast_lane() -> None:
    raw = canonical_json(EXAMPLES["tool"])
    assert read_fast(raw, Limits(size=len(raw))) is not None
    assert read_fast(raw, Limits(size=len(raw) - 1)) is None
    assert read_fast(raw, Limits(depth=3)) is None


def test_both_lanes_agree_on_real_events(ringwall_data: Path) -> None:
    taken = total = 0
    for _, bundle in misp_bundles(ringwall_data / "misp-events"):
        for obj in json.loads(bundle)["objects"]:
            bare = copy.deepcopy(obj)
            for name in obj:
                if name.startswith("x_"):
                    del bare[name]
            for each in (obj, bare):
                total += 1
                raw = json.dumps(each).encode()
                taken += assert_same_outcome(raw) is not None
                assert read_object(raw).body == canonical_json(each)
    assert taken > total / 4
