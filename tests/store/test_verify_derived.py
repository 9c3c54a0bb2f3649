"""What is written beside the bytes to be quick: verification derives it again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ringwall.store import verify_store
from ringwall.trust import NodeKeys
from tests.store.samples import NODE, accept, indicator, registry, statement
from tests.store.tampering import Sound, SoundFile, sound_database

MARK = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
REPORT = "indicator--00000000-0000-4000-8000-000000000001"
KNOWN = registry({NODE: NodeKeys.generate()})
Tamper = Callable[[str], set[tuple[str, str]]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A database with a marked object, and two statements about another that refer to it."""
    server = request.getfixturevalue("pg_server") if request.param == "postgresql" else None
    made = sound_database(server, tmp_path_factory.mktemp("sound"))
    store = made.open()
    bodies = [
        indicator(1, object_marking_refs=[MARK]),
        indicator(2),
        indicator(2, name="again", x_told_by_ref=REPORT),
    ]
    for number, body in enumerate(bodies, start=1):
        store.write(lambda tx, n=number, b=body: accept(tx, statement(n, body=b))).result()
    store.close()
    return made


@pytest.fixture
def tamper(sound: Sound, tmp_path: Path) -> Tamper:
    """Change a copy behind the program's back and return what verification names."""

    def change(script: str) -> set[tuple[str, str]]:
        store = sound.changed(tmp_path, script)
        try:
            found = verify_store(store, registry=KNOWN, node=NODE)
        finally:
            store.close()
        return {(one.table, one.check) for one in found}

    return change


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", set()),
        ("UPDATE objects SET marked = false", {("objects", "marked")}),
        ("UPDATE objects SET marked = true", {("objects", "marked")}),
        ("UPDATE statements SET contested = false", {("statements", "contested")}),
        ("DELETE FROM object_references", {("object_references", "targets")}),
        (
            f"INSERT INTO object_references VALUES ('{REPORT}', 1)",
            {("object_references", "targets")},
        ),
    ],
)
def test_what_contradicts_the_bytes_is_found(
    tamper: Tamper, sql: str, found: set[tuple[str, str]]
) -> None:
    assert tamper(sql) == found


@pytest.mark.parametrize("table", ["statements", "objects"])
def test_a_number_that_would_be_given_out_twice_is_found(
    tamper: Tamper, sound: Sound, table: str
) -> None:
    noted, last = (
        ("sqlite_sequence", "seq") if isinstance(sound, SoundFile) else ("counters", "last")
    )
    for change in (f"UPDATE {noted} SET {last} = 1", f"DELETE FROM {noted}"):
        assert tamper(f"{change} WHERE name = '{table}'") == {(table, "last")}
