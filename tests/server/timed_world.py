"""A store with much that is withheld from a trainee, and calls of handlers that ask for it.

The database lies in memory where the machine has such a place (Linux: /dev/shm), so that what is
measured is the node's own work and not the disk, whose times hide everything.
"""

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ringwall.core import NotFound, parse_statement_id
from ringwall.server import ROUTES
from ringwall.server.context import Call, Caller
from ringwall.server.query import Query
from tests.server.timing import Ask
from tests.server.world import World, indicator

NUMBER = 64
"""So many objects are asked for in turn in each class."""
TAXII = "/taxii2/ringwall/collections/{collection:str}/objects/{object_id:str}"
Prepare = Callable[[int], Ask]


class TimedWorld:
    """A world whose trainee may see half of the statements."""

    def __init__(self, directory: Path) -> None:
        self.world = World(directory)
        kinds = {"TLP:GREEN": "open", "TLP:AMBER": "shut"}
        self.stated: dict[str, list[str]] = {}
        self.ids: dict[str, list[str]] = {}
        for label, kind in kinds.items():
            things = [indicator(f"{kind} {n}", f"{kind}-{n:04d}.example") for n in range(NUMBER)]
            things = [
                each | {"pattern": f"[domain-name:value = '{kind}-{n:04d}.example']"}
                for n, each in enumerate(things)
            ]
            self.stated[kind] = self.world.submit(*things, label=label)
            self.ids[kind] = [each["id"] for each in things]
        self.caller = Caller(self.world.alliance.readers["trainee"], session=False)
        self.handlers = {route.path: route.handler for route in ROUTES if route.method == "GET"}

    def ask(self, route: str, path: dict[str, str], query: dict[str, str] | None = None) -> Ask:
        """Return a call of a route's handler that swallows the refusal."""
        handler = self.handlers[route]
        assert handler is not None
        call = Call(
            self.world.context,
            route,
            self.caller,
            path,
            Query((query or {}).items()),
            {"accept": "application/taxii+json;version=2.1"} if "taxii2" in route else {},
            "127.0.0.1",
        )

        def run() -> None:
            try:
                handler(call)
            except NotFound:
                return

        return run

    def pairs(self) -> dict[str, tuple[Prepare, Prepare]]:
        """Return for each kind of question how to ask for what is withheld, and what is missing."""
        taken = [parse_statement_id(each) for each in self.stated["shut"]]
        numbers = {each.sequence for each in taken}
        gone = [f"{each.origin}:{each.sequence + 1_000_000}" for each in taken]
        assert numbers.isdisjoint(int(each.split(":")[1]) for each in gone)
        nowhere = [f"indicator--{uuid.uuid4()}" for _ in range(NUMBER)]
        one, stix = "/api/v1/statements/{statement:str}", "/api/v1/objects/{stix_id:str}"
        found = "/api/v1/statements"
        return {
            "statement": (
                lambda n: self.ask(one, {"statement": self.stated["shut"][n % NUMBER]}),
                lambda n: self.ask(one, {"statement": gone[n % NUMBER]}),
            ),
            "object": (
                lambda n: self.ask(stix, {"stix_id": self.ids["shut"][n % NUMBER]}),
                lambda n: self.ask(stix, {"stix_id": nowhere[n % NUMBER]}),
            ),
            "value": (
                lambda n: self.ask(found, {}, {"value": f"shut-{n % NUMBER:04d}.example"}),
                lambda n: self.ask(found, {}, {"value": f"gone-{n % NUMBER:04d}.example"}),
            ),
            "text": (
                lambda n: self.ask(found, {}, {"text": f"shut {n % NUMBER}"}),
                lambda n: self.ask(found, {}, {"text": f"gone {n % NUMBER}"}),
            ),
            "taxii": (
                lambda n: self.ask(
                    TAXII, {"collection": "all", "object_id": self.ids["shut"][n % NUMBER]}
                ),
                lambda n: self.ask(TAXII, {"collection": "all", "object_id": nowhere[n % NUMBER]}),
            ),
        }


def in_memory() -> str | None:
    """Return a folder in memory; None if there is no place for it."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def timed_world() -> Iterator[TimedWorld]:
    """Make a world in memory if there is a place for it."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        made = TimedWorld(Path(directory))
        try:
            yield made
        finally:
            made.world.close()
