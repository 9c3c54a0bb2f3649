"""The TAXII collections that one reader has: what each holds and what may be done with it.

Which there are depends on the alliance, on the reader's roles and on whose statements the reader
can see, never on what is withheld. Titles are unique, because some clients select by them; ids are
the same at every node, so that a client can move.
"""

import uuid
from collections.abc import Container, Iterator
from functools import lru_cache

import msgspec

from ringwall.alliance import CONTENT_ROLES
from ringwall.core import NotFound
from ringwall.exchange import SUBMITTING_ROLES
from ringwall.labels import format_label
from ringwall.server.context import Call
from ringwall.server.searches import SavedSearch, saved_searches
from ringwall.stix import OBJECT_TYPES
from ringwall.store import EVERYTHING, PageRow, Selection, Shown

_NAMESPACE = uuid.UUID("6f3c0d3e-7d0a-5c57-9a0f-6d1f0a6f9b51")


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """One collection of one reader."""

    id: str
    title: str
    alias: str = ""
    description: str = ""
    can_read: bool = True
    can_write: bool = False
    selection: Selection = EVERYTHING
    """Which of the visible statements it holds."""
    member: str = ""
    """The member whose statements it holds, and there only if any is visible; "" otherwise."""
    is_reference: bool = False
    """It holds the reference sets and no statement."""
    label: str = ""
    """The named label for what is posted without a marking; "" refuses that."""


class Family(msgspec.Struct, frozen=True):
    """Object types that readers take together."""

    title: str
    description: str
    object_types: frozenset[str]


FAMILIES = {
    "indicators": Family("Indicators", "Indicators with their patterns", frozenset({"indicator"})),
    "malware": Family(
        "Malware and tools",
        "Malware, its analyses, and tools",
        frozenset({"malware", "malware-analysis", "tool"}),
    ),
    "actors": Family(
        "Threat actors and campaigns",
        "Threat actors, intrusion sets and campaigns",
        frozenset({"threat-actor", "intrusion-set", "campaign"}),
    ),
    "vulnerabilities": Family("Vulnerabilities", "Vulnerabilities", frozenset({"vulnerability"})),
    "techniques": Family(
        "Techniques and mitigations",
        "Attack patterns and courses of action",
        frozenset({"attack-pattern", "course-of-action"}),
    ),
    "reports": Family(
        "Reports and incidents",
        "Reports, groupings, incidents, notes and opinions",
        frozenset({"report", "grouping", "incident", "note", "opinion"}),
    ),
    "entities": Family(
        "Identities, locations and infrastructure",
        "Identities, locations and infrastructure",
        frozenset({"identity", "location", "infrastructure"}),
    ),
    "links": Family(
        "Relationships and sightings",
        "Relationships and sightings",
        frozenset({"relationship", "sighting"}),
    ),
    "definitions": Family(
        "Definitions",
        "Marking and extension definitions, and translations",
        frozenset({"marking-definition", "extension-definition", "language-content"}),
    ),
}
OBSERVABLES = Family(
    "Observables",
    "Observables and observed data",
    frozenset(OBJECT_TYPES).difference(*(family.object_types for family in FAMILIES.values())),
)
"""All the other types of the standard."""


@lru_cache(maxsize=4096)
def collection_id(name: str) -> str:
    """Return the fixed id of what is called ``name``."""
    return str(uuid.uuid5(_NAMESPACE, name))


def collections_of(call: Call) -> list[Collection]:
    """Return every collection that the reader has, in one order. Looking is an audited read."""
    found = list(_candidates(call))
    sources: set[str] = set()

    def look(shown: Shown) -> list[PageRow]:
        sources.update(shown.sources())
        return []

    if found:
        call.view.look(look)
    return [each for each in found if _is_there(call, each, sources)]


def find_collection(call: Call) -> Collection:
    """Return the collection that the path names by its id or alias.

    Raises NotFound where this reader cannot have such a one. Whether anything of a source is
    visible is asked with the content, in one snapshot, by :func:`check_there`.
    """
    name = call.path["collection"]
    for each in _candidates(call):
        if name in (each.id, each.alias):
            return each
    raise NotFound("no such collection")


def check_there(call: Call, collection: Collection, shown: Shown) -> None:
    """Raise NotFound for the collection of a source of which the reader sees nothing."""
    if collection.member and not _is_there(call, collection, shown.sources()):
        raise NotFound("no such collection")


def _is_there(call: Call, collection: Collection, sources: Container[str]) -> bool:
    own = call.context.member
    return collection.member in ("", own) or collection.member in sources


def _candidates(call: Call) -> Iterator[Collection]:
    """Yield what the reader may have; those of sources are there only if something is visible."""
    roles = call.reader.roles
    submits = bool(roles & SUBMITTING_ROLES)
    if roles & CONTENT_ROLES or submits:
        yield ALL
        yield from _FAMILIES
        yield from (_of_source(call, member, submits) for member in call.context.alliance.members)
        yield from map(_of_search, saved_searches(call))
    if roles & CONTENT_ROLES:
        yield REFERENCE
    if submits:
        yield SUBMIT
        labels = call.context.alliance.labels
        yield from (_of_label(name, format_label(labels[name])) for name in labels)


def _of_source(call: Call, member: str, submits: bool) -> Collection:
    own = member == call.context.member
    name = call.context.alliance.members[member].name
    return Collection(
        id=collection_id(f"source-{member}"),
        alias=f"source-{member}",
        title=f"Statements of {name} ({member})",
        description=_OWN if own else f"What {name} states, as far as this reader may see it",
        can_write=own and submits,
        selection=Selection(source=member),
        member=member,
    )


def _of_search(search: SavedSearch) -> Collection:
    return Collection(
        id=search.id,
        title=f"Search: {search.name}",
        description="A saved search of this reader",
        selection=search.selection,
    )


def _of_label(name: str, written: str) -> Collection:
    return Collection(
        id=collection_id(f"submit-{name}"),
        alias=f"submit-{name}",
        title=f"Submit as {name}",
        description=f"States what is posted; objects without a marking get {written}",
        can_read=False,
        can_write=True,
        label=name,
    )


def _of_family(alias: str, family: Family) -> Collection:
    return Collection(
        id=collection_id(f"family-{alias}"),
        alias=alias,
        title=family.title,
        description=family.description,
        selection=Selection(object_types=family.object_types),
    )


_OWN = "What this node's member states; what has not left can be deleted here"

ALL = Collection(
    id=collection_id("all"),
    alias="all",
    title="All statements",
    description="Everything that this reader may see",
)
REFERENCE = Collection(
    id=collection_id("reference"),
    alias="reference",
    title="Reference data",
    description="Loaded reference sets such as ATT&CK: nobody's statement",
    is_reference=True,
)
SUBMIT = Collection(
    id=collection_id("submit"),
    alias="submit",
    title="Submit",
    description="States what is posted, under the marking that each object carries",
    can_read=False,
    can_write=True,
)
_FAMILIES = tuple(
    _of_family(alias, family) for alias, family in {**FAMILIES, "observables": OBSERVABLES}.items()
)
