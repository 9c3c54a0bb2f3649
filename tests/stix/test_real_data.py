"""Everything in the public data sets is read; none of it was written for us."""

import gzip
import json
import time
from collections import Counter
from pathlib import Path

import pytest

from ringwall.core import canonical_json
from ringwall.stix import Submission, observables, read_submission, upgrade_20
from tests.stix.misp_events import misp_bundles


@pytest.fixture(scope="module")
def attack(ringwall_data: Path) -> bytes:
    return gzip.decompress(
        (ringwall_data / "attack/enterprise-attack-18.stix20.json.gz").read_bytes()
    )


@pytest.fixture(scope="module")
def reading(attack: bytes) -> tuple[Submission, float]:
    """Return what was read, and the seconds of processor time that it took."""
    started = time.process_time()
    submission = read_submission(attack)
    return submission, time.process_time() - started


@pytest.fixture(scope="module")
def submission(reading: tuple[Submission, float]) -> Submission:
    return reading[0]


def test_all_of_attack_is_accepted(submission: Submission) -> None:
    assert submission.refusals == ()
    assert len(submission.objects) == 24_771


def test_attack_is_upgraded_and_otherwise_unchanged(attack: bytes, submission: Submission) -> None:
    originals = json.loads(attack)["objects"]
    for original, obj in zip(originals, submission.objects, strict=True):
        assert obj.body == canonical_json(upgrade_20(original))
        upgraded = json.loads(obj.body)
        for name in original:
            if name != "labels":
                assert upgraded[name] == original[name]


def test_empty_custom_references_are_told(submission: Submission) -> None:
    told = [obj for obj in submission.objects if any("_ref: " in line for line in obj.warnings)]
    assert told
    assert all(json.loads(obj.body)["x_mitre_data_source_ref"] == "" for obj in told)


def test_attack_is_read_again_byte_for_byte(submission: Submission) -> None:
    raw = b",".join(obj.body for obj in submission.objects)
    name = b"bundle--00000000-0000-4000-8000-000000000001"
    again = read_submission(b'{"type":"bundle","id":"' + name + b'","objects":[' + raw + b"]}")
    assert [obj.body for obj in again.objects] == [obj.body for obj in submission.objects]


def test_reading_is_fast_enough_for_feeds(reading: tuple[Submission, float]) -> None:
    # About 85 microseconds an object on a quiet machine; the bound only catches a lost fast path.
    assert reading[1] / 24_771 < 400e-6


def test_all_misp_events_are_accepted(ringwall_data: Path) -> None:
    kinds: Counter[str] = Counter()
    events = 0
    for name, raw in misp_bundles(ringwall_data / "misp-events"):
        submission = read_submission(raw)
        assert submission.refusals == (), name
        expected = Counter(obj["type"] for obj in json.loads(raw)["objects"])
        assert Counter(obj.type for obj in submission.objects) == expected, name
        kinds.update(each.kind for obj in submission.objects for each in observables(obj.body))
        events += 1
    assert events == 57
    assert {"domain-name", "file:sha-1", "file:sha-256", "ipv4-addr", "url"} <= set(kinds)
