"""The reading process: the same as reading here, whatever happens to it."""

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.reading import ReadingProcess
from ringwall.reading import process as module
from ringwall.stix import OBJECT_LIMITS, Submission, SubmissionReader, read_pieces
from tests.stix.examples import EXAMPLES, bundle, identifier
from tests.stix.mutations import OLD

GOOD = [json.dumps(each).encode() for each in EXAMPLES.values()]
POISON = [b"5", b"{", b"{}", b'{"type":"indicator"}', b'"\xff"', b'{"id":"x--\\ud800"}']


@pytest.fixture
def reading() -> Iterator[ReadingProcess]:
    process = ReadingProcess()
    start(process)
    yield process
    process.close()


def start(process: ReadingProcess) -> int:
    """Wait until the process answers; return its pid."""
    for _ in range(1000):
        process.read([])()
        running = process._running
        if running is not None and running.is_ready:
            return running.pid
        time.sleep(0.01)
    raise AssertionError("the reading process does not come up")


def is_asked(process: ReadingProcess, pieces: list[bytes]) -> bool:
    """Tell whether the process itself reads pieces, and check what comes back."""
    wait = process.read(pieces)
    assert wait() == read_pieces(pieces, OBJECT_LIMITS)
    return wait.func is not read_pieces  # type: ignore[attr-defined]


def wait_for_end(process: ReadingProcess) -> None:
    for _ in range(1000):
        if process.pid is None:
            return
        time.sleep(0.01)
    raise AssertionError("the end of the process was not noticed")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([*GOOD, *POISON, json.dumps(OLD).encode()]), max_size=9))
def test_what_is_read_elsewhere_is_what_is_read_here(
    reading: ReadingProcess, pieces: list[bytes]
) -> None:
    assert is_asked(reading, pieces)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([*EXAMPLES.values(), OLD, 5, "x"]), min_size=1, max_size=20))
def test_slices_read_elsewhere_are_the_slices_read_here(
    reading: ReadingProcess, objects: list[object]
) -> None:
    raw = json.dumps(bundle(*objects)).encode()
    here: list[Submission] = list(SubmissionReader(raw).slices(3))
    assert list(SubmissionReader(raw).slices(3, reading.read)) == here


def test_the_first_large_submission_does_not_wait_for_it() -> None:
    process = ReadingProcess()
    assert not is_asked(process, GOOD)
    start(process)
    assert is_asked(process, GOOD)
    process.close()
    assert not is_asked(process, GOOD)
    assert process.pid is None
    process.close()


def test_a_killed_process_costs_nobody_an_object(reading: ReadingProcess) -> None:
    pid = start(reading)
    os.kill(pid, signal.SIGSTOP)
    waits = [reading.read(GOOD) for _ in range(3)]
    os.kill(pid, signal.SIGKILL)
    assert [wait() for wait in waits] == [read_pieces(GOOD, OBJECT_LIMITS)] * 3
    wait_for_end(reading)
    assert start(reading) != pid
    assert is_asked(reading, GOOD)


def test_a_process_that_hangs_is_ended(
    reading: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    pid = start(reading)
    os.kill(pid, signal.SIGSTOP)
    assert is_asked(reading, GOOD)
    wait_for_end(reading)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_only_what_the_pipe_holds_is_sent(reading: ReadingProcess) -> None:
    """Whoever sends must not wait: a process that hangs would take the node with it."""
    pid = start(reading)
    large = json.dumps({**EXAMPLES["indicator"], "description": "x" * 900_000}).encode()
    os.kill(pid, signal.SIGSTOP)
    waits = [reading.read([large]) for _ in range(3)]
    assert [wait.func is read_pieces for wait in waits] == [False, True, True]  # type: ignore[attr-defined]
    os.kill(pid, signal.SIGCONT)
    assert all(len(wait().objects) == 1 for wait in waits)
    assert not is_asked(reading, [large] * 2)


def test_it_ends_with_the_node() -> None:
    """A node that is killed closes the pipe and says nothing else."""
    process = ReadingProcess()
    pid = start(process)
    running = process._running
    assert running is not None
    running._input.close()
    wait_for_end(process)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    process.close()


def test_what_it_holds_no_opinion_of_is_read_by_the_node(reading: ReadingProcess) -> None:
    """Observed data of STIX 2.0 contradicts, or not, what came before it: the node knows."""
    other = {**OLD, "id": identifier("observed-data")}
    raw = json.dumps(bundle(EXAMPLES["indicator"], OLD, other, OLD)).encode()
    found = list(SubmissionReader(raw).slices(1, reading.read))
    assert found == list(SubmissionReader(raw).slices(1))
    assert read_pieces([json.dumps(OLD).encode()], OBJECT_LIMITS).apart in ([], [0])
