"""Requests over HTTP: asked by readers, answered by release officers, seen by who may know."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from ringwall.cli import main
from ringwall.core import Conflict, Forbidden, InvalidInput, NotFound, RingwallError
from ringwall.server import ROUTES
from ringwall.server.openapi import build
from tests.server.sharing_world import SharingWorld
from tests.server.world import World, indicator

API = "/api/v1/requests"
ENTRY: dict[str, Any] = {
    "id": "0a" * 16,
    "amount": "some",
    "ceiling": "AMBER",
    "type": "report",
    "label": {"tlp": "AMBER"},
}
SUBJECT = f"borduria-1.{ENTRY['id']}"
ACCESS = {"kind": "access", "subject": SUBJECT, "reason": "for an exercise"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[SharingWorld]:
    made = SharingWorld(tmp_path)
    made.take("borduria-1", "catalogue", {"v": 1, "series": "", "put": [ENTRY], "drop": []})
    yield made
    made.close()


def incoming(node: SharingWorld, name: str = "cd" * 16) -> str:
    """Let Caledon ask for what it was told of; return the request's id here."""
    node.submit(indicator("secret"), label="TLP:AMBER")
    (entry,) = node.told("caledon-1")
    asked = {"v": 1, "id": name, "kind": "access", "subject": entry, "purpose": "defence"}
    node.take("caledon-1", "request", {**asked, "reason": "we see the same"})
    return f"caledon-1.{name}"


def refusal(kind: type[RingwallError], act: Any, *args: Any, **options: Any) -> RingwallError:
    with pytest.raises(kind) as failed:
        act(*args, **options)
    return failed.value


def test_a_request_is_kept_and_sent_to_whoever_told_of_its_subject(node: SharingWorld) -> None:
    with node.client("analyst") as client:
        made = client.make_request(
            "access", SUBJECT, reason="for an\nexercise", by="2026-04-01T00:00:00Z"
        )
        (listed,) = client.requests()["requests"]
        assert client.request(made["id"]) == made == listed
    assert (made["direction"], made["member"], made["state"]) == ("out", "borduria", "open")
    assert (made["asked_by"], made["answer"], made["overdue"]) == ("analyst", None, False)
    assert made["entry"]["label"] == "TLP:AMBER"
    assert (made["subject"], made["by"]) == (SUBJECT, "2026-04-01T00:00:00.000000Z")
    (sent,) = node.posted("borduria-1")
    assert sent["message"] == "request"
    assert sent["body"]["subject"] == ENTRY["id"]
    assert sent["body"]["reason"] == "for an exercise"
    assert "analyst" not in json.dumps(sent)


def test_the_answer_is_there_for_who_asked(node: SharingWorld) -> None:
    with node.client("analyst") as client:
        made = client.make_request("access", SUBJECT, reason="for an exercise")
        answer = {"v": 1, "id": made["id"].partition(".")[2], "state": "refused", "words": "no"}
        answer |= {"at": "2026-03-10T12:00:00Z", "statements": []}
        node.take("borduria-1", "request-answer", answer)
        seen = client.request(made["id"])
    assert (seen["state"], seen["answer"]["words"], seen["answer"]["by"]) == ("refused", "no", "")


def test_what_is_asked_about_a_statement_goes_to_its_origin(node: SharingWorld) -> None:
    stated = node.receive(indicator("theirs"), label="TLP:GREEN", sequence=7)
    with node.client("releaser") as client:
        down = client.make_request("downgrade", stated, reason="to tell all", label="warning")
        on = client.make_request("release-further", stated, reason="it", members=["caledon"])
        own = node.submit(indicator("ours"), label="TLP:GREEN")[0]
        error = refusal(
            InvalidInput, client.make_request, "downgrade", own, reason="x", label="warning"
        )
    assert (down["label"], down["subject"], down["entry"]) == ("TLP:GREEN", stated, None)
    assert (on["members"], on["member"]) == (["caledon"], "borduria")
    assert error.rule == "own-statement"
    assert len(node.posted("borduria-1")) == 2


def test_absent_and_withheld_are_the_same_bytes(node: SharingWorld) -> None:
    amber = node.receive(indicator("theirs"), label="TLP:AMBER", sequence=7)
    down = {"kind": "downgrade", "label": "warning", "reason": "x"}
    bodies = [
        {**down, "subject": amber},
        {**down, "subject": "borduria-1:8"},
        ACCESS,
        {**ACCESS, "subject": f"borduria-1.{'ff' * 16}"},
        {**ACCESS, "subject": "\x00"},
    ]
    with node.client("analyst") as client:
        asked = client.make_request("access", SUBJECT, reason="for an exercise")["id"]
    with node.http("trainee") as http:
        answers = [http.post(API, json=body) for body in bodies]
        answers += [http.get(f"{API}/{asked}"), http.get(f"{API}/arden-1.{'0' * 32}")]
        listed = http.get(API).json()["requests"]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert listed == []


def test_release_officers_answer_what_others_ask(node: SharingWorld) -> None:
    name = incoming(node)
    with node.client("releaser") as client:
        (asked,) = client.requests(direction="in", state="open")["requests"]
        assert (asked["id"], asked["member"], asked["direction"]) == (name, "caledon", "in")
        assert (asked["reason"], asked["entry"]["type"]) == ("we see the same", "indicator")
        given = client.answer_request(name, "partly", words="the report on Friday")
        again = refusal(Conflict, client.answer_request, name, "refused", words="no")
        assert client.requests(direction="in", state="open")["requests"] == []
        assert client.request(name) == given
    assert (given["state"], given["answer"]["by"]) == ("partly", "releaser")
    assert again.rule == "answered"
    posted = {each["message"]: each["body"] for each in node.posted("caledon-1")}
    sent = posted["request-answer"]
    assert (sent["state"], sent["words"]) == ("partly", "the report on Friday")
    assert "releaser" not in json.dumps(sent)


