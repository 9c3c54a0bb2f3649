"""Handlers for the graph: the objects around one object, through what the reader may see.

The edges are the references inside objects (`stix.references`). Relationships and sightings are
links: they come with both their ends and cost no step. An object that is withheld is missing from
the answer as one that does not exist is, and nothing is reached through it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Annotated

import msgspec

from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import ObjectDocument
from ringwall.server.objects import document, newest, stix_id
from ringwall.server.operations import Integer, declare
from ringwall.server.paging import PAGE_BYTES
from ringwall.server.statements import present
from ringwall.stix import references
from ringwall.store import Shown, Statement

LINKS = frozenset({"relationship", "sighting"})
MOST_DEPTH = 3
MOST_OBJECTS = 500
_CHUNK = 200
_LEAST = 8
_READ_AHEAD = 4
"""So many statements are read for each object that may still come: some are older versions."""

DEPTH = Integer(name="depth", description="so many steps away", low=1, high=MOST_DEPTH, default=1)
LIMIT = Integer(
    name="limit", description="at most so many objects", low=1, high=MOST_OBJECTS, default=100
)


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """An object of a neighbourhood."""

    distance: Annotated[int, msgspec.Meta(ge=0, le=MOST_DEPTH)]
    """Steps from the object that was asked for; a link is as far as the end it leads to."""
    object: ObjectDocument


class Edge(msgspec.Struct, frozen=True, order=True):
    """A reference from one object of the answer to another."""

    source: str
    target: str


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True):
    """What is around an object: nearest first, at one distance by id."""

    object_id: str
    depth: int
    objects: list[Neighbour]
    edges: list[Edge]
    more: bool
    """It was cut: there is more than was asked for or fits."""


@declare({200: Neighbourhood}, DEPTH, LIMIT, refusals=(404,))
def neighbourhood(call: Call) -> Answer:
    """GET /objects/{stix_id}/neighbourhood: What it refers to, and what refers to it.

    Up to `depth` steps; relationships and sightings come with both ends and cost no step. At most
    `limit` objects, nearest first; `more` tells that there are others. The same question gets the
    same answer as long as nothing arrives.
    """
    wanted, depth, limit = stix_id(call), DEPTH.of(call), LIMIT.of(call)
    walks: list[_Walk] = []

    def choose(shown: Shown) -> list[Statement]:
        walk = _Walk(shown, limit)
        walk.run(wanted, depth)
        walks.append(walk)
        return [row for stated in walk.found.values() for row in stated]

    present(call.view.look(choose))
    walk = walks[-1]
    return json_answer(
        Neighbourhood(
            object_id=wanted,
            depth=depth,
            objects=[
                Neighbour(distance=walk.distance[name], object=document(stated))
                for name, stated in walk.found.items()
            ],
            edges=walk.edges(),
            more=walk.cut,
        )
    )


class _Walk:
    """A walk outwards from one object, in rings: deterministic, bounded by objects and bytes."""

    def __init__(self, shown: Shown, limit: int) -> None:
        self._shown = shown
        self._limit = limit
        self._bytes = 0
        self._references: dict[str, frozenset[str]] = {}
        self.found: dict[str, list[Statement]] = {}
        self.distance: dict[str, int] = {}
        self.cut = False

    def run(self, start: str, depth: int) -> None:
        """Walk ``depth`` steps from ``start``; nothing is found if it is not visible."""
        frontier = self._take({start}, 0)
        for distance in range(1, depth + 1):
            frontier = self._ring(frontier, distance)

    def edges(self) -> list[Edge]:
        """Return the references between what was found."""
        return sorted(
            Edge(source, target)
            for source, targets in self._references.items()
            for target in targets & self.found.keys()
        )

    def _ring(self, frontier: list[str], distance: int) -> list[str]:
        """Take what is one step from ``frontier``; return what the next step goes out from."""
        inner = frozenset(frontier)
        outward = self._outward(frontier)
        inward = {name for one in frontier for name in self._referring(one)}
        # What referred to it in an older version only does not belong here.
        near = self._take(
            outward | inward,
            distance,
            lambda name, targets: name in outward or not inner.isdisjoint(targets),
        )
        links = [name for name in near if self.found[name][0].object_type in LINKS]
        ends = self._take(self._outward(links), distance)
        return [name for name in (*near, *ends) if name not in links]

    def _outward(self, names: Iterable[str]) -> set[str]:
        return {target for name in names for target in self._references[name]}

    def _referring(self, name: str) -> set[str]:
        """Return the objects that refer to one, as far as there is room for them."""
        names: set[str] = set()
        after = read = 0
        room = self._limit - len(self.found) + 1
        while len(names) < room:
            if read >= room * _READ_AHEAD:
                self.cut = True
                break
            rows = self._shown.referring(name, after=after, limit=_CHUNK)
            names.update(row.object_id for row in rows if row.object_id not in self.found)
            if len(rows) < _CHUNK:
                break
            after, read = rows[-1].order, read + len(rows)
        return names

    def _take(
        self,
        names: Collection[str],
        distance: int,
        belongs: Callable[[str, frozenset[str]], bool] = lambda name, targets: True,
    ) -> list[str]:
        """Take the visible ones of ``names`` that belong here, by id, while there is room."""
        taken: list[str] = []
        fresh = sorted(set(names) - self.found.keys())
        while fresh:
            number = max(_LEAST, min(_CHUNK, self._limit - len(self.found) + 1))
            visible = newest(self._shown, fresh[:number])
            fresh = fresh[number:]
            for name, stated in sorted(visible.items()):
                targets = frozenset(references(stated[0].body))
                if not belongs(name, targets):
                    continue
                if not self._enter(name, stated, targets, distance):
                    self.cut = True
                    return taken
                taken.append(name)
        return taken

    def _enter(
        self, name: str, stated: list[Statement], targets: frozenset[str], distance: int
    ) -> bool:
        """Take an object in; False: there is no room for it."""
        size = self._bytes + len(stated[0].body)
        if len(self.found) >= self._limit or (self.found and size > PAGE_BYTES):
            return False
        self._bytes = size
        self.found[name] = stated
        self.distance[name] = distance
        self._references[name] = targets
        return True
