"""STANAG 4778 bindings: written, read, and what of them is not believed."""

import base64
import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput
from ringwall.labels import PERMISSIVE, RESTRICTIVE, Category, Confidentiality, Label, Tlp
from ringwall.labels.stanag4778 import (
    LIMITS,
    NAMESPACE,
    Binding,
    BoundData,
    bound_label,
    held,
    read_bindings,
    referred,
    write_binding,
)

LABEL = Label(
    confidentiality=Confidentiality(
        "NORTHERN",
        "GUARDED",
        (
            Category("Handling", ("HARBOUR",), RESTRICTIVE),
            Category("Released To", ("ARD", "BRD"), PERMISSIVE),
        ),
        "urn:oid:2.25.77",
    ),
    alternatives=(Confidentiality("SOUTHERN", "CLOSED"),),
    created="2026-03-04T05:06:07.000000Z",
    review="2031-03-04T00:00:00.000000Z",
)
CONTENT = b'{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d"}'
STIX = "application/stix+json;version=2.1"
DATA = referred("harbour.json", CONTENT, STIX)
RAW = write_binding(LABEL, [DATA])


def rule_of(raw: bytes, uri: str = "harbour.json", content: bytes = CONTENT) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as caught:
        bound_label(read_bindings(raw), uri, content)
    return caught.value.field, caught.value.rule


def test_a_label_is_bound_to_a_file() -> None:
    assert read_bindings(RAW) == (Binding(LABEL, (DATA,)),)
    assert bound_label(read_bindings(RAW), "harbour.json", CONTENT) == LABEL


def test_one_label_to_an_element_and_the_digest_that_the_profile_demands() -> None:
    text = RAW.decode()
    assert NAMESPACE == "urn:nato:stanag:4778:bindinginformation:1:0"
    assert text.count("<mb:Metadata>") == 2
    assert f'<mb:DataReference URI="harbour.json" xmime:contentType="{STIX}"/>' in text
    digest = base64.b64encode(hashlib.sha384(CONTENT).digest()).decode()
    assert f"<ds:DigestValue>{digest}</ds:DigestValue>" in text
    assert ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#"' in text
    assert 'Algorithm="http://www.w3.org/2001/04/xmldsig-more#sha384"' in text


def test_a_label_holds_for_every_data_of_its_binding() -> None:
    pieces = {"a.json": b"a", "b.json": b"", "c.json": b"c"}
    raw = write_binding(LABEL, [referred(uri, content) for uri, content in pieces.items()])
    for uri, content in pieces.items():
        assert bound_label(read_bindings(raw), uri, content) == LABEL


def test_a_binding_can_hold_its_data() -> None:
    data = (held(CONTENT, STIX), held(b""), referred("x", b"x"))
    raw = write_binding(LABEL, data)
    (binding,) = read_bindings(raw)
    assert (binding.label, binding.data) == (LABEL, data)
    assert CONTENT not in raw


def test_other_data_is_not_what_was_labelled() -> None:
    assert rule_of(RAW, content=CONTENT + b" ") == ("binding", "digest")
    assert rule_of(RAW, content=b"") == ("binding", "digest")
    assert rule_of(RAW, uri="other.json") == ("binding", "unbound")
    assert rule_of(write_binding(LABEL, [held(CONTENT)]), uri="") == ("binding", "unbound")


