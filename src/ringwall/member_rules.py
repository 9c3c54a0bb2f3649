"""What a member writes for its own node, beside the alliance description: read once, at the start.

Each file may be absent. One that is not understood keeps the node from starting: a rule that is
skipped would let something out.
"""

from pathlib import Path

import msgspec

from ringwall.alliance import Alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.core import BadConfiguration
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
    vetoes, redactions = _text(files.vetoes), _text(files.redactions)
    holds, discovery = _text(files.release_rules), _text(files.discovery)
    return MemberRules(
        vetoes=Vetoes(member, vetoes or ""),
        redactions=NO_REDACTIONS if redactions is None else read_redactions(redactions, alliance),
        holds=NO_HOLDS
        if holds is None
        else read_hold_rules(read_yaml(holds, files.release_rules.name), alliance),
        discovery=NO_DISCOVERY if discovery is None else load_discovery(discovery, alliance),
    )


def _text(path: Path) -> str | None:
    """Return what a file says, None if there is none: a link to nowhere is not none."""
    if not path.exists() and not path.is_symlink():
        return None
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        problem = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise BadConfiguration(
            f"{path.name}: cannot be read: {problem}", field=path.name, rule="file"
        ) from error
