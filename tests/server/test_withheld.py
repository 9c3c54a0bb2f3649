"""What is withheld from a reader is nowhere to be found, and looks like what does not exist."""

import pytest

from ringwall.core import new_secret
from ringwall.server import ROUTES
from tests.server.test_access import sample
from tests.server.world import World, indicator


@pytest.fixture(scope="module")
def canary(world: World) -> tuple[str, dict[str, str]]:
    """A statement above the trainee's clearance, with every string of it unique."""
    word = f"canary{new_secret()[:16].replace('-', 'x').replace('_', 'y').lower()}"
    thing = indicator(word, value="203.0.113.199", description=f"{word} described", labels=[word])
    (stated,) = world.submit(thing, label="TLP:AMBER")
    world.submit(indicator("visible"), label="TLP:GREEN")
    return stated, {"word": word, "id": thing["id"], "value": "203.0.113.199"}


def questions(stated: str, thing: dict[str, str]) -> list[str]:
    """Every GET of the table, and every filter that could point at the canary."""
    filters = [f"?text={thing['word']}", f"?value={thing['value']}", "?limit=1000", "?latest=1000"]
    taxii = [f"?match[id]={thing['id']}", "?match[type]=indicator", "?match[version]=all", ""]
    paths: list[str] = []
    for route in ROUTES:
        if route.method != "GET" or route.handler is None:
            continue
        path = sample(route).replace("arden-1:1", stated)
        path = path.replace("indicator--00000000-0000-4000-8000-000000000000", thing["id"])
        more = filters if path.endswith("/statements") else [""]
        more = taxii if path.endswith(("all/objects", "all/manifest")) else more
        paths += [path + query for query in more]
    return paths


def test_a_withheld_statement_is_on_no_route(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    stated, thing = canary
    shown = 0
    for path in questions(stated, thing):
        with world.http("analyst") as cleared, world.http("trainee") as trainee:
            allowed, denied = cleared.get(path), trainee.get(path)
        shown += thing["id"] in allowed.text
        for secret in (thing["word"], thing["id"], thing["value"], f'"{stated}"'):
            assert secret not in denied.text, path
    assert shown >= 12  # the very same questions do find it for who may see it


def test_an_event_stream_from_the_beginning_does_not_bring_it(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    stated, thing = canary
    with world.http("trainee") as http, http.stream("GET", "/api/v1/events?after=0") as stream:
        (marker,) = world.submit(indicator("marker"), label="TLP:GREEN")
        seen = ""
        for line in stream.iter_lines():
            seen += line
            if marker in line:
                break
    assert thing["word"] not in seen
    assert f'"{stated}"' not in seen


def test_withheld_and_missing_are_the_same_bytes(
    world: World, canary: tuple[str, dict[str, str]]
) -> None:
    stated, thing = canary
    nowhere = "indicator--11111111-1111-4111-8111-111111111111"
    taxii = "/taxii2/ringwall/collections/all/objects"
    pairs = [
        (f"/api/v1/statements/{stated}", "/api/v1/statements/arden-1:999999"),
        (f"/api/v1/statements/{stated}/delivery", "/api/v1/statements/arden-1:999999/delivery"),
        (
            f"/api/v1/statements/{stated}/explanation?to=borduria",
            "/api/v1/statements/arden-1:999999/explanation?to=borduria",
        ),
        (f"/api/v1/statements/{stated}/receipt", "/api/v1/statements/arden-1:999999/receipt"),
        (f"/api/v1/objects/{thing['id']}", f"/api/v1/objects/{nowhere}"),
        (f"/api/v1/objects/{thing['id']}/statements", f"/api/v1/objects/{nowhere}/statements"),
        (
            f"/api/v1/objects/{thing['id']}/statements?after=0",
            f"/api/v1/objects/{nowhere}/statements?after=0",
        ),
        (
            f"/api/v1/objects/{thing['id']}/neighbourhood",
            f"/api/v1/objects/{nowhere}/neighbourhood",
        ),
        (f"{taxii}/{thing['id']}", f"{taxii}/{nowhere}"),
        (f"{taxii}/{thing['id']}/versions", f"{taxii}/{nowhere}/versions"),
        (f"{taxii}?match[id]={thing['id']}", f"{taxii}?match[id]={nowhere}"),
        (f"/api/v1/statements?text={thing['word']}", "/api/v1/statements?text=nothinglikeit"),
    ]
    volatile = {"date"}
    with world.http("trainee") as http:
        for withheld, missing in pairs:
            one, other = http.get(withheld), http.get(missing)
            assert one.status_code == other.status_code, withheld
            assert one.content == other.content, withheld
            for name in (one.headers.keys() | other.headers.keys()) - volatile:
                assert one.headers[name] == other.headers[name], (withheld, name)
