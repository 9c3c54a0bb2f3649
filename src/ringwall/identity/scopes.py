"""What a token is for: scopes, roles and a highest TLP that narrow its reader. Pure."""

import hashlib
from enum import StrEnum

import msgspec

from ringwall.alliance import Reader
from ringwall.labels import Tlp


class Scope(StrEnum):
    """What may be done with a credential; a route demands one of these beside a role."""

    READ = "read"
    """Read content."""
    SUBMIT = "submit"
    """State, withdraw and load content, and ask who would get it."""
    DECIDE = "decide"
    """Decide for the member: sign agreements, confirm releases, answer requests."""
    OPERATE = "operate"
    """See what was sent and confirmed."""
    AUDIT = "audit"
    """Read the audit log."""
    ACCOUNT = "account"
    """See, make and take away credentials: one's own and, by role, those of others."""


EVERY_SCOPE = frozenset(Scope)


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that a token may do, whatever its reader may do later."""

    scopes: frozenset[Scope]
    roles: frozenset[str]
    tlp: Tlp

    @property
    def key(self) -> str:
        """Return a short name of the content that it lets through: the same for the same."""
        said = f"{sorted(self.roles)} {self.tlp} {Scope.READ in self.scopes}"
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def narrow(reader: Reader, grant: Grant) -> Reader:
    """Return the reader as a credential under ``grant`` shows it: never more than it was."""
    tlp = min(reader.tlp, grant.tlp, key=lambda each: each.rank)
    return msgspec.structs.replace(reader, roles=reader.roles & grant.roles, tlp=tlp)
