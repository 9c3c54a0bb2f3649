"""The label as people write it: ``TLP:AMBER//REL TO arden, borduria``.

    label    = part *( "//" part )            each kind of part once, CAT as often as needed
    part     = "TLP:" level | "CLASS " policy ":" classification | "CAT " tag "=" values
             | "PAP:" level | "REL TO " names | "REVIEW " date
    values   = value *( "," value )
    names    = name *( "," name ) | "NONE"

A label has a TLP or a CLASS. Keywords, levels and names may be written in any case; what belongs
to a classification policy is taken as it is written, without ``/``, ``:``, ``=`` and ``,``. IEP and
ACS have no written form here, nor has the moment at which a label was made.
"""

from collections.abc import Callable
from typing import Any

from ringwall.core import InvalidInput, check_name
from ringwall.labels.confidentiality import Category, Confidentiality, categories
from ringwall.labels.label import (
    NOBODY,
    Label,
    Pap,
    Tlp,
    in_order,
    read_moment,
    read_pap,
    read_tlp,
)

_LONGEST = 4096
_LEVELS = "CLEAR, GREEN, AMBER, AMBER+STRICT or RED"
_RESERVED = frozenset("/:=,")


def parse_label(text: str) -> Label:
    """Read a label expression.

    Raises InvalidInput (field ``label``; rule ``size``, ``tlp``, ``pap``, ``rel-to``, ``name``,
    ``classification``, ``category``, ``review``, ``part`` or ``repeated``) for anything else: a
    label is either wholly understood or refused.
    """
    if len(text) > _LONGEST:
        raise _refusal(f"a label may have at most {_LONGEST} characters", "size")
    fields: dict[str, Any] = {}
    tags: list[Category] = []
    for part in text.split("//"):
        words = " ".join(part.split())
        keyword = next((each for each in _PARTS if _begins_with(words, each)), None)
        if keyword is None:
            raise _unreadable(words, first=not fields)
        value = words[len(keyword) :].strip()
        if keyword == "CAT ":
            tags.append(_category(value))
            continue
        field, read = _PARTS[keyword]
        if field in fields:
            raise _refusal(f"{keyword.strip(' :')} stands twice", "repeated")
        fields[field] = read(value)
    return _whole(fields, tags)


def _begins_with(words: str, keyword: str) -> bool:
    beginning = f"{words} "[: len(keyword)]
    return beginning.isascii() and beginning.upper() == keyword


def _whole(fields: dict[str, Any], tags: list[Category]) -> Label:
    if "tlp" not in fields and "confidentiality" not in fields:
        raise _refusal(f"it has neither TLP:{_LEVELS} nor a CLASS", "tlp")
    stated = fields.get("confidentiality")
    if tags and stated is None:
        raise _refusal("CAT belongs to a CLASS, and there is none", "category")
    if stated is not None:
        policy, level = stated
        fields["confidentiality"] = Confidentiality(policy, level, categories(tags))
    return Label(**fields)


def _unreadable(words: str, *, first: bool) -> InvalidInput:
    if first:
        return _refusal(f"{words[:40]!r} is neither TLP:{_LEVELS} nor a CLASS", "tlp")
    return _refusal(f"{words[:40]!r} is not REL TO and names, PAP, CLASS, CAT or REVIEW", "part")


def _tlp(value: str) -> Tlp:
    level = read_tlp(value)
    if level is None:
        raise _refusal(f"{'TLP:' + value[:40]!r} is not TLP:{_LEVELS}", "tlp")
    return level


def _pap(value: str) -> Pap:
    level = read_pap(value)
    if level is None:
        raise _refusal(f"{'PAP:' + value[:40]!r} is not PAP:CLEAR, GREEN, AMBER or RED", "pap")
    return level


def _rel_to(value: str) -> tuple[str, ...]:
    if not value:
        raise _refusal("REL TO without names: REL TO NONE is nobody", "rel-to")
    # The Kelvin sign is a small k as well: only letters that may stand in a name are made small.
    names = [name.strip().lower() if name.isascii() else name for name in value.split(",")]
    if names == [NOBODY]:
        return ()
    if NOBODY in names:
        raise _refusal("REL TO NONE stands alone", "rel-to")
    return in_order(check_name(name, field="label") for name in names)


def _classification(value: str) -> tuple[str, str]:
    policy, _, level = (part.strip() for part in value.partition(":"))
    if not _is_plain(policy) or not _is_plain(level):
        raise _refusal(f"{value[:40]!r} is not POLICY:CLASSIFICATION", "classification")
    return policy, level


def _category(value: str) -> Category:
    tag, equals, listed = (part.strip() for part in value.partition("="))
    values = in_order(each.strip() for each in listed.split(","))
    if not equals or not all(map(_is_plain, (tag, *values))):
        raise _refusal(f"{value[:40]!r} is not TAG=VALUE, VALUE", "category")
    return Category(tag, values)


def _is_plain(name: str) -> bool:
    """Tell whether a name of a classification policy can stand in an expression."""
    return name != "" and _RESERVED.isdisjoint(name) and name == " ".join(name.split())


def _review(value: str) -> str:
    try:
        whole = value.upper() if "T" in value.upper() else f"{value}T00:00:00Z"
        return read_moment(whole)
    except InvalidInput as error:
        raise _refusal(f"{value[:40]!r} is not a date", "review") from error


_PARTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "TLP:": ("tlp", _tlp),
    "PAP:": ("pap", _pap),
    "REL TO ": ("rel_to", _rel_to),
    "CLASS ": ("confidentiality", _classification),
    "CAT ": ("categories", _category),
    "REVIEW ": ("review", _review),
}


def _refusal(message: str, rule: str) -> InvalidInput:
    return InvalidInput(f"label: {message}", field="label", rule=rule)


def format_label(label: Label) -> str:
    """Write ``label`` as an expression; :func:`parse_label` reads it back, but for ``created``.

    A label with parts that are not understood, or that have no written form, is written with them
    in a form that :func:`parse_label` refuses: it must not turn into a label that grants more.
    """
    stated = label.confidentiality
    parts = [f"TLP:{label.tlp}"] if label.tlp else []
    if stated is not None:
        parts.append(f"CLASS {stated.policy}:{stated.classification}")
        parts += [_written(category) for category in stated.categories]
    if not parts:
        parts.append("TLP MISSING")
    if label.pap is not None:
        parts.append(f"PAP:{label.pap}")
    if label.rel_to is not None:
        parts.append("REL TO " + (", ".join(label.rel_to) or NOBODY.upper()))
    if label.review:
        parts.append(f"REVIEW {label.review}")
    return "//".join(parts + _unwritable(label))


def _written(category: Category) -> str:
    return f"CAT {category.tag}={', '.join(category.values)}"


def _unwritable(label: Label) -> list[str]:
    """Return what stands for the parts of a label that have no written form."""
    parts = []
    stated = label.confidentiality
    if label.alternatives or (stated is not None and _has_more(stated)):
        parts.append("AND MORE OF THE CLASSIFICATION")
    parts += [f"IEP {each.name or each.id}".rstrip() for each in label.iep]
    parts += ["ACS"] * len(label.acs)
    if label.unknown:
        parts.append("NOT UNDERSTOOD " + ", ".join(label.unknown))
    return parts


def _has_more(stated: Confidentiality) -> bool:
    """Tell whether a written form would lose, or be read as, something else."""
    names = [stated.policy, stated.classification]
    for each in stated.categories:
        names += [each.tag, *each.values]
        if each.kind or each.uri or not each.values:
            return True
    return bool(stated.policy_uri or stated.privacy_mark) or not all(map(_is_plain, names))
