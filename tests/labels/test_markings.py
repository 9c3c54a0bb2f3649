"""Every way in which TLP arrives on a STIX object, and every way in which it can mislead."""

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json
from ringwall.labels import (
    FIXED_MARKINGS,
    TLP_MARKINGS,
    Label,
    Pap,
    Tlp,
    definitions,
    label_document,
    label_from_document,
    label_of,
    marking_definitions,
    markings,
    marks_of,
)
from ringwall.labels.fixed_markings import PAP_MARKINGS
from ringwall.stix import StixObject
from tests.labels.any_label import json_values, labels

TLP2 = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PREFIX = "marking-definition--"
AMBER_1 = PREFIX + "f88d31f6-486f-44da-b317-01333bde0b82"
AMBER_2 = PREFIX + "55d920b0-5e8b-4f79-9ee9-91f868d9b421"
STRICT = PREFIX + "939a9414-2ddd-4d32-a0cd-375ea402b003"
OPENCTI_STRICT = PREFIX + "826578e1-40ad-459f-bc73-ede076f81f37"
OTHER = PREFIX + "0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11"


def marked(
    *refs: str, tags: Any = None, granular: bool = False, kind: str = "malware"
) -> StixObject:
    content: dict[str, Any] = {"id": f"{kind}--x", "type": kind, "object_marking_refs": [*refs]}
    if tags is not None:
        content["labels"] = tags
    return StixObject(
        id=content["id"],
        type=kind,
        version="",
        body=canonical_json(content),
        sha256=bytes(32),
        marking_refs=refs,
        granular=granular,
    )


def definition(ref: str, **content: Any) -> dict[str, bytes]:
    base = {"type": "marking-definition", "spec_version": "2.1", "id": ref}
    return {ref: canonical_json(base | content)}


def tlp2(level: str, **more: Any) -> dict[str, Any]:
    return {TLP2: {"extension_type": "property-extension", "tlp_2_0": level} | more}


def notice(**more: Any) -> dict[str, Any]:
    return {"definition_type": "statement", "definition": {"statement": "Copyright"}} | more


def test_an_object_without_markings_carries_nothing() -> None:
    assert label_of(marked(), {}) is None
    assert label_of(marked(tags=["phishing", "tlp", "type:OSINT"]), {}) is None


@pytest.mark.parametrize(("ref", "tlp"), TLP_MARKINGS.items())
def test_every_id_in_use_is_known_without_its_definition(ref: str, tlp: Tlp) -> None:
    assert label_of(marked(ref), {}) == Label(tlp)


@pytest.mark.parametrize(("ref", "pap"), PAP_MARKINGS.items())
def test_every_pap_id_is_known_without_its_definition(ref: str, pap: Pap) -> None:
    assert label_of(marked(ref), {}) == Label(pap=pap)
    assert FIXED_MARKINGS[ref] == Label(pap=pap)


def test_our_table_agrees_with_the_stix2_library() -> None:
    theirs = [stix2.TLP_WHITE, stix2.TLP_GREEN, stix2.TLP_AMBER, stix2.TLP_RED]
    for marking, tlp in zip(theirs, [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.RED], strict=True):
        inline = {marking.id: canonical_json(json.loads(marking.serialize()))}
        assert TLP_MARKINGS[marking.id] is tlp
        assert label_of(marked(marking.id), inline) == Label(tlp)


def test_our_table_agrees_with_misp_stix() -> None:
    """Its table is read as text: importing the package warns, and warnings are errors here."""
    spec = importlib.util.find_spec("misp_stix_converter")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).with_name("misp_stix_mapping.py").read_text(encoding="utf-8")
    pairs = re.findall(r"'(marking-definition--[0-9a-f-]{36})',\s*'TLP:([A-Z+]+)'", source)
    assert {ref: Tlp(level) for ref, level in pairs}.items() <= TLP_MARKINGS.items()
    assert len(pairs) == len(Tlp)


@pytest.mark.parametrize(
    ("tag", "tlp"),
    [
        ("tlp:clear", Tlp.CLEAR),
        ("tlp:white", Tlp.CLEAR),
        ("tlp:green", Tlp.GREEN),
        ("tlp:amber", Tlp.AMBER),
        ("tlp:amber+strict", Tlp.AMBER_STRICT),
        ("TLP:RED", Tlp.RED),
        (" tlp: red ", Tlp.RED),
    ],
)
def test_misp_tags_carry_tlp(tag: str, tlp: Tlp) -> None:
    assert label_of(marked(tags=["phishing", tag]), {}) == Label(tlp)


