"""What a label says under a classification policy: level, security categories, privacy mark.

Source: STANAG 4774, element ConfidentialityInformation. What the names mean, and whether a category
restricts or permits, stands in the policy's own information file (SPIF) and never here.
"""

from collections.abc import Iterable

import msgspec

RESTRICTIVE, PERMISSIVE, INFORMATIVE = "restrictive", "permissive", "informative"
KINDS = frozenset({"", RESTRICTIVE, PERMISSIVE, INFORMATIVE})


class Category(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One tag of a security category; ``values`` are sorted and stand once each.

    ``kind`` is what the label itself says of the tag, "" if it says nothing; the policy's file
    decides, and a label that contradicts it denies. No values: nobody holds one of them, which
    is what is left when two permissive lists have nothing in common.
    """

    tag: str
    values: tuple[str, ...] = ()
    kind: str = ""
    uri: str = ""


class Confidentiality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A classification under one policy; ``categories`` are sorted."""

    policy: str
    classification: str
    categories: tuple[Category, ...] = ()
    policy_uri: str = ""
    privacy_mark: str = ""


def in_canonical_form(stated: Confidentiality) -> Confidentiality:
    """Return ``stated`` with its lists sorted and without repetition."""
    return msgspec.structs.replace(stated, categories=categories(stated.categories))


def categories(stated: Iterable[Category]) -> tuple[Category, ...]:
    """Return categories in their canonical form: sorted, one for each tag, kind and URI."""
    merged: dict[tuple[str, str, str], set[str]] = {}
    for each in stated:
        merged.setdefault((each.tag, each.kind, each.uri), set()).update(each.values)
    return tuple(
        sorted(
            Category(tag, tuple(sorted(values)), kind, uri)
            for (tag, kind, uri), values in merged.items()
        )
    )


def for_decision(stated: Confidentiality) -> Confidentiality:
    """Return the part that a decision looks at: no mark for people.

    Categories stay, also those that the label calls informative: that may contradict the policy.
    """
    return msgspec.structs.replace(stated, privacy_mark="")
