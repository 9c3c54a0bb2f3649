"""From a method and a path to the row of the table that answers it; it knows no framework.

A path is split before it is percent-decoded, so an encoded slash belongs to a segment and cannot
make another path of it. Doubled and trailing slashes make no difference.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from ringwall.core import InvalidInput, NotFound
from ringwall.server.endpoint import Route


class _Node:
    """What stands below one prefix: fixed segments, at most one parameter, and routes."""

    __slots__ = ("fixed", "parameter", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.routes: dict[str, tuple[Route, tuple[str, ...]]] = {}


class Routing:
    """The table of routes as a tree of segments; a fixed segment comes before a parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def find(self, path: bytes) -> "Place":
        """Find what is served at ``path`` (percent-encoded). Raises NotFound, InvalidInput."""
        node, values = self._root, []
        for segment in segments_of(path):
            below = node.fixed.get(segment)
            if below is None:
                below = node.parameter
                values.append(segment)
            if below is None:
                raise NotFound("no such path")
            node = below
        if not node.routes:
            raise NotFound("no such path")
        return Place(node.routes, values)

    def _add(self, route: Route) -> None:
        node, names = self._root, []
        for segment in filter(None, route.path.split("/")):
            if segment.startswith("{"):
                names.append(segment[1:-1].partition(":")[0])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.fixed.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.path} stands twice in the table")
        node.routes[route.method] = (route, tuple(names))


class Place:
    """What is served at one path: a route for each method."""

    __slots__ = ("_routes", "_values")

    def __init__(
        self, routes: Mapping[str, tuple[Route, tuple[str, ...]]], values: list[str]
    ) -> None:
        self._routes = routes
        self._values = values

    @property
    def allow(self) -> str:
        """Return the methods, as an Allow header has them; GET answers HEAD too."""
        methods = {*self._routes, "OPTIONS", *(["HEAD"] if "GET" in self._routes else [])}
        return ", ".join(sorted(methods))

    def route(self, method: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route that answers ``method``, with its path's parameters; None if none."""
        found = self._routes.get("GET" if method == "HEAD" else method)
        if found is None:
            return None
        route, names = found
        return route, dict(zip(names, self._values, strict=True))


def segments_of(path: bytes) -> list[str]:
    """Split a percent-encoded path. Raises InvalidInput (rule ``utf-8``)."""
    parts = [part for part in path.partition(b"?")[0].split(b"/") if part]
    try:
        return [(unquote_to_bytes(part) if b"%" in part else part).decode() for part in parts]
    except UnicodeDecodeError as error:
        raise InvalidInput("the path is not UTF-8", field="path", rule="utf-8") from error