def test_a_tag_is_not_lost_beside_a_marking() -> None:
    """misp-stix leaves AMBER+STRICT as a tag while the marking says less (misp-stix#77)."""
    assert label_of(marked(AMBER_1, tags=["tlp:amber+strict"]), {}) == Label(Tlp.AMBER_STRICT)
    assert label_of(marked(STRICT, tags=["tlp:green"]), {}) == Label(Tlp.AMBER_STRICT)


def test_several_markings_give_the_strictest() -> None:
    assert label_of(marked(AMBER_1, STRICT, AMBER_2), {}) == Label(Tlp.AMBER_STRICT)


@pytest.mark.parametrize("tag", ["tlp:purple", "tlp:ex:chr", "tlp:", "tlp:unclear", "TLP:amber-"])
def test_an_unknown_tlp_tag_denies(tag: str) -> None:
    label = label_of(marked(AMBER_1, tags=[tag]), {})
    assert label == Label(Tlp.AMBER, unknown=(tag,))


@pytest.mark.parametrize(
    "tag", ["tlp\u200b:red", "\uff34\uff2c\uff30\uff1a\uff32\uff25\uff24", "tlp:\u2060red"]
)
def test_a_tag_that_looks_like_tlp_is_tlp(tag: str) -> None:
    assert label_of(marked(AMBER_1, tags=[tag]), {}) == Label(Tlp.RED)


@pytest.mark.parametrize(
    "tag",
    [
        'nato:classification="NS"',
        'nato :classification="NS"',
        'iep:traffic-light-protocol="RED"',
    ],
)
def test_a_tag_of_a_restricting_scheme_denies(tag: str) -> None:
    label = label_of(marked(AMBER_1, tags=[tag]), {})
    assert label is not None
    assert label.unknown == (tag,)


@pytest.mark.parametrize("tags", ["tlp:red", [["tlp:red"]], [1], {"tlp": "red"}])
def test_ill_formed_tags_deny(tags: Any) -> None:
    assert label_of(marked(tags=tags), {}) == Label(unknown=("labels",))


def test_granular_markings_deny_and_the_whole_is_still_shown() -> None:
    label = label_of(marked(AMBER_1, granular=True), {})
    assert label == Label(Tlp.AMBER, unknown=("granular_markings",))
    assert label_of(marked(granular=True), {}) == Label(unknown=("granular_markings",))


@pytest.mark.parametrize(
    ("ref", "content", "tlp"),
    [
        (AMBER_1, {"definition_type": "tlp", "definition": {"tlp": "amber"}}, Tlp.AMBER),
        (AMBER_2, {"extensions": tlp2("amber")}, Tlp.AMBER),
        (
            STRICT,
            {"extensions": tlp2("amber+strict"), "name": "TLP:AMBER+STRICT"},
            Tlp.AMBER_STRICT,
        ),
        (OTHER, {"definition_type": "tlp", "definition": {"tlp": "white"}}, Tlp.CLEAR),
        (OTHER, {"extensions": tlp2("red")}, Tlp.RED),
        (OPENCTI_STRICT, notice(), Tlp.AMBER_STRICT),
        (
            OPENCTI_STRICT,
            notice(x_opencti_definition_type="TLP", x_opencti_definition="TLP:AMBER+STRICT"),
            Tlp.AMBER_STRICT,
        ),
    ],
)
def test_inline_definitions_are_read_by_content(ref: str, content: Any, tlp: Tlp) -> None:
    assert label_of(marked(ref), definition(ref, **content)) == Label(tlp)


@pytest.mark.parametrize(
    ("ref", "content"),
    [
        (OTHER, {}),
        (AMBER_1, {}),
        (AMBER_1, {"definition_type": "tlp", "definition": {"tlp": "white"}}),
        (AMBER_1, {"definition_type": "tlp", "definition": {"tlp": "red"}}),
        (AMBER_2, {"extensions": tlp2("clear")}),
        (AMBER_2, {"extensions": tlp2("amber", caveat="eyes only")}),
        (AMBER_2, {"extensions": {}}),
        (OTHER, {"definition_type": "tlp", "definition": {"tlp": "purple"}}),
        (OTHER, {"definition_type": "tlp", "definition": {"tlp": "white", "to": "aa"}}),
        (OTHER, {"definition_type": "tlp", "definition": "white"}),
        (OTHER, {"definition_type": "iep", "definition": {"tlp": "white"}}),
        (OTHER, {"extensions": {"extension-definition--3a65884d": {"privdefault": "deny"}}}),
        (OTHER, {"extensions": tlp2("clear") | {"extension-definition--762e2e97": {}}}),
        (
            OTHER,
            {
                "definition_type": "tlp",
                "definition": {"tlp": "white"},
                "extensions": tlp2("red"),
            },
        ),
        (OTHER, notice(x_opencti_definition_type="TLP", x_opencti_definition="TLP:PURPLE")),
        (OTHER, notice(x_house_rule="own staff only")),
        (OTHER, notice(extensions=tlp2("amber", caveat="x"))),
        (OTHER, notice(definition={"statement": "x", "to": "aa"})),
        (OTHER, notice(granular_markings=[])),
    ],
)
def test_definitions_that_contradict_or_are_not_understood_deny(ref: str, content: Any) -> None:
    assert label_of(marked(ref), definition(ref, **content)) == Label(unknown=(ref,))


