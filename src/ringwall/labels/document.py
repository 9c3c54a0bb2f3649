"""The label as the JSON document that envelopes, the store and answers carry.

Empty fields are left out, lists are sorted and without repetition, so equal labels have equal
canonical bytes. Reading never fails: whatever is not understood becomes ``unknown`` and denies,
because a node of the next version may send fields that this one has never heard of.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ringwall.core import (
    InvalidInput,
    check_name,
    parse_json,
)
from ringwall.labels.acs import acs_text
from ringwall.labels.confidentiality import KINDS, Confidentiality, in_canonical_form
from ringwall.labels.iep import IEP_VERSION, TLP_LEVELS, Iep
from ringwall.labels.label import Label, Pap, Tlp, in_order, read_moment

_LONGEST_NAME = 200
_LONGEST_PART = 16 * 1024
_MOST_NAMES = 64
"""What a peer's label may hold: what is remembered by labels must not grow with their text."""

T = TypeVar("T")


def label_document(label: Label) -> dict[str, Any]:
    """Return ``label`` as a JSON-ready mapping; the inverse of :func:`label_from_document`."""
    document: dict[str, Any] = {}
    if label.tlp is not None:
        document["tlp"] = label.tlp.value
    if label.rel_to is not None:
        document["rel_to"] = list(in_order(label.rel_to))
    if label.confidentiality is not None:
        document["confidentiality"] = _shortened(label.confidentiality)
    if label.alternatives:
        document["alternatives"] = [_shortened(each) for each in label.alternatives]
    if label.pap is not None:
        document["pap"] = label.pap.value
    if label.iep:
        document["iep"] = [_shortened(each) for each in label.iep]
    if label.acs:
        document["acs"] = [parse_json(each.encode()) for each in label.acs]
    for field in ("created", "review"):
        if moment := getattr(label, field):
            document[field] = moment
    if label.unknown:
        document["unknown"] = list(in_order(label.unknown))
    return document


def _shortened(part: msgspec.Struct) -> Any:
    """Return a part of a label without its empty fields."""
    return _without_empty(msgspec.to_builtins(part))


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(each) for name, each in value.items() if each not in ("", ())}
    return [_without_empty(each) for each in value] if isinstance(value, tuple) else value


def label_from_document(document: Any) -> Label:
    """Read a label document; a field that is unknown or ill-formed is named in ``unknown``."""
    if not isinstance(document, dict):
        return Label(unknown=("label",))
    parts: dict[str, Any] = {}
    unknown = []
    for key, value in document.items():
        read = _READERS.get(key)
        try:
            if read is None:
                raise InvalidInput("unknown field", field=key)
            parts[key] = read(value)
        except (InvalidInput, msgspec.ValidationError, AttributeError, TypeError, UnicodeError):
            unknown.append(str(key)[:_LONGEST_NAME])
            if key == "rel_to":
                parts[key] = ()
    unknown += parts.pop("unknown", ())
    return Label(**parts, unknown=in_order(unknown)[:_MOST_NAMES])


def _tlp(value: Any) -> Tlp:
    return msgspec.convert(value, Tlp)


def _pap(value: Any) -> Pap:
    return msgspec.convert(value, Pap)


def _rel_to(value: Any) -> tuple[str, ...]:
    return in_order(check_name(name, field="rel_to") for name in _several(value, _LONGEST_PART))


def _confidentiality(value: Any) -> Confidentiality:
    stated = in_canonical_form(msgspec.convert(value, Confidentiality))
    texts = [stated.policy, stated.classification, stated.policy_uri, stated.privacy_mark]
    for each in stated.categories:
        texts += [each.tag, each.uri, *each.values]
        if each.kind not in KINDS or not each.tag:
            raise InvalidInput("a category of no known kind", field="confidentiality")
    if not stated.policy or not stated.classification:
        raise InvalidInput("a classification without a policy", field="confidentiality")
    if len(texts) > 8 * _MOST_NAMES or any(len(text) > _LONGEST_NAME for text in texts):
        raise InvalidInput("too long", field="confidentiality")
    return stated


def _alternatives(value: Any) -> tuple[Confidentiality, ...]:
    return _ordered(_several(value, _MOST_NAMES), _confidentiality)


def _iep(value: Any) -> tuple[Iep, ...]:
    return tuple(sorted({_one_iep(each) for each in _several(value, _MOST_NAMES)}))


def _one_iep(value: Any) -> Iep:
    policy = msgspec.convert(value, Iep)
    if len(repr(policy)) > _LONGEST_PART:
        raise InvalidInput("too long", field="iep")
    if policy.version not in ("", IEP_VERSION) or policy.tlp.lower() not in {"", *TLP_LEVELS}:
        raise InvalidInput("no IEP 2.0", field="iep")
    times = {name: _optional_moment(getattr(policy, name)) for name in ("start", "end")}
    return msgspec.structs.replace(policy, **times)


def _acs(value: Any) -> tuple[str, ...]:
    return in_order(_one_acs(each) for each in _several(value, _MOST_NAMES))


def _one_acs(value: Any) -> str:
    text = acs_text(value)
    if not isinstance(value, dict) or len(text) > _LONGEST_PART:
        raise InvalidInput("no ACS marking", field="acs")
    return text


def _optional_moment(value: str) -> str:
    return read_moment(value) if value else ""


def _unknown(value: Any) -> tuple[str, ...]:
    names = _several(value, _MOST_NAMES)
    if not all(isinstance(name, str) and len(name) <= _LONGEST_NAME for name in names):
        raise InvalidInput("no names", field="unknown")
    return in_order(names)


def _several(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise InvalidInput("no list, or too long a one", field="label")
    return value


def _ordered(values: list[Any], read: Callable[[Any], T]) -> tuple[T, ...]:
    return tuple(sorted({read(each) for each in values}, key=repr))


_READERS: dict[str, Callable[[Any], Any]] = {
    "tlp": _tlp,
    "rel_to": _rel_to,
    "confidentiality": _confidentiality,
    "alternatives": _alternatives,
    "pap": _pap,
    "iep": _iep,
    "acs": _acs,
    "created": read_moment,
    "review": read_moment,
    "unknown": _unknown,
}
