"""The catalogue: told to each node as its owner's rules allow, kept and shown where it arrives.

Whoever receives keeps the entries under the sending node. A rule that is withdrawn, and an entry
that no longer holds, is taken back the same way as it was told (`telling`). Nothing of a statement
travels here: see `entries`. A node that was brought back from a backup asks to be told again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial

import msgspec

from ringwall.alliance import Reader
from ringwall.core import BadEnvelope, Clock, InvalidInput, format_timestamp
from ringwall.exchange import Message, Messages
from ringwall.exchange.retrying import until_done
from ringwall.policy import Kernel
from ringwall.sharing.discovery import Discovery
from ringwall.sharing.entries import LOCAL_NAME, MOST_ENTRIES, Entry, may_know
from ringwall.sharing.reads import enter_read
from ringwall.sharing.telling import KEY, KIND, Changes, Telling, restored_at
from ringwall.store import ReadTransaction, Store, WriteTransaction

AGAIN = "catalogue-again"
"""The kind of the messages that ask to be told again."""
SERIES, ASKED = "catalogue-series", "catalogue-asked-again"
INTERVAL_SECONDS = 300.0
MOST_KEPT = 2 * MOST_ENTRIES
"""While changes arrive in pieces, the new may be there before the old is gone."""


class _Kept(msgspec.Struct, frozen=True):
    entry: Entry
    at: str


class Known(msgspec.Struct, frozen=True):
    """An entry as this node holds it; ``owner`` is a member, ``at`` when it was last told."""

    node: str
    owner: str
    entry: Entry
    at: str

    @property
    def id(self) -> str:
        """Return the entry's name here: the node that told it, and its own id for it."""
        return f"{self.node}.{self.entry.id}"


class Wanted(msgspec.Struct, frozen=True):
    """Which entries a reader asks for; what is empty asks for nothing."""

    owner: str = ""
    type: str = ""
    sector: str = ""
    since: str = ""
    """Told after this time."""

    def fits(self, known: Known) -> bool:
        """Tell whether an entry is asked for; what it does not show fits no filter."""
        entry = known.entry
        return (
            self.owner in ("", known.owner)
            and self.type in ("", entry.type)
            and (not self.sector or self.sector in (entry.sectors or ()))
            and known.at > self.since
        )