@pytest.mark.parametrize(("algorithm", "name"), [("sha256", "sha256"), ("sha512", "sha512")])
def test_digests_of_other_tools_count(algorithm: str, name: str) -> None:
    digest = hashlib.new(algorithm, CONTENT).digest()
    data = BoundData("harbour.json", STIX, algorithm, digest)
    raw = write_binding(LABEL, [data])
    assert f"xmlenc#{name}".encode() in raw
    assert bound_label(read_bindings(raw), "harbour.json", CONTENT) == LABEL
    assert rule_of(raw, content=b"") == ("binding", "digest")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"xmldsig-more#sha384", b"xmldsig-more#sha1", "digest-missing"),
        (b"<ds:DigestMethod", b"<ds:Transforms/><ds:DigestMethod", "digest-missing"),
        (b"<ds:DigestValue>", b"<ds:DigestValue>?", "digest-missing"),
        (b"ds:Manifest", b"ds:Manifold", ""),
        (b"ds:Reference", b"ds:Preference", "digest-missing"),
        (b'Reference URI="harbour.json"><', b'Reference URI="other.json"><', "digest-missing"),
        (b'DataReference URI="harbour.json"', b"DataReference", "unbound"),
        (b"<mb:DataReference ", b'<mb:DataReference URI="harbour.json"/><mb:DataReference ',
         "ambiguous"),
    ],
)  # fmt: skip
def test_a_binding_without_a_digest_that_can_be_checked(old: bytes, new: bytes, rule: str) -> None:
    assert old in RAW
    raw = RAW.replace(old, new)
    if rule:
        assert rule_of(raw) == ("binding", rule)
    else:
        assert bound_label(read_bindings(raw), "harbour.json", CONTENT) == LABEL


def test_two_digests_for_one_uri_are_refused() -> None:
    start = RAW.index(b"<ds:Reference")
    end = RAW.index(b"</ds:Manifest>")
    other = base64.b64encode(bytes(48))
    again = RAW[start:end].replace(base64.b64encode(DATA.digest), other)
    assert rule_of(RAW[:end] + again + RAW[end:]) == ("binding", "digest")
    same_twice = RAW[:end] + RAW[start:end] + RAW[end:]
    assert read_bindings(same_twice) == read_bindings(RAW)


def test_a_file_that_two_bindings_name_has_no_label() -> None:
    start, end = RAW.index(b"<mb:MetadataBinding>"), RAW.index(b"<ds:Manifest")
    assert rule_of(RAW[:end] + RAW[start:end] + RAW[end:]) == ("binding", "ambiguous")


@pytest.mark.parametrize(
    ("old", "new", "unknown"),
    [
        (b"<mb:DataReference", b'<mb:MetadataReference URI="x"/><mb:DataReference',
         "MetadataReference"),
        (b"<mb:MetadataBinding>", b"<mb:MetadataBinding><x xmlns='u'/>", "x"),
        (b"<mb:MetadataBinding>", b'<mb:MetadataBinding Until="x">', "MetadataBinding@Until"),
        (b"<mb:MetadataBinding>", b"<x xmlns='u'/><mb:MetadataBinding>", "x"),
        (b"<mb:MetadataBinding>", b"but not<mb:MetadataBinding>", "MetadataBindingContainer/text"),
        (b"<mb:MetadataBindingContainer>", b"<x xmlns='u'/><mb:MetadataBindingContainer>", "x"),
        (b'harbour.json" xmime', b'harbour.json" Part="1" xmime', "DataReference@Part"),
        (b"<mb:Metadata>", b'<mb:Metadata encoding="rot13">', "Metadata@encoding"),
        (b"originatorConf", b"metadataConf", "metadataConfidentialityLabel"),
        (b"s4774:PolicyIdentifier", b"s4774:Policy", "PolicyIdentifier"),
        (f'contentType="{STIX}"/>'.encode(), b'contentType="x"><ds:Transforms/></mb:DataReference>',
         "Transforms"),
        (b"<mb:DataReference", b"<mb:Data><x/></mb:Data><mb:DataReference", "Data"),
        (b"<mb:Metadata>", b"<mb:Metadata>but not", "Metadata/text"),
        (b"</mb:MetadataBinding>", b"but not</mb:MetadataBinding>", "MetadataBinding/text"),
        (b'harbour.json" xmime', b'harbour.json" mb:URI="x" xmime',
         f"DataReference@{{{NAMESPACE}}}URI"),
    ],
)  # fmt: skip
def test_what_is_not_understood_denies(old: bytes, new: bytes, unknown: str) -> None:
    assert old in RAW
    label = bound_label(read_bindings(RAW.replace(old, new)), "harbour.json", CONTENT)
    assert unknown in label.unknown


