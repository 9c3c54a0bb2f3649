"""STANAG 4774 labels as XML: variants that are read, the form that is written, and damage."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, format_timestamp
from ringwall.core.strict_xml import Element, collapsed, parse_xml, write_xml
from ringwall.labels import (
    INFORMATIVE,
    PERMISSIVE,
    RESTRICTIVE,
    Category,
    Confidentiality,
    Label,
    Tlp,
    label_document,
    label_from_document,
)
from ringwall.labels.iep import Iep
from ringwall.labels.label import Pap
from ringwall.labels.stanag4774 import NAMESPACE, PREFIXES, label_elements, read_label, write_label

CREATED, REVIEW = "2026-03-04T05:06:07.000000Z", "2031-03-04T00:00:00.000000Z"
STATED = Confidentiality(
    "NORTHERN",
    "GUARDED",
    (
        Category("Handling", ("HARBOUR", "LANTERN"), RESTRICTIVE),
        Category("Office", ("ARCHIVE",), INFORMATIVE),
        Category("Released To", ("ARD", "BRD"), PERMISSIVE, "urn:oid:2.25.77.2"),
    ),
    "urn:oid:2.25.77",
    "Not before the harvest",
)
LABEL = Label(confidentiality=STATED, created=CREATED, review=REVIEW)
WRITTEN = f"""<?xml version="1.0" encoding="UTF-8"?>
<s4774:originatorConfidentialityLabel xmlns:s4774="{NAMESPACE}" ReviewDateTime="{REVIEW}">\
<s4774:ConfidentialityInformation>\
<s4774:PolicyIdentifier URI="urn:oid:2.25.77">NORTHERN</s4774:PolicyIdentifier>\
<s4774:Classification>GUARDED</s4774:Classification>\
<s4774:PrivacyMark>Not before the harvest</s4774:PrivacyMark>\
<s4774:Category Type="RESTRICTIVE" TagName="Handling">\
<s4774:GenericValue>HARBOUR</s4774:GenericValue>\
<s4774:GenericValue>LANTERN</s4774:GenericValue></s4774:Category>\
<s4774:Category Type="INFORMATIVE" TagName="Office">\
<s4774:GenericValue>ARCHIVE</s4774:GenericValue></s4774:Category>\
<s4774:Category Type="PERMISSIVE" TagName="Released To" URI="urn:oid:2.25.77.2">\
<s4774:GenericValue>ARD</s4774:GenericValue>\
<s4774:GenericValue>BRD</s4774:GenericValue></s4774:Category>\
</s4774:ConfidentialityInformation>\
<s4774:CreationDateTime>{CREATED}</s4774:CreationDateTime>\
</s4774:originatorConfidentialityLabel>""".encode()
SECOND = "<s4774:Classification>OPEN</s4774:Classification>"
EARLIER = "<s4774:ReviewDateTime>2030-01-01T00:00:00Z</s4774:ReviewDateTime>"
VARIANT = f"""<?xml version='1.0'?>
<!-- another tool, another spelling -->
<ConfidentialityLabel xmlns='{NAMESPACE}' Id='label-7'
    xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='x y'>
  <ConfidentialityInformation>
    <Category tagName=' Released  To ' type='permissive' URI='urn:oid:2.25.77.2'>
      <CategoryValue>BRD</CategoryValue>
    </Category>
    <PrivacyMark xml:lang='en'>Not before
        the harvest</PrivacyMark>
    <PolicyIdentifier uri='urn:oid:2.25.77'> NORTHERN
    </PolicyIdentifier>
    <Classification>GUARDED</Classification>
    <Category TagName='Office' Type='Informative'><GenericValue>ARCHIVE</GenericValue></Category>
    <Category TagName='Handling' Type='RESTRICTIVE'>
      <GenericValue>LANTERN</GenericValue><GenericValue>HARBOUR</GenericValue>
      <GenericValue>LANTERN</GenericValue>
    </Category>
    <Category TagName='Released To' Type='PERMISSIVE' URI='urn:oid:2.25.77.2'>
      <GenericValue>ARD</GenericValue>
    </Category>
  </ConfidentialityInformation>
  <OriginatorID IDType='rfc822Name'>registry@northern.example</OriginatorID>
  <ReviewDateTime>2031-03-03T22:30:00-01:30</ReviewDateTime>
  <CreationTime>2026-03-04T07:06:07+02:00</CreationTime>
