"""Messages: what nodes tell and ask each other besides statements, until it is confirmed.

    post (in the transaction of what it tells) → sealed to one node in CONTROL → the recipient's
    handler takes it, in ONE transaction with the note that it came → confirmed, by a message
    → only then forgotten here; without that it is sent again, ever more rarely.

A message that comes twice is taken once. What a handler refuses is confirmed all the same, with an
audit entry: sending it again would change nothing. A message grants nothing by itself: what it
brings (an agreement, a request) carries its own signatures or is answered by a person.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Protocol

import msgspec

from ringwall.core import (
    BadEnvelope,
    CallerError,
    Clock,
    InvalidInput,
    PeerError,
    canonical_json,
    format_timestamp,
    parse_timestamp,
)
from ringwall.exchange.outbox import Outbox
from ringwall.exchange.receipts import Receipts
from ringwall.exchange.retrying import until_done
from ringwall.store import EnvelopeRow, Store, WriteTransaction

LARGEST_MESSAGE = 256 * 1024
OUTGOING, TAKEN, CONFIRM = "message-out", "message-in", "message-confirm"
CONFIRMATION = "confirmed"
CONFIRMED_AT_ONCE = 500
RETRY_SECONDS, RETRY_SECONDS_MOST = 5.0, 3600.0
REMEMBERED = timedelta(days=90)
"""So long it is known that a message came: far longer than anybody sends it again."""

log = logging.getLogger("ringwall.exchange.messages")


class Message(msgspec.Struct, frozen=True):
    """One message as it came: ``sender`` is a node, which the envelope's signature proves."""

    id: str
    kind: str
    sender: str
    at: str
    body: dict[str, Any]


