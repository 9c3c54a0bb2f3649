"""alliance: the federation as data: members, groups, readers, agreements, what markings mean.

Read from one YAML description, checked against ``alliance.schema.json`` and against itself, and
never changed afterwards; agreements that its parties signed since are added to a copy. May touch:
core, labels, PyYAML and jsonschema-rs. Apart from its own schema files it reads nothing: whoever
calls brings the text.
"""

from ringwall.alliance.agreement import Agreement
from ringwall.alliance.agreements import agreement_document, read_agreement
from ringwall.alliance.assertions import within_assertions
from ringwall.alliance.classification import (
    ClassificationPolicy,
    Clearance,
    Equivalence,
    Level,
    Tag,
)
from ringwall.alliance.labels import known_policies, resolve_label, why_invalid
from ringwall.alliance.loading import load_alliance
from ringwall.alliance.model import (
    CONTENT_ROLES,
    RANKS,
    ROLES,
    Alliance,
    Assertions,
    Member,
    NodeSeat,
    Reader,
)
from ringwall.alliance.schema import AGREEMENT_SCHEMA_TEXT, SCHEMA_TEXT

__all__ = [
    "AGREEMENT_SCHEMA_TEXT",
    "CONTENT_ROLES",
    "RANKS",
    "ROLES",
    "SCHEMA_TEXT",
    "Agreement",
    "Alliance",
    "Assertions",
    "ClassificationPolicy",
    "Clearance",
    "Equivalence",
    "Level",
    "Member",
    "NodeSeat",
    "Reader",
    "Tag",
    "agreement_document",
    "known_policies",
    "load_alliance",
    "read_agreement",
    "resolve_label",
    "why_invalid",
    "within_assertions",
]
