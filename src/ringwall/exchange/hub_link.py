"""The way to a hub through the node's own leaf: publish, pull, acknowledge.

Publishing waits for the hub's confirmation that the message is synced. Reading is one long pull
per lane, so a message is here as soon as the hub has it; a heartbeat each second tells that the
line is alive. On start and on every doubt the hub's consumer is set back to what this node's
database has committed (`CONSUMER.RESET`), so neither a lost acknowledgement, nor a lost message,
nor a database restored from a backup skips anything.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
import nats.errors
from msgspec import Meta, Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ringwall.core import Precedence, TooLarge, Unavailable, new_secret
from ringwall.exchange.hub_streams import SECOND, lane_subject, stream_name
from ringwall.exchange.nats_client import LineClient, end_if_cancelled
from ringwall.exchange.pull import LARGEST, PullSession
from ringwall.exchange.transport import Batch, StreamPosition

logger = logging.getLogger(__name__)

SILENCE = 2.5
"""Seconds without a heartbeat after which a pull is in doubt."""

REQUEST_TIMEOUT = 5.0
PULL_MESSAGES = 256
PULL_BYTES = 4 * 1024 * 1024
PULL_BYTES_BULK = 64 * 1024
PULL_SECONDS = 30
BACKOFF_FIRST = 0.05
BACKOFF_LAST = 1.0

T = TypeVar("T")


class _Refusal(Struct, frozen=True):
    """Why the hub's JetStream refused."""

    description: str = ""


class _Confirmation(Struct, frozen=True):
    """The hub's answer to a message: where it is stored, or the refusal."""

    stream: str = ""
    domain: str = ""
    seq: int = 0
    error: _Refusal | None = None


class _Delivered(Struct, frozen=True):
    """How many deliveries a consumer has made."""

    consumer_seq: Annotated[int, Meta(ge=0, le=LARGEST)]


class _ConsumerState(Struct, frozen=True):
    """The hub's answer to a reset: the consumer's creation time and count, or the refusal."""

    created: Annotated[str, Meta(pattern=r"\A[0-9A-Za-z:.+-]{1,64}\Z")] = ""
    delivered: _Delivered | None = None
    error: _Refusal | None = None


class _Doubt(Exception):
    """The session cannot go on; the next one starts from the committed position."""


class NatsTransport:
    """A node's connection to one hub, by way of its leaf; implements `transport.Transport`."""

    def __init__(self, hub: str, node: str) -> None:
        """``node`` names both the user and its consumers on ``hub``. Then `connect`."""
        self.hub = hub
        self._node = node
        self._client = LineClient()
        self._lanes: dict[str, _Lane] = {}
        self._heard = 0.0
        self._closed = False

    async def connect(self, url: str) -> None:
        """Connect to the leaf at ``url``; from then on reconnect for ever. Raises Unavailable."""
        try:
            await self._client.connect(
                url,
                name=self._node,
                inbox_prefix=f"_I.{self._node}",
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.1,  # type: ignore[arg-type]  # it sleeps for it
                connect_timeout=2,
                error_cb=self._log_error,
                disconnected_cb=self._disconnected,
                reconnected_cb=self._disconnected,
            )
        except (OSError, nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"no connection to this node's leaf: {error}", rule="leaf") from error

    @property
    def connected(self) -> bool:
        """Tell whether the hub has been heard within the last `SILENCE` seconds."""
        return self._client.is_connected and time.monotonic() - self._heard < SILENCE

    async def publish(self, lane: str, places: Sequence[int], data: bytes, message_id: str) -> None:
        """Publish ``data`` to the nodes at ``places``; see `transport.Transport.publish`."""
        subject = lane_subject(self.hub, self._node, lane, places)
        answer = await self._request(subject, data, _Confirmation, {"Nats-Msg-Id": message_id})
        right = answer.stream == stream_name(lane) and answer.domain == self.hub
        if answer.error is not None or not right or answer.seq < 1:
            why = answer.error.description if answer.error else "an unexpected confirmation"
            raise Unavailable(
                f"hub {self.hub} did not take a message on {lane}: {why}",
                field=lane,
                rule="hub",
            )

    async def batches(
        self, lane: str, position: Callable[[], StreamPosition | None]
    ) -> AsyncIterator[Batch]:
        """Yield what arrives on ``lane``; see `transport.Transport.batches`.

        Nothing that a hub answers ends it. What ``position`` raises does: it is about this node.
        """
        reader = self._lanes.get(lane)
        if reader is None:
            reader = _Lane(self._client, self.hub, self._node, lane, self._request, self._hear)
            self._lanes[lane] = reader
        backoff = BACKOFF_FIRST
        try:
            while not self._closed:
                committed = position()
                try:
                    await reader.begin(committed)
                    while True:
                        yield await reader.next_batch()
                        backoff = BACKOFF_FIRST
                except (_Doubt, Unavailable) as doubt:
                    logger.info("hub %s, lane %s: %s", self.hub, lane, doubt)
                except Exception:  # one answer of a hub must not end the node
                    logger.exception("hub %s, lane %s", self.hub, lane)
                end_if_cancelled()
                if not self._closed:
                    await asyncio.sleep(backoff)
                    backoff = min(backoff * 2, BACKOFF_LAST)
        finally:
            reader.end()

    async def acknowledge(self, lane: str, stream_sequence: int) -> None:
        """Acknowledge on ``lane`` up to ``stream_sequence``; see `transport.Transport`.

        Without a session on the lane there is nothing to do: the next one starts from the
        committed position anyway.
        """
        reader = self._lanes.get(lane)
        subject = reader.acknowledge(stream_sequence) if reader is not None else None
        if subject is not None and self._client.is_connected:
            await self._client.publish(subject, b"+ACK")
            end_if_cancelled()

    async def close(self) -> None:
        """Close the connection, within seconds; iterators of `batches` end."""
        self._closed = True
        for reader in self._lanes.values():
            reader.fail("closed")
        await self._client.finish()

    async def _request(
        self, subject: str, data: bytes, kind: type[T], headers: dict[str, str] | None = None
    ) -> T:
        if not self._client.is_connected:
            raise Unavailable(f"hub {self.hub}: no connection to the leaf", rule="leaf")
        try:
            answer = await self._client.request(
                subject, data, timeout=REQUEST_TIMEOUT, headers=headers
            )
            if answer.reply:
                raise Unavailable(f"hub {self.hub}: an answer that is a delivery", rule="hub")
            document = msgspec.json.decode(answer.data, type=kind)
        except nats.errors.MaxPayloadError as error:
            raise TooLarge(
                f"message of {len(data)} bytes is over the hub's limit", rule="size"
            ) from error
        except (nats.errors.Error, OSError, msgspec.DecodeError) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(f"hub {self.hub}: {why}", rule="hub") from error
        finally:
            end_if_cancelled()
        self._hear()
        return document

    def _hear(self) -> None:
        self._heard = time.monotonic()

    async def _disconnected(self) -> None:
        for reader in self._lanes.values():
            reader.fail("the connection to the leaf broke")

    async def _log_error(self, error: Exception) -> None:
        logger.info("leaf of %s: %r", self._node, error)


