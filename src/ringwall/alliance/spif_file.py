"""One security policy information file: its levels, tags and values, and what it refers to.

A label calls a tag by the name of its tag *set*, and a value by its name, never by its number
(lacv): ADatP-4774.1, table 10.
"""

from collections.abc import Iterator

import msgspec

from ringwall.alliance.classification import Level, Tag, TagKind
from ringwall.alliance.spif_elements import Attributes, check_expressible, described, named, refuse
from ringwall.core import BadConfiguration, InvalidInput
from ringwall.core.strict_xml import Element, XmlLimits, collapsed, parse_xml

_LIMITS = XmlLimits(size=8 * 1024 * 1024)
_VERSIONS = ("1.0", "2.0", "2.1", "3.0")
_KINDS: dict[tuple[str, str], TagKind] = {
    ("restrictive", ""): "restrictive",
    ("permissive", ""): "permissive",
    ("enumerated", "restrictive"): "restrictive",
    ("enumerated", "permissive"): "permissive",
    ("tagType7", ""): "informative",
    ("informative", ""): "informative",
}
TagValue = tuple[str, str]
"""A tag and one of its values, as labels name them."""

_Number = tuple[str, str, str, int]
"""How files refer to a value: OID of its tag set, tagType and enumType of its tag, its lacv."""


class SpifFile(msgspec.Struct, frozen=True):
    """What one file says by itself.

    ``levels`` are by their lacv. ``others`` are OIDs of other policies by the names that the file
    gives them. ``classes`` and ``categories`` are the elements that state equivalences.
    """

    file: str
    name: str
    oid: str
    levels: dict[int, Level]
    tags: dict[str, Tag]
    values: dict[_Number, TagValue]
    others: dict[str, str]
    classes: tuple[Element, ...]
    categories: tuple[tuple[TagValue, Element], ...]


def read_spif_file(file: str, raw: bytes) -> SpifFile:
    """Read one file. Raises BadConfiguration as ``read_spifs``."""
    try:
        root = parse_xml(raw, limits=_LIMITS, field=file)
    except InvalidInput as error:
        raise BadConfiguration(error.message, field=file, rule=error.rule) from error
    check_expressible(root, file)
    read = Attributes(file)
    if read.text(root, "schemaVersion") not in _VERSIONS:
        refuse(file, "spif", f"schemaVersion is none of {', '.join(_VERSIONS)}", "SPIF")
    identities = list(named(root, "securityPolicyId"))
    if len(identities) != 1:
        refuse(file, "spif", "securityPolicyId must stand once", "SPIF")
    sets = tuple(_all(root, "securityCategoryTagSets", "securityCategoryTagSet"))
    classes = tuple(_all(root, "securityClassifications", "securityClassification"))
    values = _values(sets, read, file)
    tags = _tags(sets, read, file)
    categories = tuple(_categories(sets, read))
    excluded = _excluded(categories, {read.text(each, "name") for each in classes}, file)
    return SpifFile(
        file=file,
        name=read.text(identities[0], "name"),
        oid=read.object_id(identities[0], "id"),
        levels=_levels(classes, excluded, read, file),
        tags=tags,
        values=values,
        others=_others(root, read, file),
        classes=classes,
        categories=categories,
    )


def _all(root: Element, group: str, name: str) -> Iterator[Element]:
    return (each for parent in named(root, group) for each in named(parent, name))


def _others(root: Element, read: Attributes, file: str) -> dict[str, str]:
    others: dict[str, str] = {}
    for each in _all(root, "equivalentPolicies", "equivalentPolicy"):
        name, oid = read.text(each, "name"), read.object_id(each, "id")
        if others.setdefault(name, oid) != oid:
            refuse(file, "unique", "two policies have this name", described(each))
    return others


def _levels(
    classes: tuple[Element, ...],
    excluded: dict[str, set[TagValue]],
    read: Attributes,
    file: str,
) -> dict[int, Level]:
    levels = {}
    for each in classes:
        name = read.text(each, "name")
        levels[read.number(each, "lacv")] = Level(
            name=name,
            rank=read.number(each, "hierarchy"),
            obsolete=read.obsolete(each),
            excludes_values=frozenset(excluded.get(name, ())),
        )
    if not levels:
        refuse(file, "spif", "it has no classification", "SPIF")
    # Of two levels with one rank, a clearance for either would open both.
    for field in ("name", "rank"):
        if len({getattr(level, field) for level in levels.values()}) < len(classes):
            problem = "two classifications share a name, a lacv or a hierarchy"
            refuse(file, "unique", problem, "SPIF/securityClassifications")
    return levels


def _tags(sets: tuple[Element, ...], read: Attributes, file: str) -> dict[str, Tag]:
    """Read each tag set as the one tag, of one kind, that labels know."""
    tags: dict[str, Tag] = {}
    for each in sets:
        name, uri = read.text(each, "name"), f"urn:oid:{read.object_id(each, 'id')}"
        if name in tags or any(tag.uri == uri for tag in tags.values()):
            refuse(file, "unique", "another set has its name or its id", described(each))
        kinds = {_kind(tag, read, file) for tag in named(each, "securityCategoryTag")}
        if len(kinds) != 1:
            problem = f"a label takes it for one tag, and it is of {len(kinds)} kinds"
            refuse(file, "not-expressible", problem, described(each))
        categories = list(_all(each, "securityCategoryTag", "tagCategory"))
        values = frozenset(read.text(category, "name") for category in categories)
        if len(values) < len(categories):
            refuse(file, "unique", "two of its categories share a name", described(each))
        obsolete = (category for category in categories if read.obsolete(category))
        names = frozenset(read.text(category, "name") for category in obsolete)
        tags[name] = Tag(name, kinds.pop(), values, names, uri=uri)
    return tags


def _kind(tag: Element, read: Attributes, file: str) -> TagKind:
    kind = _KINDS.get(_types(tag, read))
    if kind is None:
        refuse(file, "spif", "tagType and enumType are not of the schema", described(tag))
    return kind


def _types(tag: Element, read: Attributes) -> tuple[str, str]:
    return read.text(tag, "tagType"), read.text(tag, "enumType", default="")


def _values(sets: tuple[Element, ...], read: Attributes, file: str) -> dict[_Number, TagValue]:
    values: dict[_Number, TagValue] = {}
    for each in sets:
        for tag in named(each, "securityCategoryTag"):
            for category in named(tag, "tagCategory"):
                number = (
                    read.object_id(each, "id"),
                    *_types(tag, read),
                    read.number(category, "lacv"),
                )
                if number in values:
                    refuse(file, "unique", "another category has its lacv", described(category))
                values[number] = (read.text(each, "name"), read.text(category, "name"))
    return values


def _categories(sets: tuple[Element, ...], read: Attributes) -> Iterator[tuple[TagValue, Element]]:
    for each in sets:
        for category in _all(each, "securityCategoryTag", "tagCategory"):
            yield (read.text(each, "name"), read.text(category, "name")), category


def _excluded(
    categories: tuple[tuple[TagValue, Element], ...],
    levels: set[str],
    file: str,
) -> dict[str, set[TagValue]]:
    """Return the values of tags that each level excludes."""
    excluded: dict[str, set[TagValue]] = {}
    for tag_value, element in categories:
        for each in named(element, "excludedClass"):
            level = collapsed(each.text)
            if level not in levels:
                problem = f"there is no classification {level[:80]!r}"
                refuse(file, "unknown-name", problem, f"{described(element)}/excludedClass")
            excluded.setdefault(level, set()).add(tag_value)
    return excluded
