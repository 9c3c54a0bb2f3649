"""Slices: the same as the whole, across slices too, in little memory however large the bundle."""

import json
import mmap
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.examples import bundle as example_bundle
from ringwall.core import InvalidInput, Limits, TooLarge, canonical_json
from ringwall.stix import Submission, SubmissionReader, envelope, read_submission
from tests.stix.examples import EXAMPLES, LATER, bundle, identifier
from tests.stix.mutations import OLD

INDICATOR = EXAMPLES["indicator"]
MARKING = EXAMPLES["marking-definition"]


def written(*objects: Any) -> bytes:
    return json.dumps(bundle(*objects)).encode()


def in_slices(raw: bytes, size: int) -> list[Submission]:
    return list(SubmissionReader(raw).slices(size))


POOL = [
    *EXAMPLES.values(),
    INDICATOR,
    {**INDICATOR, "name": "other"},
    {**INDICATOR, "modified": LATER},
    {**MARKING, "definition": {"statement": "Something else"}},
    {**MARKING, "created": LATER, "definition": {"statement": "A newer one"}},
    {"type": "marking-definition"},
    {**EXAMPLES["url"], "value": 1},
    OLD,
    5,
    "x",
]


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=12), st.integers(1, 5))
def test_slices_together_are_the_whole(objects: list[Any], size: int) -> None:
    raw = written(*objects)
    whole = read_submission(raw)
    slices = in_slices(raw, size)
    assert len(slices) == -(-len(objects) // size)
    assert tuple(obj for each in slices for obj in each.objects) == whole.objects
    assert tuple(refusal for each in slices for refusal in each.refusals) == whole.refusals
    assert all(each.markings == whole.markings for each in slices)


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=12))
def test_the_markings_are_those_that_were_accepted(objects: list[Any]) -> None:
    """But for those that contradict each other: then nobody can tell which was meant."""
    submission = read_submission(written(*objects))
    found = [obj for obj in submission.objects if obj.type == "marking-definition"]
    told = [obj.id for obj in found] + [one.object_id for one in submission.refusals]
    assert submission.markings == {obj.id: obj.body for obj in found if told.count(obj.id) == 1}


def test_a_marking_at_the_end_is_known_in_the_first_slice() -> None:
    raw = written(INDICATOR, EXAMPLES["file"], MARKING)
    escaped = raw.replace(b'"marking-definition"', b'"m\\u0061rking-definition"')
    assert escaped != raw
    for each in (raw, escaped):
        first, *_ = in_slices(each, 1)
        assert first.markings == {MARKING["id"]: canonical_json(MARKING)}


def test_places_are_those_in_the_whole_bundle() -> None:
    slices = in_slices(written(INDICATOR, 1, EXAMPLES["file"], EXAMPLES["url"], 2), 2)
    assert [[refusal.index for refusal in each.refusals] for each in slices] == [[1], [], [4]]


def test_copies_and_conflicts_are_seen_across_slices() -> None:
    first, second, third = in_slices(
        written(INDICATOR, dict(reversed(INDICATOR.items())), {**INDICATOR, "name": "x"}), 1
    )
    assert [len(each.objects) for each in (first, second, third)] == [1, 0, 0]
    assert second.refusals == ()
    assert [(each.index, each.rule) for each in third.refusals] == [(2, "conflicting-version")]
    assert third.refusals[0].object_id == INDICATOR["id"]


def test_any_buffer_may_be_read(tmp_path: Path) -> None:
    raw = written(*EXAMPLES.values())
    path = tmp_path / "bundle.json"
    path.write_bytes(raw)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        expected = read_submission(raw)
        for buffer in (raw, bytearray(raw), memoryview(raw), mapped):
            reader = SubmissionReader(buffer)
            assert reader.count == len(EXAMPLES)
            (found,) = reader.slices(reader.count)
            assert found == expected
            del reader
        del buffer


def test_a_buffer_cannot_be_pulled_away_while_it_is_read() -> None:
    raw = bytearray(written(INDICATOR))
    reader = SubmissionReader(raw)
    with pytest.raises(BufferError):
        raw.clear()
    assert reader.count == 1


# What msgspec cannot split is walked bracket by bracket, with the same result.