def test_a_reference_without_its_definition_denies() -> None:
    assert label_of(marked(OTHER), {}) == Label(unknown=(OTHER,))
    assert label_of(marked(AMBER_1, OTHER), {}) == Label(Tlp.AMBER, unknown=(OTHER,))


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"id":"another"}', b'{"a":1,"a":2}'])
def test_a_definition_that_cannot_be_read_denies(raw: bytes) -> None:
    assert label_of(marked(AMBER_1), {AMBER_1: raw}) == Label(unknown=(AMBER_1,))


def test_what_is_remembered_of_foreign_input_is_bounded() -> None:
    """Each of these was once kept in memory for good, a thousand and more of them."""
    tag_lists, read = markings._is_harmless, definitions._read
    before = tag_lists.cache_info().misses, read.cache_info().currsize
    assert label_of(marked(AMBER_1, tags=["a" * 100_000]), {}) == Label(Tlp.AMBER)
    assert label_of(marked(AMBER_1, tags=["a" * 100_000, "tlp:red"]), {}) == Label(Tlp.RED)
    for size in (70_000, 80_000, 90_000):
        long = definition(OTHER, **notice(name="n" * size))
        assert label_of(marked(AMBER_1, OTHER), long) == Label(Tlp.AMBER, unknown=(OTHER,))
    assert tag_lists.cache_info().misses == before[0]
    assert read.cache_info().currsize == before[1]


def with_content(**content: Any) -> StixObject:
    whole = {"id": "tool--x", "type": "tool", **content}
    body = canonical_json(whole)
    return StixObject("tool--x", "tool", "", body, bytes(32), (), False)


_tags = st.lists(
    st.sampled_from(["a", "a]", "tlp:red", "tlp:green", 'q"', "nato:x", "]"]), max_size=3
)
_contents = st.fixed_dictionaries(
    {},
    optional={
        "a_foo": st.fixed_dictionaries({}, optional={"labels": _tags}),
        "labels": _tags,
        "x_foo": st.fixed_dictionaries({}, optional={"labels": _tags}),
        "zlabels": _tags,
    },
)


