"""The time of an answer does not tell what is withheld from what is missing (dudect's test).

100,000 calls of each class, in random order, in process: see `tests/server/timing.py`. |t| below
4.5, at every crop, is no evidence of a difference.

    RINGWALL_TIMING_STORE=postgresql pytest -m long tests/campaign/test_timing.py
    RINGWALL_TIMING_CALLS=5000       so many calls of each class
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from tests.server.timed_world import TimedWorld, in_memory, timed_world
from tests.server.timing import LIMIT, judge, sample
from tests.store.pg_server import PgServer
from tests.store.stores import on_server

CALLS = int(os.environ.get("RINGWALL_TIMING_CALLS", "100000"))
STORE = os.environ.get("RINGWALL_TIMING_STORE", "sqlite")


@contextmanager
def on_postgresql() -> Iterator[None]:
    """Let databases be opened on a server whose data lie in memory, as SQLite's do here."""
    with tempfile.TemporaryDirectory(dir=in_memory()) as directory:
        server = PgServer(directory)
        try:
            with on_server(server):
                yield
        finally:
            server.close()


@pytest.fixture
def node() -> Iterator[TimedWorld]:
    stores = {"sqlite": nullcontext, "postgresql": on_postgresql}
    with stores[STORE](), timed_world() as made:
        yield made


@pytest.mark.long
@pytest.mark.parametrize("kind", ["statement", "object", "value", "text", "taxii"])
def test_withheld_and_missing_take_the_same_time(node: TimedWorld, kind: str) -> None:
    withheld, missing = node.pairs()[kind]
    verdict = judge(sample(withheld, missing, CALLS))
    sys.stdout.write(f"{kind} on {STORE}: {verdict}\n")
    assert verdict.t < LIMIT, verdict
