"""Labels as an alliance knows them: named labels, and REL TO names that must exist."""

from ringwall.alliance.model import Alliance
from ringwall.core import InvalidInput
from ringwall.labels import Label, parse_label


def resolve_label(alliance: Alliance, text: str) -> Label:
    """Read the name of a named label, or a label expression whose REL TO names all exist.

    Raises InvalidInput (field ``label``; rule ``unknown-label``, ``unknown-name`` or as
    :func:`ringwall.labels.parse_label` says).
    """
    name = text.strip()
    if name in alliance.labels:
        return alliance.labels[name]
    if ":" not in name:
        known = ", ".join(sorted(alliance.labels)) or "none"
        raise InvalidInput(
            f"label: {name[:80]!r} is neither a label expression nor a named label ({known})",
            field="label",
            rule="unknown-label",
        )
    label = parse_label(name)
    check_rel_to(label, alliance.members.keys() | alliance.groups.keys())
    return label


def check_rel_to(label: Label, names: set[str]) -> None:
    """Raise InvalidInput (rule ``unknown-name``) if REL TO names nobody that ``names`` holds."""
    for name in label.rel_to or ():
        if name not in names:
            raise InvalidInput(
                f"label: REL TO names {name!r}, which is no member and no group",
                field="label",
                rule="unknown-name",
            )
