"""STANAG 4774 labels as XML: read whatever tools write, write one form.

Source: ADatP-4774 edition A version 1, appendix 1, schema version 1.3. Reading knows the variants
that are about (CategoryValue, CreationTime, ReviewDateTime as an element, names of attributes and
Type in any case, offsets of time zones). What is not understood becomes ``unknown`` and denies:
SuccessionHandling, because it changes the label at a time, and IntegerValue and BitStringValue,
which the standard forbids, because they are numbers of a policy's file and no names. Id and
OriginatorID say nothing about who may have the data and are read over.

One XML label holds one policy; alternatives are labels of their own, which a STANAG 4778 binding
keeps together.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.core.strict_xml import ABOUT_XML, Element, collapsed, parse_xml, write_xml
from ringwall.labels.confidentiality import INFORMATIVE, PERMISSIVE, RESTRICTIVE, Confidentiality
from ringwall.labels.document import label_from_document
from ringwall.labels.label import Label, in_order, read_moment

NAMESPACE = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
PREFIXES = {NAMESPACE: "s4774"}
"""The prefix that ADatP-5636 gives the namespace."""

_ORIGINATOR, _ALTERNATIVE = "originatorConfidentialityLabel", "alternativeConfidentialityLabel"
_ROLES = {
    _ORIGINATOR: _ORIGINATOR,
    "OriginatorConfidentialityLabel": _ORIGINATOR,
    "ConfidentialityLabel": _ORIGINATOR,
    _ALTERNATIVE: _ALTERNATIVE,
    "AlternativeConfidentialityLabel": _ALTERNATIVE,
}
_VARIANTS = {
    "CategoryValue": "GenericValue",
    "CreationTime": "CreationDateTime",
    "CreationDataTime": "CreationDateTime",
}
_POLICY, _VALUE = "PolicyIdentifier", "GenericValue"
_TEXTS = {_POLICY: ("URI",), "Classification": (), "PrivacyMark": ()}
"""Elements that hold a text, with their attributes."""

_KINDS = frozenset({RESTRICTIVE, PERMISSIVE, INFORMATIVE})
_DATE_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)\d*"
    r"(Z|([+-])(0\d|1[0-3]|14(?=:00)):([0-5]\d))",
    re.ASCII,
)
_LONGEST_NAME, _MOST_NAMES = 200, 64


def read_label(*documents: bytes) -> Label:
    """Read the XML labels of one data object: the originator's and, if any, the alternatives.

    Raises InvalidInput (field ``label``; rules as ``parse_xml``) for what is no XML or hostile.
    """
    return label_from_elements(parse_xml(raw, field="label") for raw in documents)


def label_from_elements(elements: Iterable[Element]) -> Label:
    """Read the labels of one data object from their elements; never raises."""
    reader = _Reader()
    found: dict[str, list[dict[str, Any]]] = {_ORIGINATOR: [], _ALTERNATIVE: []}
    for element in elements:
        role = _ROLES.get(element.name) if element.namespace == NAMESPACE else None
        if role is None:
            reader.unknown.append(element.name)
        else:
            found[role].append(reader.label(element))
    if len(found[_ORIGINATOR]) != 1:
        reader.unknown.append(_ORIGINATOR)
    return reader.whole(found[_ORIGINATOR], found[_ALTERNATIVE])


class _Reader:
    """Reads label elements into label documents and collects what it does not understand."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def whole(self, originators: list[dict[str, Any]], alternatives: list[dict[str, Any]]) -> Label:
        """Put the labels together. The earliest review counts: past it, nothing opens."""
        document = dict(originators[0]) if len(originators) == 1 else {}
        others = [each["confidentiality"] for each in alternatives if "confidentiality" in each]
        if others:
            document["alternatives"] = others
        reviews = [each["review"] for each in originators + alternatives if "review" in each]
        if reviews:
            document["review"] = min(reviews)
        label = label_from_document(document)
        unknown = in_order([*label.unknown, *(name[:_LONGEST_NAME] for name in self.unknown)])
        return msgspec.structs.replace(label, unknown=unknown[:_MOST_NAMES])

    def label(self, element: Element) -> dict[str, Any]:
        """Read one label as a label document, without alternatives."""
        attributes = self._attributes(element, "Id", "ReviewDateTime")
        parts = self._parts(
            element,
            ("ConfidentialityInformation", "OriginatorID", "CreationDateTime", "ReviewDateTime"),
        )
        for each in self._at_most_one(parts, "OriginatorID"):
            self._text(each, "IDType")
        written = [self._text(each) for each in parts["ReviewDateTime"]]
        if "ReviewDateTime" in attributes:
            written.append(attributes["ReviewDateTime"])
        times = {
            "created": [self._text(each) for each in parts["CreationDateTime"]],
            "review": written,
        }
        document: dict[str, Any] = {
            field: self._moment(field, texts) for field, texts in times.items() if texts
        }
        information = self._at_most_one(parts, "ConfidentialityInformation")
        stated = self._confidentiality(information[0]) if information else None
        if stated is None:
            self.unknown.append("ConfidentialityInformation")
        else:
            document["confidentiality"] = stated
        return {field: value for field, value in document.items() if value}

    def _confidentiality(self, element: Element) -> dict[str, Any] | None:
        self._attributes(element)
        parts = self._parts(element, (*_TEXTS, "Category"))
        uri = [self._attributes(each, "URI").get("URI", "") for each in parts[_POLICY]]
        found = {
            name: "".join(self._text(each, *known) for each in self._at_most_one(parts, name))
            for name, known in _TEXTS.items()
        }
        missing = [name for name in (_POLICY, "Classification") if not found[name]]
        self.unknown += missing
        if missing:
            return None
        return {
            "policy": found[_POLICY],
            "policy_uri": uri[0],
            "classification": found["Classification"],
            "privacy_mark": found["PrivacyMark"],
            "categories": [self._category(each) for each in parts["Category"]],
        }

    def _category(self, element: Element) -> dict[str, Any]:
        attributes = self._attributes(element, "Type", "TagName", "URI")
        values = [self._text(each) for each in self._parts(element, (_VALUE,))[_VALUE]]
        kind = attributes.get("Type", "").lower()
        if "Type" in attributes and kind not in _KINDS:
            self.unknown.append("Category@Type")
            kind = ""
        if not values or "" in values:
            self.unknown.append("Category")
        tag, uri = attributes.get("TagName", ""), attributes.get("URI", "")
        return {"tag": tag, "values": values, "kind": kind, "uri": uri}

    def _moment(self, field: str, texts: list[str]) -> str:
        """Return the one moment that the texts state, "" if they state none or several."""
        moments = {_utc(text) for text in texts}
        if len(moments) == 1 and "" not in moments:
            return moments.pop()
        self.unknown.append(field)
        return ""

    def _at_most_one(self, parts: Mapping[str, list[Element]], name: str) -> list[Element]:
        if len(parts[name]) > 1:
            self.unknown.append(name)
        return parts[name]

    def _parts(self, element: Element, known: tuple[str, ...]) -> dict[str, list[Element]]:
        """Sort the children by their standard names; every other child is not understood."""
        parts: dict[str, list[Element]] = {name: [] for name in known}
        for child in element.children:
            name = _VARIANTS.get(child.name, child.name)
            if child.namespace == NAMESPACE and name in parts:
                parts[name].append(child)
            else:
                self.unknown.append(child.name)
        if collapsed(element.text):
            self.unknown.append(f"{element.name}/text")
        return parts

    def _text(self, element: Element, *attributes: str) -> str:
        """Return the text of an element that has nothing else but these attributes."""
        self._attributes(element, *attributes)
        self.unknown += [child.name for child in element.children]
        return collapsed(element.text)

    def _attributes(self, element: Element, *known: str) -> dict[str, str]:
        """Return the known attributes by their standard names; all others are not understood."""
        names = {name.lower(): name for name in known}
        found: dict[str, str] = {}
        for written, value in element.attributes.items():
            name = names.get(written.lower())
            if name is not None and name not in found:
                found[name] = collapsed(value)
            elif written not in ABOUT_XML:
                self.unknown.append(f"{element.name}@{written}")
        return found