class _Lane:
    """One lane's consumer, session after session."""

    def __init__(
        self,
        client: LineClient,
        hub: str,
        node: str,
        lane: str,
        request: Callable[..., Any],
        hear: Callable[[], None],
    ) -> None:
        self._client = client
        self._node = node
        self._lane = lane
        self._request = request
        self._hear = hear
        self._call = f"$JS.{hub}.API.CONSUMER.{{}}.{stream_name(lane)}.{node}"
        self._bytes = PULL_BYTES_BULK if lane == Precedence.BULK else PULL_BYTES
        self._inbox = f"_I.{node}.pull.{new_secret()}"
        self._sessions = itertools.count(1)
        self._changed = asyncio.Event()
        self._session: PullSession | None = None
        self._subscription: Subscription | None = None

    async def begin(self, position: StreamPosition | None) -> None:
        """Set the consumer to ``position`` and listen. Raises Unavailable, _Doubt."""
        if self._subscription is None:
            self._subscription = await self._client.subscribe(
                f"{self._inbox}.*", cb=self._receive, pending_msgs_limit=0, pending_bytes_limit=0
            )
            end_if_cancelled()
        inbox = f"{self._inbox}.{next(self._sessions)}"
        session = self._session = PullSession(self._lane, self._node, inbox)
        after = position.sequence if position is not None else 0
        created, delivered = await self._reset(after + 1)
        if position is not None and created != position.created:
            logger.warning(
                "lane %s: the hub's consumer is of %s, not of %s: reading from the start",
                self._lane,
                created,
                position.created,
            )
            after = 0
            created, delivered = await self._reset(1)
        session.open(created=created, after=after, delivered=delivered)

    def end(self) -> None:
        """End the session; the inbox is listened to until the connection closes."""
        self._session = None

    async def next_batch(self) -> Batch:
        """Wait for deliveries. Raises _Doubt."""
        session = self._session
        if session is None:
            raise _Doubt("no session")
        while not session.doubt:
            self._changed.clear()
            arrived = session.take()
            if arrived:
                return Batch(session.created, arrived)
            if session.outstanding == 0:
                await self._pull(session)
            try:
                async with asyncio.timeout(SILENCE):
                    await self._changed.wait()
            except TimeoutError:
                raise _Doubt(f"silence for {SILENCE} s") from None
        raise _Doubt(session.doubt)

    def acknowledge(self, stream_sequence: int) -> str | None:
        """Return the acknowledgement subject, if this session has one to give."""
        return self._session.acknowledge(stream_sequence) if self._session is not None else None

    def fail(self, why: str) -> None:
        """Put the session in doubt."""
        if self._session is not None:
            self._session.doubt = self._session.doubt or why
        self._changed.set()

    async def _reset(self, sequence: int) -> tuple[str, int]:
        """Set the consumer to ``sequence``; return its creation time and its count."""
        body = msgspec.json.encode({"seq": sequence})
        state: _ConsumerState = await self._request(
            self._call.format("RESET"), body, _ConsumerState
        )
        if state.error is not None:
            raise _Doubt(f"reset to {sequence}: {state.error.description}")
        if not state.created or state.delivered is None:
            raise _Doubt(f"reset to {sequence}: not the state of a consumer")
        return state.created, state.delivered.consumer_seq

    async def _pull(self, session: PullSession) -> None:
        ask = {"expires": PULL_SECONDS * SECOND, "idle_heartbeat": SECOND}
        if session.whole:
            session.whole = False
            ask |= {"batch": 1}
        else:
            ask |= {"batch": PULL_MESSAGES, "max_bytes": self._bytes}
        session.pulled(ask["batch"])
        try:
            await self._client.publish(
                self._call.format("MSG.NEXT"), msgspec.json.encode(ask), reply=session.inbox
            )
        except nats.errors.Error as error:
            raise _Doubt(str(error) or type(error).__name__) from error
        finally:
            end_if_cancelled()

    async def _receive(self, message: Msg) -> None:
        session = self._session
        if session is None:
            return
        foreign = session.foreign
        lost = session.receive(message.subject, message.reply, message.headers or {}, message.data)
        if session.foreign != foreign:
            logger.warning("lane %s: a delivery that is not ours: %s", self._lane, message.reply)
            return
        self._hear()
        if lost is not None:
            await self._client.publish(lost, b"+ACK")
        self._changed.set()