@given(_contents, _contents)
def test_equal_marks_mean_equal_labels(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Intake asks for the label once for all objects of equal marks."""
    one, other = with_content(**first), with_content(**second)
    for each, content in ((one, first), (other, second)):
        tags = content.get("labels", [])
        expected = label_of(marked(tags=tags, kind="tool"), {}) if tags else None
        assert label_of(each, {}) == expected
    if marks_of(one) == marks_of(other):
        assert label_of(one, {}) == label_of(other, {})


def test_objects_with_equal_marks_carry_one_label() -> None:
    """Intake asks for the label once for all of them."""
    plain, same = marked(AMBER_1, tags=["a"]), marked(AMBER_1, tags=["b"], kind="tool")
    assert marks_of(plain) == marks_of(same)
    red, also = marked(AMBER_1, tags=["tlp:red"]), marked(AMBER_1, tags=["tlp:red"], kind="tool")
    assert marks_of(red) == marks_of(also)
    others = [
        marked(STRICT, tags=["a"]),
        marked(AMBER_1, tags=["a", "tlp:red"]),
        marked(AMBER_1, tags=["a]", "tlp:red"]),
        marked(AMBER_1, tags=["a"], granular=True),
        marked(AMBER_1, tags=[{"labels": ["a"]}, "tlp:red"]),
        marked(AMBER_1, tags="tlp:red"),
        marked(AMBER_1, tags=["a", "pap:red"]),
        marked(AMBER_1, tags=["a", 'iep2-policy:tlp="red"']),
    ]
    assert len({marks_of(each) for each in [plain, *others]}) == 9


def test_objects_of_which_parts_are_marked_are_alike_only_if_they_are_equal() -> None:
    """Their labels hang on what the selectors select."""
    one, other = marked(AMBER_1, granular=True), marked(AMBER_1, granular=True, kind="tool")
    assert marks_of(one) == marks_of(marked(AMBER_1, granular=True)) != marks_of(other)


def test_an_object_has_no_more_markings_than_a_label_document_has_room_for() -> None:
    refs = [f"{PREFIX}0d5f4c1e-55a5-4a0b-9a6c-{number:012x}" for number in range(65)]
    defined: dict[str, bytes] = {}
    for ref in refs:
        iep = {"extension_type": "property-extension", "iep_id": ref}
        name = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
        defined |= definition(ref, extensions={name: iep})
    most = label_of(marked(*refs[:64]), defined)
    assert most is not None
    assert len(most.iep) == 64
    assert label_from_document(label_document(most)) == most
    assert label_of(marked(*refs), defined) == Label(unknown=("object_marking_refs",))


def test_a_definition_that_is_filed_under_another_id_denies() -> None:
    amber = definition(AMBER_2, extensions=tlp2("amber"))[AMBER_2]
    assert label_of(marked(AMBER_2), {AMBER_2: amber}) == Label(Tlp.AMBER)
    assert label_of(marked(AMBER_1), {AMBER_1: amber}) == Label(unknown=(AMBER_1,))
    assert label_of(marked(OTHER), {OTHER: amber}) == Label(unknown=(OTHER,))


def test_a_copyright_notice_restricts_nothing() -> None:
    inline = definition(OTHER, **notice(x_mitre_attack_spec_version="3.2.0"))
    assert label_of(marked(OTHER), inline) is None
    assert label_of(marked(OTHER, AMBER_1), inline) == Label(Tlp.AMBER)


def test_pap_alone_is_no_tlp() -> None:
    assert label_of(marked(tags=["PAP:WHITE"]), {}) == Label(pap=Pap.CLEAR)
    assert label_of(marked(AMBER_1, tags=["PAP:RED", "pap:green"]), {}) == Label(
        Tlp.AMBER, pap=Pap.RED
    )


def test_opencti_markings_that_misp_drops_deny_until_they_are_there() -> None:
    """OpenCTI connectors #7011, #6057: the reference came through, the definition did not."""
    told = definition(OTHER, **notice(x_opencti_definition_type="PAP", x_opencti_definition="RED"))
    assert label_of(marked(AMBER_1, OTHER), {}) == Label(Tlp.AMBER, unknown=(OTHER,))
    assert label_of(marked(AMBER_1, OTHER), told) == Label(Tlp.AMBER, pap=Pap.RED)


def test_an_acs_marking_that_misp_turned_into_a_tag_denies() -> None:
    """MISP#10278: the marking is lost, its cluster is what stays."""
    tag = 'misp-galaxy:acs-marking="isa:guide.19001.ACS3-1"'
    assert label_of(marked(AMBER_1, tags=[tag]), {}) == Label(Tlp.AMBER, unknown=(tag,))


_SOME_REFS = st.lists(st.sampled_from([AMBER_1, STRICT, OTHER, *PAP_MARKINGS]), max_size=3)
_TAGS_OF_ALL_KINDS = st.lists(
    st.sampled_from(["tlp:green", "TLP:RED", "pap:amber", 'iep2-policy:tlp="amber"', "nato:x", "a"])
    | st.text(max_size=6),
    max_size=3,
)


@given(_SOME_REFS, _TAGS_OF_ALL_KINDS, labels, json_values, st.binary(max_size=20))
def test_no_mark_that_is_known_is_lost_beside_whatever_else(
    refs: list[str], tags: list[str], other: Label, mutation: Any, noise: bytes
) -> None:
    """Every definition is as it should be, or altered anywhere, or noise."""
    *_, written = marking_definitions(other)
    definitions_at_hand = [
        canonical_json(written | {"id": OTHER}),
        canonical_json(written | {"id": OTHER, "extensions": mutation}),
        noise,
    ]
    for definition_at_hand in definitions_at_hand:
        label = label_of(marked(*refs, tags=tags), {OTHER: definition_at_hand})
        known = [FIXED_MARKINGS[ref] for ref in refs if ref in FIXED_MARKINGS]
        known += [Label(Tlp.RED)] * ("TLP:RED" in tags)
        known += [Label(pap=Pap.AMBER)] * ("pap:amber" in tags)
        for mark in known:
            assert label is not None
            assert not mark.tlp or (label.tlp and label.tlp.rank >= mark.tlp.rank)
            assert not mark.pap or (label.pap and label.pap.rank >= mark.pap.rank)
        if "nato:x" in tags:
            assert label is not None
            assert "nato:x" in label.unknown
        if label is not None:
            assert label_from_document(label_document(label)) == label
