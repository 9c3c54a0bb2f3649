"""STANAG 4778 bindings as XML: which label belongs to which data.

Source: ADatP-4778 edition A version 1, schema version 1.4. A binding refers to its data by URI
(detached) or holds it (encapsulating). The standard leaves integrity to a signature; here the
binding itself states the digest of all data that it refers to, as an XML Signature manifest, and
``trust`` signs the exact bytes of the binding (docs/decisions/0024-label-bindings.md). Nothing
that is read here is believed before that signature has been checked.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from hmac import compare_digest
from typing import NoReturn

import msgspec

from ringwall.core import InvalidInput
from ringwall.core.strict_xml import (
    ABOUT_XML,
    Element,
    XmlLimits,
    collapsed,
    parse_xml,
    write_xml,
)
from ringwall.labels import stanag4774
from ringwall.labels.label import Label, in_order
from ringwall.labels.stanag4774 import label_elements, label_from_elements

NAMESPACE = "urn:nato:stanag:4778:bindinginformation:1:0"
_MIME = "http://www.w3.org/2005/05/xmlmime"
_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
_CONTENT = "urn:ringwall:binding:content:1"
_PREFIXES = {
    NAMESPACE: "mb",
    _MIME: "xmime",
    _SIGNATURE: "ds",
    _CONTENT: "content",
    **stanag4774.PREFIXES,
}
_CONTAINER = "MetadataBindingContainer"
_QUALIFIED_URI = f"{{{NAMESPACE}}}URI"
"""Published examples qualify the attribute, which the schema does not."""
_CONTENT_TYPE = f"{{{_MIME}}}contentType"
_SHA_384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_ALGORITHMS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    _SHA_384: "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
"""ADatP-4778.2, table 2-3, without what it prohibits and RIPEMD-160."""

LIMITS = XmlLimits(size=4 * 1024 * 1024)
_MOST_UNKNOWN = 64


class BoundData(msgspec.Struct, frozen=True):
    """Data that a label is bound to: referred to by ``uri``, or ``content`` itself.

    ``digest`` is what ``algorithm`` (sha256, sha384, sha512) makes of the referred octets; both
    are empty if the binding states none that can be checked.
    """

    uri: str = ""
    content_type: str = ""
    algorithm: str = ""
    digest: bytes = b""
    content: bytes | None = None


class Binding(msgspec.Struct, frozen=True):
    """One label, with its alternatives, and all data that it is bound to."""

    label: Label
    data: tuple[BoundData, ...]


def referred(uri: str, content: bytes, content_type: str = "") -> BoundData:
    """Return data to be bound by reference: SHA-384, which ADatP-4778.2 makes mandatory."""
    return BoundData(uri, content_type, "sha384", hashlib.sha384(content).digest())


def held(content: bytes, content_type: str = "") -> BoundData:
    """Return data to be bound by holding it in the binding."""
    return BoundData(content_type=content_type, content=content)


def write_binding(label: Label, data: Sequence[BoundData]) -> bytes:
    """Write the binding of one label to data that :func:`referred` or :func:`held` made.

    Raises InvalidInput as ``label_elements``, and naming ``data``: rules ``empty``, ``uri`` (none,
    or the same twice), ``digest`` (none), ``size``, ``form`` (a text that would be read back as
    another one).
    """
    _check_data(data)
    metadata = [_element("Metadata", child) for child in label_elements(label)]
    bound = _element("MetadataBinding", *metadata, *map(_data_element, data))
    references = tuple(_digest_element(each) for each in data if each.content is None)
    manifest = [Element(_SIGNATURE, "Manifest", children=references)] if references else []
    container = _element(_CONTAINER, bound, *manifest)
    raw = write_xml(_element("BindingInformation", container), _PREFIXES)
    if len(raw) > LIMITS.size:
        _refuse("data", "size", f"the binding has {len(raw)} bytes, at most {LIMITS.size} may be")
    if read_bindings(raw) != (Binding(label, tuple(data)),):
        _refuse("data", "form", "a URI or a content type has spaces around it")
    return raw


def _check_data(data: Sequence[BoundData]) -> None:
    by_reference = [each for each in data if each.content is None]
    uris = [each.uri for each in by_reference]
    if not data:
        _refuse("data", "empty", "a binding needs data")
    if "" in uris or len(set(uris)) < len(uris):
        _refuse("data", "uri", "data that is referred to needs a URI of its own")
    for each in by_reference:
        known = each.algorithm in _ALGORITHMS.values()
        if not known or len(each.digest) != hashlib.new(each.algorithm).digest_size:
            _refuse("data", "digest", f"{each.uri[:80]!r} has no SHA-2 digest")


def _element(name: str, *children: Element) -> Element:
    return Element(NAMESPACE, name, children=children)


def _data_element(each: BoundData) -> Element:
    typed = {_CONTENT_TYPE: each.content_type} if each.content_type else {}
    if each.content is None:
        return Element(NAMESPACE, "DataReference", {"URI": each.uri, **typed})
    text = base64.b64encode(each.content).decode()
    return Element(NAMESPACE, "Data", typed, children=(Element(_CONTENT, "base64", text=text),))


def _digest_element(each: BoundData) -> Element:
    names = {name: algorithm for algorithm, name in _ALGORITHMS.items()}
    method = {"Algorithm": names.get(each.algorithm, "")}
    digest = base64.b64encode(each.digest).decode()
    children = (
        Element(_SIGNATURE, "DigestMethod", method),
        Element(_SIGNATURE, "DigestValue", text=digest),
    )
    return Element(_SIGNATURE, "Reference", {"URI": each.uri}, children=children)


def read_bindings(raw: bytes) -> tuple[Binding, ...]:
    """Read every binding of a document.

    What is not understood denies through the label's ``unknown``. A ``ds:Signature`` is not
    checked and lends nothing. Raises InvalidInput (field ``binding``; rules as ``parse_xml``, and
    ``binding``: it holds none; ``digest``: two digests for one URI).
    """
    root = parse_xml(raw, limits=LIMITS, field="binding")
    parents = [root, *(child for child in root.children if _is(child, _CONTAINER))]
    if not _is(root, "BindingInformation"):
        parents = [root] if _is(root, _CONTAINER) else []
    found = [each for parent in parents for each in parent.children if _is(each, "MetadataBinding")]
    if not found:
        _refuse("binding", "binding", "it is no STANAG 4778 binding")
    digests = _digests(root)
    strangers = [name for parent in parents for name in _strangers(parent)]
    return tuple(_binding(each, digests, strangers) for each in found)


def _is(element: Element, *names: str) -> bool:
    return element.namespace == NAMESPACE and element.name in names


def _strangers(parent: Element) -> Iterator[str]:
    """Yield what is not understood around the bindings; signatures are none of it.

    A container within another is not looked into: a second label for some data may stand there.
    """
    known = ("MetadataBinding",) if _is(parent, _CONTAINER) else ("MetadataBinding", _CONTAINER)
    for child in parent.children:
        if not _is(child, *known) and child.namespace != _SIGNATURE:
            yield child.name
    yield from _besides(parent, "Id")


def _besides(element: Element, *known: str) -> Iterator[str]:
    """Yield the text and the attributes of an element that should have only the known ones."""
    if collapsed(element.text):
        yield f"{element.name}/text"
    for name in element.attributes:
        if name not in known and name not in ABOUT_XML:
            yield f"{element.name}@{name}"


def _digests(root: Element) -> dict[str, tuple[str, bytes]]:
    """Return algorithm and digest by URI of whatever is referred to as it is, untransformed."""
    found: dict[str, tuple[str, bytes]] = {}
    for each in _references(root):
        uri, digest = collapsed(each.attributes.get("URI", "")), _digest(each)
        if digest is not None and found.setdefault(uri, digest) != digest:
            _refuse("binding", "digest", f"it states two digests of {uri[:80]!r}")
    return found


def _references(element: Element) -> Iterator[Element]:
    for child in element.children:
        if child.namespace == _SIGNATURE and child.name == "Reference":
            yield child
        yield from _references(child)


def _digest(reference: Element) -> tuple[str, bytes] | None:
    """Return the digest of a reference, None if it is of another kind than those checked here."""
    parts = {child.name: child for child in reference.children}
    if len(reference.children) != 2 or set(parts) != {"DigestMethod", "DigestValue"}:
        return None
    algorithm = _ALGORITHMS.get(parts["DigestMethod"].attributes.get("Algorithm", ""))
    digest = _decoded(parts["DigestValue"].text)
    return None if algorithm is None or digest is None else (algorithm, digest)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _binding(
    element: Element, digests: dict[str, tuple[str, bytes]], strangers: list[str]
) -> Binding:
    unknown = [*strangers, *_besides(element, "Id")]
    data = []
    for child in element.children:
        if _is(child, "DataReference"):
            data.append(_reference(child, digests, unknown))
        elif _is(child, "Data"):
            data.append(_content(child, unknown))
        elif not _is(child, "Metadata"):
            unknown.append(child.name)
        else:
            unknown += _besides(child, "Id", _CONTENT_TYPE)
    metadata = [
        child for each in element.children if _is(each, "Metadata") for child in each.children
    ]
    label = label_from_elements(metadata)
    names = in_order([*label.unknown, *(name[:200] for name in unknown)])[:_MOST_UNKNOWN]
    return Binding(msgspec.structs.replace(label, unknown=names), tuple(data))


def _reference(
    element: Element, digests: dict[str, tuple[str, bytes]], unknown: list[str]
) -> BoundData:
    """Read a reference. A child selects a part of the data, which nothing here could check."""
    unknown += [child.name for child in element.children]
    attributes = element.attributes
    name = "URI" if "URI" in attributes else _QUALIFIED_URI
    unknown += _besides(element, "Id", name, _CONTENT_TYPE)
    uri = collapsed(attributes.get(name, ""))
    algorithm, digest = digests.get(uri, ("", b""))
    return BoundData(uri, collapsed(attributes.get(_CONTENT_TYPE, "")), algorithm, digest)


def _content(element: Element, unknown: list[str]) -> BoundData:
    unknown += _besides(element, "Id", _CONTENT_TYPE)
    children = element.children
    ours = len(children) == 1 and (children[0].namespace, children[0].name) == (_CONTENT, "base64")
    content = _decoded(children[0].text) if ours else None
    if content is None:
        unknown.append("Data")
    content_type = collapsed(element.attributes.get(_CONTENT_TYPE, ""))
    return BoundData(content_type=content_type, content=content or b"")


def bound_label(bindings: Sequence[Binding], uri: str, content: bytes) -> Label:
    """Return the label that is bound to the data ``content``, referred to as ``uri``.

    Only of bindings whose signature was verified. Raises InvalidInput (field ``binding``; rules
    ``unbound``, ``ambiguous``: by two bindings; ``digest-missing``; ``digest``: other data).
    """
    found = [
        (binding.label, data)
        for binding in bindings
        for data in binding.data
        if data.content is None and data.uri == uri
    ]
    if not found:
        _refuse("binding", "unbound", f"it binds no label to {uri[:80]!r}")
    if len(found) > 1:
        _refuse("binding", "ambiguous", f"it refers to {uri[:80]!r} more than once")
    label, data = found[0]
    if not data.digest:
        _refuse("binding", "digest-missing", f"it states no SHA-2 digest of {uri[:80]!r}")
    if not compare_digest(hashlib.new(data.algorithm, content).digest(), data.digest):
        _refuse("binding", "digest", f"{uri[:80]!r} is not the data that the label was bound to")
    return label


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"{field}: {why}", field=field, rule=rule)
