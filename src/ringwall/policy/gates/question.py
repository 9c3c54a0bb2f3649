"""What every gate is asked, and what it says."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ringwall.alliance import Alliance
from ringwall.policy.release_class import ReleaseClass

SKEW = timedelta(minutes=2)
"""Clocks of members may differ by this: permissions start late and end early by it."""

_LONGEST_QUOTE = 200
GateName = Literal[
    "label",
    "embargo",
    "classification",
    "rel-to",
    "tlp",
    "agreement",
    "onward",
    "passing-on",
    "iep",
    "acs",
    "node",
    "veto",
    "redaction",
    "second-person",
    "clearance",
    "nationality",
    "role",
]


class Question(msgspec.Struct, frozen=True):
    """May ``member`` have statements of this release class ``at`` (aware, UTC)?"""

    alliance: Alliance
    release: ReleaseClass
    member: str
    at: datetime

    @property
    def is_origin(self) -> bool:
        """Tell whether the originator itself is meant."""
        return self.member == self.release.origin


class GateResult(msgspec.Struct, frozen=True):
    """What one gate says: ``rule`` is a stable token, ``source`` where it stands written."""

    gate: GateName
    outcome: Literal["pass", "abstain", "deny"]
    rule: str
    source: str
    fact: str


def shown(text: str) -> str:
    """Return text from outside as it may stand in a line: short, and without control characters."""
    short = text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
    return short if short.isprintable() else ascii(short)
