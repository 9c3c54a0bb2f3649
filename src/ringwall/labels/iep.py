"""FIRST Information Exchange Policy (IEP) 2.0: what a recipient may do, and in which time.

Dates gate a release. Everything else is an obligation that travels with the statement. Its ``tlp``
is TLP 1 and counts together with every other TLP that the object carries.
"""

from enum import StrEnum

import msgspec

IEP_VERSION = "2.0"
TLP_LEVELS = frozenset({"red", "amber", "green", "white"})
"""The levels of TLP 1, which an IEP states in any case."""


class Encryption(StrEnum):
    """Must the information be encrypted when it is passed on? Least strict first."""

    MAY = "may"
    MUST = "must"


class Actions(StrEnum):
    """What a recipient may do with it. Least strict first."""

    EXTERNAL_DIRECT = "externally-visible-direct-actions"
    EXTERNAL_INDIRECT = "externally-visible-indirect-actions"
    INTERNAL = "internally-visible-actions"
    CONTACT = "contact-for-instruction"
    NONE = "none"


class Permission(StrEnum):
    """May something be done at all? Least strict first."""

    MAY = "may"
    MUST_NOT = "must-not"


class Attribution(StrEnum):
    """How recipients name the provider. Least strict first: must not beats must."""

    MAY = "may"
    MUST = "must"
    MUST_NOT = "must-not"


class Iep(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One information exchange policy; times are RFC 3339 or "" (not bounded).

    ``tlp`` is the value as it stood, in the TLP 1 spelling, or "".
    """

    id: str = ""
    name: str = ""
    version: str = ""
    description: str = ""
    reference: str = ""
    start: str = ""
    end: str = ""
    encryption: Encryption = Encryption.MUST
    actions: Actions = Actions.NONE
    notifications: Permission = Permission.MUST_NOT
    attribution: Attribution = Attribution.MUST_NOT
    resale: Permission = Permission.MUST_NOT
    tlp: str = ""


def for_decision(policy: Iep) -> Iep:
    """Return the part that a decision looks at: what gates and what obliges, without its name."""
    return msgspec.structs.replace(
        policy, id="", name="", version="", description="", reference="", tlp=""
    )


def obligations(policy: Iep) -> tuple[str, ...]:
    """Return what a recipient must heed, as stable tokens."""
    said = [f"iep:permitted-actions:{policy.actions}"]
    if policy.encryption is Encryption.MUST:
        said.append("iep:encrypt-in-transit")
    if policy.notifications is Permission.MUST_NOT:
        said.append("iep:no-affected-party-notification")
    if policy.attribution is not Attribution.MAY:
        said.append(f"iep:attribution:{policy.attribution}")
    if policy.resale is Permission.MUST_NOT:
        said.append("iep:no-unmodified-resale")
    return tuple(said)
