"""What several marks on one thing say together: each of them applies, none takes from another."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ringwall.labels.joining import join
from ringwall.labels.label import Label, in_order

_SILENT = Label()
_UNCLASSIFIED: dict[str, Any] = {"confidentiality": None, "alternatives": ()}


def combined(marks: Iterable[Label]) -> Label:
    """Return the label of what carries all of ``marks``; each says only a part of it.

    As in a join the strictest counts. But a mark that is silent on TLP and classification (PAP,
    ACS, REL TO) does not leave the thing unlabelled, as an unlabelled part of a product would.
    Raises ValueError for no marks.
    """
    parts = list(dict.fromkeys(marks))
    if not parts:
        raise ValueError("the label of no marks")
    if len(parts) == 1:
        return parts[0]
    others = [replace(each, tlp=None, pap=None, **_UNCLASSIFIED) for each in parts]
    joined = join(others) if any(other != _SILENT for other in others) else _SILENT
    joined = replace(
        joined,
        tlp=max((p.tlp for p in parts if p.tlp), key=lambda level: level.rank, default=None),
        pap=max((p.pap for p in parts if p.pap), key=lambda level: level.rank, default=None),
    )
    classified = [
        Label(confidentiality=each.confidentiality, alternatives=each.alternatives)
        for each in parts
        if each.confidentiality or each.alternatives
    ]
    if not classified:
        return joined
    stated = join(classified)
    return replace(
        joined,
        confidentiality=stated.confidentiality,
        alternatives=stated.alternatives,
        unknown=in_order(joined.unknown + stated.unknown),
    )


def not_understood(*names: str) -> Label:
    """Return the mark that stands for marks which nobody here understands: it denies."""
    return Label(unknown=in_order(name[:200] for name in names))
