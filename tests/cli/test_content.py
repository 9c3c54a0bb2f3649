"""The commands about content, against a running node, as text and as JSON."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringwall.cli import exit_codes, main
from tests.server.world import World, bundle, indicator


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("node"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def asking(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGWALL_URL", world.url)
    monkeypatch.setenv("RINGWALL_TOKEN", world.tokens["analyst"])
    monkeypatch.delenv("RINGWALL_TOKEN_FILE", raising=False)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == exit_codes.OK
    return capsys.readouterr().out


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(said(capsys, *arguments, "--json"))
    return document


def report(*about: str) -> dict[str, Any]:
    return {
        "type": "report",
        "spec_version": "2.1",
        "id": f"report--{uuid.uuid4()}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "published": "2026-01-01T00:00:00.000Z",
        "name": "a report",
        "object_refs": list(about),
    }


def test_a_submission_under_a_key_gets_the_same_answer_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator("from a file")))
    arguments = ("submit", str(file), "--label", "warning", "--idempotency-key", "from-a-file")
    first = asked(capsys, *arguments)
    assert asked(capsys, *arguments) == first
    assert first["submitted"][0]["known"] is False


def test_a_look_says_why_the_others_do_not_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator("one"), indicator("two")))
    text = said(capsys, "submit", str(file), "--label", "TLP:RED//REL TO borduria", "--dry-run")
    _, why = text.split("\n\n")
    heads, *rows = why.splitlines()
    assert heads.split() == ["MEMBER", "OBJECTS", "WHY", "NOT"]
    assert [row.split()[:2] for row in rows] == [["caledon", "2"]]
    assert "REL TO names borduria only" in rows[0]


def test_fields_that_are_left_out_are_told_with_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
    torn = {
        "description": "ours",
        "granular_markings": [{"marking_ref": red, "selectors": ["description"]}],
    }
    file = tmp_path / "torn.json"
    file.write_bytes(bundle(indicator("torn", **torn)))
    text = said(capsys, "submit", str(file), "--label", "TLP:GREEN", "--dry-run")
    heads, *rows = text.split("\n\n")[-1].splitlines()
    assert heads.split() == ["MEMBER", "OBJECTS", "WITHOUT", "WHY"]
    assert ["borduria", "1", "description"] in [row.split()[:3] for row in rows]


def test_an_embargo_that_is_over_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator("a year too early")))
    words = ["submit", str(file), "--label", "TLP:GREEN", "--dry-run", "--embargo"]
    for time, over in (("2020-01-01T00:00:00Z", True), ("2099-01-01T00:00:00Z", False)):
        assert main([*words, time]) == exit_codes.OK
        assert ("embargo was over" in capsys.readouterr().err) is over


def test_a_refusal_names_object_and_field_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = indicator("without a label")
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(thing))
    assert main(["submit", str(file)]) == exit_codes.REFUSED
    streams = capsys.readouterr()
    assert streams.out == ""
    (line,) = (each for each in streams.err.splitlines() if each.startswith("refused "))
    assert (line.count(thing["id"]), line.count("/object_marking_refs")) == (1, 1)
    assert line.endswith("[unlabelled]")


def test_the_neighbourhood_is_a_table_or_a_document(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = indicator("in a report")
    about = report(thing["id"])
    world.submit(thing, about, label="TLP:GREEN")
    text = said(capsys, "neighbourhood", thing["id"])
    assert text.splitlines()[0].split() == ["STEPS", "OBJECT", "TYPE", "TITLE", "LABEL", "SOURCES"]
    assert text.splitlines()[2].startswith("1")
    assert about["id"] in text
    document = asked(capsys, "neighbourhood", thing["id"], "--depth", "2", "--limit", "1")
    assert (len(document["objects"]), document["more"]) == (1, True)
    main(["neighbourhood", thing["id"], "--limit", "1"])
    assert "there are more" in capsys.readouterr().err


def test_receipts_of_a_statement_and_of_the_nodes(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (stated,) = world.submit(indicator("receipts"), label="TLP:GREEN")
    assert "POSITION" in said(capsys, "receipts", stated)
    assert asked(capsys, "receipts", stated)["statement"] == stated
    monkeypatch.setenv("RINGWALL_TOKEN", world.tokens["watch"])
    assert "REJECTED" in said(capsys, "receipts")
    assert asked(capsys, "receipts") == {"node": "arden-1", "receipts": []}


def test_a_search_is_cut_by_time_source_and_number(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = [world.submit(indicator(f"numbat {n}"), label="TLP:GREEN")[0] for n in range(3)]
    foreign = world.receive(indicator("numbat abroad"), label="TLP:GREEN", sequence=5)

    def found(*options: str) -> list[str]:
        rows = asked(capsys, "search", "numbat", *options)["statements"]
        return [row["statement"] for row in rows]

    moment = asked(capsys, "show", stated[0])["received_at"]
    assert found("--limit", "2") == [foreign, stated[2]]
    assert found("--all") == [*stated, foreign]
    assert found("--source", "borduria") == [foreign]
    assert found("--all", "--until", moment) == stated[:1]
    assert found("--since", moment, "--source", "arden") == [stated[2], stated[1]]
    assert main(["search"]) == exit_codes.REFUSED
    assert "one-of" in capsys.readouterr().err
