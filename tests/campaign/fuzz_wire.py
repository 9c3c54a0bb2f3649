"""One keep-alive connection that sends whatever bytes it is given and reads one HTTP/1.1 answer.

No HTTP library in between: one would refuse to send what is to be tried here.
"""

import asyncio
from dataclasses import dataclass, field

LONGEST_WAIT = 10.0
"""Seconds after which an answer counts as a hang."""
_BIGGEST = 2**26


class Hang(Exception):
    """No answer within `LONGEST_WAIT`."""


@dataclass
class Answered:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Wire:
    """One connection, opened anew whenever the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, request: bytes, *, method: str = "GET", closes: bool = False
    ) -> Answered | None:
        """Send bytes and read the answer; None if the server closed without one.

        ``closes``: nothing more can be sent on this connection afterwards. A connection that the
        server closed since the last request is opened again, once.
        """
        fresh = self._writer is None
        try:
            answer = await asyncio.wait_for(self._ask(request, method), LONGEST_WAIT)
        except TimeoutError as error:
            self.close()
            raise Hang(f"no answer within {LONGEST_WAIT:.0f} s") from error
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            self.close()
            return None if fresh or closes else await self.ask(request, method=method, closes=True)
        if closes or answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    async def shout(self, raw: bytes, seconds: float) -> Answered | None:
        """Send bytes on a new connection and end it; return the head of what came in time."""
        self.close()
        try:
            reader, writer = await asyncio.open_connection(*self._place)
        except OSError:
            return None
        try:
            writer.write(raw)
            writer.write_eof()
            return _head(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), seconds))
        except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError, IndexError):
            return None
        finally:
            writer.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _ask(self, request: bytes, method: str) -> Answered:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._place, limit=_BIGGEST)
        self._writer.write(request)
        await self._writer.drain()
        answer = _head(await self._reader.readuntil(b"\r\n\r\n"))
        if answer.status == 100:
            answer = _head(await self._reader.readuntil(b"\r\n\r\n"))
        if method != "HEAD" and answer.status not in (204, 304):
            answer.body = await self._body(answer.headers)
        return answer

    async def _body(self, headers: dict[str, str]) -> bytes:
        reader = self._reader
        if reader is None:
            raise ConnectionError("closed")
        if "content-length" in headers:
            return await reader.readexactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") != "chunked":
            return await reader.read(_BIGGEST)
        parts = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readuntil(b"\r\n")
        return b"".join(parts)


def _head(raw: bytes) -> Answered:
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answered(int(first.split(" ", 2)[1]), headers)
