"""Names and identifiers that every room shares."""

import re
import secrets
from typing import NamedTuple

from ringwall.core.errors import InvalidInput

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_SEQUENCE_MAX = 2**53 - 1


class StatementId(NamedTuple):
    """A statement everywhere: the origin's node and the origin's own sequence number (from 1)."""

    origin: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.origin}:{self.sequence}"


def parse_statement_id(text: str) -> StatementId:
    """Read ``node:sequence``. Raises InvalidInput (rule ``statement-id``)."""
    origin, colon, number = text.rpartition(":")
    digits = number.isascii() and number.isdigit() and len(number) <= 16
    if not colon or not digits or _NAME.fullmatch(origin) is None:
        raise InvalidInput(
            f"not a statement id (node:sequence): {text[:80]!r}",
            field="statement",
            rule="statement-id",
        )
    sequence = int(number)
    if not 1 <= sequence <= _SEQUENCE_MAX:
        raise InvalidInput(
            f"statement sequence out of range: {number}", field="statement", rule="statement-id"
        )
    return StatementId(origin, sequence)


def check_name(name: str, *, field: str) -> str:
    """Return ``name`` if it may name a member, node, group, reader or alliance.

    Names are lower-case letters, digits and inner hyphens, at most 63 characters: safe as a DNS
    label, a file name and a NATS subject token. Raises InvalidInput (rule ``name``).
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{field}: {name[:80]!r} is not a name (a-z, 0-9 and inner hyphens, at most 63)",
            field=field,
            rule="name",
        )
    return name


def new_secret() -> str:
    """Return 256 fresh random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)
