"""The OpenAPI document says what the server does: every route, every answer, every refusal."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import jsonschema_rs
import pytest

from ringwall.core import InternalFault, format_timestamp, new_secret
from ringwall.identity.passkeys import Passkey, add_passkey
from ringwall.server import ROUTES, Route, health
from ringwall.server.openapi import API, build
from ringwall.server.routes import OPEN
from tests.server.complete_world import CompleteWorld
from tests.server.world import World, bundle, indicator

DOCUMENT = build(ROUTES)
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]
NAMES = [f"{method} {path}" for method, path, _ in OPERATIONS]
STREAM = "/api/v1/events"
"""An answer without an end: tests/server/test_events.py reads it."""
BY_BROWSER = {
    ("get", "/api/v1/login/passkey"),
    ("post", "/api/v1/login/passkey"),
    ("post", "/api/v1/passkeys"),
    ("post", "/api/v1/passkeys/options"),
    ("delete", "/api/v1/people/{reader}"),
}
"""Asked with a browser's session: tests/server/test_passkeys.py and test_federated.py do."""
ENDING = [one for one in OPERATIONS if one[1] != STREAM and one[:2] not in BY_BROWSER]


class Sample(NamedTuple):
    """One world with something behind every path."""

    world: CompleteWorld
    values: dict[str, str]

    def url(self, path: str) -> str:
        return re.sub(r"{(\w+)}", lambda match: self.values[match[1]], path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompleteWorld]:
    made = CompleteWorld(tmp_path_factory.mktemp("office"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def sample(world: CompleteWorld) -> Sample:
    thing = indicator("documented")
    (statement,) = world.submit(thing, label="TLP:GREEN")
    world.seal(statement)
    with world.http("tool") as http:
        http.post("/api/v1/references/attack", content=bundle(indicator("reference")))
    with world.http("analyst") as http:
        kept = http.post("/api/v1/searches", json={"name": "kept", "text": "documented"}).json()
    ids = {"stix_id": thing["id"], "statement": statement, "set": "attack", "search": kept["id"]}
    theirs = world.receive(indicator("theirs"), label="TLP:GREEN", sequence=7)
    wish = {"kind": "downgrade", "subject": theirs, "label": "warning", "reason": "to tell all"}
    with world.http("analyst") as http:
        request = http.post("/api/v1/requests", json=wish).json()["id"]
    ids |= {"request": request, "agreement": world.proposed(), "release": world.held()}
    return Sample(world, ids | {"reader": "analyst"} | credentials(world))


def credentials(world: CompleteWorld) -> dict[str, str]:
    """Make one of each credential of the analyst and return their ids."""
    at = format_timestamp(world.clock.now())
    passkey = Passkey(
        id=new_secret().encode().hex()[:32], reader="analyst", note="", credential="", created=at,
        public_key=b"", sign_count=0,
    )  # fmt: skip
    world.store.write(lambda tx: add_passkey(tx, "arden", passkey)).result()
    with world.http("analyst") as http, world.http("admin") as admin:
        token = http.post("/api/v1/tokens", json={}).json()["id"]
        http.post("/api/v1/login", json={"code": world.login_code("analyst")})
        session = http.get("/api/v1/sessions").json()["sessions"][-1]["id"]
        link = admin.post("/api/v1/people/analyst/login-link", json={}).json()["id"]
    return {"token": token, "session": session, "link": link, "passkey": passkey.id}


def incoming(world: CompleteWorld) -> str:
    """Let Caledon ask for what it was told of; return the request's id here."""
    world.submit(indicator("told of"), label="TLP:AMBER")
    entry, name = world.told("caledon-1")[0], secrets.token_hex(16)
    wish = {"v": 1, "id": name, "kind": "access", "subject": entry, "purpose": "defence"}
    world.take("caledon-1", "request", {**wish, "reason": "we see the same"})
    return f"caledon-1.{name}"


def body_of(path: str, world: CompleteWorld) -> dict[str, Any]:
    """Return what is sent to a path that takes a body."""
    stix = {"content": bundle(indicator("sent")), "params": {"label": "warning"}}
    return {
        "/api/v1/submissions": stix,
        "/api/v1/references/{set}": {"content": stix["content"]},
        "/api/v1/explanations": {"json": {"label": "warning", "object_type": "indicator"}},
        "/api/v1/login": {"json": {"code": world.login_code("analyst")}},
        "/api/v1/logout": {},
        "/api/v1/searches": {"json": {"name": "another", "text": "sent"}},
        "/api/v1/taxii-settings": {"json": {"tlp": "2.0"}},
        "/api/v1/tokens": {"json": {"scopes": ["read"], "days": 1}},
        "/api/v1/people/{reader}/login-link": {"json": {"minutes": 5}},
        "/api/v1/login-links/{link}/confirmation": {},
        "/api/v1/agreements": {"json": world.agreement()},
        "/api/v1/agreements/preview": {"json": world.agreement()},
        "/api/v1/agreements/{agreement}/signature": {"json": {}},
        "/api/v1/held-releases/{release}/confirmation": {},
        "/api/v1/statements/{statement}/relays": {"json": {"to": ["borduria"]}},
        "/api/v1/requests": {"json": asked(world)},
        "/api/v1/requests/{request}/answer": {"json": {"state": "refused", "words": "no"}},
    }[path]


def asked(world: CompleteWorld) -> dict[str, Any]:
    stated = world.receive(indicator("theirs"), label="TLP:GREEN", sequence=secrets.randbelow(9**9))
    return {"kind": "downgrade", "subject": stated, "label": "warning", "reason": "to tell all"}


def reader_of(operation: dict[str, Any]) -> str:
    """Choose a reader who may use an operation."""
    roles = operation["description"].rpartition("Roles: ")[2]
    for reader, role in (
        ("analyst", "analyst"),
        ("auditor", "auditor"),
        ("tool", "submitter"),
        ("policy", "policy-officer"),
        ("admin", "administrator"),
        ("releaser", "release-officer"),
    ):
        if role in roles:
            return reader
    return "analyst"


def conforms(answer: httpx.Response, operation: dict[str, Any]) -> None:
    """Hold a real answer against what the document promises for its status."""
    declared = operation["responses"][str(answer.status_code)]
    content = declared.get("content", {})
    if not content:
        assert answer.content == b""
        return
    ((media_type, held),) = content.items()
    assert answer.headers["content-type"].partition(";")[0] == media_type
    schema = {**held["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(answer.json())


def test_every_rest_route_is_in_the_document_and_nothing_else() -> None:
    real = {
        (route.method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in ROUTES
        if route.path.startswith(API)
    }
    assert {(method, path) for method, path, _ in OPERATIONS} == real
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)


def test_a_route_that_declares_nothing_is_a_fault() -> None:
    with pytest.raises(InternalFault):
        build([Route("GET", f"{API}new", health.alive, OPEN)])


def test_its_schemas_are_schemas() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    for _, _, operation in OPERATIONS:
        for parameter in operation["parameters"]:
            jsonschema_rs.meta.validate(parameter["schema"])


def test_it_is_served_to_anybody_as_it_is(world: World) -> None:
    with world.http() as http:
        answer = http.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == json.loads(json.dumps(DOCUMENT))


@pytest.mark.parametrize(("method", "path", "operation"), ENDING)
def test_real_answers_are_what_the_document_promises(
    sample: Sample, method: str, path: str, operation: dict[str, Any]
) -> None:
    if path.endswith("/checkpoint"):
        sample.world.checkpoint()
    options = body_of(path, sample.world) if method == "post" else {}
    if re.search(r"{(token|session|passkey|link)}", path):  # it may have been taken away before
        sample.values.update(credentials(sample.world))
    if "{release}" in path:
        sample.values["release"] = sample.world.held()
    if path.endswith("/answer"):
        sample.values["request"] = incoming(sample.world)
    if path.endswith("/relays"):
        other = sample.world.sent(indicator("sent here"), label="TLP:GREEN", onward={})
        sample = sample._replace(values={**sample.values, "statement": other})
    with sample.world.http(reader_of(operation)) as http:
        answer = http.request(method, sample.url(path), **options)
    assert answer.is_success, answer.text
    conforms(answer, operation)
    if method == "delete":  # put it back for the others
        with sample.world.http("analyst") as http:
            http.post("/api/v1/searches", json={"name": "kept", "text": "documented"})


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_refusals_are_what_the_document_promises(
    sample: Sample, method: str, path: str, operation: dict[str, Any]
) -> None:
    url, reader = sample.url(path), reader_of(operation)
    with sample.world.http(reader) as http, sample.world.http() as nobody:
        answers = {
            "unknown-parameter": http.request(method, f"{url}?nonsense=1"),
            "duplicate-parameter": http.request(method, f"{url}?a=1&a=2"),
        }
        if path != STREAM:
            answers["not-acceptable"] = http.request(method, url, headers={"accept": "text/html"})
        if "requestBody" in operation:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answers["unsupported-media-type"] = http.request(method, url, headers=kind)
        if operation.get("security") != []:
            answers["missing"] = nobody.request(method, url)
    for rule, answer in answers.items():
        if rule == "not-acceptable" and set(operation["responses"]) >= {"204"}:
            continue  # an answer without a body suits everybody
        assert answer.json()["rule"] == rule, answer.text
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["field"]
        conforms(answer, operation)


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_other_methods_are_refused_with_those_that_are_allowed(sample: Sample, path: str) -> None:
    declared = {method.upper() for method in DOCUMENT["paths"][path]}
    url = sample.url(path)
    with sample.world.http("analyst") as http:
        asked = http.options(url)
        allowed = set(asked.headers["allow"].split(", "))
        assert asked.status_code == 204
        assert allowed - {"HEAD", "OPTIONS"} == declared
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - declared:
            answer = http.request(method, url)
            assert answer.status_code == 405
            assert answer.headers["content-type"] == "application/problem+json"
            assert set(answer.headers["allow"].split(", ")) == allowed
            assert answer.json()["field"] == answer.json()["rule"] == "method"


def gets() -> Iterator[tuple[str, dict[str, Any]]]:
    for method, path, operation in OPERATIONS:
        if method == "get" and path != STREAM and "checkpoint" not in path:
            yield path, operation


@pytest.mark.parametrize(("path", "operation"), list(gets()))
def test_head_says_what_get_would(sample: Sample, path: str, operation: dict[str, Any]) -> None:
    url = sample.url(path)
    with sample.world.http(reader_of(operation)) as http:
        head, get = http.head(url), http.get(url)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]


def test_what_is_not_found_anywhere_is_a_problem_document(world: World) -> None:
    with world.http("analyst") as http:
        answer = http.get("/api/v1/nothing")
    problem = {"type", "title", "status", "detail", "code", "field", "rule"}
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == problem
