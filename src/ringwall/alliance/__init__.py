"""alliance: the federation as data: members, nodes, groups, readers, agreements, named labels.

Read from one YAML description, checked against ``alliance.schema.json`` and against itself, and
never changed afterwards. May touch: core, labels, PyYAML and jsonschema-rs. Apart from its own
schema file it reads nothing: whoever calls brings the text.
"""

from ringwall.alliance.labels import resolve_label
from ringwall.alliance.loading import load_alliance
from ringwall.alliance.model import (
    CONTENT_ROLES,
    ROLES,
    Agreement,
    Alliance,
    Member,
    NodeSeat,
    Reader,
)
from ringwall.alliance.schema import SCHEMA_TEXT

__all__ = [
    "CONTENT_ROLES",
    "ROLES",
    "SCHEMA_TEXT",
    "Agreement",
    "Alliance",
    "Member",
    "NodeSeat",
    "Reader",
    "load_alliance",
    "resolve_label",
]
