"""The steward: makes the hub's streams and consumers, and nothing else.

One stream per lane takes what nodes publish under ``<hub>.rel.<origin>.<lane>.<b1>.….<bN>.e``,
where bK is 1 if the node at registry place K receives. Places are never used again and the
sentinel ``e`` lets N grow, so the filter of the node at place K,
``<hub>.rel.*.<lane>.*.….1.>``, stays the same for ever.

Consumers are durable pull consumers that the node can neither make nor change. What exists is
kept: making a consumer anew would make its node read the whole stream again.

A stream that is full refuses what is published (``discard: new``): the origin keeps it and tries
again. Making room by dropping the oldest would let one member that floods a lane destroy what
others have not fetched yet, without a word. Room comes back as messages grow older than the
stream's maximum age.
"""

import asyncio
import base64
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import nats
import nats.errors
import nkeys
from msgspec import Struct

from ringwall.core import BadConfiguration, OperatorError, Unavailable
from ringwall.exchange.hub_accounts import (
    STREAM_LANES,
    HubKeys,
    mint_steward_user,
    new_user_seed,
    public_nkey,
)
from ringwall.exchange.nats_client import LineClient

logger = logging.getLogger(__name__)

SECOND = 1_000_000_000
MAX_ACK_PENDING = 5000
ACK_WAIT_SECONDS = 30
DUPLICATE_WINDOW_SECONDS = 3600
TEND_INTERVAL = 1.0
BACKOFF = 0.05
REQUEST_TIMEOUT = 10.0
_STREAM_NOT_FOUND = 10059


class StreamLimits(Struct, frozen=True):
    """How much a lane's stream keeps: age in seconds, size in bytes."""

    max_age_seconds: int
    max_bytes: int


def stream_name(lane: str) -> str:
    """Return the name of a lane's stream."""
    return f"REL_{lane}"


def lane_subject(hub: str, origin: str, lane: str, places: Sequence[int]) -> str:
    """Return the subject that reaches the nodes at ``places`` (from 1)."""
    wanted = frozenset(places)
    bits = ("1" if place in wanted else "0" for place in range(1, max(wanted) + 1))
    return ".".join((hub, "rel", origin, lane, *bits, "e"))


def place_filter(hub: str, lane: str, place: int) -> str:
    """Return the subject filter of the node at ``place`` (from 1)."""
    return ".".join((hub, "rel", "*", lane, *("*" * (place - 1)), "1", ">"))


