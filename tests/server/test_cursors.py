"""Cursors tell nothing of what lies between them, and are of no use to anybody else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput
from ringwall.server.cursors import PLACES, REFERENCES, CursorKey, Cursors
from tests.server.world import World, indicator
from tests.store.stores import open_store

CIPHER = AESSIV(AESSIV.generate_key(512))
MINE, OTHERS = Cursors(CIPHER, "analyst"), Cursors(CIPHER, "trainee")
STATEMENTS, EVENTS = "/api/v1/statements", "/api/v1/events"
OBJECTS = "/taxii2/ringwall/collections/all/objects"


@given(number=st.integers(0, 2**63 - 1))
def test_a_place_comes_back_and_is_written_the_same_every_time(number: int) -> None:
    text = MINE.place(number)
    assert MINE.number(text, field="after") == number
    assert MINE.place(number) == text
    assert (text == "0") is (number == 0)
    assert len(text) in (1, 32)


@given(number=st.integers(1, 2**63 - 1), at=st.integers(0, 31))
def test_another_reader_another_kind_and_a_changed_letter_are_refused(number: int, at: int) -> None:
    text = MINE.place(number)
    changed = f"{text[:at]}{'B' if text[at] == 'A' else 'A'}{text[at + 1 :]}"
    for cursors, wrong, kind in (
        *((OTHERS, text, PLACES), (MINE, text, REFERENCES), (MINE, changed, PLACES)),
    ):
        with pytest.raises(InvalidInput) as refused:
            cursors.number(wrong, kind, field="after")
        assert (refused.value.field, refused.value.rule) == ("after", "cursor")


@pytest.mark.usefixtures("each_store")
def test_the_secret_is_made_once_and_outlives_the_process(tmp_path: Path) -> None:
    store = open_store(tmp_path / "node.db")
    keys = [CursorKey() for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        ciphers = list(threads.map(lambda key: key.of(store), keys))
    store.close()
    store = open_store(tmp_path / "node.db")
    ciphers.append(CursorKey().of(store))
    store.close()
    assert len({Cursors(cipher, "analyst").place(7) for cipher in ciphers}) == 1


def test_many_threads_write_the_same_cursors() -> None:
    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(MINE.place, list(range(200)) * 20))
    assert len(set(written)) == 200


def test_a_cursor_of_another_reader_is_refused_on_every_path(own_world: World) -> None:
    own_world.submit(*(indicator(f"paged {n}") for n in range(3)), label="TLP:GREEN")
    with own_world.http("analyst") as analyst, own_world.http("trainee") as trainee:
        page = analyst.get(STATEMENTS, params={"limit": 1}).json()
        envelope = analyst.get(OBJECTS, params={"limit": 1}).json()
        for params, path in (
            ({"after": page["next"]}, STATEMENTS),
            ({"after": page["next"]}, EVENTS),
            ({"next": envelope["next"]}, OBJECTS),
        ):
            name = next(iter(params))
            assert analyst.head(path, params=params).status_code == 200, path
            refused = trainee.get(path, params=params)
            told = refused.json().get("details", refused.json())
            assert (refused.status_code // 100, told["field"], told["rule"]) == (4, name, "cursor")
        resumed = trainee.get(EVENTS, headers={"last-event-id": page["next"]})
        assert (resumed.status_code, resumed.json()["rule"]) == (422, "cursor")


def test_no_cursor_or_statement_tells_a_place(own_world: World) -> None:
    """What is withheld in between makes no difference to any length, and no number is shown."""
    own_world.submit(indicator("one"), label="TLP:GREEN")
    own_world.submit(*(indicator(f"hidden {n}") for n in range(120)), label="TLP:AMBER")
    own_world.submit(indicator("two"), label="TLP:GREEN")
    with own_world.http("trainee") as http:
        first = http.get(STATEMENTS, params={"limit": 1}).json()
        second = http.get(STATEMENTS, params={"limit": 1, "after": first["next"]}).json()
        envelope = http.get(OBJECTS, params={"limit": 1}).json()
    assert [row["title"] for row in second["statements"]] == ["two"]
    assert len(first["next"]) == len(second["next"]) == 32
    assert "order" not in first["statements"][0]
    assert len(envelope["next"]) > 32