def _utc(text: str) -> str:
    """Return an xs:dateTime as a label holds moments; "" without a zone, or if it is none."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return ""
    local, zone, sign, hours, minutes = match.groups()
    try:
        moment = parse_timestamp(f"{local}Z")
        if zone != "Z":
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment - offset if sign == "+" else moment + offset
        return read_moment(format_timestamp(moment))
    except (InvalidInput, OverflowError):
        return ""


def write_label(label: Label) -> tuple[bytes, ...]:
    """Write ``label`` as XML documents: the originator's label, then each alternative.

    Raises InvalidInput as :func:`label_elements`, and for characters that XML cannot hold.
    """
    return tuple(write_xml(element, PREFIXES) for element in label_elements(label))


def label_elements(label: Label) -> tuple[Element, ...]:
    """Return ``label`` as elements that :func:`label_from_elements` reads as the same label.

    Raises InvalidInput naming the field: rule ``unknown`` (parts that are not understood),
    ``carrier`` (parts that STANAG 4774 has no place for), ``classification`` (there is none),
    ``created`` (the schema requires a creation time), ``category`` (a tag without kind or value),
    ``form`` (a text that would be read back as another one, or not at all).
    """
    _check_carried(label)
    stated = [label.confidentiality, *label.alternatives]
    elements = tuple(
        _label_element(_ALTERNATIVE if index else _ORIGINATOR, each, label)
        for index, each in enumerate(stated)
        if each is not None
    )
    if label_from_elements(elements) != label:
        raise _refusal("label", "form", "a text has spaces around it, or is no canonical form")
    return elements


def _check_carried(label: Label) -> None:
    if label.unknown:
        names = ", ".join(label.unknown)[:_LONGEST_NAME]
        raise _refusal("label/unknown", "unknown", f"not understood, so not written: {names}")
    for field, nothing in _NOT_CARRIED.items():
        if getattr(label, field) != nothing:
            raise _refusal(f"label/{field}", "carrier", "STANAG 4774 has no place for it")
    if label.confidentiality is None:
        raise _refusal("label/confidentiality", "classification", "there is no classification")
    if not label.created:
        raise _refusal("label/created", "created", "a STANAG 4774 label states when it was made")
    for stated in (label.confidentiality, *label.alternatives):
        for category in stated.categories:
            if category.kind not in _KINDS or not category.values:
                problem = f"{category.tag[:40]!r} needs a kind and a value"
                raise _refusal("label/confidentiality/categories", "category", problem)


_NOT_CARRIED: dict[str, tuple[()] | None] = {
    "tlp": None, "rel_to": None, "pap": None, "iep": (), "acs": ()
}  # fmt: skip


def _label_element(role: str, stated: Confidentiality, label: Label) -> Element:
    attributes = {"ReviewDateTime": label.review} if label.review else {}
    information = [
        _element(_POLICY, stated.policy, _given(URI=stated.policy_uri)),
        _element("Classification", stated.classification),
    ]
    if stated.privacy_mark:
        information.append(_element("PrivacyMark", stated.privacy_mark))
    for each in stated.categories:
        named = {"Type": each.kind.upper(), "TagName": each.tag, **_given(URI=each.uri)}
        values = tuple(_element(_VALUE, value) for value in each.values)
        information.append(Element(NAMESPACE, "Category", named, children=values))
    children = (
        Element(NAMESPACE, "ConfidentialityInformation", children=tuple(information)),
        _element("CreationDateTime", label.created),
    )
    return Element(NAMESPACE, role, attributes, children=children)


def _element(name: str, text: str, attributes: dict[str, str] | None = None) -> Element:
    return Element(NAMESPACE, name, attributes or {}, text)


def _given(**attributes: str) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if value}


def _refusal(field: str, rule: str, why: str) -> InvalidInput:
    return InvalidInput(f"{field}: {why}", field=field, rule=rule)
