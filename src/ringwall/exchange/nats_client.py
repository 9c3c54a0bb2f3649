"""nats-py's client, made to withstand what others send and to close in time."""

import asyncio
import logging
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0


class LineClient(Client):
    """A connection to a nats-server on this machine."""

    async def finish(self) -> None:
        """Close the connection, whatever state it is in, within `CLOSE_SECONDS`."""
        if self.is_closed or self._flush_queue is None:  # closed, or never connected
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            logger.warning("a connection did not close in order: %r", error)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        """Read headers; those that cannot be read are none.

        Any member writes headers as it likes, and the hub hands them on: nats-py's error would
        end its reading of everything, for good.
        """
        try:
            parsed: dict[str, Any] | None = await super()._process_headers(headers)
        except (ValueError, IndexError):
            logger.warning("a message with headers that cannot be read: %r", headers[:80])
            return None
        return parsed

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        """Make a message of bytes that need not be UTF-8: a member writes subjects as it likes."""
        return Msg(
            _client=self,
            subject=subject.decode(errors="replace"),
            reply=reply.decode(errors="replace"),
            data=data,
            headers=headers,
            _sid=sid,
        )


def end_if_cancelled() -> None:
    """Raise CancelledError if this task was told to end: nats-py now and then swallows it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