def test_what_is_named_in_an_answer_is_on_its_way(node: SharingWorld) -> None:
    name = incoming(node)
    stated = node.submit(indicator("for borduria only"), label="TLP:GREEN")[0]
    with node.client("releaser") as client:
        errors = [
            refusal(
                InvalidInput, client.answer_request, name, "granted", words="so", statements=[each]
            )
            for each in (stated, "arden-1:4711")
        ]
    assert {error.rule for error in errors} == {"not-released"}


def test_what_others_ask_is_for_release_officers(node: SharingWorld) -> None:
    name = incoming(node)
    with node.client("analyst") as client:
        refusal(NotFound, client.request, name)
        refusal(Forbidden, client.requests, direction="in")
        refusal(Forbidden, client.answer_request, name, "refused", words="no")
        assert client.requests()["requests"] == []


def test_overdue_ones_are_marked_and_come_first(node: SharingWorld) -> None:
    with node.client("analyst") as client:
        first = client.make_request("access", SUBJECT, reason="first")
        second = client.make_request("access", SUBJECT, reason="x", by="2026-03-11T00:00:00Z")
        node.clock.advance(timedelta(days=2))
        listed = client.requests()["requests"]
        assert len(client.requests(limit=1)["requests"]) == 1
    assert [(each["id"], each["overdue"]) for each in listed] == [
        (second["id"], True),
        (first["id"], False),
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"kind": "give"}, 422),
        ({"more": 1}, 422),
        ({"reason": ""}, 422),
        ({"reason": "x" * 4001}, 422),
        ({"members": "caledon"}, 422),
        ({"members": ["caledon"]}, 422),
        ({"by": "soon"}, 422),
        ({"reason": "x" * 2_000_000}, 413),
    ],
)
def test_a_body_that_is_wrong_is_refused(
    node: SharingWorld, changes: dict[str, Any], status: int
) -> None:
    with node.http("analyst") as http:
        assert http.post(API, json={**ACCESS, **changes}).status_code == status
    assert node.posted("borduria-1") == []


@pytest.mark.parametrize("reader", ["tool", "watch", "admin", "auditor", "policy"])
def test_other_roles_do_not_ask(node: SharingWorld, reader: str) -> None:
    with node.http(reader) as http:
        assert http.post(API, json=ACCESS).status_code == 403


@pytest.mark.parametrize("scopes", [["read"], ["submit"]])
def test_a_token_asks_only_if_it_reads_and_submits(node: SharingWorld, scopes: list[str]) -> None:
    with node.http("analyst") as http:
        token = http.post("/api/v1/tokens", json={"scopes": scopes, "days": 1}).json()["token"]
        both = http.post("/api/v1/tokens", json={"scopes": ["read", "submit"], "days": 1}).json()
    with node.http(headers={"authorization": f"Bearer {token}"}) as http:
        assert http.post(API, json=ACCESS).status_code == 403
    with node.http(headers={"authorization": f"Bearer {both['token']}"}) as http:
        assert http.post(API, json=ACCESS).status_code == 201


def test_answers_are_what_the_openapi_document_promises(node: SharingWorld) -> None:
    mine = [route for route in ROUTES if "/requests" in route.path or "/catalogue" in route.path]
    document = build(mine)
    name = incoming(node)
    with node.http("releaser") as http:
        made = http.post(API, json=ACCESS)
        answers = {
            ("get", "/api/v1/catalogue"): http.get("/api/v1/catalogue"),
            ("post", API): made,
            ("get", API): http.get(API),
            ("get", f"{API}/{{request}}"): http.get(f"{API}/{made.json()['id']}"),
            ("post", f"{API}/{{request}}/answer"): http.post(
                f"{API}/{name}/answer", json={"state": "refused", "words": "no"}
            ),
        }
    assert len(answers) == len(mine) == 5
    for (method, path), answer in answers.items():
        promised = document["paths"][path][method]["responses"][str(answer.status_code)]
        schema = promised["content"]["application/json"]["schema"]
        whole = {**schema, "components": document["components"]}
        jsonschema_rs.validator_for(whole, validate_formats=True).validate(answer.json())


def test_a_node_without_them_takes_no_requests(own_world: World) -> None:
    with own_world.http("analyst") as http:
        assert http.get(API).status_code == 404
        assert http.post(API, json=ACCESS).status_code == 404


def test_the_commands_ask_list_show_and_answer(
    node: SharingWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text(node.tokens["releaser"])
    where = ["--url", node.url, "--token-file", str(token)]
    assert main(["request", "make", "access", SUBJECT, "--reason", "now", "--json", *where]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["request", "show", made["id"], *where]) == 0
    shown = capsys.readouterr().out
    assert "ENTRY TYPE" in shown
    assert "report" in shown
    name = incoming(node)
    assert main(["request", "list", "--in", *where]) == 0
    assert name in capsys.readouterr().out
    assert main(["request", "answer", name, "refused", "--words", "not now", *where]) == 0
    assert "ANSWER WORDS" in capsys.readouterr().out
    assert main(["request", "list", "--state", "open", *where]) == 0
    assert made["id"] in capsys.readouterr().out
