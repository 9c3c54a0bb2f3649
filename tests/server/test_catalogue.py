"""GET /catalogue: what others told, as far as a reader may know it; and the commands for it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ringwall.cli import main
from ringwall.core import format_timestamp
from tests.server.sharing_world import START, SharingWorld
from tests.server.world import World

GREEN: dict[str, Any] = {
    "id": "0a" * 16,
    "amount": "tens",
    "ceiling": "AMBER",
    "type": "indicator",
    "sectors": ["energy"],
    "time": "2026-03-09",
    "label": {"tlp": "GREEN"},
}
AMBER = {**GREEN, "id": "0b" * 16, "label": {"tlp": "AMBER"}, "type": "report", "sectors": []}
PLAIN = {"id": "0c" * 16, "amount": "some", "ceiling": "RED"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharingWorld]:
    made = SharingWorld(tmp_path_factory.mktemp("node"))
    made.take("borduria-1", "catalogue", {"v": 1, "series": "", "put": [GREEN, AMBER], "drop": []})
    made.clock.advance(timedelta(hours=1))
    made.take("caledon-1", "catalogue", {"v": 1, "series": "", "put": [PLAIN], "drop": []})
    yield made
    made.close()


def ids(world: SharingWorld, reader: str, query: str = "") -> list[str]:
    with world.http(reader) as http:
        answer = http.get(f"/api/v1/catalogue{query}")
    assert answer.status_code == 200, answer.text
    return [entry["id"][:14] for entry in answer.json()["entries"]]


def test_an_entry_says_what_was_told_and_nothing_of_what_was_not(world: SharingWorld) -> None:
    with world.client("analyst") as client:
        green, _, plain = client.catalogue()
    assert green == {
        "id": f"borduria-1.{'0a' * 16}",
        "owner": "borduria",
        "type": "indicator",
        "sectors": ["energy"],
        "time": "2026-03-09",
        "label": "TLP:GREEN",
        "purpose": "",
        "amount": "tens",
        "told_at": format_timestamp(START),
    }
    assert (plain["type"], plain["sectors"], plain["label"]) == ("", None, "")


def test_each_reader_sees_what_it_is_cleared_for(world: SharingWorld) -> None:
    assert ids(world, "analyst") == ["borduria-1.0a0", "borduria-1.0b0", "caledon-1.0c0c"]
    assert ids(world, "trainee") == ["borduria-1.0a0"]
    with world.http("tool") as tool, world.http("admin") as admin, world.http("auditor") as auditor:
        for http in (tool, admin, auditor):
            assert http.get("/api/v1/catalogue").status_code == 403


def test_filters_hold_together(world: SharingWorld) -> None:
    since = format_timestamp(START + timedelta(minutes=1))
    assert ids(world, "analyst", "?owner=caledon") == ["caledon-1.0c0c"]
    assert ids(world, "analyst", "?type=report") == ["borduria-1.0b0"]
    assert ids(world, "analyst", "?sector=energy") == ["borduria-1.0a0"]
    assert ids(world, "analyst", f"?since={since}") == ["caledon-1.0c0c"]
    assert ids(world, "analyst", "?owner=caledon&type=report") == []


def test_pages_go_on_where_they_ended(world: SharingWorld) -> None:
    with world.http("analyst") as http:
        first = http.get("/api/v1/catalogue?limit=2").json()
        second = http.get(f"/api/v1/catalogue?limit=2&after={first['next']}").json()
    assert [len(page["entries"]) for page in (first, second)] == [2, 1]
    assert (first["next"], second["next"]) == (first["entries"][-1]["id"], "")


@pytest.mark.parametrize("query", ["?type=X", "?owner=A!", "?after=x", "?since=now", "?kind=a"])
def test_what_is_no_filter_is_refused(world: SharingWorld, query: str) -> None:
    with world.http("analyst") as http:
        assert http.get(f"/api/v1/catalogue{query}").status_code == 422


def test_a_read_is_audited(world: SharingWorld) -> None:
    ids(world, "watch")
    reads = [each for each in world.peer.audit("read") if each["reader"] == "watch"]
    assert (reads[-1]["route"], reads[-1]["count"]) == ("/api/v1/catalogue", 3)


def test_a_node_without_one_has_no_catalogue(own_world: World) -> None:
    with own_world.http("analyst") as http:
        assert http.get("/api/v1/catalogue").status_code == 404


def test_the_command_lists_what_there_is(
    world: SharingWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text(world.tokens["analyst"])
    where = ["--url", world.url, "--token-file", str(token)]
    assert main(["catalogue", "list", *where]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == [
        "ID",
        "OWNER",
        "TYPE",
        "SECTORS",
        "TIME",
        "LABEL",
        "PURPOSE",
        "AMOUNT",
    ]
    assert len(table) == 4
    assert main(["catalogue", "list", "--owner", "caledon", "--json", *where]) == 0
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    assert entry["owner"] == "caledon"
