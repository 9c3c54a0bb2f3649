"""Passing on over REST, by the client and the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ringwall.cli import main
from ringwall.core import NotFound
from tests.server.complete_world import CompleteWorld
from tests.server.world import indicator

ONWARD = {"hops": 1, "onward_to": ["caledon"]}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CompleteWorld]:
    made = CompleteWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stated(world: CompleteWorld) -> str:
    """A statement of Borduria that the agreements let go on to Caledon."""
    (mutual,) = world.alliance.agreements
    inner = msgspec.structs.replace(mutual, onward_to=frozenset({"caledon"}), hops=1)
    outer = msgspec.structs.replace(
        mutual, id="outer", parties=frozenset({"arden", "caledon"}), title="Outer", clause="2"
    )
    world.kernel.adopt(msgspec.structs.replace(world.alliance, agreements=(inner, outer)))
    return world.sent(indicator("theirs"), label="TLP:GREEN", onward=ONWARD)


def test_a_look_and_then_the_deed(world: CompleteWorld, stated: str) -> None:
    with world.client("releaser") as client:
        (would,) = client.pass_on(stated, ["caledon"], dry_run=True)["members"]
        assert would["outcome"] == "would-go"
        assert client.relays(stated)["relays"] == []
        (sent,) = client.pass_on(stated, ["caledon"])["members"]
        assert (sent["outcome"], sent["nodes"]) == ("sent", ["caledon-1"])
        (gone,) = client.relays(stated)["relays"]
    assert (gone["member"], gone["state"], gone["by"]) == ("caledon", "sent", "releaser")
    (message,) = [each for each in world.posted("caledon-1") if each["message"] == "relay"]
    assert message["body"]["relay"]["addressees"] == ["arden-1"]


def test_every_gate_is_told(world: CompleteWorld, stated: str) -> None:
    with world.client("releaser") as client:
        (kept,) = client.pass_on(stated, ["borduria"])["members"]
    denied = {(gate["gate"], gate["rule"]) for gate in kept["gates"] if gate["outcome"] == "deny"}
    assert kept["outcome"] == "withheld"
    assert ("passing-on", "originator") in denied


@pytest.mark.parametrize(
    ("reader", "status"), [("analyst", 403), ("admin", 403), ("auditor", 403), ("stranger", 401)]
)
def test_only_release_officers_pass_on(
    world: CompleteWorld, stated: str, reader: str, status: int
) -> None:
    with world.http(reader) as http:
        answer = http.post(f"/api/v1/statements/{stated}/relays", json={"to": ["caledon"]})
        assert answer.status_code == status
        assert http.get(f"/api/v1/statements/{stated}/relays").status_code == status


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "to", "shape"),
        ({"to": []}, "to", "shape"),
        ({"to": ["nobody"]}, "to", "unknown-name"),
        ({"to": ["caledon"], "more": 1}, "more", "shape"),
        ({"to": "caledon"}, "to", "shape"),
        ([], "body", "shape"),
    ],
)
def test_bad_input_is_named(
    world: CompleteWorld, stated: str, body: Any, field: str, rule: str
) -> None:
    with world.http("releaser") as http:
        answer = http.post(f"/api/v1/statements/{stated}/relays", json=body)
    told = answer.json()
    assert (answer.status_code, told["field"], told["rule"]) == (422, field, rule)


def test_a_statement_that_is_not_there_is_not_found(world: CompleteWorld) -> None:
    with world.client("releaser") as client, pytest.raises(NotFound):
        client.pass_on("borduria-1:4", ["caledon"])


def test_the_command_line_shows_what_becomes_of_it(
    world: CompleteWorld,
    stated: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RINGWALL_URL", world.url)
    monkeypatch.setenv("RINGWALL_TOKEN", world.tokens["releaser"])
    assert main(["relay", "send", stated, "--to", "caledon", "--dry-run"]) == 0
    looked = capsys.readouterr().out
    assert "would-go" in looked
    assert "onward" in looked
    assert main(["relay", "send", stated, "--to", "caledon"]) == 0
    capsys.readouterr()
    assert main(["relay", "list", stated]) == 0
    assert "caledon-1" in capsys.readouterr().out
    assert main(["relay", "list", stated, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["relays"][0]["state"] == "sent"


def test_a_reader_of_what_was_passed_on_sees_the_way(world: CompleteWorld, stated: str) -> None:
    with world.http("analyst") as http:
        provenance = http.get(f"/api/v1/statements/{stated}").json()["provenance"]
    assert provenance["relayed"] == []
    assert provenance["verified"]
