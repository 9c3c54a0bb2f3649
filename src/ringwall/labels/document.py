"""The label as the JSON document that envelopes, the store and answers carry.

Empty fields are left out, lists are sorted and without repetition, so equal labels have equal
canonical bytes. Reading never fails: whatever is not understood becomes ``unknown`` and denies,
because a node of the next version may send fields that this one has never heard of.
"""

from typing import Any

from ringwall.core import InvalidInput, check_name
from ringwall.labels.label import Label, Tlp, in_order

_FIELDS = frozenset({"tlp", "rel_to", "policy", "classification", "unknown"})
_TLP_VALUES = frozenset(Tlp)
_LONGEST_NAME = 200
_MOST_NAMES = 64
"""What a peer's label may hold: what is remembered by labels must not grow with their text."""


def label_document(label: Label) -> dict[str, Any]:
    """Return ``label`` as a JSON-ready mapping; the inverse of :func:`label_from_document`."""
    document: dict[str, Any] = {}
    if label.tlp is not None:
        document["tlp"] = label.tlp.value
    if label.rel_to is not None:
        document["rel_to"] = list(in_order(label.rel_to))
    if label.policy:
        document["policy"] = label.policy
    if label.classification:
        document["classification"] = label.classification
    if label.unknown:
        document["unknown"] = list(in_order(label.unknown))
    return document


def label_from_document(document: Any) -> Label:
    """Read a label document; a field that is unknown or ill-formed is named in ``unknown``."""
    if not isinstance(document, dict):
        return Label(unknown=("label",))
    unknown = [str(key)[:_LONGEST_NAME] for key in document if key not in _FIELDS]
    return Label(
        tlp=_tlp(document, unknown),
        rel_to=_rel_to(document, unknown),
        policy=_text(document, "policy", unknown),
        classification=_text(document, "classification", unknown),
        unknown=in_order(unknown + _unknown(document)),
    )


def _tlp(document: dict[str, Any], unknown: list[str]) -> Tlp | None:
    value = document.get("tlp")
    if isinstance(value, str) and value in _TLP_VALUES:
        return Tlp(value)
    if "tlp" in document:
        unknown.append("tlp")
    return None


def _rel_to(document: dict[str, Any], unknown: list[str]) -> tuple[str, ...] | None:
    if "rel_to" not in document:
        return None
    names = document["rel_to"]
    if isinstance(names, list) and all(_is_name(name) for name in names):
        return in_order(names)
    unknown.append("rel_to")
    return ()


def _is_name(name: Any) -> bool:
    try:
        return isinstance(name, str) and bool(check_name(name, field="rel_to"))
    except InvalidInput:
        return False


def _text(document: dict[str, Any], field: str, unknown: list[str]) -> str:
    value = document.get(field, "")
    if isinstance(value, str) and (value or field not in document) and len(value) <= _LONGEST_NAME:
        return value
    unknown.append(field)
    return ""


def _unknown(document: dict[str, Any]) -> list[str]:
    names = document.get("unknown", [])
    if isinstance(names, list) and len(names) <= _MOST_NAMES and all(map(_is_short, names)):
        return names
    return ["unknown"]


def _is_short(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= _LONGEST_NAME
