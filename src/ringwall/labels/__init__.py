"""labels: the originator's confidentiality label: TLP 2.0 and REL TO; read, write, join.

A label says who may have a statement; what is not understood in it is kept in ``Label.unknown``
and denies. May touch: core, stix and msgspec. No I/O; no member, agreement or decision is known
here.
"""

from ringwall.labels.document import label_document, label_from_document
from ringwall.labels.expression import format_label, parse_label
from ringwall.labels.joining import join
from ringwall.labels.label import NOBODY, Label, Tlp
from ringwall.labels.markings import TLP_MARKINGS, label_of, marks_of

__all__ = [
    "NOBODY",
    "TLP_MARKINGS",
    "Label",
    "Tlp",
    "format_label",
    "join",
    "label_document",
    "label_from_document",
    "label_of",
    "marks_of",
    "parse_label",
]
