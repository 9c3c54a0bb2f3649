"""Submissions: one bad object fails alone, a bad envelope as a whole, bytes are stable."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, Limits, TooLarge, canonical_json
from ringwall.stix import StixObject, Submission, read_submission
from tests.stix.examples import EXAMPLES, LATER, bundle, domain, identifier, observable

INDICATOR = EXAMPLES["indicator"]
MARKING = EXAMPLES["marking-definition"]


def read(value: Any) -> Submission:
    return read_submission(json.dumps(value).encode())


def read_one(value: Any) -> StixObject:
    submission = read(value)
    assert submission.refusals == ()
    (obj,) = submission.objects
    return obj


def envelope_error(raw: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read_submission(raw)
    return caught.value.field, caught.value.rule


def test_an_object_alone() -> None:
    obj = read_one({**INDICATOR, "object_marking_refs": [MARKING["id"]], "modified": LATER})
    assert (obj.id, obj.type, obj.version) == (INDICATOR["id"], "indicator", LATER)
    assert obj.marking_refs == (MARKING["id"],)
    assert not obj.granular


def test_what_labels_need_is_told() -> None:
    markings = [{"selectors": ["pattern"], "marking_ref": MARKING["id"]}]
    obj = read_one({**INDICATOR, "granular_markings": markings})
    assert obj.granular


def test_versions() -> None:
    assert read_one(MARKING).version == MARKING["created"]
    assert read_one(EXAMPLES["file"]).version == ""


def test_a_bundle_of_everything_keeps_its_order() -> None:
    submission = read(bundle(*EXAMPLES.values()))
    assert submission.refusals == ()
    assert [obj.type for obj in submission.objects] == list(EXAMPLES)
    assert submission.markings == {MARKING["id"]: canonical_json(MARKING)}


def test_warnings_travel_with_the_object() -> None:
    assert read_one({**INDICATOR, "x_note": "a"}).warnings == ("custom properties: x_note",)


POISON = {
    b'{"type":"indicator","type":"malware"}': ("/type", "duplicate-key"),
    b'{"a":{"b":[{"c":1,"c":1}]}}': ("/a/b/0/c", "duplicate-key"),
    b'{"type":"tool","\\u0074ype":"tool"}': ("/type", "duplicate-key"),
    b'{"a":"\\u003a","b":1,"b":2}': ("/b", "duplicate-key"),
    b'{"a":[9007199254740992]}': ("/a/0", "integer-range"),
    b'{"a":-9007199254740992}': ("/a", "integer-range"),
    b'{"a":1e999}': ("/a", "number-range"),
    b'{"a":9007199254740992.0}': ("/a", "number-range"),
    b'{"a":"\xff"}': ("", "utf-8"),
    b'{"a":"\xed\xa0\x80"}': ("", "utf-8"),
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}": ("", "depth"),
    b'{"a":"' + b"x" * 5_000_000 + b'"}': ("", "size"),
    b"[]": ("", "type"),
    b"null": ("", "type"),
    b'"\xf0\x9f"': ("", "type"),
    b"{}": ("/type", "required"),
    b'{"type":"bundle","id":"bundle--x","objects":[]}': ("/type", "bundle"),
    b'{"type":"file","id":"file--00000000-0000-4000-8000-000000000009"}': (
        "/hashes",
        "at-least-one",
    ),
}


@pytest.mark.parametrize("poison", POISON, ids=lambda raw: raw[:30].decode(errors="replace"))
def test_a_poisoned_object_fails_alone(poison: bytes) -> None:
    around = [json.dumps(EXAMPLES[kind]).encode() for kind in ("indicator", "file")]
    head = b'{"type":"bundle","id":"' + identifier("bundle").encode() + b'","objects":['
    submission = read_submission(head + b",".join([around[0], poison, around[1]]) + b"]}")
    assert [obj.type for obj in submission.objects] == ["indicator", "file"]
    (refusal,) = submission.refusals
    assert refusal.index == 1
    assert (refusal.field, refusal.rule) == POISON[poison]
    assert refusal.message


@pytest.mark.parametrize(
    "poison", [raw for raw in POISON if raw[:1] == b"{" and b"bundle" not in raw]
)
def test_a_poisoned_object_alone_is_refused(poison: bytes) -> None:
    try:
        submission = read_submission(poison)
    except InvalidInput as error:
        found = (error.field, error.rule)
    else:
        assert submission.objects == ()
        found = (submission.refusals[0].field, submission.refusals[0].rule)
    assert found == POISON[poison]


def test_a_lone_surrogate_is_refused() -> None:
    for escape in (b"\\ud800", b"\\udc00", b"\\udc00\\ud800", b"\\uD83Dx"):
        body = json.dumps({**INDICATOR, "name": "@"}).encode().replace(b"@", escape)
        submission = read_submission(body)
        assert submission.objects == ()
        assert (submission.refusals[0].field, submission.refusals[0].rule) == ("/name", "surrogate")


def test_a_lone_surrogate_in_a_bundle_leaves_the_others() -> None:
    body = json.dumps(bundle({**INDICATOR, "name": "@"}, EXAMPLES["file"])).encode()
    submission = read_submission(body.replace(b"@", b"\\ud800"))
    assert [obj.type for obj in submission.objects] == ["file"]
    assert (submission.refusals[0].field, submission.refusals[0].rule) == ("/name", "surrogate")


def test_a_surrogate_pair_is_a_character() -> None:
    body = json.dumps({**INDICATOR, "name": "\U0001f600"}).encode()
    assert "\U0001f600".encode() in read_submission(body).objects[0].body


NAME = b'"id":"' + identifier("bundle").encode() + b'"'


@pytest.mark.parametrize(
    ("raw", "field", "rule"),
    [
        (b"", "", "json"),
        (b"[]", "", "json"),
        (b"nul", "", "json"),
        (b'{"type":"bundle"', "", "json"),
        (b'{"type":"bundle",' + NAME + b',"objects":[{}]} x', "", "json"),
        (
            b'{"type":"bundle",' + NAME + b',"objects":[{}],"objects":[]}',
            "/objects",
            "duplicate-key",
        ),
        (
            b'{"type":"bundle",' + NAME + b',"objects":[{}],"objects":[{}]}',
            "/objects",
            "duplicate-key",
        ),
        (b'{"type":"tool","type":"bundle",' + NAME + b',"objects":[{}]}', "/type", "duplicate-key"),
        (
            b'{"type" : "bundle" , ' + NAME + b',"objects":[{}],"\\u006fbjects":[{}]}',
            "/objects",
            "duplicate-key",
        ),
        (b'{"type":"bundle",' + NAME + b',"objects":[]}', "/objects", "empty-list"),
        (b'{"type":"bundle",' + NAME + b"}", "/objects", "empty-list"),
        (b'{"type":"bundle",' + NAME + b',"objects":{}}', "/objects", "type"),
        (b'{"type":"bundle","objects":[{}]}', "/id", "required"),
        (b'{"type":"bundle","id":"bundle--1","objects":[{}]}', "/id", "identifier"),
        (b'{"type":"bundle","id":1,"objects":[{}]}', "/id", "type"),
        (b'{"type":"bundle",' + NAME + b',"objects":[{}],"more":1}', "/more", "unknown-property"),
        (
            b'{"type":"bundle",' + NAME + b',"objects":[{}],"spec_version":"1"}',
            "/spec_version",
            "spec-version",
        ),
        (
            b'{"type":"bundle","id":"' + identifier("tool").encode() + b'","objects":[{}]}',
            "/id",
            "identifier-type",
        ),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "", "depth"),
        (b'{"type":"bundle",' + NAME + b',"objects":' + b"[" * 100_000, "", "depth"),
    ],
)
def test_a_bad_envelope_is_refused_as_a_whole(raw: bytes, field: str, rule: str) -> None:
    assert envelope_error(raw) == (field, rule)


def test_white_space_and_escapes_in_the_envelope_are_nothing_bad() -> None:
    raw = (
        b' {\n "\\u0074ype" : "bundle",\t'
        + NAME
        + b' , "x_a:\\"" : {"objects": 1} ,"objects" : [ '
        + json.dumps(INDICATOR, indent=2).encode()
        + b" ]\r\n} \n"
    )
    assert len(read_submission(raw).objects) == 1


def test_a_submission_over_the_limit() -> None:
    with pytest.raises(TooLarge):
        read_submission(json.dumps(INDICATOR).encode(), limits=Limits(size=10))


def test_an_object_over_the_limit_fails_alone() -> None:
    raw = json.dumps(bundle({**INDICATOR, "name": "x" * 600}, EXAMPLES["file"])).encode()
    submission = read_submission(raw, object_limits=Limits(size=600))
    assert [obj.type for obj in submission.objects] == ["file"]
    assert submission.refusals[0].rule == "size"


def test_equal_copies_collapse() -> None:
    other_order = dict(reversed(list(INDICATOR.items())))
    submission = read(bundle(INDICATOR, other_order, INDICATOR))
    assert len(submission.objects) == 1
    assert submission.refusals == ()


def test_the_same_version_with_other_content_is_refused() -> None:
    submission = read(bundle(INDICATOR, {**INDICATOR, "name": "other"}))
    assert [obj.body for obj in submission.objects] == [canonical_json(INDICATOR)]
    (refusal,) = submission.refusals
    assert (refusal.index, refusal.object_id) == (1, INDICATOR["id"])
    assert (refusal.field, refusal.rule) == ("/id", "conflicting-version")


def test_two_versions_of_an_object_stand_side_by_side() -> None:
    submission = read(bundle(INDICATOR, {**INDICATOR, "modified": LATER}))
    assert len(submission.objects) == 2


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(
        lambda number: not 2**53 <= abs(number) < 1e21
    ) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_custom = st.dictionaries(st.text(max_size=8).map(lambda name: f"x_{name}"), _json, max_size=4)


@given(st.sampled_from(sorted(EXAMPLES)), _custom, st.booleans())
def test_canonical_bytes_are_stable(kind: str, custom: dict[str, Any], escaped: bool) -> None:
    written = json.dumps({**EXAMPLES[kind], **custom}, ensure_ascii=escaped).encode()
    first = read_submission(written).objects[0]
    again = read_submission(first.body).objects[0]
    assert again == first
    assert json.loads(first.body) == {**EXAMPLES[kind], **custom}


@given(st.lists(st.sampled_from(sorted(EXAMPLES)), unique=True, min_size=1), _custom)
def test_a_bundle_reads_as_its_objects_do(kinds: list[str], custom: dict[str, Any]) -> None:
    objects = [{**EXAMPLES[kind], **custom} for kind in kinds]
    together = read(bundle(*objects)).objects
    assert together == tuple(read_one(obj) for obj in objects)


@given(st.binary(max_size=40))
def test_no_bytes_at_all_break_the_reader(raw: bytes) -> None:
    try:
        submission = read_submission(raw)
    except InvalidInput:
        return
    assert submission.objects == ()


@given(_json)
def test_no_json_at_all_breaks_the_reader(value: Any) -> None:
    read(bundle(value, EXAMPLES["file"]))


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_no_value_anywhere_breaks_the_reader(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted({*EXAMPLES[kind], "extensions", "granular_markings",
                                             "external_references", "hashes", "objects",
                                             "definition", "labels"})))  # fmt: skip
    submission = read({**EXAMPLES[kind], name: data.draw(_json)})
    assert len(submission.objects) + len(submission.refusals) == 1


def test_an_observable_of_a_custom_type_has_no_version() -> None:
    assert read_one(observable("x-beacon", value="a")).version == ""
    assert read_one(domain("x-plan", name="a")).version == INDICATOR["modified"]


def test_an_observable_has_its_times_as_version_only_if_they_are_times() -> None:
    assert read_one({**EXAMPLES["file"], "modified": LATER}).version == LATER
    for bad in ("zzz", {"a": 1}, None, [], ""):
        (refusal,) = read({**EXAMPLES["file"], "modified": bad}).refusals
        assert (refusal.field, refusal.rule) == (
            "/modified",
            "timestamp" if isinstance(bad, str) else "type",
        )


def test_a_fault_of_ours_costs_one_object_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def faulty(raw: bytes, limits: Limits) -> StixObject | None:
        if b'"file"' in raw:
            raise RecursionError("far too deep")
        return None

    monkeypatch.setattr("ringwall.stix.pieces.read_fast", faulty)
    with caplog.at_level(logging.ERROR, logger="ringwall.stix"):
        submission = read(bundle(INDICATOR, EXAMPLES["file"], EXAMPLES["url"]))
    assert [obj.type for obj in submission.objects] == ["indicator", "url"]
    (refusal,) = submission.refusals
    assert (refusal.index, refusal.field, refusal.rule) == (1, "", "internal")
    assert "far too deep" not in refusal.message
    assert "far too deep" in caplog.text


@pytest.mark.parametrize("item", ['"\\ud800"', "123456789012345678901", "-1", '"text"'])
def test_a_bare_value_is_no_object_whatever_else_is_wrong_with_it(item: str) -> None:
    name = "bundle--b9c3188d-3bd3-417f-9c4b-edd895f3ee4e"
    raw = f'{{"type":"bundle","id":"{name}","objects":[{item}]}}'
    (refusal,) = read_submission(raw.encode()).refusals
    assert (refusal.field, refusal.rule) == ("", "type")
