"""Every standard type and its table."""

from ringwall.stix.common import TypeTable
from ringwall.stix.domain import DOMAIN_TABLES, RELATIONSHIP_TABLES
from ringwall.stix.meta import META_TABLES
from ringwall.stix.observable_types import OBSERVABLE_TABLES

TABLES: dict[str, TypeTable] = {
    **DOMAIN_TABLES,
    **RELATIONSHIP_TABLES,
    **OBSERVABLE_TABLES,
    **META_TABLES,
}
OBJECT_TYPES: frozenset[str] = frozenset(TABLES)
