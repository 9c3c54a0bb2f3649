"""labels: what an originator says of a statement's confidentiality and use; read, write, join.

A label says who may have a statement (TLP 2.0, REL TO, classifications after STANAG 4774, PAP,
IEP 2.0, ACS), its terms what may become of it. What is not understood is kept in ``unknown`` and
denies. May touch: core, stix and msgspec. No I/O; no member, agreement or decision is known here.
"""

from ringwall.labels.acs import (
    ACS_EXTENSION,
    AcsControls,
    acs_text,
    permits,
    permits_sharing,
)
from ringwall.labels.acs_reading import read_controls
from ringwall.labels.carrier import EXTENSION_DEFINITION, LABEL_EXTENSION, marking_definitions
from ringwall.labels.combining import combined
from ringwall.labels.confidentiality import (
    INFORMATIVE,
    PERMISSIVE,
    RESTRICTIVE,
    Category,
    Confidentiality,
)
from ringwall.labels.definitions import mark_of
from ringwall.labels.document import label_document, label_from_document
from ringwall.labels.expression import format_label, parse_label
from ringwall.labels.fixed_markings import FIXED_MARKINGS, TLP_MARKINGS
from ringwall.labels.granular import GranularLabels, granular_labels
from ringwall.labels.iep import Iep, obligations
from ringwall.labels.joining import KnownPolicies, join
from ringwall.labels.label import NOBODY, Label, Pap, Tlp, for_decision, in_order
from ringwall.labels.markings import label_of, marks_of
from ringwall.labels.terms import MOST_HOPS, NO_TERMS, Terms, terms_document, terms_from_document

__all__ = [
    "ACS_EXTENSION",
    "EXTENSION_DEFINITION",
    "FIXED_MARKINGS",
    "INFORMATIVE",
    "LABEL_EXTENSION",
    "MOST_HOPS",
    "NOBODY",
    "NO_TERMS",
    "PERMISSIVE",
    "RESTRICTIVE",
    "TLP_MARKINGS",
    "AcsControls",
    "Category",
    "Confidentiality",
    "GranularLabels",
    "Iep",
    "KnownPolicies",
    "Label",
    "Pap",
    "Terms",
    "Tlp",
    "acs_text",
    "combined",
    "for_decision",
    "format_label",
    "granular_labels",
    "in_order",
    "join",
    "label_document",
    "label_from_document",
    "label_of",
    "mark_of",
    "marking_definitions",
    "marks_of",
    "obligations",
    "parse_label",
    "permits",
    "permits_sharing",
    "read_controls",
    "terms_document",
    "terms_from_document",
]
