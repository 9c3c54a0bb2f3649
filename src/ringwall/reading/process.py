"""The node's side of the reading process.

It is started by the first large submission, which does not wait for it, and lives as long as the
node. Whatever happens to it costs time only: a slice that it does not give back is read here.
"""

import fcntl
import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import BinaryIO, NamedTuple, cast

import msgspec

from ringwall.reading.frames import decode_slice, read_frame, write_frame
from ringwall.stix import OBJECT_LIMITS, ReadSlice, read_pieces

log = logging.getLogger("ringwall.reading")

PIPE_BYTES = 1024 * 1024
"""So much may wait for the process without whoever sent it having to wait."""
_USUAL_PIPE_BYTES = 64 * 1024
_OVERHEAD = 16
"""Bytes that a piece takes beside its own, at most."""
PATIENCE_SECONDS = 30.0
"""No slice takes so long; a process that says nothing for so long is ended."""


class ReadingProcess:
    """Reads slices elsewhere (stix.Read). Thread-safe."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._running: _Running | None = None
        self._closed = False

    def read(self, pieces: list[bytes]) -> Callable[[], ReadSlice]:
        """Begin to read pieces; return what waits for them, and reads them here if need be."""
        here = partial(read_pieces, pieces, OBJECT_LIMITS)
        running = self._process()
        future = running.ask(pieces) if running is not None and running.is_ready else None
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
            if self._closed:
                return None
            if self._running is None or self._running.has_ended:
                try:
                    self._running = _Running()
                except OSError as error:
                    log.warning("no reading process could be started: %s", error)
                    self._running = None
            return self._running


def _wait(
    running: "_Running", future: Future[ReadSlice | None], here: Callable[[], ReadSlice]
) -> ReadSlice:
    try:
        return future.result(PATIENCE_SECONDS) or here()
    except TimeoutError:
        log.error("the reading process %d does not answer and is ended", running.pid)
        running.end()
        return here()


class _Running:
    """One process, and the thread that takes what it gives back, in the order of asking."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ringwall.reading"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt at the terminal is the node's to handle
            close_fds=True,
        )
        self._input = cast(BinaryIO, self._child.stdin)
        self._output = cast(BinaryIO, self._child.stdout)
        self._most = min(_widen(self._input), _widen(self._output))
        self._gate = threading.Lock()
        self._asked: deque[_Asked] = deque()
        self._waiting = 0
        self.is_ready = False
        self.has_ended = False
        self._thread = threading.Thread(target=self._serve, name="ringwall-reading", daemon=True)
        self.ask([])
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def ask(self, pieces: list[bytes]) -> Future[ReadSlice | None] | None:
        """Send pieces; the future holds None if they are not read. None: they cannot be sent.

        Only so much is sent as the pipe holds, so that whoever sends never waits.
        """
        size = sum(map(len, pieces)) + _OVERHEAD * (len(pieces) + 1)
        asked = _Asked(Future(), size)
        with self._gate:
            if self.has_ended or self._waiting + size > self._most:
                return None
            self._asked.append(asked)
            self._waiting += size
            try:
                write_frame(self._input, pieces)
            except (OSError, ValueError):
                self._forget(self._asked.pop())
                return None
        return asked.future

    def end(self) -> None:
        """Kill the process: it keeps nothing."""
        self._child.kill()
        self._thread.join()

    def _serve(self) -> None:
        try:
            while (frame := read_frame(self._output)) is not None:
                self.is_ready = True
                found = decode_slice(frame)
                with self._gate:
                    self._forget(asked := self._asked.popleft())
                asked.future.set_result(found)
        except (OSError, msgspec.MsgspecError):
            log.exception("the reading process %d gave back nonsense", self.pid)
        self._child.kill()
        with self._gate:
            self.has_ended = True
            while self._asked:
                self._asked.popleft().future.set_result(None)
        self._input.close()
        self._output.close()
        self._child.wait()

    def _forget(self, asked: "_Asked") -> None:
        self._waiting -= asked.size


class _Asked(NamedTuple):
    """A slice that is read, and the bytes that it may take in the pipe."""

    future: Future[ReadSlice | None]
    size: int


def _widen(pipe: BinaryIO) -> int:
    """Let a pipe hold more, where the system allows it; return how many bytes it holds."""
    try:
        return int(fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES))
    except (OSError, AttributeError):
        return _USUAL_PIPE_BYTES
