"""The canary walk: nothing that a reader may not know is on any route, not even in a count.

Every question is asked in a world with canaries and in one without those that the reader may not
know: status, headers and bytes are the same. See `canary` for what is asked and how it is compared.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.server import ROUTES
from tests.server import canary
from tests.server.canary import LOW, Walk, walk_everything
from tests.server.canary_world import CANARY, EVERY, PRIVATE, CanaryWorld

READ = {
    f"GET {route.path}" for route in ROUTES if route.method == "GET" and route.access.content
} - {
    "GET /api/v1/searches",
    "GET /api/v1/held-releases",
    "GET /api/v1/statements/{statement:str}/relays",
}
"""Routes that show content to analysts."""
SECRETS = (CANARY, PRIVATE, "visible.example", "visible described", "visible-label")
"""Texts of statements, visible or not: a log holds none of them."""


class Heard(logging.Handler):
    """Keeps what the node logs, at every level, with tracebacks; not the test's own client."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore")):
            self.lines.append(logging.Formatter().format(record))


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    handler = Heard()
    levels = {"": logging.DEBUG, "httpx": logging.WARNING, "httpcore": logging.WARNING}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Walk:
    return walk_everything(tmp_path_factory.mktemp("walk"))


def test_cve_2026_112178_and_86283_no_answer_tells_what_its_reader_may_not_know(
    walk: Walk,
) -> None:
    """There, proposals to an event and a second query went round the check of the first."""
    told = [
        f"{one.reader} {one.question.method} {one.question.target}: {one.why}"
        for one in walk.differences
    ]
    assert not told, "\n".join(told[:20])


def test_every_route_was_walked_as_every_kind_of_reader(walk: Walk) -> None:
    readers = {reader for reader, _ in walk.asked}
    assert readers == {*LOW, *canary.CLEARED_READERS, "tool"}
    missing = [
        (reader, route.path)
        for reader in readers
        for route in ROUTES
        if not walk.asked[reader, f"{route.method} {route.path}"]
    ]
    assert not missing


def test_the_walk_got_answers_where_there_are_any(walk: Walk) -> None:
    """A walk of refusals would find nothing."""
    one = {"GET /api/v1/requests/{request:str}"}  # there is only one, about a canary
    for reader in ("trainee", "capped", "analyst"):
        silent = {name for name in READ if not walk.told[reader, name]}
        assert silent <= (set() if reader == "analyst" else one), reader


def test_what_nobody_logs(walk: Walk, heard: Heard) -> None:
    assert walk.asked
    logging.getLogger("ringwall.server").debug("the walk is over")
    assert any("the walk is over" in line for line in heard.lines)
    assert [line for line in heard.lines if any(secret in line for secret in SECRETS)] == []


def test_the_walk_finds_what_a_reader_sees(tmp_path: Path) -> None:
    """An analyst who may know half of the canaries, compared with a world that has none."""
    found = Walk()
    found.run(("analyst",), frozenset(), tmp_path)
    broken = {f"{one.question.route.method} {one.question.route.path}" for one in found.differences}
    assert READ - {"GET /api/v1/references"} <= broken


BY_STORE = {
    f"/api/v1/{path}"
    for path in (
        "statements",
        "statements/{statement:str}",
        "objects/{stix_id:str}",
        "objects/{stix_id:str}/statements",
        "objects/{stix_id:str}/neighbourhood",
        "catalogue",
        "events",
    )
} | {"/taxii2/ringwall/collections/{collection:str}/objects"}
"""Routes that ask the store in ways of their own."""


@pytest.mark.usefixtures("on_postgresql")
def test_no_answer_of_a_node_on_postgresql_tells_it_either(tmp_path: Path) -> None:
    walk = Walk()
    walk.run(("trainee",), frozenset(), tmp_path, frozenset(BY_STORE))
    assert all(walk.told["trainee", f"GET {path}"] for path in BY_STORE)
    assert walk.differences == []


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryWorld]:
    made = CanaryWorld(tmp_path_factory.mktemp("node"), EVERY, canary.SECRET)
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["token", "search", "status"])
def test_what_is_somebody_elses_looks_like_what_is_missing(node: CanaryWorld, kind: str) -> None:
    paths = {
        "token": ("DELETE", "/api/v1/tokens/{}", "0" * 12),
        "search": ("DELETE", "/api/v1/searches/{}", "00000000-0000-4000-8000-000000000000"),
        "status": ("GET", "/taxii2/ringwall/status/{}", "00000000-0000-4000-8000-000000000000"),
    }
    method, path, nowhere = paths[kind]
    with node.browse("trainee") as http:
        withheld = http.request(method, path.format(node.private[kind]))
        missing = http.request(method, path.format(nowhere))
    assert withheld.status_code == missing.status_code == 404
    assert withheld.content == missing.content