@given(st.lists(st.sampled_from(POOL), min_size=1, max_size=6), st.sampled_from([None, 1]))
def test_the_slow_walk_finds_the_same_objects(objects: list[Any], indent: int | None) -> None:
    good = json.dumps(bundle(*objects, x_note=["a", {"b": "]"}]), indent=indent).encode()
    bad = json.dumps(bundle(*objects, {"name": "LONE"}, x_note=1), indent=indent).encode()
    expected = read_submission(good)
    found = read_submission(bad.replace(b"LONE", b"\\ud800"))
    assert found.objects == expected.objects
    assert found.refusals[:-1] == expected.refusals
    assert (found.refusals[-1].index, found.refusals[-1].rule) == (len(objects), "surrogate")


@pytest.mark.parametrize(
    ("tail", "field", "rule"),
    [
        (b'"objects":[{"a":"\\ud800"}', "", "json"),
        (b'"objects":[{"a":"\\ud800"}]', "", "json"),
        (b'"objects":[{"a":"\\ud800"},]}', "", "json"),
        (b'"objects":[{"a":"\\ud800"} {}]}', "", "json"),
        (b'"objects":[{"a":"\\ud800"}]} x', "", "json"),
        (b'"objects":[{"a":"\\ud800"]}', "", "json"),
        (b'"objects":[{"a":"\\ud800"}],"objects":[]}', "/objects", "duplicate-key"),
        (b'"objects":{"a":"\\ud800"}}', "/objects", "type"),
        (b'"objects":["\\ud800"],"x\\ud800":1}', "/x\\ud800", "unknown-property"),
        (b'"x_a":"\\ud800","objects":[]}', "/objects", "empty-list"),
        (b'"objects":[{}] "x_a":"\\ud800"}', "", "json"),
        (b'"objects":[{}],x_a:"\\ud800"}', "", "json"),
        (b'"objects":[{}],"x_a" "\\ud800"}', "", "json"),
        (b'"x_\\z":"\\ud800","objects":[{}]}', "", "json"),
    ],
)
def test_the_slow_walk_refuses_a_bad_envelope(tail: bytes, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SubmissionReader(b'{"type":"bundle","id":"' + identifier("bundle").encode() + b'",' + tail)
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_an_envelope_has_few_properties_of_its_own() -> None:
    more = {f"x_{number}": 1 for number in range(200)}
    with pytest.raises(InvalidInput) as caught:
        SubmissionReader(json.dumps(bundle(INDICATOR, **more)).encode())
    assert caught.value.rule == "unknown-property"


def test_too_many_objects_are_refused_before_they_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(envelope, "OBJECT_COUNT", 50)
    monkeypatch.setattr(envelope, "_COMMAS", 40)
    assert SubmissionReader(written(*[1] * 50)).count == 50
    with pytest.raises(TooLarge) as caught:
        SubmissionReader(written(*[1] * 51))
    assert (caught.value.field, caught.value.rule) == ("/objects", "count")


def test_a_large_object_in_a_bundle_is_not_copied_to_be_refused() -> None:
    raw = written({**INDICATOR, "name": "x" * 30_000_000}, EXAMPLES["file"])
    tracemalloc.start()
    try:
        (submission,) = SubmissionReader(raw, object_limits=Limits(size=1000)).slices(2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(each.index, each.rule) for each in submission.refusals] == [(0, "size")]
    assert peak < 5_000_000


def test_memory_beyond_the_raw_text_is_small() -> None:
    count = 10_000
    raw = example_bundle(count)
    tracemalloc.start()
    try:
        total = sum(len(each.objects) for each in SubmissionReader(raw).slices(500))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == count
    # A slice of 500 takes some 2 MB; 150,000 objects at 300 bytes would take 45 MB more.
    assert peak < 4_000_000 + 300 * count


MEASURE = """
import resource, sys
from benches.examples import indicator
import json
from ringwall.stix import SubmissionReader, read_submission
read_submission(json.dumps(indicator(0)).encode())
raw = bytearray(b'{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[')
for number in range(150_000):
    raw += json.dumps(indicator(number)).encode() + b","
raw[-1:] = b"]}"
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = sum(len(each.objects) for each in SubmissionReader(raw).slices(500))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([len(raw), total, (after - before) * 1024]))
"""


@pytest.mark.long
def test_a_hundred_megabytes_need_sixty_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        check=True,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": "src:."},
        cwd=Path(__file__).parent.parent.parent,
    )
    size, total, more = json.loads(done.stdout)
    assert (size > 90_000_000, total) == (True, 150_000)
    assert more < 60_000_000
