"""STIX 2.0: upgraded without loss."""

import json
from typing import Any

import pytest
import stix2

from ringwall.core import canonical_json
from ringwall.stix import Submission, read_submission, upgrade_20, validate
from ringwall.stix.deterministic import CONTRIBUTING, deterministic_id
from tests.stix.examples import EXAMPLES, LATER, TIME, bundle, identifier

MARKING = identifier("marking-definition")


def old(kind: str, **own: Any) -> dict[str, Any]:
    return {"type": kind, "id": identifier(kind), "created": TIME, "modified": TIME, **own}


def read(value: Any) -> Submission:
    return read_submission(json.dumps(value).encode())


OLD = [
    old("indicator", labels=["malicious-activity"], pattern="[url:value = 'x']", valid_from=TIME),
    old("malware", labels=["trojan"], name="Rat"),
    old("report", labels=["campaign"], name="R", published=TIME, object_refs=[identifier("tool")]),
    old("threat-actor", labels=["spy"], name="T"),
    old("tool", labels=["remote-access"], name="T"),
    old("identity", name="I", identity_class="organization", labels=["partner"]),
    old("sighting", sighting_of_ref=identifier("indicator")),
]


@pytest.mark.parametrize("obj", OLD, ids=lambda obj: str(obj["type"]))
def test_old_objects_become_valid(obj: dict[str, Any]) -> None:
    stix2.parse(json.dumps(obj), version="2.0")
    before = json.dumps(obj)
    upgraded = upgrade_20(obj)
    assert validate(upgraded) == ()
    stix2.parse(json.dumps(upgraded), version="2.1")
    assert json.dumps(obj) == before


def test_labels_become_types_and_machine_tags_stay() -> None:
    upgraded = upgrade_20({**OLD[1], "labels": ["trojan", "tlp:amber", "rat"]})
    assert upgraded["malware_types"] == ["trojan", "rat"]
    assert upgraded["labels"] == ["tlp:amber"]
    assert "labels" not in upgrade_20(OLD[1])
    assert upgrade_20(OLD[5])["labels"] == ["partner"]


def test_what_is_said_already_is_not_overwritten() -> None:
    own = {"is_family": False, "malware_types": ["bot"], "labels": ["trojan"]}
    assert {**upgrade_20({**OLD[1], **own}), **own} == upgrade_20({**OLD[1], **own})


def test_labels_of_a_wrong_type_are_left_to_validation() -> None:
    submission = read({**OLD[1], "labels": "trojan"})
    assert submission.refusals[0].field == "/labels"


def test_an_old_bundle_is_read() -> None:
    submission = read(bundle(*OLD, spec_version="2.0"))
    assert submission.refusals == ()
    assert [json.loads(obj.body)["spec_version"] for obj in submission.objects] == ["2.1"] * len(
        OLD
    )


def test_without_spec_version_only_observables_are_of_today() -> None:
    submission = read(bundle({**OLD[4], "spec_version": "2.0"}, EXAMPLES["file"]))
    assert [obj.body for obj in submission.objects] == [
        canonical_json(upgrade_20(OLD[4])),
        canonical_json(EXAMPLES["file"]),
    ]


def observed(objects: Any, **own: Any) -> dict[str, Any]:
    times = {"first_observed": TIME, "last_observed": LATER, "number_observed": 2}
    return old("observed-data", objects=objects, **times, **own)


PARTS = {
    "0": {"type": "file", "name": "a.doc", "parent_directory_ref": "1", "created": TIME},
    "1": {"type": "directory", "path": "C:\\tmp", "contains_refs": ["0"]},
    "2": {"type": "network-traffic", "protocols": ["tcp"], "dst_ref": "3", "dst_port": 443},
    "3": {"type": "ipv4-addr", "value": "192.0.2.7"},
    "4": {"type": "process", "pid": 7, "binary_ref": "0"},
    "5": {"type": "file", "hashes": {"SHA-256": "ab" * 32, "MD5": "cd" * 16}},
}


def test_observed_data_is_separated_into_its_observables() -> None:
    submission = read(observed(PARTS, object_marking_refs=[MARKING]))
    assert submission.refusals == ()
    *parts, owner = (json.loads(obj.body) for obj in submission.objects)
    file, directory, traffic, address, process, hashed = parts
    assert owner["object_refs"] == [part["id"] for part in parts]
    assert "objects" not in owner
    assert file["parent_directory_ref"] == directory["id"]
    assert directory["contains_refs"] == [file["id"]]
    assert traffic["dst_ref"] == address["id"]
    assert process["image_ref"] == file["id"]
    assert file["ctime"] == TIME
    assert hashed["hashes"] == PARTS["5"]["hashes"]
    # A part says what the whole says about who may see it.
    assert all(part["object_marking_refs"] == [MARKING] for part in parts)


