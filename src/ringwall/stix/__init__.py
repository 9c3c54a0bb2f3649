"""stix: STIX 2.1 objects: reading, validation, upgrade from 2.0, observables, references, text.

An object that leaves this room is valid and canonical; its bytes never change again.
May touch: core, msgspec, lark (the pattern grammar) and the standard library. No I/O; no label or
policy is decided here.
"""

from ringwall.stix.leaving_out import needed_properties, why_needed
from ringwall.stix.objects import Observable, Refusal, StixObject, Submission, version_order
from ringwall.stix.observables import observables
from ringwall.stix.pieces import ReadSlice, read_pieces
from ringwall.stix.reading import (
    OBJECT_LIMITS,
    Read,
    SubmissionReader,
    read_object,
    read_submission,
)
from ringwall.stix.references import references
from ringwall.stix.tables import OBJECT_TYPES
from ringwall.stix.text import search_text
from ringwall.stix.upgrade import upgrade_20
from ringwall.stix.validation import validate

__all__ = [
    "OBJECT_LIMITS",
    "OBJECT_TYPES",
    "Observable",
    "Read",
    "ReadSlice",
    "Refusal",
    "StixObject",
    "Submission",
    "SubmissionReader",
    "needed_properties",
    "observables",
    "read_object",
    "read_pieces",
    "read_submission",
    "references",
    "search_text",
    "upgrade_20",
    "validate",
    "version_order",
    "why_needed",
]
