"""XML: what is refused, what is read, and that what is written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput
from ringwall.core.strict_xml import Element, XmlLimits, collapsed, parse_xml, write_xml

ONE = "urn:one"
PREFIXES = {ONE: "a", "urn:two": "b"}

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,5}", fullmatch=True).filter(
    lambda name: not name.lower().startswith("xml")
)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r<>&\"']]>"),
    max_size=12,
)
attributes = st.dictionaries(
    names | names.map(lambda name: f"{{urn:two}}{name}"), texts, max_size=3
)
elements = st.recursive(
    st.builds(Element, st.sampled_from(sorted(PREFIXES)), names, attributes, texts),
    lambda inner: st.builds(
        Element,
        st.sampled_from(sorted(PREFIXES)),
        names,
        attributes,
        texts,
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=8,
)


def rule_of(raw: bytes, **options: XmlLimits) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_xml(raw, field="label", **options)
    assert caught.value.field == "label"
    return caught.value.rule


@given(elements)
def test_what_is_written_is_read_back(element: Element) -> None:
    assert parse_xml(write_xml(element, PREFIXES)) == element


def test_elements_are_known_by_namespace_and_not_by_prefix() -> None:
    first = parse_xml(b"<x:a xmlns:x='urn:one' x:k='1' k='2'><b xmlns='urn:two'/> t </x:a>")
    second = parse_xml(
        b"<a xmlns='urn:one' xmlns:y='urn:one' k='2' y:k='1'> t <b xmlns='urn:two'/></a>"
    )
    assert first == Element(
        ONE, "a", {"{urn:one}k": "1", "k": "2"}, " t ", (Element("urn:two", "b"),)
    )
    assert first == second


def test_cdata_references_and_utf_16_are_read() -> None:
    text = "<a><![CDATA[<b>]]>&amp;&#x41;\u00e9</a>"
    expected = Element("", "a", {}, "<b>&A\u00e9")
    assert parse_xml(text.encode()) == expected
    assert parse_xml(b"\xef\xbb\xbf" + text.encode()) == expected
    assert parse_xml(f"<?xml version='1.0' encoding='UTF-16'?>{text}".encode("utf-16")) == expected


BOMB = b"".join(
    b'<!ENTITY %c "%b">' % (letter, b"&%c;" % (letter - 1) * 50) for letter in b"bcdefghij"
)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "xml"),
        (b"\x00", "encoding"),
        (b"no XML", "xml"),
        (b"{}", "xml"),
        (b"<a>", "xml"),
        (b"<a/><b/>", "xml"),
        (b"<a k='1' k='2'/>", "xml"),
        (b"<a xmlns:x='u' xmlns:y='u' x:k='1' y:k='2'/>", "xml"),
        (b"<x:a/>", "xml"),
        (b"<a>&undefined;</a>", "xml"),
        (b"<a>&#0;</a>", "xml"),
        (b"<?xml version='1.1'?><a/>", "xml"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "doctype"),
        (b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "doctype"),
        (b'<!DOCTYPE a [<!ENTITY a "x">' + BOMB + b"]><a>&j;</a>", "doctype"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".encode("utf-16"), "doctype"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".encode("utf-16-le"), "encoding"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".encode("utf-16-be"), "encoding"),
        ("<a>b</a>".encode("utf-16-le"), "encoding"),
        (b"<a>\x00</a>", "encoding"),
        (b"<a>\xff</a>", "encoding"),
        (b"\xff\xfe<", "encoding"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><a>+ADw-b+AD4-</a>", "encoding"),
        ("<?xml version='1.0' encoding='us-ascii'?><a>\u00e9</a>".encode(), "encoding"),
        ("<?xml version='1.0' encoding='utf-8'?><a/>".encode("utf-16"), "encoding"),
        (b"<a>SE<!-- -->CRET</a>", "comment"),
        (b"<a>SE<?cut?>CRET</a>", "comment"),
    ],
)
def test_xml_that_is_refused(raw: bytes, rule: str) -> None:
    assert rule_of(raw) == rule


def test_comments_and_instructions_beside_texts_are_read_over() -> None:
    raw = b"<?style sheet?><!-- 1 --><a> <!-- 2 --><b>x</b><?p i?> </a><!-- 3 -->"
    assert parse_xml(raw).children == (Element("", "b", {}, "x"),)


def test_limits_hold_to_the_element_and_the_byte() -> None:
    limits = XmlLimits(size=40, depth=3)
    assert parse_xml(b"<a><b><c/></b></a>", limits=limits).name == "a"
    assert rule_of(b"<a><b><c><d/></c></b></a>", limits=limits) == "depth"
    assert parse_xml(b"<a>" + b"x" * 33 + b"</a>", limits=limits).text == "x" * 33
    assert rule_of(b"<a>" + b"x" * 34 + b"</a>", limits=limits) == "size"
    assert rule_of(b"<a>" * 50_000) == "depth"


@pytest.mark.parametrize("text", ["\x00", "a\x0b", "\ud800", "\uffff"])
def test_characters_that_xml_lacks_are_not_written(text: str) -> None:
    for element in (Element(ONE, "a", {}, text), Element(ONE, "a", {"k": text})):
        with pytest.raises(InvalidInput) as caught:
            write_xml(element, PREFIXES)
        assert caught.value.rule == "xml-character"


def test_only_the_namespaces_in_use_are_declared() -> None:
    assert write_xml(Element(ONE, "a"), PREFIXES) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<a:a xmlns:a="urn:one"/>'
    )


def test_tokens_are_collapsed_as_xml_defines_space() -> None:
    assert collapsed(" \t a \r\n b ") == "a b"
    assert collapsed("\u00a0a") == "\u00a0a"


@given(st.binary(max_size=200) | st.text(st.sampled_from("<>/!?ab=\"' &;x-[]"), max_size=80))
def test_nothing_but_invalid_input_comes_out(raw: bytes | str) -> None:
    rule = ""
    try:
        parse_xml(raw if isinstance(raw, bytes) else raw.encode())
    except InvalidInput as error:
        rule = error.rule
    assert rule in {"", "xml", "encoding", "doctype", "comment"}
