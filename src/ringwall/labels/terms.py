"""The originator's terms: what it says of a statement's use besides the label, signed with it.

They travel in the ``onward`` part of a leaf, so the origin's signature covers them at every hop.
Reading never fails: what is not understood is named in ``unknown`` and denies.
"""

from typing import Any

import msgspec

from ringwall.core import InvalidInput, check_name
from ringwall.labels.label import in_order, read_moment

MOST_HOPS = 8
_MOST_NAMES = 256
_LONGEST_NAME = 200
_FIELDS = frozenset({"sectors", "embargo", "onward_to", "hops", "unknown"})


class Terms(msgspec.Struct, frozen=True, cache_hash=True):
    """Terms of one statement.

    ``sectors``: sorted names of the sectors that it concerns; () says nothing of them.
    ``embargo``: until this moment nobody but the originator has it (as ``format_timestamp``
    writes), or "". ``onward_to``: the members and groups that a recipient may pass it on to, over
    at most ``hops`` hops; by default nobody.
    """

    sectors: tuple[str, ...] = ()
    embargo: str = ""
    onward_to: tuple[str, ...] = ()
    hops: int = 0
    unknown: tuple[str, ...] = ()


NO_TERMS = Terms()


def terms_document(terms: Terms) -> dict[str, Any]:
    """Return ``terms`` as a JSON-ready mapping without empty fields; {} for none."""
    document: dict[str, Any] = {}
    for name in ("sectors", "onward_to", "unknown"):
        if names := getattr(terms, name):
            document[name] = list(names)
    if terms.embargo:
        document["embargo"] = terms.embargo
    if terms.hops:
        document["hops"] = terms.hops
    return document


def terms_from_document(document: Any) -> Terms:
    """Read a document of terms; a field that is unknown or ill-formed is named in ``unknown``."""
    if not isinstance(document, dict):
        return Terms(unknown=("terms",))
    if not document:
        return NO_TERMS
    unknown = [str(key)[:_LONGEST_NAME] for key in document if key not in _FIELDS]
    unknown += _strings(document.get("unknown", []))
    terms = Terms(
        sectors=_names(document, "sectors", unknown),
        embargo=_moment(document, unknown),
        onward_to=_names(document, "onward_to", unknown),
        hops=_hops(document, unknown),
    )
    return msgspec.structs.replace(terms, unknown=in_order(unknown)[:_MOST_NAMES])


def _strings(value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return [name[:_LONGEST_NAME] for name in value]
    return ["unknown"]


def _names(document: dict[str, Any], field: str, unknown: list[str]) -> tuple[str, ...]:
    names = document.get(field, [])
    try:
        if isinstance(names, list) and len(names) <= _MOST_NAMES:
            return in_order(check_name(name, field=field) for name in names)
    except (InvalidInput, TypeError):
        pass
    unknown.append(field)
    return ()


def _moment(document: dict[str, Any], unknown: list[str]) -> str:
    if "embargo" not in document:
        return ""
    try:
        return read_moment(document["embargo"])
    except (InvalidInput, TypeError):
        unknown.append("embargo")
        return ""


def _hops(document: dict[str, Any], unknown: list[str]) -> int:
    value = document.get("hops", 0)
    if type(value) is int and 0 <= value <= MOST_HOPS:
        return value
    unknown.append("hops")
    return 0