def test_spellings_of_other_tools_are_read() -> None:
    bare = RAW.replace(b"<mb:BindingInformation ", b"<mb:BindingInformation Id='b' ")
    signed = bare.replace(
        b"<mb:MetadataBindingContainer>",
        b"<ds:Signature><ds:SignatureValue>x</ds:SignatureValue></ds:Signature>"
        b"<!-- signed elsewhere --><mb:MetadataBindingContainer Id='c'>\n",
        1,
    )
    qualified = signed.replace(b'DataReference URI="', b'DataReference mb:URI="')
    together = qualified.replace(b"</mb:Metadata><mb:Metadata>", b"\n")
    assert together.count(b"mb:Metadata>") == 2
    assert read_bindings(together) == read_bindings(RAW)


def test_a_container_without_its_parent_is_read() -> None:
    start, end = RAW.index(b"<mb:MetadataBindingContainer"), RAW.index(b"</mb:BindingInformation")
    declared = RAW[RAW.index(b" xmlns") : start - 1]
    raw = RAW[start:end].replace(b"Container>", b"Container" + declared + b">", 1)
    assert read_bindings(raw) == read_bindings(RAW)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "xml"),
        (b"<a/>", "binding"),
        (f"<BindingInformation xmlns='{NAMESPACE}'/>".encode(), "binding"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (RAW.replace(NAMESPACE.encode(), b"urn:other"), "binding"),
        (RAW + b" " * LIMITS.size, "size"),
    ],
)
def test_what_is_no_binding(raw: bytes, rule: str) -> None:
    assert rule_of(raw) == ("binding", rule)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        ([], "empty"),
        ([referred("", b"")], "uri"),
        ([DATA, DATA], "uri"),
        ([BoundData("x")], "digest"),
        ([BoundData("x", "", "md5", bytes(16))], "digest"),
        ([BoundData("x", "", "sha256", bytes(31))], "digest"),
        ([referred(" x", b"")], "form"),
        ([referred("x", b"", "text/plain ")], "form"),
        ([held(bytes(LIMITS.size))], "size"),
    ],
)
def test_data_that_is_not_bound(data: list[BoundData], rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write_binding(LABEL, data)
    assert (caught.value.field, caught.value.rule) == ("data", rule)


def test_a_label_that_xml_cannot_carry_is_not_bound() -> None:
    with pytest.raises(InvalidInput) as caught:
        write_binding(msgspec.structs.replace(LABEL, tlp=Tlp.RED), [DATA])
    assert (caught.value.field, caught.value.rule) == ("label/tlp", "carrier")


@given(
    st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(1, 255)), min_size=1, max_size=3)
)
def test_damage_never_binds_a_label_to_other_data(flips: list[tuple[int, int]]) -> None:
    raw = bytearray(RAW)
    for place, flip in flips:
        raw[place] ^= flip
    refused = False
    try:
        bound_label(read_bindings(bytes(raw)), "harbour.json", CONTENT + b"!")
    except InvalidInput:
        refused = True
    assert refused


@given(st.binary(max_size=300))
def test_any_content_is_held_whole(content: bytes) -> None:
    (binding,) = read_bindings(write_binding(LABEL, [held(content), referred("x", content)]))
    assert binding.data[0].content == content
    assert bound_label([binding], "x", content) == LABEL


def test_a_container_in_a_container_is_not_looked_into_and_denies() -> None:
    inner = RAW.split(b"<mb:MetadataBindingContainer>")[1].split(b"<ds:Manifest")[0]
    closed = inner.replace(b"GUARDED", b"SECRET")
    nested = b"<mb:MetadataBindingContainer>%b</mb:MetadataBindingContainer>" % closed
    raw = RAW.replace(b"<ds:Manifest", nested + b"<ds:Manifest")
    label = bound_label(read_bindings(raw), "harbour.json", CONTENT)
    assert label.unknown == ("MetadataBindingContainer",)
