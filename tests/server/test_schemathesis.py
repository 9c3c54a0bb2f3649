"""Schemathesis against a running node: what the OpenAPI document promises holds for any request.

All checks of schemathesis are on. What is taken out stands in `CONFIGURATION` with its reason.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ringwall.server import ROUTES, access, federation
from ringwall.server.answers import json_answer
from ringwall.server.limits import RequestLimits
from ringwall.server.openapi import build
from tests.server.complete_world import CompleteWorld
from tests.server.world import World, bundle, indicator

SEED = "20260101"
CONFIGURATION = """
continue-on-failure = true
seed = {seed}
workers = 1

[generation]
mode = "all"
max-examples = {examples}
database = "none"
deterministic = false

[dictionaries]
statements = {{ values = {statements} }}
objects = {{ values = {objects} }}
searches = {{ values = {searches} }}

[parameters]
"path.statement" = {{ dictionary = "statements", probability = 0.6 }}
"path.stix_id" = {{ dictionary = "objects", probability = 0.6 }}
"path.search" = {{ dictionary = "searches", probability = 0.6 }}

# An event stream has no end: schemathesis would wait for one. tests/server/test_events.py reads it.
[[operations]]
include-path = "/api/v1/events"
enabled = false

# The rules of STIX and of labels are more than a JSON schema can say: most bodies that fit the
# published schema break one of them, and are refused with 422. The other checks stay on.
[[operations]]
include-path = "/api/v1/submissions"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/api/v1/references/{{set}}"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/api/v1/explanations"
checks.positive_data_acceptance.enabled = false

# A cursor must be one that the node gave to this reader.
[[operations]]
include-path = ["/api/v1/statements", "/api/v1/objects/{{stix_id}}/statements"]
checks.positive_data_acceptance.enabled = false

[[operations]]
include-method = "GET"
include-path = "/api/v1/references"
checks.positive_data_acceptance.enabled = false

# Here a name must be a member's of this alliance, and a search must ask for something.
[[operations]]
include-path = "/api/v1/statements/{{statement}}/explanation"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-method = "POST"
include-path = "/api/v1/searches"
checks.positive_data_acceptance.enabled = false

# An agreement has a schema of its own and parties that exist; a request, a subject that is known.
[[operations]]
include-path = ["/api/v1/agreements", "/api/v1/agreements/preview"]
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = ["/api/v1/catalogue", "/api/v1/requests", "/api/v1/requests/{{request}}/answer"]
checks.positive_data_acceptance.enabled = false
"""

LIMITS = RequestLimits(
    # A rate limit answers everything alike: it would hide what lies behind it.
    reader_rate=10**6,
    reader_burst=10**6,
    source_rate=10**6,
    source_burst=10**6,
)


class Target(NamedTuple):
    """A node with something behind every path, and the configuration that knows it."""

    world: World
    configuration: str

    def run(self, directory: Path, reader: str, *options: str) -> tuple[int, str]:
        """Run schemathesis as a reader; return its exit status and what it says."""
        file = directory / "schemathesis.toml"
        file.write_text(self.configuration, encoding="utf-8")
        program = Path(sys.executable).with_name("schemathesis")
        address = f"{self.world.url}/api/v1/openapi.json"
        token = f"Authorization: Bearer {self.world.tokens[reader]}"
        command = [program, "--config-file", file, "run", address, "-H", token, "--no-color"]
        done = subprocess.run(
            [*command, *options],
            cwd=directory,
            env={**os.environ, "PYTHONWARNINGS": "default"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    world = CompleteWorld(tmp_path_factory.mktemp("node"), limits=LIMITS)
    thing = indicator("target")
    (statement,) = world.submit(thing, label="TLP:GREEN")
    world.seal(statement)
    world.checkpoint()
    with world.http("analyst") as http:
        kept = http.post("/api/v1/searches", json={"name": "kept", "text": "target"}).json()
    with world.http("tool") as http:
        http.post("/api/v1/references/attack", content=bundle(indicator("reference")))
    configuration = CONFIGURATION.format(
        seed=SEED,
        examples=20,
        statements=json.dumps([statement]),
        objects=json.dumps([thing["id"]]),
        searches=json.dumps([kept["id"]]),
    )
    yield Target(world, configuration)
    world.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests without a valid credential are part of the checks: they must not lock us out."""
    monkeypatch.setattr(access, "FAILURES_ALLOWED", 10**9)


@pytest.mark.parametrize(
    ("reader", "options"),
    [
        ("analyst", ("--phases", "examples,coverage")),
        ("analyst", ("--phases", "fuzzing,stateful", "--max-time", "12")),
        ("tool", ("--phases", "fuzzing,stateful", "--max-time", "10")),
        ("auditor", ("--phases", "coverage", "--include-path-regex", "/(audit|peers|receipts)")),
        ("admin", ("--phases", "coverage", "--include-path-regex", "/(people|login-links)")),
        ("policy", ("--phases", "coverage", "--include-path-regex", "/agreements")),
        ("releaser", ("--phases", "coverage", "--include-path-regex", "/(held|requests|cata)")),
    ],
)
def test_no_request_gets_an_answer_that_was_not_promised(
    target: Target, tmp_path: Path, reader: str, options: tuple[str, ...]
) -> None:
    status, output = target.run(tmp_path, reader, *options)
    assert status == 0, output
    assert re.search(r"Test cases:\s+[1-9]\d* generated", output), output
    tested = re.search(r"Tested: (\d+)", output)
    assert tested is not None, output
    if "examples,coverage" in options:  # the others stop when their time is up
        assert int(tested[1]) == _operations() - 1  # the event stream


def _operations() -> int:
    return sum(len(item) for item in build(ROUTES)["paths"].values())


def test_an_answer_that_was_not_promised_is_found(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(federation.me, "handler", lambda call: json_answer({"reader": 5}))
    options = ("--phases", "coverage", "--include-path", "/api/v1/me")
    status, output = target.run(tmp_path, "analyst", *options)
    assert status == 1
    assert "Response violates schema" in output
