"""The reading process: the same as reading here, whatever happens to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringwall.reading import ReadingProcess
from ringwall.reading import process as module
from ringwall.reading.frames import frame_of
from ringwall.stix import OBJECT_LIMITS, ReadSlice, Submission, SubmissionReader, read_pieces
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

    def is_up() -> bool:
        process.read([])()
        return process._running is not None and process._running.is_ready

    eventually(is_up, "an answer")
    assert process.pid is not None
    return process.pid


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come")


def is_asked(process: ReadingProcess, pieces: list[bytes]) -> bool:
    """Tell whether the process itself reads pieces, and check what comes back."""
    wait = process.read(pieces)
    assert wait() == read_pieces(pieces, OBJECT_LIMITS)
    return wait.func is not read_pieces  # type: ignore[attr-defined]


def wait_for_end(process: ReadingProcess) -> None:
    eventually(lambda: process.pid is None, "the end of the process")


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


def test_a_killed_process_costs_nobody_an_object(
    reading: ReadingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.1)
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


def test_it_ends_with_the_node_even_if_it_hangs() -> None:
    """A node that is killed says nothing."""
    program = (
        "import time; from tests.reading.test_process import start, ReadingProcess;"
        "print(start(ReadingProcess()), flush=True); time.sleep(60)"
    )
    node = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    pid = int(node.stdout.readline())
    os.kill(pid, signal.SIGSTOP)
    node.kill()
    node.communicate()
    eventually(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(pid), "its end")


def is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and nobody has asked for its end yet."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


ONE_FRAME = frame_of(ReadSlice([], [], [], []))
NONSENSE = {
    "nothing": b"",
    "a length that is none": b"\xff" * 8,
    "a frame that is cut off": ONE_FRAME[:-1],
    "no MessagePack": (3).to_bytes(8, "big") + b"\xc1\xc1\xc1",
    "an answer that nobody asked for": ONE_FRAME * 3,
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_what_answers_nonsense_is_ended_and_not_started_again_at_once(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    said.write_bytes(answer)
    run_instead(tmp_path, f"#!/bin/sh\necho >> {tmp_path}/starts\ncat {said}\n", monkeypatch)
    before = set(Path("/proc/self/fd").iterdir())
    process = ReadingProcess()
    for _ in range(20):
        assert process.read(GOOD)() == read_pieces(GOOD, OBJECT_LIMITS)
        time.sleep(0.01)
    wait_for_end(process)
    process.close()
    assert (tmp_path / "starts").read_text() == "\n"
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_an_answer_that_leaves_something_out_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = f"""#!{sys.executable}
import sys
while length := sys.stdin.buffer.read(8):
    sys.stdin.buffer.read(int.from_bytes(length, "big"))
    sys.stdout.buffer.write({ONE_FRAME!r})
    sys.stdout.buffer.flush()
"""
    run_instead(tmp_path, program, monkeypatch)
    process = ReadingProcess()
    pid = start(process)
    assert is_asked(process, GOOD)
    assert process.pid == pid
    process.close()


def run_instead(folder: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a program stand in for the reading process."""
    path = folder / "program"
    path.write_text(program)
    path.chmod(0o700)
    monkeypatch.setattr(module, "sys", SimpleNamespace(executable=str(path)))


def test_what_it_holds_no_opinion_of_is_read_by_the_node(reading: ReadingProcess) -> None:
    """Observed data of STIX 2.0 contradicts, or not, what came before it: the node knows."""
    other = {**OLD, "id": identifier("observed-data")}
    raw = json.dumps(bundle(EXAMPLES["indicator"], OLD, other, OLD)).encode()
    found = list(SubmissionReader(raw).slices(1, reading.read))
    assert found == list(SubmissionReader(raw).slices(1))
    assert read_pieces([json.dumps(OLD).encode()], OBJECT_LIMITS).apart == [0]
