"""Security policy information files (SPIF, XML) as classification policies, and as description.

Source: Open XML SPIF schema 2.1 and 3.0 (xmlspif.org); ADatP-4774.1, tables 1 to 10. The
restrictions of a file that a ClassificationPolicy cannot hold make reading fail.

Equivalences are read in the direction in which an originator applies them (``encrypt``, ``both``);
those for recipients only, and values that are discarded, would open what is then left shut.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ringwall.alliance.classification import ClassificationPolicy, Equivalence, Level, Tag
from ringwall.alliance.classifications import build_policies
from ringwall.alliance.schema import check_policies
from ringwall.alliance.spif_elements import Attributes, described, named, refuse
from ringwall.alliance.spif_file import SpifFile, TagValue, read_spif_file
from ringwall.core import BadConfiguration
from ringwall.core.strict_xml import Element

_APPLIED = {"encrypt": True, "both": True, "decrypt": False}


def read_spifs(
    files: Mapping[str, bytes], *, releasable: Collection[tuple[str, str]] = ()
) -> dict[str, ClassificationPolicy]:
    """Read the policies of several files, by name of the file, that refer to each other.

    ``releasable`` names (policy, tag) whose values are codes of members and groups, which no SPIF
    can say. Raises BadConfiguration naming file and element: rules as ``parse_xml`` (it is no XML),
    ``spif`` (it is no SPIF of a known version, or ill-formed), ``unique``, ``unknown-name`` (what
    is referred to is in none of the files), ``not-expressible``, ``schema`` (a name or a number
    that an alliance description cannot hold), and as ``build_policies``.
    """
    spifs = [read_spif_file(file, raw) for file, raw in files.items()]
    known: dict[str, SpifFile] = {}
    for each in spifs:
        for identity in (each.name, each.oid):
            if known.setdefault(identity, each) is not each:
                refuse(each.file, "unique", f"{known[identity].file} is {identity} too")
    entries: dict[str, Any] = {}
    for each in spifs:
        entries |= spif_description(_policy(each, known))
    for policy, tag in releasable:
        if tag not in entries.get(policy, {}).get("tags", {}):
            problem = f"releasable: {policy} has no tag {tag!r}"
            raise BadConfiguration(problem, field="releasable", rule="unknown-name")
        entries[policy]["tags"][tag]["releasable"] = True
    check_policies(entries)
    return build_policies(entries)


def _policy(spif: SpifFile, known: Mapping[str, SpifFile]) -> ClassificationPolicy:
    levels = sorted(spif.levels.values(), key=lambda level: level.rank)
    links = _Links(spif, known)
    return ClassificationPolicy(
        name=spif.name,
        uri=f"urn:oid:{spif.oid}",
        levels={level.name: level for level in levels},
        tags=spif.tags,
        equivalences=links.equivalences(),
    )


class _Links:
    """What one file says of the policies in the others."""

    def __init__(self, spif: SpifFile, known: Mapping[str, SpifFile]) -> None:
        self._spif, self._known = spif, known
        self._read = Attributes(spif.file)

    def equivalences(self) -> tuple[Equivalence, ...]:
        """Return the equivalences of levels, each with those of the categories."""
        found: dict[tuple[str, str], str] = {}
        for element in self._spif.classes:
            for each in self._applied(element, "equivalentClassification"):
                other = self._other(each)
                ours, theirs = self._read.text(element, "name"), self._their_level(each, other)
                if found.setdefault((other.name, ours), theirs) != theirs:
                    self._ambiguous(element, other)
        categories = self._categories()
        return tuple(
            Equivalence(other, ours, theirs, categories.get(other, {}))
            for (other, ours), theirs in sorted(found.items())
        )

    def _categories(self) -> dict[str, dict[TagValue, TagValue]]:
        """Return our categories and their equivalents, by the name of the other policy."""
        found: dict[str, dict[TagValue, TagValue]] = {}
        for ours, element in self._spif.categories:
            for each in self._applied(element, "equivalentSecCategoryTag"):
                other = self._other(each)
                theirs = self._their_value(each, other)
                if found.setdefault(other.name, {}).setdefault(ours, theirs) != theirs:
                    self._ambiguous(element, other)
        return found

    def _applied(self, parent: Element, name: str) -> Iterator[Element]:
        """Yield the equivalences that an originator applies."""
        for each in named(parent, name):
            applied = self._read.text(each, "applied", default="both")
            if applied not in _APPLIED:
                problem = f"applied is not {applied[:40]!r}"
                refuse(self._spif.file, "spif", problem, described(parent))
            if _APPLIED[applied] and self._read.text(each, "action", default="") != "discard":
                yield each

    def _other(self, element: Element) -> SpifFile:
        name = self._read.text(element, "policyRef")
        other = self._known.get(self._spif.others.get(name, name))
        if other is None or other is self._spif:
            problem = f"it refers to the policy {name[:80]!r}, which is in none of the other files"
            refuse(self._spif.file, "unknown-name", problem, described(element))
        return other

    def _their_level(self, element: Element, other: SpifFile) -> str:
        number = self._read.number(element, "lacv")
        if number not in other.levels:
            problem = f"{other.file} has no classification with lacv {number}"
            refuse(self._spif.file, "unknown-name", problem, described(element))
        return other.levels[number].name

    def _their_value(self, element: Element, other: SpifFile) -> TagValue:
        kind, enumerated = (
            self._read.text(element, name, default="") for name in ("tagType", "enumType")
        )
        wanted = (self._read.object_id(element, "tagSetId"), self._read.number(element, "lacv"))
        found = [
            value
            for (oid, their_kind, their_enumerated, number), value in other.values.items()
            if (oid, number) == wanted
            and kind in ("", their_kind)
            and enumerated in ("", their_enumerated)
        ]
        if len(found) != 1:
            problem = f"{other.file} has {len(found)} such categories {wanted[0]}, lacv {wanted[1]}"
            refuse(self._spif.file, "unknown-name", problem, described(element))
        return found[0]

    def _ambiguous(self, element: Element, other: SpifFile) -> None:
        problem = f"it has two equivalents in {other.name}"
        refuse(self._spif.file, "not-expressible", problem, described(element))


def spif_description(policy: ClassificationPolicy) -> dict[str, Any]:
    """Return a policy as an alliance description holds it under ``classification_policies``.

    The inverse of ``build_policies``: names are sorted, and what says nothing is left out.
    """
    tags = {tag.name: _tag_description(tag) for tag in policy.tags.values()}
    said = {
        "uri": policy.uri,
        "levels": {level.name: _level_description(level) for level in policy.levels.values()},
        "tags": dict(sorted(tags.items())),
        "equivalences": [_equivalence_description(each) for each in policy.equivalences],
    }
    return {policy.name: {field: value for field, value in said.items() if value}}


def _level_description(level: Level) -> dict[str, Any]:
    said = {
        "obsolete": level.obsolete,
        "excludes": sorted(level.excludes),
        "excludes_values": [
            {"tag": tag, "value": value} for tag, value in sorted(level.excludes_values)
        ],
        "assurance": level.assurance,
        "zones": sorted(level.zones),
    }
    return {"rank": level.rank, **{field: value for field, value in said.items() if value}}


def _tag_description(tag: Tag) -> dict[str, Any]:
    said = {"obsolete": sorted(tag.obsolete), "releasable": tag.releasable, "uri": tag.uri}
    stated = {field: value for field, value in said.items() if value}
    return {"kind": tag.kind, "values": sorted(tag.values), **stated}


def _equivalence_description(each: Equivalence) -> dict[str, Any]:
    categories = [
        {"tag": tag, "value": value, "other_tag": other_tag, "other_value": other_value}
        for (tag, value), (other_tag, other_value) in sorted(each.categories.items())
    ]
    said: dict[str, Any] = {"other": each.other, "ours": each.ours, "theirs": each.theirs}
    return said | ({"categories": categories} if categories else {})
