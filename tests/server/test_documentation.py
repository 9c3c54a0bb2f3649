"""The interface is documented as it is."""

import re
from pathlib import Path

from ringwall.alliance import CONTENT_ROLES
from ringwall.server import ROUTES, Access

TABLE = Path(__file__).parents[2] / "docs" / "http-interface.md"
SHORT = {
    "content": CONTENT_ROLES | {"submitter"},
    "content without submitter": CONTENT_ROLES,
}


def demanded(text: str) -> Access:
    """Read the table's words for what a route demands; content is judged elsewhere."""
    if text in ("open", "this machine only"):
        return Access(open=text == "open", loopback=text != "open")
    if text == "any reader":
        return Access()
    words = text.split(", ")
    return Access(roles=frozenset().union(*(SHORT.get(word, {word}) for word in words)))


def test_every_route_is_documented_with_what_it_demands() -> None:
    rows = re.findall(
        r"^\| `(GET|POST|DELETE) (\S+)` \| ([^|]+) \|", TABLE.read_text(), re.MULTILINE
    )
    written = {(method, path): demanded(role) for method, path, role in rows}
    real = {
        (route.method, re.sub(r":\w+}", "}", route.path)): Access(
            open=route.access.open, loopback=route.access.loopback, roles=route.access.roles
        )
        for route in ROUTES
    }
    assert written == real
