"""The client against a real server: every method, every route, every kind of refusal."""

import inspect
import json
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

import ringwall.core.errors as errors
from ringwall.client import Client, error_from
from ringwall.client.events import read_events
from ringwall.core import (
    Forbidden,
    InternalFault,
    InvalidInput,
    NotFound,
    RingwallError,
    Unauthenticated,
    Unavailable,
)
from ringwall.server.answers import error_answer
from tests.server.world import World, bundle, free_port, indicator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("node"))
    yield made
    made.close()


@pytest.fixture
def analyst(world: World) -> Iterator[Client]:
    with Client(world.url, world.tokens["analyst"]) as client:
        yield client


def test_from_submission_to_reading(analyst: Client) -> None:
    thing = indicator("client sample", value="198.51.100.12")
    answer = analyst.submit(bundle(thing), label="warning", precedence="FLASH")
    statement = answer["submitted"][0]["statement"]
    shown = analyst.statement(statement)
    assert (shown["object"], shown["precedence"]) == (thing, "FLASH")
    assert analyst.statements_of(thing["id"])["statements"][0]["statement"] == statement
    for found in (
        analyst.statements(text="sample"),
        analyst.statements(value="198.51.100.12"),
        analyst.statements(type="indicator", source="arden"),
    ):
        assert statement in [row["statement"] for row in found["statements"]]
    assert {m["member"] for m in analyst.delivery(statement)["members"]} == {"borduria", "caledon"}
    (one,) = analyst.explanation(statement, to="caledon")["members"]
    assert one["permit"] is False
    preview = analyst.explain(label="warning", object_type="indicator")
    assert preview["members"] == analyst.explanation(statement)["members"]


def test_objects_neighbours_and_searches(analyst: Client) -> None:
    things = [indicator(f"wombat {number}") for number in range(3)]
    report = {
        **{key: things[0][key] for key in ("spec_version", "created", "modified")},
        "type": "report",
        "id": f"report--{uuid.uuid4()}",
        "name": "wombats",
        "published": "2026-01-01T00:00:00Z",
        "object_refs": [thing["id"] for thing in things],
    }
    analyst.submit(bundle(*things, report), label="warning")
    assert analyst.object(report["id"])["object"] == report
    around = analyst.neighbourhood(report["id"], depth=1)
    assert {one["object"]["object_id"] for one in around["objects"]} == {
        report["id"],
        *report["object_refs"],
    }
    assert analyst.neighbourhood(report["id"], limit=2)["more"] is True
    found = list(analyst.every_statement(text="wombat", type=["indicator", "report"], limit=2))
    assert {row["object_id"] for row in found} >= {thing["id"] for thing in things}
    moments = [row["received_at"] for row in found]
    assert moments == sorted(moments)
    page = analyst.statements(text="wombat", after="0", limit=1)
    assert (page["more"], len(page["statements"])) == (True, 1)
    moment = found[-1]["received_at"]
    later = analyst.statements(received_after=moment)["statements"]
    assert found[-1]["statement"] not in [row["statement"] for row in later]
    assert analyst.statements(latest=1)["more"] is False


def test_receipts_and_the_description(world: World, analyst: Client) -> None:
    (stated,) = analyst.submit(bundle(indicator("receipt")), label="warning")["submitted"]
    assert analyst.receipt(stated["statement"])["origin"] == "arden-1"
    assert analyst.openapi()["info"]["title"] == "Ringwall"
    with Client(world.url, world.tokens["watch"]) as watch:
        assert watch.receipts() == {"node": "arden-1", "receipts": []}


def test_a_submission_is_counted_and_repeated_under_its_key(analyst: Client) -> None:
    body = bundle(indicator("keyed"), indicator("keyed too"))
    first = analyst.submit(body, label="warning", key="the-same")
    assert analyst.submit(body, label="warning", key="the-same") == first
    with pytest.raises(InvalidInput) as other:
        analyst.submit(bundle(indicator("other")), label="warning", key="the-same")
    assert other.value.rule == "idempotency-key"
    counts = {"submitted": 2, "known": 2, "refused": 0, "dry_run": False}
    assert analyst.submit(body, label="warning", minimal=True) == counts


