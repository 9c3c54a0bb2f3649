"""Mutated objects: whatever stands anywhere, an object is refused or can be used everywhere."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.core import CallerError, canonical_json, parse_timestamp
from ringwall.labels import label_of
from ringwall.server.documents import title
from ringwall.stix import StixObject, observables, read_object, read_submission, search_text
from ringwall.stix.common import COMMON
from ringwall.stix.tables import TABLES
from tests.stix.examples import EXAMPLES, LATER, TIME, bundle, domain, identifier, observable

_RICH: dict[str, Any] = {
    "external_references": [{"source_name": "list", "external_id": "TA-0001"}],
    "object_marking_refs": [identifier("marking-definition")],
    "granular_markings": [{"selectors": ["id"], "lang": "en"}],
    "extensions": {"x-more": {"extension_type": "property-extension", "rank": 1}},
    "labels": ["tlp:amber"],
    "created_by_ref": identifier("identity"),
}
_CUSTOM = [observable("x-beacon", value="a"), domain("x-plan", name="a")]
_OLD = domain(
    "observed-data",
    spec_version="2.0",
    first_observed=TIME,
    last_observed=LATER,
    number_observed=1,
    objects={
        "0": {"type": "file", "hashes": {"MD5": "ab" * 16}, "parent_directory_ref": "1"},
        "1": {"type": "directory", "path": "/srv/x", "contains_refs": ["0"], "created": TIME},
        "2": {"type": "network-traffic", "protocols": ["tcp"], "src_ref": "3", "dst_ref": "3"},
        "3": {"type": "ipv4-addr", "value": "192.0.2.1"},
    },
)
_VALID = [
    *EXAMPLES.values(),
    *({**obj, **_RICH} for obj in EXAMPLES.values()),
    *_CUSTOM,
    *({**obj, **_RICH} for obj in _CUSTOM),
    observable("file", hashes={"SHA-256": "ab" * 32}),
]

_scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e9, 1e9)
    | st.text(max_size=8)
    | st.sampled_from(["stix", "tlp", "statement", "2.0", "2.1", TIME, LATER, "zzz", "[a:b = 'c']"])
    | st.sampled_from([identifier(kind) for kind in (*EXAMPLES, "x-beacon")])
)
_common = st.sampled_from(sorted(COMMON))
_name = st.sampled_from(
    sorted({*COMMON, *(name for table in TABLES.values() for name in table.properties)})
)
_json = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_name | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value inside ``value``."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@st.composite
def _mutated(draw: st.DrawFn, valid: list[dict[str, Any]]) -> dict[str, Any]:
    """Take a valid object and put any values at one to three places, old or new."""
    obj: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            container, key = draw(st.sampled_from(list(_places(obj))))
        else:
            container, key = obj, draw(_common | _name)
        container[key] = draw(_json)
    return obj


def use(obj: StixObject) -> None:
    """Do with an accepted object what the other rooms do with it."""
    assert all(type(text) is str for text in (obj.id, obj.type, obj.version, obj.created_by_ref))
    if obj.version:
        parse_timestamp(obj.version)
    search_text(obj.body)
    observables(obj.body)
    title(obj.body)
    label_of(obj, {})
    for ref in obj.marking_refs:
        label_of(obj, {ref: obj.body})
    if obj.type == "marking-definition":
        marked = read_object(
            json.dumps({**EXAMPLES["file"], "object_marking_refs": [obj.id]}).encode()
        )
        label_of(marked, {obj.id: obj.body})


_WRONG: list[Any] = [
    None, True, 1, -1.5, "", "zzz", TIME, identifier("tool"), [], ["x"], [[]], [{}], {}, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("kind", [*sorted(EXAMPLES), "x-beacon"])
def test_no_property_of_any_type_passes_with_what_cannot_be_used(kind: str) -> None:
    valid = EXAMPLES.get(kind, observable(kind))
    own = TABLES[kind].properties if kind in TABLES else {}
    for name in {*own, *COMMON, "hashes", "value"}:
        for value in _WRONG:
            try:
                accepted = read_object(json.dumps({**valid, name: value}).encode())
            except CallerError:
                continue
            use(accepted)


@settings(max_examples=500)
@given(_mutated(_VALID))
def test_a_mutated_object_is_refused_or_usable(obj: dict[str, Any]) -> None:
    try:
        accepted = read_object(json.dumps(obj).encode())
    except CallerError:
        return
    use(accepted)


@pytest.mark.parametrize("value", [*_WRONG, ...], ids=str)
def test_old_observed_data_fails_alone_wherever_it_is_wrong(value: Any) -> None:
    for index in range(len(list(_places(_OLD)))):
        obj = copy.deepcopy(_OLD)
        container, key = list(_places(obj))[index]
        container[key] = value
        if value is ...:
            del container[key]
        submission = read_submission(json.dumps(bundle(obj, EXAMPLES["url"])).encode())
        assert all(refusal.rule != "internal" for refusal in submission.refusals)
        assert EXAMPLES["url"]["id"] in {accepted.id for accepted in submission.objects}
        for accepted in submission.objects:
            use(accepted)


@settings(max_examples=500)
@given(_mutated([*_VALID, _OLD, _OLD, _OLD]) | st.dictionaries(_name, _json, max_size=4))
def test_a_submission_never_needs_the_last_resort(obj: dict[str, Any]) -> None:
    submission = read_submission(json.dumps(bundle(obj, EXAMPLES["url"])).encode())
    assert all(refusal.rule != "internal" for refusal in submission.refusals)
    assert all(refusal.index == 0 for refusal in submission.refusals)
    assert submission.objects
    for accepted in submission.objects:
        use(accepted)


@given(_mutated(_VALID) | st.dictionaries(_name, _json, max_size=4))
def test_words_and_observables_come_from_anything(obj: dict[str, Any]) -> None:
    body = canonical_json(obj)
    search_text(body)
    observables(body)
    title(body)


@pytest.mark.parametrize(
    "obj",
    [
        observable("file", external_references=["x"], hashes=["x"]),
        observable("file", external_references=5, hashes={"MD5": [1]}),
        observable("url"),
        observable("domain-name", value={"a": 1}),
        {"type": ["url"], "value": 1},
        {"type": "indicator", "pattern_type": "stix"},
        {"type": "indicator", "pattern_type": "stix", "pattern": 1},
    ],
)
def test_what_is_not_text_is_passed_over(obj: dict[str, Any]) -> None:
    body = canonical_json(obj)
    assert search_text(body) == ""
    assert observables(body) == ()
