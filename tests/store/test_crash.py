"""kill -9 at random moments: what was acknowledged is there, whole, and nothing is half there."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from ringwall.store import SqliteStore
from ringwall.trust import leaf_hash, merkle_root

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 10


def run_and_kill(database: Path, first: int, delay: float) -> set[str]:
    """Let it write for ``delay`` seconds after its first answer; return what it acknowledged."""
    paths = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.write_until_killed", str(database), str(first)],
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


def check_whole(store: SqliteStore, told: set[str]) -> None:
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


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    database = tmp_path / "ringwall.db"
    chance = random.Random(20260301)
    told: set[str] = set()
    for number in range(ROUNDS):
        told |= run_and_kill(database, number * 100_000 + 1, chance.uniform(0.0, 0.15))
        store = SqliteStore(database)
        check_whole(store, told)
        store.close()
    assert len(told) > ROUNDS
