"""Labels of objects as the stix room really reads them, from a bundle to the last tag."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import stix2

from ringwall.labels import Iep, Label, Pap, Tlp, acs_text, granular_labels, label_of
from ringwall.labels.acs import ACS_EXTENSION
from ringwall.labels.iep import Actions, Encryption, Permission
from ringwall.labels.iep_carriers import IEP_EXTENSION
from ringwall.stix import read_submission
from tests.labels.any_label import ACS_PROPERTIES

TLP2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
OWN_MARK = "marking-definition--0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11"
STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
STAMP = "2026-01-01T00:00:00.000Z"


def malware(**more: Any) -> dict[str, Any]:
    return {
        "type": "malware",
        "spec_version": "2.1",
        "id": "malware--7d1a4a3e-6d53-4d0a-8a3f-0f3d5a2d2f11",
        "created": STAMP,
        "modified": STAMP,
        "is_family": False,
        "name": "an example",
    } | more


def labels(*objects: dict[str, Any]) -> list[Label | None]:
    bundle = {"type": "bundle", "id": "bundle--2f6ad91c-1b1e-4f6a-9c7e-4f1b5a6e7d01"}
    submission = read_submission(json.dumps(bundle | {"objects": objects}).encode())
    assert submission.refusals == ()
    return [label_of(each, submission.markings) for each in submission.objects]


def test_a_bundle_of_the_stix2_library() -> None:
    made = stix2.Malware(name="x", is_family=False, object_marking_refs=[stix2.TLP_AMBER])
    written = [json.loads(each.serialize()) for each in (stix2.TLP_AMBER, made)]
    assert labels(*written) == [None, Label(Tlp.AMBER)]


def test_a_tlp_2_definition_beside_its_object() -> None:
    mark = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": STRICT,
        "created": "2022-10-01T00:00:00.000Z",
        "name": "TLP:AMBER+STRICT",
        "extensions": {TLP2: {"extension_type": "property-extension", "tlp_2_0": "amber+strict"}},
    }
    assert labels(mark, malware(object_marking_refs=[STRICT])) == [None, Label(Tlp.AMBER_STRICT)]
    mark["extensions"][TLP2]["tlp_2_0"] = "clear"  # type: ignore[index]
    assert labels(mark, malware(object_marking_refs=[STRICT]))[1] == Label(unknown=(STRICT,))


def test_tags_written_with_escapes_are_still_read() -> None:
    raw = json.dumps(malware(labels=["tlp:red"])).replace('"labels"', '"\\u006cabels"')
    submission = read_submission(raw.replace("tlp:", "tl\\u0070:").encode())
    assert label_of(submission.objects[0], {}) == Label(Tlp.RED)


def test_granular_markings_of_a_real_object() -> None:
    granular = [{"selectors": ["name"], "marking_ref": STRICT}]
    assert labels(malware(granular_markings=granular)) == [Label(unknown=("granular_markings",))]


def test_granular_markings_are_read_property_by_property() -> None:
    granular = [
        {"selectors": ["description"], "marking_ref": STRICT},
        {"selectors": ["name"], "lang": "en"},
    ]
    marked = malware(description="x", labels=["tlp:green"], granular_markings=granular)
    submission = read_submission(json.dumps(marked).encode())
    labels_of_parts = granular_labels(submission.objects[0], submission.markings)
    assert labels_of_parts.whole == Label(Tlp.GREEN)
    assert labels_of_parts.fields == {"description": Label(Tlp.AMBER_STRICT)}


def test_a_marking_whose_definition_stayed_at_home() -> None:
    assert labels(malware(object_marking_refs=[OWN_MARK])) == [Label(unknown=(OWN_MARK,))]


def test_attack_carries_a_copyright_notice_and_no_label(ringwall_data: Path) -> None:
    (archive,) = (ringwall_data / "attack").glob("enterprise-attack-*.json.gz")
    submission = read_submission(gzip.decompress(archive.read_bytes()))
    marked = [each for each in submission.objects if each.marking_refs]
    assert len(marked) > 20_000
    assert {label_of(each, submission.markings) for each in marked} == {None}


def test_a_statement_marking_that_says_more_than_a_text_denies() -> None:
    mark = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": OWN_MARK,
        "created": STAMP,
        "definition_type": "statement",
        "definition": {"statement": "Copyright"},
    }
    marked = malware(object_marking_refs=[OWN_MARK])
    assert labels(mark, marked) == [None, None]
    assert labels(mark | {"x_only_for": "staff"}, marked)[1] == Label(unknown=(OWN_MARK,))


def own_mark(created: str = STAMP, **content: Any) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": OWN_MARK,
        "created": created,
    } | content


RED = {
    "name": "TLP:RED",
    "extensions": {TLP2: {"extension_type": "property-extension", "tlp_2_0": "red"}},
}
WORDS = {"definition_type": "statement", "definition": {"statement": "Copyright"}}
LATER = "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize(
    "definitions",
    [
        (own_mark(**RED), own_mark(LATER, **WORDS)),
        (own_mark(LATER, **WORDS), own_mark(**RED)),
        (own_mark(**WORDS), own_mark(**RED)),
        (own_mark("never", **RED), own_mark(**WORDS)),
    ],
)
def test_definitions_that_contradict_each_other_deny(definitions: list[dict[str, Any]]) -> None:
    """The last of them was once believed: RED, restated as a copyright notice, was no mark."""
    objects = [*definitions, malware(object_marking_refs=[OWN_MARK])]
    bundle = {"type": "bundle", "id": "bundle--2f6ad91c-1b1e-4f6a-9c7e-4f1b5a6e7d01"}
    submission = read_submission(json.dumps(bundle | {"objects": objects}).encode())
    assert label_of(submission.objects[-1], submission.markings) == Label(unknown=(OWN_MARK,))


def test_a_definition_of_the_standard_may_come_in_two_forms() -> None:
    mark = {"type": "marking-definition", "id": STRICT, "spec_version": "2.1", "name": "x"}
    mark |= {"created": "2022-10-01T00:00:00.000Z"}
    mark |= {"extensions": {TLP2: {"extension_type": "property-extension", "tlp_2_0": "red"}}}
    again = mark | {"created": LATER, "name": "TLP:AMBER+STRICT"}
    objects = [mark, again, malware(object_marking_refs=[STRICT])]
    assert labels(*objects)[-1] == Label(Tlp.AMBER_STRICT)


def test_equal_copies_of_a_definition_are_one() -> None:
    mark = own_mark(**RED)
    assert labels(mark, mark, malware(object_marking_refs=[OWN_MARK]))[-1] == Label(Tlp.RED)


def test_an_iep_beside_its_object() -> None:
    stated = {
        "extension_type": "property-extension",
        "encrypt_in_transit": "may",
        "permitted_actions": "externally-visible-direct-actions",
        "affected_party_notifications": "may",
        "tlp": "amber",
        "iep_id": "0224bfdf-ea3a-49c3-96f6-66d908bb1845",
        "iep_version": 2.0,
        "start_date": "2022-10-01T00:00:00Z",
    }
    mark = own_mark(name="Exercises", extensions={IEP_EXTENSION: stated})
    policy = Iep(
        id="0224bfdf-ea3a-49c3-96f6-66d908bb1845",
        name="Exercises",
        version="2.0",
        start="2022-10-01T00:00:00.000000Z",
        encryption=Encryption.MAY,
        actions=Actions.EXTERNAL_DIRECT,
        notifications=Permission.MAY,
        tlp="amber",
    )
    marked = malware(object_marking_refs=[OWN_MARK], labels=["PAP:AMBER"])
    assert labels(mark, marked)[1] == Label(Tlp.AMBER, pap=Pap.AMBER, iep=(policy,))


def test_an_acs_marking_beside_its_object() -> None:
    stated = {"extension_type": "property-extension", **ACS_PROPERTIES}
    mark = own_mark(extensions={ACS_EXTENSION: stated})
    marked = malware(object_marking_refs=[OWN_MARK, STRICT])
    assert labels(mark, marked)[1] == Label(Tlp.AMBER_STRICT, acs=(acs_text(ACS_PROPERTIES),))
