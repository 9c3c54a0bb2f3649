"""The check of the way to the hub, with the node's own program, credentials and keys.

A node that runs is asked itself. For one that does not, a leaf is started as the node would do it,
and each lane's consumer is set to where the node's database stands, which is what the node does
first when it starts: so it changes nothing, and the hub's answer tells that stream and consumer
are there, how much waits, and the hub's time. Two programs with one node's credentials would
disturb each other, so this is never done beside a running node.
"""

import asyncio
import socket
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import nats.errors

from ringwall.core import LANES, RingwallError, parse_timestamp
from ringwall.core.settings import Files, NodeSettings
from ringwall.enrolment import leaf_remote
from ringwall.enrolment.hubs import free_port
from ringwall.exchange import CONTROL
from ringwall.exchange.hub_streams import stream_name
from ringwall.exchange.leaf import Leaf, LeafRemote
from ringwall.exchange.nats_client import LineClient
from ringwall.operations.findings import Check, fault, ok, warning
from ringwall.operations.papers import SKEW

REACH_SECONDS, ANSWER_SECONDS, TRIES = 3.0, 1.0, 6
_LAG_MUCH = 10_000
_ASK = "ask the hub's operator; check firewall, address and route"
_ADMIT = "have the hub's operator admit the node again and take up the new admission"
_SYMPTOMS = (
    ("authorization violation", "hub-credentials", "the hub does not accept its credentials"),
    ("authentication", "hub-credentials", "the hub does not accept its credentials"),
    ("certificate", "hub-tls", "the TLS certificates of node and hub do not fit"),
    ("tls", "hub-tls", "no TLS 1.3 with X25519MLKEM768 with the hub"),
)


class Answer(msgspec.Struct, frozen=True):
    """What the hub says of one lane's consumer."""

    lane: str
    error: str = ""
    waiting: int = 0
    """Messages that the node has not fetched yet."""
    at: str = ""
    """The hub's time."""


class _Info(msgspec.Struct):
    error: dict[str, object] | None = None
    num_pending: int = 0
    ts: str = ""


def check_reach(url: str) -> Check:
    """Look whether the hub's leaf listener takes connections at all."""
    address = urlsplit(url)
    place = f"{address.hostname}:{address.port}"
    try:
        target = (address.hostname or "", address.port or 0)
        with socket.create_connection(target, timeout=REACH_SECONDS):
            return ok("hub", f"{place} takes connections")
    except OSError as error:
        return fault("hub", f"{place}: {error.strerror or error}", _ASK)


def check_line(
    files: Files,
    settings: NodeSettings,
    now: Callable[[], datetime],
    positions: Mapping[str, int],
) -> list[Check]:
    """Go the whole way to the hub for a node that does not run.

    ``positions`` are the last committed stream sequences by lane, as its database has them.
    """
    try:
        remote = leaf_remote(files, settings)
        reach = check_reach(remote.url)
        if reach.state == "fault":
            return [reach]
        with tempfile.TemporaryDirectory() as folder:
            answers, log = asyncio.run(_ask(settings.node, remote, Path(folder), positions))
    except (RingwallError, OSError) as error:
        return [fault("hub", " ".join(str(error).split()), _ASK)]
    return [reach, *judge(settings.hub, answers, log, now())]


def judge(hub: str, answers: list[Answer], log: str, now: datetime) -> list[Check]:
    """Judge what a hub answered; ``log`` is that of the leaf, which tells why it did not."""
    if not any(answer.at or answer.error for answer in answers):
        return [_silence(hub, log)]
    line = ok("hub-line", f"{hub} takes the node's certificate and credentials")
    missing = [f"{one.lane}: {one.error}" for one in answers if one.error or not one.at]
    if missing:
        what = f"no stream or consumer for {'; '.join(missing)}"
        return [line, fault("hub-streams", what, "ask the hub's operator: is the node admitted?")]
    waiting = sum(answer.waiting for answer in answers)
    streams = ok("hub-streams", f"{len(answers)} lanes, {waiting} envelopes wait for this node")
    if waiting > _LAG_MUCH:
        streams = warning(
            "hub-streams", f"{waiting} envelopes wait for this node", "start it; see its log"
        )
    return [line, streams, check_offset(answers[-1].at, now)]


def check_offset(hub_time: str, now: datetime) -> Check:
    """Compare this machine's clock with the hub's, right after the hub told its time."""
    offset = now - parse_timestamp(hub_time)
    what = (
        f"{abs(offset.total_seconds()):.1f} s {'ahead of' if offset > timedelta(0) else 'behind'}"
    )
    if abs(offset) > SKEW:
        fix = "set the clock (NTP), or tell the hub's operator"
        return fault("clock-hub", f"{what} the hub", fix)
    return ok("clock-hub", f"{what} the hub")


def _silence(hub: str, log: str) -> Check:
    """Name why the hub did not answer, by what nats-server logged."""
    lines = [line for line in log.splitlines() if "[ERR]" in line or "[WRN]" in line]
    for symptom, check, what in _SYMPTOMS:
        for line in reversed(lines):
            if symptom in line.lower():
                told = line.partition("] ")[2].strip()[:200] or line[-200:]
                return fault(check, f"{what} ({told})", _ADMIT)
    return fault("hub-line", f"{hub} takes connections and does not answer", _ASK)


async def _ask(
    node: str, remote: LeafRemote, folder: Path, positions: Mapping[str, int]
) -> tuple[list[Answer], str]:
    leaf = Leaf(node, folder, free_port(), remote)
    client = LineClient()
    try:
        await leaf.start()
        await client.connect(
            leaf.url,
            inbox_prefix=f"_I.{node}",
            connect_timeout=2,
            allow_reconnect=False,
            error_cb=_ignore,
        )
        await _wait_for_line(client, remote.hub, node, positions)
        answers = [
            await _answer(client, remote.hub, node, lane, positions.get(lane, 0))
            for lane in (*LANES, CONTROL)
        ]
    except (nats.errors.Error, TimeoutError):
        answers = []
    finally:
        await client.finish()
        await leaf.stop()
    log = folder / "leaf.log"
    return answers, log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


async def _ignore(error: Exception) -> None:
    del error  # what the leaf says is in its log


async def _wait_for_line(
    client: LineClient, hub: str, node: str, positions: Mapping[str, int]
) -> None:
    """Wait until the leaf has its line, some seconds at most."""
    for _ in range(TRIES):
        answer = await _answer(client, hub, node, CONTROL, positions.get(CONTROL, 0))
        if answer.at or answer.error:
            return
        await asyncio.sleep(0.25)


async def _answer(client: LineClient, hub: str, node: str, lane: str, position: int) -> Answer:
    subject = f"$JS.{hub}.API.CONSUMER.RESET.{stream_name(lane)}.{node}"
    try:
        body = msgspec.json.encode({"seq": position + 1})
        message = await client.request(subject, body, timeout=ANSWER_SECONDS)
        info = msgspec.json.decode(message.data, type=_Info)
    except (nats.errors.Error, TimeoutError, msgspec.DecodeError):
        return Answer(lane)
    if info.error is not None:
        return Answer(lane, error=str(info.error.get("description", "refused"))[:200])
    return Answer(lane, waiting=info.num_pending, at=info.ts)