def test_separate_observables_have_the_ids_that_stix2_gives_them() -> None:
    submission = read(observed(PARTS))
    for obj in submission.objects:
        if obj.type in {"file", "directory", "network-traffic", "ipv4-addr"}:
            content = json.loads(obj.body)
            del content["id"]
            assert stix2.parse(content, version="2.1").id == obj.id


def test_contributing_properties_are_those_of_stix2() -> None:
    theirs = {
        kind: set(cls._id_contributing_properties)
        for kind, cls in stix2.v21.OBJ_MAP_OBSERVABLE.items()
        if cls._id_contributing_properties
    }
    assert theirs == {kind: set(names) for kind, names in CONTRIBUTING.items()}


def test_the_identifier_of_the_standards_example_form() -> None:
    made = stix2.v21.URL(value="https://example.com/\u00e4")
    assert deterministic_id("url", {"value": "https://example.com/\u00e4"}) == made.id


def test_reading_twice_gives_the_same() -> None:
    assert read(observed(PARTS)) == read(observed(PARTS))


@pytest.mark.parametrize(
    "parts",
    [
        {"0": {"type": "file", "name": "a", "parent_directory_ref": "9"}},
        {"0": {"type": "network-traffic", "protocols": ["ip"], "src_ref": "0"}},
        {"0": {"type": "file"}},
        {"0": {"type": "ipv4-addr", "value": 1}},
        {"0": {"value": "192.0.2.1"}},
        {"0": {"type": ["file"], "name": "a"}},
        {"0": {"type": "file", "name": "a", "contains_refs": 5}},
        {"0": {"type": "directory", "path": "a", "contains_refs": [["0"]]}},
    ],
)
def test_what_cannot_be_separated_stays_as_it_is(parts: Any) -> None:
    submission = read(observed(parts))
    assert submission.refusals == ()
    (owner,) = submission.objects
    assert json.loads(owner.body)["objects"] == parts


def test_the_same_observable_under_other_markings_is_not_mixed_up() -> None:
    address = {"0": {"type": "ipv4-addr", "value": "192.0.2.7"}}
    other = {**observed(address), "id": identifier("observed-data", 2)}
    submission = read(bundle(observed(address, object_marking_refs=[MARKING]), other))
    assert submission.refusals == ()
    marked, owner, second = submission.objects
    assert marked.marking_refs == owner.marking_refs == (MARKING,)
    assert second.marking_refs == ()
    assert json.loads(second.body)["objects"] == address


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"id": ...}, "/id", "required"),
        ({"id": 5}, "/id", "type"),
        ({"id": "observed-data--1"}, "/id", "identifier"),
        ({"id": identifier("file")}, "/id", "identifier-type"),
        ({"modified": {"a": 1}}, "/modified", "type"),
        ({"modified": []}, "/modified", "type"),
        ({"object_refs": [identifier("file")]}, "/objects", "exclusive"),
    ],
)
def test_observed_data_that_is_wrong_itself_is_refused_alone(
    change: dict[str, Any], field: str, rule: str
) -> None:
    changed = {**observed(PARTS), **change}
    wrong = {name: value for name, value in changed.items() if value is not ...}
    submission = read(bundle(wrong, EXAMPLES["url"]))
    assert [obj.type for obj in submission.objects] == ["url"]
    assert [(r.index, r.field, r.rule) for r in submission.refusals] == [(0, field, rule)]


def test_a_part_with_a_bad_time_stays_embedded() -> None:
    parts = {"0": {"type": "url", "value": "x", "modified": {"a": 1}}}
    (owner,) = read(observed(parts)).objects
    assert json.loads(owner.body)["objects"] == parts


def test_a_chain_of_parts_that_is_too_long_stays_embedded() -> None:
    parts = {
        str(n): {"type": "network-traffic", "protocols": ["ip"], "src_ref": str(n + 1)}
        for n in range(3000)
    }
    parts["3000"] = {"type": "ipv4-addr", "value": "192.0.2.1"}
    submission = read(observed(parts))
    assert submission.refusals == ()
    (owner,) = submission.objects
    assert json.loads(owner.body)["objects"] == parts
