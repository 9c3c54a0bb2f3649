"""XML that two readers can never read differently: elements, attributes and text, nothing else.

Read with the standard library's expat and namespaces on. Refused before expat sees them, or where
they stand: a document type (hence every entity of one's own), encodings that contradict the bytes,
nesting beyond a limit, and a comment or a processing instruction inside a text, at which readers
are known to cut it off. Written in exactly one form.
"""

import codecs
import re
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

import msgspec

from ringwall.core.errors import InvalidInput

_BLANKS = re.compile(r"[ \t\r\n]+")
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_VALUE_ESCAPES = _TEXT_ESCAPES | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


_NO_DOCTYPE = "a document type is not taken, nor are its entities"
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
ABOUT_XML = frozenset(
    {
        "{http://www.w3.org/XML/1998/namespace}lang",
        "{http://www.w3.org/XML/1998/namespace}space",
        f"{_SCHEMA_INSTANCE}schemaLocation",
        f"{_SCHEMA_INSTANCE}noNamespaceSchemaLocation",
    }
)
"""Attributes that say something of the XML and nothing of its subject."""


class XmlLimits(msgspec.Struct, frozen=True):
    """What one XML text may be at most: bytes, and elements within each other."""

    size: int = 256 * 1024
    depth: int = 32


DEFAULT_XML_LIMITS = XmlLimits()


class Element(msgspec.Struct, frozen=True):
    """One element. ``attributes`` are by local name, or ``{namespace}name`` for qualified ones.

    ``text`` is the element's own character data, joined over its children.
    """

    namespace: str
    name: str
    attributes: dict[str, str] = {}
    text: str = ""
    children: tuple["Element", ...] = ()


def collapsed(text: str) -> str:
    """Return ``text`` as an xs:token: no space around it and only single ones inside."""
    return _BLANKS.sub(" ", text).strip(" ")


def parse_xml(
    raw: bytes, *, limits: XmlLimits = DEFAULT_XML_LIMITS, field: str = "input"
) -> Element:
    """Read one XML 1.0 document in UTF-8 or UTF-16 and return its root.

    Raises InvalidInput naming ``field`` (rules ``size``, ``encoding``, ``doctype``, ``depth``,
    ``comment``, ``xml``).
    """
    if len(raw) > limits.size:
        _refuse(field, "size", f"{len(raw)} bytes, at most {limits.size} are taken")
    text = _decoded(raw, field)
    # XML has no such character, and expat takes bytes that have it for UTF-16 without a mark.
    if "\0" in text:
        _refuse(field, "encoding", "it holds the character U+0000, or is UTF-16 without a mark")
    # Asked of the text, so that no entity is ever declared, whatever a parser makes of one.
    if "<!DOCTYPE" in text:
        _refuse(field, "doctype", _NO_DOCTYPE)
    return _Tree(limits.depth, field, _encodings(raw, text)).read(text)


def _decoded(raw: bytes, field: str) -> str:
    try:
        return raw.decode("utf-16" if _is_utf_16(raw) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{field}: neither UTF-8 nor UTF-16, at byte {error.start}",
            field=field,
            rule="encoding",
        ) from error


def _is_utf_16(raw: bytes) -> bool:
    return raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _encodings(raw: bytes, text: str) -> frozenset[str]:
    """Return what the declaration may call these bytes without contradicting them."""
    if _is_utf_16(raw):
        return frozenset({"utf-16"})
    return frozenset({"utf-8", "us-ascii", "ascii"} if text.isascii() else {"utf-8"})


class _Open:
    """An element whose end has not been seen."""

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.namespace, _, self.name = name.rpartition(" ")
        self.attributes = {_clark(key): value for key, value in attributes.items()}
        self.texts: list[str] = []
        self.children: list[Element] = []
        self.interrupted = False


def _clark(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local


class _Tree:
    """Builds the elements of one document from what expat reports."""

    def __init__(self, depth: int, field: str, encodings: frozenset[str]) -> None:
        self._depth, self._field, self._encodings = depth, field, encodings
        self._open: list[_Open] = [_Open("", {})]

    def read(self, text: str) -> Element:
        parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._typed
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = self._interrupt
        parser.ProcessingInstructionHandler = self._interrupt
        try:
            parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise InvalidInput(
                f"{self._field}: no well-formed XML: {error}", field=self._field, rule="xml"
            ) from error
        return self._open[0].children[0]

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if version != "1.0":
            _refuse(self._field, "xml", f"XML {version} is not taken, only 1.0")
        if encoding is not None and encoding.lower() not in self._encodings:
            _refuse(self._field, "encoding", f"it is not {encoding}, or that is not taken")

    def _typed(self, *_: object) -> None:
        _refuse(self._field, "doctype", _NO_DOCTYPE)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > self._depth:
            _refuse(self._field, "depth", f"nested deeper than {self._depth} elements")
        self._open.append(_Open(name, attributes))

    def _end(self, _: str) -> None:
        done = self._open.pop()
        text = "".join(done.texts)
        if done.interrupted and collapsed(text):
            _refuse(self._field, "comment", f"a comment stands inside the text of {done.name}")
        self._open[-1].children.append(
            Element(done.namespace, done.name, done.attributes, text, tuple(done.children))
        )

    def _characters(self, text: str) -> None:
        self._open[-1].texts.append(text)

    def _interrupt(self, *_: str) -> None:
        self._open[-1].interrupted = True


def write_xml(root: Element, prefixes: Mapping[str, str]) -> bytes:
    """Write a document in its one form: UTF-8, no space between elements, prefixes at the root.

    ``prefixes`` names one for every namespace in use. Raises InvalidInput (rule
    ``xml-character``) for a text that XML 1.0 cannot hold, KeyError for a namespace without one.
    """
    used = _namespaces(root)
    declared = {
        f"xmlns:{prefix}": namespace for namespace, prefix in prefixes.items() if namespace in used
    }
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + _written(root, prefixes, declared).encode()


def _namespaces(element: Element) -> set[str]:
    qualified = {name[1:].partition("}")[0] for name in element.attributes if name[0] == "{"}
    return {element.namespace} | qualified.union(*map(_namespaces, element.children))


def _written(element: Element, prefixes: Mapping[str, str], declared: Mapping[str, str]) -> str:
    name = f"{prefixes[element.namespace]}:{element.name}"
    attributes = dict(declared)
    for key, value in element.attributes.items():
        namespace, _, local = key[1:].rpartition("}")
        attributes[f"{prefixes[namespace]}:{local}" if namespace else key] = value
    start = name + "".join(
        f' {key}="{_checked(value).translate(_VALUE_ESCAPES)}"' for key, value in attributes.items()
    )
    inside = _checked(element.text).translate(_TEXT_ESCAPES)
    inside += "".join(_written(child, prefixes, {}) for child in element.children)
    return f"<{start}>{inside}</{name}>" if inside else f"<{start}/>"


def _checked(text: str) -> str:
    found = _NO_CHARACTER.search(text)
    if found is not None:
        raise InvalidInput(
            f"XML cannot hold the character U+{ord(found[0]):04X}", rule="xml-character"
        )
    return text


def _refuse(field: str, rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"{field}: {why}", field=field, rule=rule)