def stream_configuration(hub: str, lane: str, limits: StreamLimits) -> dict[str, Any]:
    """Return the JetStream configuration of a lane's stream."""
    window = min(DUPLICATE_WINDOW_SECONDS, limits.max_age_seconds)
    return {
        "name": stream_name(lane),
        "subjects": [f"{hub}.rel.*.{lane}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_age": limits.max_age_seconds * SECOND,
        "max_bytes": limits.max_bytes,
        "max_msgs": -1,
        "max_consumers": -1,
        "duplicate_window": window * SECOND,
        "deny_delete": True,
        "deny_purge": True,
        "num_replicas": 1,
    }


def consumer_configuration(hub: str, lane: str, node: str, place: int) -> dict[str, Any]:
    """Return the JetStream configuration of a node's consumer on a lane."""
    return {
        "durable_name": node,
        "name": node,
        "filter_subject": place_filter(hub, lane, place),
        "deliver_policy": "all",
        "ack_policy": "all",
        "ack_wait": ACK_WAIT_SECONDS * SECOND,
        "max_deliver": -1,
        "max_ack_pending": MAX_ACK_PENDING,
        "replay_policy": "instant",
        "mem_storage": True,
    }


class Steward:
    """Keeps streams and consumers as they must be, through a connection on this machine."""

    def __init__(
        self,
        hub: str,
        keys: HubKeys,
        port: int,
        limits: StreamLimits,
        *,
        seats: Callable[[], dict[str, int]],
        issued: datetime,
    ) -> None:
        """``seats`` tells the admitted nodes and their places, anew each time."""
        self._hub = hub
        self._port = port
        self._limits = limits
        self._seats = seats
        self._seed = new_user_seed()
        self._token = mint_steward_user(keys, nkey=public_nkey(self._seed), issued=issued)
        self._known: dict[str, int] = {}
        self._connection = 0
        self._client = LineClient()

    async def connect(self) -> None:
        """Connect to the hub on this machine. Raises Unavailable."""
        try:
            await self._client.connect(
                f"nats://127.0.0.1:{self._port}",
                user_jwt_cb=lambda: bytearray(self._token, "ascii"),
                signature_cb=self._sign,
                inbox_prefix=f"_I.{self._hub}.steward",
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.05,  # type: ignore[arg-type]  # it sleeps for it
                connect_timeout=2,
                allow_reconnect=True,
                error_cb=_log_error,
                reconnected_cb=self._forget,
            )
        except (OSError, nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"no connection to the hub: {error}", rule="hub") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._client.finish()

    async def tend(self) -> None:
        """Look after streams and consumers until cancelled: new nodes, a restarted server."""
        failed = False
        while True:
            await asyncio.sleep(TEND_INTERVAL if self._known or failed else BACKOFF)
            if not self._client.is_connected:
                continue
            try:
                await self.tend_once()
                failed = False
            except OperatorError as error:
                failed = True
                logger.error("hub steward: %s", error)
            except Exception:  # whatever it was, a steward that is gone cannot mend it
                failed = True
                logger.exception("hub steward")

    async def tend_once(self) -> None:
        """Make what is missing. Raises Unavailable or BadConfiguration."""
        seats, connection = self._seats(), self._connection
        if seats == self._known and self._known:
            return
        for lane in STREAM_LANES:
            await self._ensure_stream(lane)
            present = await self._consumers(lane)
            for node, place in seats.items():
                if node not in present:
                    await self._create_consumer(lane, node, place)
        if connection == self._connection:  # else the server was restarted meanwhile
            self._known = seats

    async def _ensure_stream(self, lane: str) -> None:
        wanted = stream_configuration(self._hub, lane, self._limits)
        info = await self._ask(f"STREAM.INFO.{stream_name(lane)}", {})
        if _error_code(info) == _STREAM_NOT_FOUND:
            await self._demand(f"STREAM.CREATE.{stream_name(lane)}", wanted)
            return
        present = _checked(info)["config"]
        if any(present.get(key) != value for key, value in wanted.items()):
            await self._demand(f"STREAM.UPDATE.{stream_name(lane)}", {**present, **wanted})

    async def _consumers(self, lane: str) -> set[str]:
        names: set[str] = set()
        while True:
            page = await self._demand(f"CONSUMER.NAMES.{stream_name(lane)}", {"offset": len(names)})
            found = page.get("consumers") or []
            names.update(found)
            if not found or len(names) >= page["total"]:
                return names

    async def _create_consumer(self, lane: str, node: str, place: int) -> None:
        stream = stream_name(lane)
        await self._demand(
            f"CONSUMER.DURABLE.CREATE.{stream}.{node}",
            {
                "stream_name": stream,
                "config": consumer_configuration(self._hub, lane, node, place),
            },
        )

    async def _demand(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        return _checked(await self._ask(call, body), call)

    async def _ask(self, call: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.request(
                f"$JS.API.{call}", msgspec.json.encode(body), timeout=REQUEST_TIMEOUT
            )
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"{call}: {error!r}", rule="hub") from error
        return msgspec.json.decode(answer.data, type=dict[str, Any])

    async def _forget(self) -> None:
        """Look at everything again: the server was restarted and may have lost consumers."""
        self._connection += 1
        self._known = {}

    def _sign(self, nonce: str) -> bytes:
        signer = nkeys.from_seed(bytearray(self._seed, "ascii"))
        return base64.b64encode(signer.sign(nonce.encode()))


async def _log_error(error: Exception) -> None:
    logger.info("hub steward: %r", error)


def _error_code(answer: dict[str, Any]) -> int:
    return int(answer.get("error", {}).get("err_code", 0))


def _checked(answer: dict[str, Any], call: str = "") -> dict[str, Any]:
    if "error" in answer:
        raise BadConfiguration(
            f"the hub refused {call}: {answer['error'].get('description')}", rule="hub-steward"
        )
    return answer
