"""kill -9 at random moments: what was acknowledged is there, whole, and nothing is half there."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringwall.core import Unavailable
from ringwall.store import Store
from ringwall.trust import leaf_hash, merkle_root
from tests.store.pg_server import PgServer
from tests.store.write_until_killed import open_database

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 10


def run_and_kill(database: str, first: int, delay: float) -> set[str]:
    """Let it write for ``delay`` seconds after its first answer; return what it acknowledged."""
    paths = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.write_until_killed", database, str(first)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        time.sleep(delay)
        process.kill()
        lines = (first_line + process.stdout.read()).split(b"\n")[:-1]
    assert lines[0]
    return {line.decode() for line in lines}


def check_whole(store: Store, told: set[str]) -> None:
    """Every acknowledged statement is there, and each one that is there has all of its parts."""
    with store.read() as tx:
        stored = tx.statements(tx.release_classes(), limit=100_000)
        assert told <= {str(one.id) for one in stored}
        assert not [one for one in stored if one.id.sequence % 7 == 0]
        waiting = {row.order for row in tx.outbox_batch("ROUTINE", 100_000, 2**40)}
        assert waiting == {one.order for one in stored}
        assert all(len(tx.releases(one.order)) == 1 for one in stored)
        assert tx.in_position("bbb-1", "ROUTINE") == len(stored)
        assert tx.counts().statements["ROUTINE"] == len(stored)
        assert {str(one.id) for one in tx.search("beacon", [1], 100_000)} == {
            str(one.id) for one in stored
        }
        entries = tx.audit_entries(0, 100_000)
        assert len(entries) == tx.audit_size() == len(stored)
        assert merkle_root([leaf_hash(entry.leaf) for entry in entries]) == tx.audit_root()
        assert tx.integrity_faults() == []


def open_after_kill(database: str) -> Store:
    """A server may need a moment to see that its client is dead and the database free."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return open_database(database)
        except Unavailable as error:
            if error.rule != "database-in-use" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_kill_9_of_the_server_loses_nothing_that_was_acknowledged() -> None:
    """The server dies, comes back and dies again under a node that goes on writing."""
    server = PgServer()
    database = server.fresh_schema()
    try:
        chance = random.Random(20260302)
        told = write_while_it_dies(server, database, [chance.uniform(0.2, 0.6) for _ in range(4)])
        store = open_after_kill(database)
        assert told
        with store.read() as tx:
            stored = {str(one.id) for one in tx.statements(tx.release_classes(), limit=100_000)}
            assert told <= stored
            entries = tx.audit_entries(0, 100_000)
            assert len(entries) == tx.audit_size() == len(stored)
            assert merkle_root([leaf_hash(one.leaf) for one in entries]) == tx.audit_root()
            assert tx.integrity_faults() == []
        store.close()
    finally:
        server.close()


def write_while_it_dies(server: PgServer, database: str, delays: list[float]) -> set[str]:
    """Kill the server after each delay; return what was acknowledged over all of its lives."""
    paths = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.write_until_killed", database, "1"],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        first_line = process.stdout.readline()
        for delay in delays:
            time.sleep(delay)
            server.kill()
            server.start()
        time.sleep(1.5)
        process.kill()
        lines = (first_line + process.stdout.read()).split(b"\n")[:-1]
    return {line.decode() for line in lines}


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_kill_9_loses_nothing_that_was_acknowledged(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    if backend == "sqlite":
        database = str(tmp_path / "ringwall.db")
    else:
        database = request.getfixturevalue("pg_url")
    chance = random.Random(20260301)
    told: set[str] = set()
    for number in range(ROUNDS):
        told |= run_and_kill(database, number * 100_000 + 1, chance.uniform(0.0, 0.15))
        store = open_after_kill(database)
        check_whole(store, told)
        store.close()
    assert len(told) > ROUNDS
