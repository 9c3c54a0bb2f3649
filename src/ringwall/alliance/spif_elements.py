"""What a security policy information file may say that a ClassificationPolicy can hold.

Source: Open XML SPIF schema 2.1 and 3.0 (xmlspif.org), ADatP-4774.1 chapter 3. A file whose
restrictions cannot be held must be refused, so this names what is read, what is only for display
and is read over, and which values of a restriction restrict nothing.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from ringwall.core import BadConfiguration
from ringwall.core.strict_xml import ABOUT_XML, Element, collapsed

NAMESPACE = "http://www.xmlspif.org/spif"
_DISPLAY = frozenset({"markingData", "markingQualifier"})
_MOST_NAMED = 10
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,100}", re.ASCII)


class _Known(msgspec.Struct, frozen=True):
    """An element: its attributes, the children that are read, and those that are read over."""

    attributes: frozenset[str]
    read: frozenset[str] = frozenset()
    over: frozenset[str] = _DISPLAY


def _known(attributes: str, read: str = "", over: str = "") -> _Known:
    return _Known(
        frozenset(attributes.split()), frozenset(read.split()), _DISPLAY | set(over.split())
    )


_ELEMENTS = {
    "SPIF": _known(
        "schemaVersion version creationDate originatorDN keyIdentifier privilegeId rbacId"
        " userRefURI docRefURI",
        "securityPolicyId securityClassifications securityCategoryTagSets equivalentPolicies",
        "defaultSecurityPolicyId updateInfo privacyMarks",
    ),
    "securityPolicyId": _known("name id"),
    "securityClassifications": _known("", "securityClassification"),
    "securityClassification": _known(
        "name lacv hierarchy obsolete color fgcolor bgcolor", "equivalentClassification"
    ),
    "equivalentClassification": _known("policyRef lacv applied"),
    "securityCategoryTagSets": _known("", "securityCategoryTagSet"),
    # An equivalence of whole sets only opens; without it, values have no equivalent.
    "securityCategoryTagSet": _known(
        "name id", "securityCategoryTag", "equivalentSecurityCategoryTagSet"
    ),
    "securityCategoryTag": _known("name tagType enumType tag7Encoding", "tagCategory"),
    "tagCategory": _known("name lacv obsolete", "excludedClass equivalentSecCategoryTag"),
    "excludedClass": _known(""),
    "equivalentSecCategoryTag": _known("policyRef tagSetId tagType enumType lacv applied action"),
    "equivalentPolicies": _known("", "equivalentPolicy"),
    "equivalentPolicy": _known("name id docRefURI"),
}
_RESTRICTS_NOTHING = {
    "singleSelection": frozenset({"false", "0"}),
    "minSelection": frozenset({"0"}),
    "userInput": frozenset({"false", "0"}),
}


def check_expressible(root: Element, file: str) -> None:
    """Refuse a file that says more than can be held.

    Raises BadConfiguration (rule ``not-expressible``) naming the elements; ``field`` is the first.
    """
    if (root.namespace, root.name) != (NAMESPACE, "SPIF"):
        refuse(file, "spif", f"{root.name} in {root.namespace or 'no namespace'} is no SPIF")
    found = list(_not_expressible(root, "SPIF"))
    if found:
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        named = "; ".join(found[:_MOST_NAMED]) + more
        refuse(file, "not-expressible", f"it says what cannot be enforced here: {named}", found[0])


def _not_expressible(element: Element, place: str) -> Iterator[str]:
    known = _ELEMENTS[element.name]
    for name, value in element.attributes.items():
        inert = collapsed(value) in _RESTRICTS_NOTHING.get(name, ())
        if name not in known.attributes and name not in ABOUT_XML and not inert:
            yield f"{place}/@{name}"
    for child in element.children:
        below = f"{place}/{described(child)}"
        if child.namespace != NAMESPACE or child.name not in known.read | known.over:
            yield below
        elif child.name in known.read:
            yield from _not_expressible(child, below)


def described(element: Element) -> str:
    """Return an element as errors name it: with its name, if it has one."""
    name = element.attributes.get("name")
    return element.name if name is None else f"{element.name}[{name[:80]}]"


def named(parent: Element, name: str) -> Iterator[Element]:
    """Yield the children of this name."""
    return (each for each in parent.children if (each.namespace, each.name) == (NAMESPACE, name))


def refuse(file: str, rule: str, why: str, place: str = "") -> NoReturn:
    """Raise BadConfiguration for a file, at a place in it."""
    field = f"{file}: {place}" if place else file
    raise BadConfiguration(f"{field}: {why}", field=field, rule=rule)


class Attributes:
    """Reads attributes of one file's elements, by their types; refuses with rule ``spif``."""

    def __init__(self, file: str) -> None:
        self._file = file

    def text(self, element: Element, name: str, *, default: str | None = None) -> str:
        """Return a token; without ``default`` it must be there."""
        text = collapsed(element.attributes.get(name, default or ""))
        if not text and default is None:
            refuse(self._file, "spif", f"{name} is missing", described(element))
        return text

    def number(self, element: Element, name: str) -> int:
        """Return a natural number."""
        return int(self._matching(element, name, _NUMBER, "no number"))

    def object_id(self, element: Element, name: str) -> str:
        """Return an object identifier in dotted form."""
        return self._matching(element, name, _OID, "no OID")

    def obsolete(self, element: Element) -> bool:
        """Tell whether the element is said to be obsolete."""
        text = self.text(element, "obsolete", default="false")
        if text not in _TRUTHS:
            refuse(self._file, "spif", f"obsolete is not {text[:40]!r}", described(element))
        return _TRUTHS[text]

    def _matching(self, element: Element, name: str, form: re.Pattern[str], why: str) -> str:
        text = self.text(element, name)
        if form.fullmatch(text) is None:
            refuse(self._file, "spif", f"{name}: {text[:80]!r} is {why}", described(element))
        return text