class Catalogue:
    """Tells other members' nodes what they may know of, and keeps what they tell; thread-safe."""

    def __init__(
        self,
        *,
        member: str,
        recipients: Collection[str],
        discovery: Discovery,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
        seconds: float = INTERVAL_SECONDS,
    ) -> None:
        """``recipients`` are the nodes that the registry has; ``seconds``: between two looks."""
        self._member = member
        self._recipients = frozenset(recipients)
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._messages = messages
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due = asyncio.Event()
        self._telling = Telling(
            member=member,
            recipients=recipients,
            discovery=discovery,
            kernel=kernel,
            store=store,
            clock=clock,
            messages=messages,
        )
        messages.register(KIND, self)
        messages.register(AGAIN, self)

    # --- what this node tells ---

    async def run(self) -> None:
        """Look now and then, for ever, what each node may know of, and tell it what changed."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._due.clear()
            await until_done(partial(asyncio.to_thread, self.refresh), "catalogue")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._due.wait()

    def wake(self) -> None:
        """Look again now, because policy changed: any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._due.set)

    def refresh(self) -> None:
        """Tell every node what changed for it; blocks until that is durable."""
        with self._store.read() as tx:
            behind = self._is_behind(tx)
        if behind:
            self._store.write(self._ask_again).result()
        self._telling.refresh()
        self._messages.wake()

    def told_entry(self, tx: ReadTransaction, node: str, name: str) -> Entry | None:
        """Return an entry that a node was told of, None if it was not."""
        return self._telling.entry(tx, node, name)

    # --- what other nodes tell ---

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Take what a node tells of its own member's statements; see MessageHandler."""
        if message.kind == AGAIN:
            self._telling.forget(tx, message.sender)
            return
        changes = _read_changes(message)
        now = format_timestamp(self._clock.now())
        held = {name for name, _ in tx.documents(KIND, message.sender, now)}
        series = (tx.document(SERIES, message.sender, KEY, now) or b"").decode()
        if changes.series < series:
            why = "catalogue: from before a backup was brought back"
            raise BadEnvelope(why, field="series", rule="catalogue-series")
        gone = held if changes.series > series else held & set(changes.drop)
        if len(held - gone | {entry.id for entry in changes.put}) > MOST_KEPT:
            why = f"catalogue: over {MOST_KEPT} entries"
            raise BadEnvelope(why, field="catalogue", rule="catalogue-size")
        tx.put_document(SERIES, message.sender, KEY, changes.series.encode(), now)
        for name in gone:
            tx.drop_document(KIND, message.sender, name)
        for entry in changes.put:
            raw = msgspec.json.encode(_Kept(entry, now))
            tx.put_document(KIND, message.sender, entry.id, raw, now)

    def changed(self) -> None:
        """Do nothing more: readers ask; see MessageHandler."""

    def _is_behind(self, tx: ReadTransaction) -> bool:
        """Tell whether this node came back from a backup and has not asked to be told again."""
        now = format_timestamp(self._clock.now())
        asked = tx.document(ASKED, self._member, KEY, now) or b""
        return asked.decode() != restored_at(tx)

    def _ask_again(self, tx: WriteTransaction) -> None:
        """Forget what was told here, for some of it may be no more, and ask for all of it."""
        now = format_timestamp(self._clock.now())
        for node in self._owners():
            for name, _ in tx.documents(KIND, node, now):
                tx.drop_document(KIND, node, name)
            if node in self._recipients:
                self._messages.post(tx, node, AGAIN, {"v": 1})
        tx.put_document(ASKED, self._member, KEY, restored_at(tx).encode(), now)

    # --- what readers may know ---

    def page(
        self, reader: Reader, wanted: Wanted, *, after: str = "", limit: int, route: str = ""
    ) -> tuple[list[Known], str]:
        """Return up to ``limit`` entries, by id, after the id ``after``, and where to go on.

        "" where to go on: there are no more. The read is entered in the audit log first.
        """
        judge = self._judge(reader)
        with self._store.read() as tx:
            held = (each for each in self._held(tx) if each.id > after and wanted.fits(each))
            found = [known for known in held if judge(known)]
        page = sorted(found, key=lambda known: known.id)[:limit]
        enter_read(self._store, reader, route, page)
        return page, page[-1].id if len(found) > limit else ""

    def find(self, tx: ReadTransaction, reader: Reader, name: str) -> Known | None:
        """Return an entry by its name here; None if it is absent or not for this reader."""
        match = LOCAL_NAME.fullmatch(name)
        node, entry = match.groups() if match else ("", "")
        owner = self._owners().get(node)
        raw = tx.document(KIND, node, entry, format_timestamp(self._clock.now()))
        if raw is None or owner is None:
            return None
        kept = msgspec.json.decode(raw, type=_Kept)
        known = Known(node, owner, kept.entry, kept.at)
        return known if self._judge(reader)(known) else None

    def _held(self, tx: ReadTransaction) -> Iterator[Known]:
        now = format_timestamp(self._clock.now())
        for node, owner in self._owners().items():
            for _, raw in tx.documents(KIND, node, now):
                kept = msgspec.json.decode(raw, type=_Kept)
                yield Known(node, owner, kept.entry, kept.at)

    def _owners(self) -> dict[str, str]:
        """Return the other members' nodes, with their member."""
        members = self._kernel.alliance.members.values()
        others = (member for member in members if member.id != self._member)
        return {seat.id: member.id for member in others for seat in member.nodes}

    def _judge(self, reader: Reader) -> Callable[[Known], bool]:
        """Return a function that tells whether a reader may know of an entry; labels repeat."""
        alliance, at = self._kernel.alliance, self._clock.now()
        decided: dict[tuple[str, str, bytes], bool] = {}

        def judge(known: Known) -> bool:
            entry = known.entry
            key = (known.owner, entry.ceiling, msgspec.json.encode(entry.label))
            if key not in decided:
                decided[key] = may_know(alliance, entry, known.owner, reader, at)
            return decided[key]

        return judge


def _read_changes(message: Message) -> Changes:
    """Read a message. Raises BadEnvelope (rules ``catalogue``, ``catalogue-size``)."""
    try:
        changes = msgspec.convert(message.body, Changes)
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"catalogue: {error}", field="catalogue", rule="catalogue") from error
    if changes.v != 1:
        raise BadEnvelope("catalogue: unknown version", field="v", rule="catalogue")
    if any(entry.is_too_large for entry in changes.put):
        raise BadEnvelope("catalogue: an entry is too large", field="put", rule="catalogue-size")
    return changes