class Wire:
    """A wire to the node that is cut once, after the node has answered."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.answers: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            with near, socket.create_connection(self._target) as far:
                near.settimeout(0.2)
                try:
                    while chunk := near.recv(65536):
                        far.sendall(chunk)
                except TimeoutError:
                    pass
                self.answers.append(far.recv(65536))
                if len(self.answers) > 1:
                    near.sendall(self.answers[-1])

    def close(self) -> None:
        self._listening.close()


def test_a_lost_answer_is_asked_for_again_and_nothing_is_stated_twice(world: World) -> None:
    wire, thing = Wire(world.port), indicator("lost answer")
    try:
        with Client(f"http://127.0.0.1:{wire.port}", world.tokens["tool"]) as client:
            (stated,) = client.submit(bundle(thing), label="warning")["submitted"]
    finally:
        wire.close()
    first, second = wire.answers
    assert b"201" in first.partition(b"\r\n")[0]
    assert b"idempotency-replayed: true" in second.lower()
    assert stated["known"] is False  # the words of the first answer, not of a second submission
    with Client(world.url, world.tokens["analyst"]) as reader:
        rows = reader.statements_of(thing["id"])["statements"]
    assert [row["statement"] for row in rows] == [stated["statement"]]


def test_a_dry_run_and_a_whole_refusal_are_answers(analyst: Client) -> None:
    dry = analyst.submit(bundle(indicator("dry")), label="warning", dry_run=True)
    refused = analyst.submit(bundle({**indicator("broken"), "confidence": 101}), label="warning")
    assert dry["dry_run"] is True
    assert refused["submitted"] == []
    assert refused["refused"][0]["field"] == "/confidence"


def test_the_node_and_its_reference_data(world: World, analyst: Client) -> None:
    assert analyst.me()["reader"] == "analyst"
    assert analyst.alliance()["kind"] == "exercise"
    with Client(world.url, world.tokens["watch"]) as watch:
        assert watch.peers()["parts"] == {"hub": True}
    assert analyst.ready() is True
    with Client(world.url, world.tokens["tool"]) as tool:
        assert tool.load_reference("attack", bundle(indicator("loaded")))["objects"] == 1
    assert analyst.references()["sets"] == {"attack": 1}
    assert analyst.references("attack")["objects"][0]["name"] == "loaded"
    with Client(world.url, world.tokens["auditor"]) as auditor:
        assert auditor.audit(limit=1)["entries"][0]["index"] == 0
        with pytest.raises(NotFound):
            auditor.checkpoint()


def test_a_reader_makes_and_revokes_own_tokens(world: World, analyst: Client) -> None:
    made = analyst.make_token(scopes=["read"], tlp="GREEN", days=1, note="for a test")
    assert [one["note"] for one in analyst.tokens() if one["id"] == made["id"]] == ["for a test"]
    with Client(world.url, made["token"]) as narrowed:
        assert narrowed.me()["tlp"] == "GREEN"
        with pytest.raises(Forbidden):
            narrowed.make_token()
        analyst.revoke_token(made["id"])
        with pytest.raises(Unauthenticated):
            narrowed.me()
    with pytest.raises(NotFound):
        analyst.revoke_token(made["id"])


def test_taxii_pages_are_joined(world: World, analyst: Client) -> None:
    things = [indicator(f"paged {n}") for n in range(5)]
    world.submit(*things, label="TLP:GREEN")
    found = [one["id"] for one in analyst.taxii_objects("all", page=2, match_type="indicator")]
    assert found[-5:] == [thing["id"] for thing in things]
    titles = {one["title"] for one in analyst.taxii_collections()}
    assert {"All statements", "Reference data"} <= titles


def test_events_follow_and_resume(world: World, analyst: Client) -> None:
    last = world.place("analyst")
    first, second = world.submit(indicator("first"), indicator("second"), label="TLP:GREEN")
    stream = analyst.events(after=last)
    event = next(stream)
    stream.close()
    assert event.data["statement"] == first
    assert next(analyst.events(after=event.id)).data["statement"] == second


def test_refusals_come_back_as_the_errors_they_were(world: World, analyst: Client) -> None:
    with pytest.raises(NotFound):
        analyst.statement("arden-1:999999")
    with pytest.raises(InvalidInput) as bad:
        analyst.submit(bundle(indicator("x")), label="TLP:PURPLE")
    assert bad.value.field == "label"
    with pytest.raises(InvalidInput) as filtered:
        list(analyst.taxii_objects("all", added_after="yesterday"))
    assert (filtered.value.field, filtered.value.rule) == ("added_after", "timestamp")
    with pytest.raises(Forbidden):
        analyst.audit()
    with Client(world.url, "wrong") as nobody, pytest.raises(Unauthenticated):
        nobody.me()
    with Client(world.url, "wrong") as nobody, pytest.raises(Unauthenticated):
        next(nobody.events())


def test_a_node_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(f"http://127.0.0.1:{free_port()}", "token") as client:
        assert client.ready() is False
        with pytest.raises(Unavailable, match="cannot be reached"):
            client.me()
        monkeypatch.setattr("ringwall.client.client.RETRIES", (0.0, 0.0))
        with pytest.raises(Unavailable, match="cannot be reached"):
            client.submit(b"{}")
        with pytest.raises(Unavailable):
            next(client.events())


def _kinds() -> list[type[RingwallError]]:
    found = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    return [kind for kind in found if issubclass(kind, RingwallError) and kind.code != "error"]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("taxii", [False, True])
def test_every_error_survives_the_way(kind: type[RingwallError], taxii: bool) -> None:
    answer = error_answer(kind("what happened", field="/a/b", rule="a-rule"), taxii=taxii)
    rebuilt = error_from(answer.status, answer.body)
    assert type(rebuilt) is kind
    if kind not in (NotFound, InternalFault):  # which say the same whatever it was about
        assert (rebuilt.field, rebuilt.rule, str(rebuilt)) == ("/a/b", "a-rule", "what happened")


def test_answers_that_are_no_problem_documents_are_errors_too() -> None:
    for status, body in ((502, b"<html>Bad gateway</html>"), (503, b""), (500, b"\xff")):
        assert isinstance(error_from(status, body), Unavailable)
    assert isinstance(error_from(401, b"{}"), Unauthenticated)
    assert error_from(418, b"[]").status == 400


def test_event_lines_are_read_as_the_standard_says() -> None:
    lines = [": hello", "", "id: 7", "event: statement", 'data: {"a":', "data: 1}", "",
             "event: empty", "", "data:{}", ""]  # fmt: skip
    first, second = read_events(lines)
    assert (first.id, first.name, first.data) == ("7", "statement", {"a": 1})
    assert (second.id, second.name, second.data) == ("7", "message", {})


def test_the_token_is_not_shown_to_a_proxy_of_the_environment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    with Client(world.url, world.tokens["analyst"]) as client:
        assert client.me()["reader"] == "analyst"


def test_importing_the_client_does_not_import_httpx_or_the_server() -> None:
    program = "import sys, json, ringwall.client; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    loaded = json.loads(out)
    assert not {"httpx", "granian", "ringwall.server", "sqlite3"} & set(loaded)


def test_paths_are_quoted(world: World, analyst: Client) -> None:
    del world
    for hostile in ("../me", "a/b", "x?limit=1", "%2e%2e/me"):
        with pytest.raises((NotFound, InvalidInput)):
            analyst.statement(hostile)
