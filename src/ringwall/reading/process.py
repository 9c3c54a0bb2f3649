"""The node's side of the reading process.

It is started by the first large submission, which does not wait for it, and lives as long as the
node. Whatever happens to it costs time only: a slice that it does not give back is read here.
"""

import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import BinaryIO, NamedTuple, cast

from ringwall.processes import launcher
from ringwall.reading.frames import decode_slice, frame_of, read_frame
from ringwall.stix import OBJECT_LIMITS, ReadSlice, read_pieces

log = logging.getLogger("ringwall.reading")

PIPE_BYTES = 1024 * 1024
"""So much may wait for the process without whoever sent it having to wait."""
_USUAL_PIPE_BYTES = 64 * 1024
_PAGE = 4096
"""A pipe holds pages, and a message may leave parts of two of them empty."""
PATIENCE_SECONDS = 30.0
"""No slice takes so long; a process that says nothing for so long is ended."""
PAUSE_SECONDS = 30.0
"""So long after it ended by itself the process is not started again."""
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH")


class ReadingProcess:
    """Reads slices elsewhere (stix.Read). Thread-safe."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._running: _Running | None = None
        self._closed = False
        self._not_before = float("-inf")

    def read(self, pieces: list[bytes]) -> Callable[[], ReadSlice]:
        """Begin to read pieces; return what waits for them, and reads them here if need be."""
        here = partial(read_pieces, pieces, OBJECT_LIMITS)
        running = self._process()
        future = None if running is None else running.ask(pieces)
        if running is None or future is None:
            return here
        return partial(_wait, running, future, here)

    def close(self) -> None:
        """End the process. Idempotent; later slices are read here."""
        with self._gate:
            self._closed = True
            if self._running is not None:
                self._running.end()

    @property
    def pid(self) -> int | None:
        """Return the pid of the process, None if there is none."""
        running = self._running
        return running.pid if running is not None and not running.has_ended else None

    def _process(self) -> "_Running | None":
        """Return the process, started anew if it has ended; None if there is to be none."""
        with self._gate:
            if self._running is not None and self._running.has_ended:
                self._running = None
                self._not_before = time.monotonic() + PAUSE_SECONDS
            if self._running is None and not self._closed and time.monotonic() > self._not_before:
                try:
                    self._running = _Running()
                except RuntimeError as error:  # no more threads
                    log.warning("no reading process can be started: %s", error)
                    self._not_before = time.monotonic() + PAUSE_SECONDS
            return None if self._closed else self._running


def _wait(
    running: "_Running", future: Future[ReadSlice | None], here: Callable[[], ReadSlice]
) -> ReadSlice:
    try:
        return future.result(PATIENCE_SECONDS) or here()
    except TimeoutError:
        log.error("the reading process %s does not answer and is ended", running.pid)
        running.end()
        return here()


class _Asked(NamedTuple):
    """A slice that is read: how many pieces it has, and the bytes that it may take in the pipe."""

    future: Future[ReadSlice | None]
    pieces: int
    size: int


class _Running:
    """One process, and the thread that started it and takes what it gives back, in order.

    Linux ends the process with that thread, whatever becomes of the node.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._asked: deque[_Asked] = deque()
        self._waiting = 0
        self._most = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._input = -1
        self.is_ready = False
        self.has_ended = False
        self._thread = threading.Thread(target=self._serve, name="ringwall-reading", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def ask(self, pieces: list[bytes]) -> Future[ReadSlice | None] | None:
        """Send pieces; the future holds None if they are not read. None: they cannot be sent.

        Only so much is sent as the pipe holds, so that whoever sends never waits.
        """
        if not self.is_ready:
            return None
        frame = frame_of(pieces)
        asked = _Asked(Future(), len(pieces), (len(frame) // _PAGE + 2) * _PAGE)
        with self._gate:
            if self.has_ended or self._waiting + asked.size > self._most:
                return None
            try:
                sent = os.write(self._input, frame)
            except OSError:
                sent = 0
            if sent != len(frame):  # what it got is no message, and nothing after it would be
                self._kill()
                return None
            self._asked.append(asked)
            self._waiting += asked.size
        return asked.future

    def end(self) -> None:
        """Kill the process: it keeps nothing."""
        self._kill()
        self._thread.join()

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def _serve(self) -> None:
        try:
            self._take_answers(self._start())
        except Exception:
            log.exception("the reading process %s failed", self.pid)
        finally:
            self._kill()
            with self._gate:
                self.has_ended = True
                while self._asked:
                    self._asked.popleft().future.set_result(None)
            self._clear()

    def _start(self) -> BinaryIO:
        """Start the process and return its output."""
        program = [sys.executable, "-P", "-m", "ringwall.reading"]
        tied = [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), *program]
        self._child = subprocess.Popen(
            tied,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=-1,
            start_new_session=True,  # an interrupt at the terminal is the node's to handle
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )
        output = cast(BinaryIO, self._child.stdout)
        self._input = cast(BinaryIO, self._child.stdin).fileno()
        os.set_blocking(self._input, False)
        self._most = _widen(self._input)
        _widen(output.fileno())
        os.write(self._input, frame_of([]))
        self._asked.append(_Asked(Future(), 0, 0))
        return output

    def _take_answers(self, output: BinaryIO) -> None:
        while (frame := read_frame(output)) is not None:
            found = decode_slice(frame)
            with self._gate:
                asked = self._asked.popleft()
                self._waiting -= asked.size
            asked.future.set_result(found if _is_whole(found, asked.pieces) else None)
            self.is_ready = True

    def _clear(self) -> None:
        """Close the pipes and see the process off."""
        child = self._child
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        log.info("the reading process %d ended with %d", child.pid, child.wait())


def _is_whole(found: ReadSlice, pieces: int) -> bool:
    """Tell whether an answer says one thing of each piece."""
    told = [*found.places, *found.apart, *(one.index for one in found.refusals)]
    return sorted(told) == list(range(pieces)) and len(found.objects) == len(found.places)


def _widen(pipe: int) -> int:
    """Let a pipe hold more, where the system allows it; return how many bytes it holds."""
    try:
        return int(fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES))
    except (OSError, AttributeError):
        return _USUAL_PIPE_BYTES
