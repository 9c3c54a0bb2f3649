"""Labels as STIX marking definitions, there and back, through the reader of submissions."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from msgspec.structs import replace

from ringwall.core import canonical_json
from ringwall.labels import (
    EXTENSION_DEFINITION,
    LABEL_EXTENSION,
    Category,
    Confidentiality,
    Iep,
    Label,
    Pap,
    Tlp,
    acs_text,
    label_of,
    marking_definitions,
)
from ringwall.stix import Submission, read_submission
from tests.labels.any_label import ACS_PROPERTIES, labels

STAMP = "2026-01-01T00:00:00.000Z"
SECRET = Confidentiality(
    "NATO", "SECRET", (Category("Releasable To", ("NOR", "SWE"), "permissive"),)
)
EVERYTHING = Label(
    tlp=Tlp.AMBER_STRICT,
    rel_to=("arden", "borduria"),
    confidentiality=SECRET,
    alternatives=(Confidentiality("ARDEN", "GEHEIM"),),
    pap=Pap.AMBER,
    iep=(Iep(id="x", name="Ours", version="2.0", reference="https://example.com/", tlp="amber"),),
    acs=(acs_text(ACS_PROPERTIES),),
    created="2026-01-02T00:00:00.000000Z",
    review="2027-01-02T00:00:00.000000Z",
)


def submitted(definitions: list[dict[str, Any]], *others: dict[str, Any]) -> Submission:
    """Read a bundle with the definitions and, last, an object that refers to all of them."""
    marked = {
        "type": "malware",
        "spec_version": "2.1",
        "id": "malware--7d1a4a3e-6d53-4d0a-8a3f-0f3d5a2d2f11",
        "created": STAMP,
        "modified": STAMP,
        "is_family": False,
        "object_marking_refs": [each["id"] for each in definitions],
    }
    bundle = {"type": "bundle", "id": "bundle--2f6ad91c-1b1e-4f6a-9c7e-4f1b5a6e7d01"}
    objects = [*definitions, *others, marked]
    return read_submission(json.dumps(bundle | {"objects": objects}).encode())


def read_back(definitions: list[dict[str, Any]]) -> Label | None:
    submission = submitted(definitions)
    assert submission.refusals == ()
    return label_of(submission.objects[-1], submission.markings)


def raised(label: Label) -> Label:
    """Return the label with the TLP of its IEPs, which counts when it is read."""
    tlp1 = {"white": Tlp.CLEAR, "green": Tlp.GREEN, "amber": Tlp.AMBER, "red": Tlp.RED}
    stated = [tlp1[policy.tlp.lower()] for policy in label.iep if policy.tlp]
    stated += [label.tlp] if label.tlp else []
    return replace(label, tlp=max(stated, key=lambda level: level.rank, default=None))


@given(labels)
def test_every_label_comes_back_whole(label: Label) -> None:
    assert read_back(marking_definitions(label)) == raised(label)


@given(labels)
def test_a_definition_that_stayed_at_home_denies(label: Label) -> None:
    definitions = marking_definitions(label)
    (marked,) = submitted(definitions).objects[-1:]
    alone = label_of(marked, {})
    fixed = {each["name"] for each in definitions if str(each.get("name")).startswith(("TLP", "P"))}
    if len(fixed) < len(definitions):
        assert alone is not None
        assert alone.unknown


def test_equal_labels_have_equal_markings_and_others_have_others() -> None:
    ids = [each["id"] for each in marking_definitions(EVERYTHING)]
    assert ids == [each["id"] for each in marking_definitions(replace(EVERYTHING))]
    assert len(set(ids)) == len(ids) == 5
    assert all(UUID(ref.removeprefix("marking-definition--")).version == 5 for ref in ids[2:])
    later = marking_definitions(replace(EVERYTHING, review="2028-01-02T00:00:00.000000Z"))
    assert [each["id"] for each in later][:4] == ids[:4]
    assert later[4]["id"] != ids[4]


def test_a_label_of_everything_is_plain_stix() -> None:
    submission = submitted(marking_definitions(EVERYTHING), EXTENSION_DEFINITION)
    assert submission.refusals == ()
    assert {each.warnings for each in submission.objects} == {()}
    assert label_of(submission.objects[-1], submission.markings) == EVERYTHING


def test_tlp_and_pap_are_the_fixed_instances_of_their_extensions() -> None:
    tlp, pap = marking_definitions(Label(Tlp.AMBER_STRICT, pap=Pap.CLEAR))
    assert tlp["id"] == "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
    assert tlp["name"] == "TLP:AMBER+STRICT"
    assert pap["id"] == "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92"
    assert pap["name"] == "PAP:CLEAR"
    assert read_back([tlp, pap]) == Label(Tlp.AMBER_STRICT, pap=Pap.CLEAR)


def test_rel_to_nobody_is_no_empty_list_in_stix() -> None:
    (definition,) = marking_definitions(Label(rel_to=()))
    assert definition["extensions"][LABEL_EXTENSION]["stanag_4774"] == {"rel_to": ["none"]}
    assert read_back([definition]) == Label(rel_to=())


def test_a_label_that_says_nothing_is_not_the_same_as_no_label() -> None:
    """Otherwise the label that is named for unlabelled objects would open it."""
    definitions = marking_definitions(Label())
    assert len(definitions) == 1
    assert read_back(definitions) == Label()


def carried(**extension: Any) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11",
        "created": STAMP,
        "extensions": {LABEL_EXTENSION: {"extension_type": "property-extension", **extension}},
    }


@pytest.mark.parametrize(
    ("parts", "label"),
    [
        ({"rel_to": ["none", "aa"]}, Label(rel_to=(), unknown=("rel_to",))),
        ({"rel_to": "aa"}, Label(rel_to=(), unknown=("rel_to",))),
        ({"rel_to": ["AA"]}, Label(rel_to=(), unknown=("rel_to",))),
        ({"confidentiality": {"policy": "NATO"}}, Label(unknown=("confidentiality",))),
        ({"review": "soon"}, Label(unknown=("review",))),
        ({"caveat": "x"}, Label(unknown=("caveat",))),
        ({"tlp": "RED", "rel_to": ["aa"]}, Label(Tlp.RED, ("aa",))),
    ],
)
def test_a_part_that_is_ill_formed_denies(parts: dict[str, Any], label: Label) -> None:
    assert read_back([carried(stanag_4774=parts)]) == label


@pytest.mark.parametrize("extension", [{"stanag_4774": 1}, {"stanag_4774": {}, "x": 1}, {"x": {}}])
def test_an_extension_that_holds_no_label_denies(extension: dict[str, Any]) -> None:
    definition = carried(**extension)
    assert read_back([definition]) == Label(unknown=(definition["id"],))


def test_two_carried_labels_apply_both() -> None:
    """Two classifications cannot be ranked without their policy: they are not understood."""
    one = marking_definitions(Label(rel_to=("aa", "bb"), confidentiality=SECRET))
    other = marking_definitions(Label(rel_to=("bb", "cc"), review=EVERYTHING.review))
    assert read_back([*one, *other]) == Label(
        rel_to=("bb",), confidentiality=SECRET, review=EVERYTHING.review
    )
    top = marking_definitions(Label(confidentiality=replace(SECRET, classification="TOP SECRET")))
    both = read_back([*one, *top])
    assert both is not None
    assert both.unknown


def test_the_extension_names_itself() -> None:
    assert EXTENSION_DEFINITION["id"] == LABEL_EXTENSION
    assert canonical_json(EXTENSION_DEFINITION)