class MessageHandler(Protocol):
    """Takes the messages of one kind."""

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Write what the message brings. Raises PeerError or CallerError, before any write."""
        ...

    def changed(self) -> None:
        """Look at what was taken, now that it is durable; any thread."""
        ...


MayLeave = Callable[[str, Mapping[str, Any]], bool]
"""Tells of a message to a node, by its body, whether it may still be sent."""
Closed = Callable[[WriteTransaction, str, Mapping[str, Any]], None]
"""Notes of a message to a node, by its body, that it will not be sent any more."""


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    sender: str
    recipient: str
    at: str
    body: dict[str, Any]

    def __post_init__(self) -> None:
        parse_timestamp(self.at, field="at")


def is_message(content: Mapping[str, Any]) -> bool:
    """Tell a message from a receipt or a notice."""
    return "message" in content


def read_message(content: Mapping[str, Any], *, sender: str, me: str) -> Message:
    """Read a message's content from the node that signed it.

    Raises BadEnvelope (rules ``message``, ``message-party``) if it is malformed or another's.
    """
    try:
        said = msgspec.convert(content, _Content)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"message: {error}", field="content", rule="message") from error
    if said.v != 1:
        raise BadEnvelope("message: unknown version", field="content/v", rule="message")
    if (said.sender, said.recipient) != (sender, me):
        raise BadEnvelope("message: not this node's", field="content", rule="message-party")
    return Message(said.id, said.message, said.sender, said.at, said.body)


class Messages:
    """Sends and takes messages for one node; thread-safe."""

    def __init__(
        self,
        *,
        node: str,
        receipts: Receipts,
        outbox: Outbox,
        store: Store,
        clock: Clock,
        seconds: float = RETRY_SECONDS,
    ) -> None:
        """``receipts`` seals what has no object; ``seconds``: until the first repetition."""
        self._node = node
        self._receipts = receipts
        self._outbox = outbox
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._handlers: dict[str, MessageHandler] = {}
        self._guards: dict[str, MayLeave] = {}
        self._closed: dict[str, Closed] = {}
        self._taken: set[str] = set()
        self._owing = False
        self._gate = threading.Lock()
        self._pauses: dict[tuple[str, str], tuple[float, float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()

    def register(
        self,
        kind: str,
        handler: MessageHandler,
        may_leave: MayLeave | None = None,
        closed: Closed | None = None,
    ) -> None:
        """Let ``handler`` take the messages of a kind.

        ``may_leave`` is asked each time before one is sealed: what it closes is never sent again,
        and ``closed`` notes that, in the transaction that forgets the message.
        """
        if kind in self._handlers or kind == CONFIRMATION:
            raise ValueError(f"messages of kind {kind!r} have a handler")
        self._handlers[kind] = handler
        if may_leave is not None:
            self._guards[kind] = may_leave
        if closed is not None:
            self._closed[kind] = closed

    def post(self, tx: WriteTransaction, node: str, kind: str, body: Mapping[str, Any]) -> str:
        """Store a message to a node, in the transaction of what it tells; return its id.

        Call :meth:`wake` once that is durable. Raises InvalidInput (rule ``size``).
        """
        name, now = secrets.token_hex(16), format_timestamp(self._clock.now())
        raw = canonical_json({"message": kind, "at": now, "body": dict(body)})
        if len(raw) > LARGEST_MESSAGE:
            raise InvalidInput(
                f"a message has at most {LARGEST_MESSAGE} bytes", field="body", rule="size"
            )
        tx.put_document(OUTGOING, node, name, raw, now)
        tx.append_audit("message-posted", {"message": name, "kind_of": kind, "to": node})
        return name

    def wake(self) -> None:
        """Tell the worker that there is something to send: any thread, after the commit."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._due.set)

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Take a message that came, once; note that it is to be confirmed."""
        self._owing = True
        if message.kind == CONFIRMATION:
            for name in _confirmed(message.body):
                tx.drop_document(OUTGOING, message.sender, name)
            return
        now = self._clock.now()
        at, end = format_timestamp(now), format_timestamp(now + REMEMBERED)
        tx.put_document(CONFIRM, message.sender, message.id, b"", at, end)
        if tx.document(TAKEN, message.sender, message.id, at) is not None:
            return
        tx.put_document(TAKEN, message.sender, message.id, message.kind.encode(), at, end)
        entry = {"message": message.id, "kind_of": message.kind, "from": message.sender}
        try:
            self._handler(message).take(tx, message)
        except (PeerError, CallerError) as error:
            tx.append_audit("message-refused", {**entry, "rule": error.rule, "reason": str(error)})
            log.warning("message %s of %s refused: %s", message.kind, message.sender, error)
            return
        tx.append_audit("message-taken", entry)
        with self._gate:
            self._taken.add(message.kind)

    def announce(self) -> None:
        """Let handlers look at what is durable now, and confirm it; any thread."""
        if not self._owing:
            return
        with self._gate:
            kinds, self._taken, self._owing = self._taken, set(), False
        for kind in kinds:
            self._handlers[kind].changed()
        self.wake()

    async def run(self) -> None:
        """Send what waits, for ever: at once what is new, again what nobody confirmed."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            sealed = await until_done(partial(asyncio.to_thread, self._seal_due), "messages")
            await self._outbox.publish(sealed)
            with suppress(TimeoutError):  # wait_for would lose a cancellation that comes with it
                async with asyncio.timeout(self._seconds):
                    await self._due.wait()

    def _handler(self, message: Message) -> MessageHandler:
        handler = self._handlers.get(message.kind)
        if handler is None:
            raise BadEnvelope(
                f"no message is called {message.kind[:40]!r}", field="message", rule="message"
            )
        return handler

    def _seal_due(self) -> list[EnvelopeRow]:
        """Seal confirmations that are owed, and messages whose turn it is."""
        now = self._clock.now()
        at = format_timestamp(now)
        with self._store.read() as tx:
            nodes = self._receipts.other_nodes()
            owed = {node: tx.documents(CONFIRM, node, at) for node in nodes}
            waiting = {node: tx.documents(OUTGOING, node, at) for node in nodes}
        sealed = []
        for node, rows in owed.items():
            names = [name for name, _ in rows[:CONFIRMED_AT_ONCE]]
            if names:
                sealed.append(self._confirm(node, names, at))
        for node, name, raw in self._due_of(waiting, now.timestamp()):
            said: dict[str, Any] = msgspec.json.decode(raw)
            guard = self._guards.get(said["message"])
            if guard is None or guard(node, said["body"]):
                sealed.append(self._seal(node, name, said))
            else:
                self._close(node, name, said)
        return sealed

    def _close(self, node: str, name: str, said: Mapping[str, Any]) -> None:
        """Forget a message that must not be sent any more."""
        kind: str = said["message"]

        def job(tx: WriteTransaction) -> None:
            if tx.drop_document(OUTGOING, node, name):
                tx.append_audit("message-closed", {"message": name, "kind_of": kind, "to": node})
                if kind in self._closed:
                    self._closed[kind](tx, node, said["body"])

        self._store.write(job).result()

    def _due_of(
        self, waiting: Mapping[str, list[tuple[str, bytes]]], now: float
    ) -> list[tuple[str, str, bytes]]:
        """Return the messages to send now; each is tried after twice the time of the last."""
        pauses: dict[tuple[str, str], tuple[float, float]] = {}
        due = []
        for node, rows in waiting.items():
            for name, raw in rows:
                last, pause = self._pauses.get((node, name), (float("-inf"), self._seconds / 2))
                if now >= last + pause:
                    last, pause = now, min(pause * 2, RETRY_SECONDS_MOST)
                    due.append((node, name, raw))
                pauses[node, name] = (last, pause)
        self._pauses = pauses
        return due

    def _seal(self, node: str, name: str, said: Mapping[str, Any]) -> EnvelopeRow:
        head = {"v": 1, "id": name, "sender": self._node, "recipient": node}
        return self._receipts.seal_message(node, {**head, **said})

    def _confirm(self, node: str, names: list[str], at: str) -> EnvelopeRow:
        """Seal a confirmation; should it be lost, the message comes and is confirmed again."""
        content = {
            "v": 1,
            "id": secrets.token_hex(16),
            "sender": self._node,
            "recipient": node,
            "message": CONFIRMATION,
            "at": at,
            "body": {"ids": names},
        }

        def settle(tx: WriteTransaction) -> None:
            for name in names:
                tx.drop_document(CONFIRM, node, name)

        envelope = self._receipts.seal_message(node, content)
        self._store.write(settle, essential=True).result()
        return envelope


def _confirmed(body: Mapping[str, Any]) -> list[str]:
    names = body.get("ids")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names[:CONFIRMED_AT_ONCE]
    return []
