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
from ringwall.labels import TLP_MARKINGS, Label, Tlp, label_of, markings, marks_of
from ringwall.stix import StixObject

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
    assert label_of(marked(tags=["phishing", "pap:red"]), {}) is None


@pytest.mark.parametrize(("ref", "tlp"), TLP_MARKINGS.items())
def test_every_id_in_use_is_known_without_its_definition(ref: str, tlp: Tlp) -> None:
    assert label_of(marked(ref), {}) == Label(tlp)


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
        (OTHER, notice(x_opencti_definition_type="PAP", x_opencti_definition="PAP:RED")),
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
    tag_lists, definitions = markings._is_harmless, markings._marking_label
    before = tag_lists.cache_info().misses, definitions.cache_info().currsize
    assert label_of(marked(AMBER_1, tags=["a" * 100_000]), {}) == Label(Tlp.AMBER)
    assert label_of(marked(AMBER_1, tags=["a" * 100_000, "tlp:red"]), {}) == Label(Tlp.RED)
    for size in (50_000, 60_000, 70_000):
        long = definition(OTHER, **notice(name="n" * size))
        assert label_of(marked(AMBER_1, OTHER), long) == Label(Tlp.AMBER, unknown=(OTHER,))
    assert tag_lists.cache_info().misses == before[0]
    assert definitions.cache_info().currsize <= before[1] + 2  # AMBER, and what is too long


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
    others = [
        marked(STRICT, tags=["a"]),
        marked(AMBER_1, tags=["a", "tlp:red"]),
        marked(AMBER_1, tags=["a]", "tlp:red"]),
        marked(AMBER_1, tags=["a"], granular=True),
        marked(AMBER_1, tags=[{"labels": ["a"]}, "tlp:red"]),
        marked(AMBER_1, tags="tlp:red"),
    ]
    assert len({marks_of(each) for each in [plain, *others]}) == 7


def test_a_definition_that_is_filed_under_another_id_denies() -> None:
    amber = definition(AMBER_2, extensions=tlp2("amber"))[AMBER_2]
    assert label_of(marked(AMBER_2), {AMBER_2: amber}) == Label(Tlp.AMBER)
    assert label_of(marked(AMBER_1), {AMBER_1: amber}) == Label(unknown=(AMBER_1,))
    assert label_of(marked(OTHER), {OTHER: amber}) == Label(unknown=(OTHER,))


def test_a_copyright_notice_restricts_nothing() -> None:
    inline = definition(OTHER, **notice(x_mitre_attack_spec_version="3.2.0"))
    assert label_of(marked(OTHER), inline) is None
    assert label_of(marked(OTHER, AMBER_1), inline) == Label(Tlp.AMBER)