</ConfidentialityLabel>""".encode()


def test_the_namespace_is_that_of_the_standard() -> None:
    assert NAMESPACE == "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"


def test_a_label_is_written_in_one_form_and_read_back() -> None:
    assert write_label(LABEL) == (WRITTEN,)
    assert read_label(WRITTEN) == LABEL


def test_the_spellings_of_other_tools_are_read() -> None:
    assert read_label(VARIANT) == LABEL


@pytest.mark.parametrize(
    ("old", "new", "unknown"),
    [
        ("GenericValue>ARCHIVE</s4774:Generic", "IntegerValue>3</s4774:Integer", "IntegerValue"),
        ("<s4774:GenericValue>ARCHIVE</s4774:GenericValue>", "", "Category"),
        (">ARCHIVE<", "> <", "Category"),
        ("<s4774:Category Type", "<s4774:Caveat/><s4774:Category Type", "Caveat"),
        ("<s4774:Category Type", "<x:Mark xmlns:x='u'/><s4774:Category Type", "Mark"),
        ("<s4774:Category Type", "more <s4774:Category Type",
         "ConfidentialityInformation/text"),
        ('Type="INFORMATIVE"', 'Type="ADVISORY"', "Category@Type"),
        ('Type="INFORMATIVE"', 'Type=""', "Category@Type"),
        ('TagName="Office"', "", "confidentiality"),
        ('TagName="Office"', 'TagName="Office" tagname="x"', "Category@tagname"),
        ('TagName="Office"', 'TagName="Office" Only="x"', "Category@Only"),
        ("Classification>", "Classification2>", "Classification"),
        (">GUARDED<", "><", "Classification"),
        (">GUARDED<", "><b>GUARDED</b><", "b"),
        (">GUARDED<", ' URI="urn:x">GUARDED<', "Classification@URI"),
        (">GUARDED<", f">{'G' * 201}<", "confidentiality"),
        (">NORTHERN<", "> <", "PolicyIdentifier"),
        ("<s4774:PrivacyMark>", f"{SECOND}<s4774:PrivacyMark>", "Classification"),
        (f">{CREATED}<", ">yesterday<", "created"),
        (f">{CREATED}<", ">2026-03-04T05:06:07<", "created"),
        (f">{CREATED}<", ">0001-01-01T00:00:00+14:00<", "created"),
        (f'"{REVIEW}"', '"2031-13-04T00:00:00Z"', "review"),
        (f'"{REVIEW}"', f'"{REVIEW}" Until="x"', "originatorConfidentialityLabel@Until"),
        ("<s4774:CreationDateTime>", f"{EARLIER}<s4774:CreationDateTime>", "review"),
        ("<s4774:CreationDateTime>", "<s4774:SuccessionHandling/><s4774:CreationDateTime>",
         "SuccessionHandling"),
        ("ConfidentialityInformation>", "Information>", "ConfidentialityInformation"),
        (NAMESPACE, "urn:other", "originatorConfidentialityLabel"),
        ("originatorConf", "metadataConf", "metadataConfidentialityLabel"),
        ("originatorConf", "alternativeConf", "originatorConfidentialityLabel"),
    ],
)  # fmt: skip
def test_what_is_not_understood_denies(old: str, new: str, unknown: str) -> None:
    text = WRITTEN.decode()
    assert old in text
    label = read_label(text.replace(old, new).encode())
    assert unknown in label.unknown


def test_two_originators_labels_deny_and_neither_counts() -> None:
    label = read_label(WRITTEN, WRITTEN)
    assert (label.confidentiality, label.unknown) == (None, ("originatorConfidentialityLabel",))
    assert read_label().unknown == ("originatorConfidentialityLabel",)


def test_alternatives_are_labels_of_their_own() -> None:
    southern = Confidentiality("SOUTHERN", "CLOSED", policy_uri="urn:oid:2.25.78")
    label = msgspec.structs.replace(LABEL, alternatives=(southern,))
    first, second = write_label(label)
    assert first == WRITTEN
    assert b"<s4774:alternativeConfidentialityLabel " in second
    assert read_label(second, first) == label
    assert read_label(first, second, second) == label


def test_the_earliest_review_of_all_labels_counts() -> None:
    early = "2027-01-01T00:00:00.000000Z"
    other = WRITTEN.replace(b"originatorC", b"alternativeC").replace(
        REVIEW.encode(), early.encode()
    )
    assert read_label(WRITTEN, other).review == early
    assert read_label(other, WRITTEN).created == CREATED


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07.000000Z"),
        ("2026-03-04T05:06:07.1234567899Z", "2026-03-04T05:06:07.123456Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"),
        ("2026-12-31T23:30:00-00:45", "2027-01-01T00:15:00.000000Z"),
    ],
)
def test_times_are_read_in_every_zone(text: str, moment: str) -> None:
    label = read_label(WRITTEN.replace(CREATED.encode(), text.encode()))
    assert (label.created, label.unknown) == (moment, ())


def test_a_label_without_times_is_read_and_not_written() -> None:
    raw = re.sub(rb"<s4774:CreationDateTime>.*</s4774:CreationDateTime>", b"", WRITTEN)
    label = read_label(raw.replace(f' ReviewDateTime="{REVIEW}"'.encode(), b""))
    assert label == Label(confidentiality=STATED)
    with pytest.raises(InvalidInput) as caught:
        write_label(label)
    assert (caught.value.field, caught.value.rule) == ("label/created", "created")


def changed(**fields: object) -> Label:
    stated = {
        name: fields.pop(name) for name in list(fields) if name in Confidentiality.__struct_fields__
    }
    return msgspec.structs.replace(
        LABEL, **{"confidentiality": msgspec.structs.replace(STATED, **stated), **fields}
    )


@pytest.mark.parametrize(
    ("label", "field", "rule"),
    [
        (changed(unknown=("x",)), "label/unknown", "unknown"),
        (changed(tlp=Tlp.CLEAR), "label/tlp", "carrier"),
        (changed(rel_to=()), "label/rel_to", "carrier"),
        (changed(pap=Pap.RED), "label/pap", "carrier"),
        (changed(iep=(Iep(),)), "label/iep", "carrier"),
        (changed(acs=("{}",)), "label/acs", "carrier"),
        (changed(confidentiality=None), "label/confidentiality", "classification"),
        (changed(categories=(Category("T", (), PERMISSIVE),)),
         "label/confidentiality/categories", "category"),
        (changed(categories=(Category("T", ("a",)),)),
         "label/confidentiality/categories", "category"),
        (changed(classification=" GUARDED"), "label", "form"),
        (changed(classification=""), "label", "form"),
        (changed(classification="G" * 201), "label", "form"),
        (changed(privacy_mark="two\nlines"), "label", "form"),
        (changed(review="tomorrow"), "label", "form"),
        (changed(created="2026-03-04T05:06:07Z"), "label", "form"),
        (changed(categories=(Category("T", ("b", "a"), PERMISSIVE),)), "label", "form"),
        (changed(classification="\x01"), "", "xml-character"),
    ],
)  # fmt: skip
def test_labels_that_are_not_written(label: Label, field: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write_label(label)
    assert (caught.value.field, caught.value.rule) == (field, rule)


tokens = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: collapsed(text) == text)
FIRST = datetime(1000, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=3_000_000)).map(
    lambda passed: format_timestamp(FIRST + passed)
)
stated = st.builds(
    Confidentiality,
    policy=tokens,
    classification=tokens,
    categories=st.lists(
        st.builds(
            Category,
            tag=tokens,
            values=st.lists(tokens, min_size=1, max_size=3).map(tuple),
            kind=st.sampled_from([RESTRICTIVE, PERMISSIVE, INFORMATIVE]),
            uri=st.just("") | tokens,
        ),
        max_size=4,
    ).map(tuple),
    policy_uri=st.just("") | tokens,
    privacy_mark=st.just("") | tokens,
)
carried = st.builds(
    Label,
    confidentiality=stated,
    alternatives=st.lists(stated, max_size=2).map(tuple),
    created=moments,
    review=st.just("") | moments,
).map(lambda label: label_from_document(label_document(label)))


@given(carried)
def test_every_label_that_the_standard_carries_is_read_back(label: Label) -> None:
    assert not label.unknown
    assert read_label(*write_label(label)) == label


@given(carried)
def test_elements_stand_in_the_order_of_the_schema(label: Label) -> None:
    order = ["PolicyIdentifier", "Classification", "PrivacyMark", "Category"]
    for element in label_elements(label):
        assert [each.name for each in element.children] == [
            "ConfidentialityInformation",
            "CreationDateTime",
        ]
        places = [order.index(each.name) for each in element.children[0].children]
        assert places == sorted(places)


PIECES = re.findall(rb"<[^>]+>|[^<]+", WRITTEN) + re.findall(rb"<[^>]+>|[^<]+", VARIANT)
EXTRA = [
    b"<!-- c -->",
    b"<x/>",
    b"<!DOCTYPE a>",
    b"&amp;",
    b"&x;",
    b" ",
    b'="',
    b"\xff",
    b"A",
    b"<",
]
mutations = st.lists(
    st.tuples(
        st.sampled_from(["drop", "insert", "swap", "byte"]),
        st.integers(0, 400),
        st.integers(0, 400),
    ),
    min_size=1,
    max_size=4,
)


def mutated(source: bytes, steps: list[tuple[str, int, int]]) -> bytes:
    pieces = re.findall(rb"<[^>]+>|[^<]+", source)
    for step, first, second in steps:
        place = first % len(pieces)
        if step == "drop" and len(pieces) > 1:
            del pieces[place]
        elif step == "insert":
            pieces.insert(place, (PIECES + EXTRA)[second % (len(PIECES) + len(EXTRA))])
        elif step == "swap":
            other = second % len(pieces)
            pieces[place], pieces[other] = pieces[other], pieces[place]
        else:
            piece = pieces[place]
            at = second % len(piece)
            pieces[place] = piece[:at] + EXTRA[first % len(EXTRA)] + piece[at + 1 :]
    return b"".join(pieces)


def read_or_refused(raw: bytes) -> Label | None:
    try:
        return read_label(raw)
    except InvalidInput:
        return None


def leaves(element: Element) -> Iterator[tuple[str, str]]:
    """What a document states: texts of its leaves, and what attributes say of a category."""
    if not element.children and element.name not in {"OriginatorID", "Category"}:
        yield "text", collapsed(element.text)
    for name, value in element.attributes.items():
        if name.lower() in {"tagname", "uri"}:
            yield name.lower(), collapsed(value)
        if name.lower() == "type":
            yield "type", value.lower()
    for child in element.children:
        yield from leaves(child)


def stated_in(label: Label) -> Iterator[tuple[str, str]]:
    said = label.confidentiality
    assert said is not None
    yield from (("text", text) for text in (said.policy, said.classification, said.privacy_mark))
    yield "uri", said.policy_uri
    for each in said.categories:
        yield from (("tagname", each.tag), ("type", each.kind), ("uri", each.uri))
        yield from (("text", value) for value in each.values)


NAMES = ["Category", "GenericValue", "CategoryValue", "Classification", "Mark", "PrivacyMark"]
PARTS = parse_xml(WRITTEN).children[0].children


def grafted(element: Element, at: int, step: str, pick: int) -> Element:
    """Return the tree with one change at its ``at``-th element, counted as they are written."""
    place = 0

    def walk(each: Element) -> Element:
        nonlocal place
        here, place = place == at, place + 1
        children = tuple(walk(child) for child in each.children)
        if not here:
            return msgspec.structs.replace(each, children=children)
        changes: dict[str, dict[str, object]] = {
            "drop": {"children": children[1:]},
            "add": {"children": (*children, PARTS[pick % len(PARTS)])},
            "repeat": {"children": children + children[-1:]},
            "rename": {"name": NAMES[pick % len(NAMES)]},
            "text": {"text": "OPEN" if pick % 2 else ""},
            "attribute": {"attributes": {"Type": "permissive", "TagName": "Office"}},
            "bare": {"attributes": {}},
        }
        return msgspec.structs.replace(each, **{"children": children, **changes[step]})

    return walk(element)


grafts = st.tuples(
    st.integers(0, 14),
    st.sampled_from(["drop", "add", "repeat", "rename", "text", "attribute", "bare"]),
    st.integers(0, 40),
)


@given(st.lists(grafts, min_size=1, max_size=3))
def test_a_label_with_other_elements_denies_or_is_what_it_states(
    steps: list[tuple[int, str, int]],
) -> None:
    tree = parse_xml(WRITTEN)
    for at, step, pick in steps:
        tree = grafted(tree, at, step, pick)
    raw = write_xml(tree, PREFIXES)
    check_nothing_is_lost(raw, read_label(raw))


@given(st.sampled_from([WRITTEN, VARIANT]), mutations)
def test_a_damaged_label_is_the_same_or_denies_or_is_what_its_bytes_state(
    source: bytes, steps: list[tuple[str, int, int]]
) -> None:
    raw = mutated(source, steps)
    label = read_or_refused(raw)
    if label is not None:
        check_nothing_is_lost(raw, label)


def check_nothing_is_lost(raw: bytes, label: Label) -> None:
    if label == LABEL or label.unknown:
        return
    assert apart_from_times(leaves(parse_xml(raw))) == apart_from_times(stated_in(label))


def apart_from_times(said: Iterator[tuple[str, str]]) -> set[tuple[str, str]]:
    return {each for each in said if each[1] and not re.match(r"\d{4}-\d{2}-\d{2}T", each[1])}


@given(st.binary(max_size=300))
def test_no_bytes_are_a_label_by_chance(noise: bytes) -> None:
    label = read_or_refused(noise)
    assert label is None or label.unknown


@pytest.mark.parametrize("rule", ["doctype", "size", "depth", "xml"])
def test_hostile_xml_is_refused_by_rule(rule: str) -> None:
    raw = {
        "doctype": b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + WRITTEN.partition(b"\n")[2],
        "size": WRITTEN + b" " * 256 * 1024,
        "depth": b"<a>" * 100,
        "xml": WRITTEN[:-1],
    }[rule]
    with pytest.raises(InvalidInput) as caught:
        read_label(raw)
    assert (caught.value.field, caught.value.rule) == ("label", rule)


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("+14:00", "2026-03-03T15:06:07.000000Z"),
        ("-13:59", "2026-03-04T19:05:07.000000Z"),
        ("-14:01", ""),
        ("+15:00", ""),
        ("-99:00", ""),
        ("+00:60", ""),
    ],
)
def test_a_zone_that_is_nowhere_is_no_moment(zone: str, moment: str) -> None:
    raw = _bare(created=f"2026-03-04T05:06:07{zone}")
    assert (read_label(raw).created, read_label(raw).unknown) == (
        moment,
        () if moment else ("created",),
    )


def _bare(created: str) -> bytes:
    return (
        f'<originatorConfidentialityLabel xmlns="{NAMESPACE}"><ConfidentialityInformation>'
        "<PolicyIdentifier>P</PolicyIdentifier><Classification>LOW</Classification>"
        "</ConfidentialityInformation>"
        f"<CreationDateTime>{created}</CreationDateTime></originatorConfidentialityLabel>"
    ).encode()
