"""Mutated objects: whatever stands anywhere, an object is refused or can be used everywhere."""

import copy
import json
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
from tests.stix.examples import EXAMPLES, TIME, bundle, identifier, observable
from tests.stix.mutations import OLD, VALID, json_values, mutated, names, places


def use(obj: StixObject) -> None:
    """Do with an accepted object what the other rooms do with it."""
    assert all(type(text) is str for text in (obj.id, obj.type, obj.version))
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
@given(mutated(VALID))
def test_a_mutated_object_is_refused_or_usable(obj: dict[str, Any]) -> None:
    try:
        accepted = read_object(json.dumps(obj).encode())
    except CallerError:
        return
    use(accepted)


@pytest.mark.parametrize("value", [*_WRONG, ...], ids=str)
def test_old_observed_data_fails_alone_wherever_it_is_wrong(value: Any) -> None:
    for index in range(len(list(places(OLD)))):
        obj = copy.deepcopy(OLD)
        container, key = list(places(obj))[index]
        container[key] = value
        if value is ...:
            del container[key]
        submission = read_submission(json.dumps(bundle(obj, EXAMPLES["url"])).encode())
        assert all(refusal.rule != "internal" for refusal in submission.refusals)
        assert EXAMPLES["url"]["id"] in {accepted.id for accepted in submission.objects}
        for accepted in submission.objects:
            use(accepted)


@settings(max_examples=500)
@given(mutated([*VALID, OLD, OLD, OLD]) | st.dictionaries(names, json_values, max_size=4))
def test_a_submission_never_needs_the_last_resort(obj: dict[str, Any]) -> None:
    submission = read_submission(json.dumps(bundle(obj, EXAMPLES["url"])).encode())
    assert all(refusal.rule != "internal" for refusal in submission.refusals)
    assert all(refusal.index == 0 for refusal in submission.refusals)
    assert submission.objects
    for accepted in submission.objects:
        use(accepted)


@given(mutated(VALID) | st.dictionaries(names, json_values, max_size=4))
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
