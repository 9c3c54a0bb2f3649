"""What a member writes for its own node, beside the alliance description: read once, at the start.

Each file may be absent. One that is not understood keeps the node from starting: a rule that is
skipped would let something out.
"""

import msgspec

from ringwall.alliance import Alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core.settings import Files
from ringwall.policy import (
    NO_HOLDS,
    NO_REDACTIONS,
    HoldRules,
    RedactionRules,
    Vetoes,
    read_hold_rules,
    read_redactions,
)
from ringwall.sharing import NO_DISCOVERY, Discovery, load_discovery


class MemberRules(msgspec.Struct, frozen=True):
    """Vetoes, redactions, what waits for a second person, what others may know of."""

    vetoes: Vetoes
    redactions: RedactionRules
    holds: HoldRules
    discovery: Discovery


def read_member_rules(files: Files, member: str, alliance: Alliance) -> MemberRules:
    """Read the rules of a node's directory. Raises BadConfiguration naming file, place and rule."""
    vetoes, redactions = files.vetoes, files.redactions
    holds, discovery = files.release_rules, files.discovery
    return MemberRules(
        vetoes=Vetoes(member, vetoes.read_text("utf-8") if vetoes.exists() else ""),
        redactions=read_redactions(redactions.read_bytes(), alliance)
        if redactions.exists()
        else NO_REDACTIONS,
        holds=read_hold_rules(read_yaml(holds.read_bytes(), holds.name), alliance)
        if holds.exists()
        else NO_HOLDS,
        discovery=load_discovery(discovery.read_bytes(), alliance)
        if discovery.exists()
        else NO_DISCOVERY,
    )
