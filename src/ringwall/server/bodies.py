"""Request bodies: read within limits of size and time; large ones wait in a file, not in memory.

A body above `body_spool_bytes`, or one for which the memory for all bodies together has no room,
goes to a file of the node's own directory. The file has mode 0600 and no name, so nothing of it
outlives the request or the process; it is handed on as an `mmap`.
"""

import asyncio
import errno
import mmap
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ringwall.core import StorageFull, TooLarge, TooSlow
from ringwall.server.limits import RequestLimits

Body = bytes | mmap.mmap
"""A body: bytes, or the pages of an unnamed file. Slices of both are bytes."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_BLOCK = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Disconnected(Exception):
    """The client went away before its body was complete."""


_PREFIX = "body-"
"""How our files are called while they have a name: nothing else in their folder is touched."""


class Bodies:
    """Reads bodies for one node; ``directory`` holds large ones, None: the machine's own place."""

    def __init__(self, limits: RequestLimits, directory: Path | None, reserve: int) -> None:
        self._limits = limits
        self._directory = directory
        self._reserve = reserve
        self._held = 0
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            for left in directory.glob(f"{_PREFIX}*"):  # a killed process may have left it
                left.unlink()

    @property
    def held(self) -> int:
        """Return how many bytes of bodies are in memory now."""
        return self._held

    async def read(self, receive: Receive, announced: int | None, most: int) -> Body:
        """Read a body of at most ``most`` bytes; `release` must follow.

        ``announced`` is its Content-Length. Raises TooLarge (rule ``size``), TooSlow (rule
        ``body``), StorageFull, Disconnected.
        """
        if announced is not None and announced > most:
            raise _too_large(most)
        reading = _Reading(self, self._limits, most)
        try:
            if announced is not None and not self._fits(announced):
                reading.spool()
            return await reading.whole(receive)
        except BaseException:
            reading.discard()
            raise

    def release(self, body: Body) -> None:
        """Note that a body was handled; a file's space is free again."""
        if isinstance(body, bytes):
            self._held -= len(body)
            return
        try:
            body.close()
        except BufferError:
            return  # somebody still has a view of it: it goes when the last view goes

    def hold(self, more: int) -> bool:
        """Count ``more`` bytes of memory, if there is room; negative: give them back."""
        if more > 0 and self._held + more > self._limits.body_memory_bytes:
            return False
        self._held += more
        return True

    def open_file(self) -> int:
        """Open an unnamed file, mode 0600, and return its descriptor."""
        place = str(self._directory or tempfile.gettempdir())
        if hasattr(os, "O_TMPFILE"):
            try:
                return os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT):
                    raise
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=place)
        Path(name).unlink()
        return descriptor

    def check_room(self, descriptor: int, more: int) -> None:
        """Raise StorageFull if ``more`` bytes would reach into the node's reserve."""
        disk = os.fstatvfs(descriptor)
        if disk.f_bavail * disk.f_frsize - more < self._reserve:
            raise _no_room()

    def _fits(self, size: int) -> bool:
        limits = self._limits
        return size <= limits.body_spool_bytes and self._held + size <= limits.body_memory_bytes


class _Reading:
    """One body that is arriving: in memory first, in a file from the moment it is large."""

    def __init__(self, bodies: Bodies, limits: RequestLimits, most: int) -> None:
        self._bodies = bodies
        self._limits = limits
        self._most = most
        self._chunks: list[bytes] = []
        self._held = 0
        self._size = 0
        self._file: int | None = None
        self._began = time.monotonic()

    def spool(self) -> None:
        """Take a file for what comes."""
        try:
            self._file = self._bodies.open_file()
        except OSError as error:
            raise _no_room() from error

    async def whole(self, receive: Receive) -> Body:
        """Read to the end."""
        pending = 0
        while True:
            chunk, more = await self._next(receive)
            if chunk:
                self._take(chunk)
                pending += len(chunk)
            if self._file is not None and pending >= _BLOCK:
                await self._write()
                pending = 0
            if not more:
                break
        if self._file is None:
            return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        await self._write()
        return self._mapped(self._file)

    def discard(self) -> None:
        """Give back what was taken: the body will not be handled."""
        self._bodies.hold(-self._held)
        self._held = 0
        self._close()

    async def _next(self, receive: Receive) -> tuple[bytes, bool]:
        """Wait for the next part: not longer than a pause may be, nor below the least rate."""
        grace = self._limits.body_grace_seconds + self._size / self._limits.body_least_rate
        patience = min(self._limits.body_pause_seconds, grace - (time.monotonic() - self._began))
        try:
            async with asyncio.timeout(max(patience, 0.0)):
                event = await receive()
        except TimeoutError:
            raise TooSlow("the body arrives too slowly", field="body", rule="body") from None
        if event["type"] != "http.request":
            raise Disconnected
        return event.get("body", b""), event.get("more_body", False)

    def _take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._most:
            raise _too_large(self._most)
        self._chunks.append(chunk)
        if self._file is not None:
            return
        if self._size <= self._limits.body_spool_bytes and self._bodies.hold(len(chunk)):
            self._held += len(chunk)
            return
        self.spool()

    async def _write(self) -> None:
        """Write what has come to the file, in a thread: a busy disk must not stop the loop."""
        descriptor, chunks = self._file, self._chunks
        if descriptor is None or not chunks:
            return
        self._chunks = []
        self._bodies.hold(-self._held)
        self._held = 0
        # shielded: a cancelled request must not close the file under the thread that writes it
        writing = asyncio.ensure_future(asyncio.to_thread(self._append, descriptor, chunks))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    def _append(self, descriptor: int, chunks: list[bytes]) -> None:
        data = b"".join(chunks)
        self._bodies.check_room(descriptor, len(data))
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            if error.errno in _FULL:
                raise _no_room() from error
            raise

    def _mapped(self, descriptor: int) -> Body:
        if self._size == 0:
            self._close()
            return b""
        body = mmap.mmap(descriptor, self._size, access=mmap.ACCESS_READ)
        self._close()  # the pages stay as long as the mapping
        return body

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most} bytes", field="body", rule="size")


def _no_room() -> StorageFull:
    return StorageFull("the body does not fit on the disk beside the reserve", rule="disk")
