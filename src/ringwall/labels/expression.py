"""The label as people write it: ``TLP:AMBER//REL TO arden, borduria``.

    label    = "TLP:" level [ "//REL TO" names ]
    level    = "CLEAR" | "WHITE" | "GREEN" | "AMBER" | "AMBER+STRICT" | "RED"
    names    = name *( "," name ) | "NONE"

Case does not matter on the way in; names come out in lower case, everything else in upper case.
"""

from ringwall.core import InvalidInput, check_name
from ringwall.labels.label import NOBODY, Label, in_order, read_tlp

_LONGEST = 4096
_REL_TO = "REL TO "


def parse_label(text: str) -> Label:
    """Read a label expression.

    Raises InvalidInput (field ``label``; rule ``size``, ``tlp``, ``rel-to`` or ``name``) for
    anything else: a label is either wholly understood or refused.
    """
    if len(text) > _LONGEST:
        raise _refusal(f"a label may have at most {_LONGEST} characters", "size")
    level, separator, rest = text.strip().partition("//")
    prefix, colon, name = level.strip().partition(":")
    tlp = read_tlp(name)
    if not colon or prefix.upper() != "TLP" or tlp is None:
        raise _refusal(
            f"{level.strip()[:40]!r} is not TLP:CLEAR, GREEN, AMBER, AMBER+STRICT or RED", "tlp"
        )
    return Label(tlp=tlp, rel_to=_rel_to(rest) if separator else None)


def _rel_to(text: str) -> tuple[str, ...]:
    words = " ".join(text.split())
    if not words.upper().startswith(_REL_TO):
        raise _refusal(f"{words[:40]!r} is not REL TO and names", "rel-to")
    names = [name.strip().lower() for name in words[len(_REL_TO) :].split(",")]
    if names == [NOBODY]:
        return ()
    if NOBODY in names:
        raise _refusal("REL TO NONE stands alone", "rel-to")
    return in_order(check_name(name, field="label") for name in names)


def _refusal(message: str, rule: str) -> InvalidInput:
    return InvalidInput(f"label: {message}", field="label", rule=rule)


def format_label(label: Label) -> str:
    """Write ``label`` as an expression; :func:`parse_label` reads back whatever it can understand.

    A label with parts that are not understood is written with them, in a form that
    :func:`parse_label` refuses: it must not turn into a label that grants something.
    """
    parts = [f"TLP:{label.tlp}" if label.tlp else "TLP MISSING"]
    if label.rel_to is not None:
        parts.append(_REL_TO + (", ".join(label.rel_to) or NOBODY.upper()))
    if label.policy or label.classification:
        parts.append(f"POLICY {label.policy} {label.classification}".rstrip())
    if label.unknown:
        parts.append("NOT UNDERSTOOD " + ", ".join(label.unknown))
    return "//".join(parts)
