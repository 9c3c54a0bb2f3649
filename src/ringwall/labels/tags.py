"""MISP machine tags in the ``labels`` of an object: some of them are marks.

Tools leave there what they could not put into a marking: misp-stix AMBER+STRICT, all of them PAP.
"""

import unicodedata
from collections.abc import Iterable

from ringwall.core import InvalidInput
from ringwall.labels.combining import not_understood
from ringwall.labels.iep_carriers import read_iep_tags
from ringwall.labels.label import Label, read_pap, read_tlp

_IEP = "iep2-policy"
_RESTRICTING = frozenset(
    {
        _IEP, "iep", "iep2-reference", "nato", "euci", "de-vs", "fr-classif", "dni-ism",
        "ais-marking", "acs-marking",
    }
)  # fmt: skip
"""Namespaces of taxonomies that restrict release; all but one are not understood here: they deny.
MISP names an ACS marking as a cluster of its galaxy ``acs-marking``."""
_GALAXY = "misp-galaxy"


def is_mark(tag: str) -> bool:
    """Tell whether a tag may say anything of release; surely not, if not."""
    namespace, predicate = _parts(tag)
    return namespace in _RESTRICTING or (namespace in {"tlp", "pap"} and predicate is not None)


def tag_marks(tags: Iterable[str]) -> list[Label]:
    """Return what the tags of one object say of release: a mark each, the IEP's one together."""
    marks = []
    policy = []
    for tag in tags:
        namespace, predicate = _parts(tag)
        if namespace == _IEP:
            policy.append(tag)
        elif is_mark(tag):
            marks.append(_level(namespace, predicate) or not_understood(tag))
    if policy:
        marks.append(_policy_mark(policy))
    return marks


def _level(namespace: str, predicate: str | None) -> Label | None:
    tlp = read_tlp(predicate or "") if namespace == "tlp" else None
    pap = read_pap(predicate or "") if namespace == "pap" else None
    return Label(tlp=tlp, pap=pap) if tlp or pap else None


def _policy_mark(tags: list[str]) -> Label:
    try:
        return read_iep_tags(map(_plain, tags))
    except InvalidInput:
        return not_understood(*tags)


def _parts(tag: str) -> tuple[str, str | None]:
    """Return namespace and predicate, in lower case; None for no predicate.

    A cluster of a galaxy has the name of the galaxy for its namespace.
    """
    name = _plain(tag).strip().lower()
    namespace, colon, predicate = name.partition(":")
    if namespace.strip() == _GALAXY:
        namespace = predicate.partition("=")[0]
    return namespace.strip(), predicate.strip() if colon else None


def _plain(tag: str) -> str:
    """Write a tag as people see it: wide letters as common ones, and nothing invisible."""
    if tag.isascii():
        return tag
    shown = (char for char in tag if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", "".join(shown))
