"""What a node knows of relays: how each statement came, and to whom it was passed on from here."""

from typing import Literal

import msgspec

from ringwall.core import Clock, StatementId, canonical_json, format_timestamp
from ringwall.exchange import FieldReason
from ringwall.store import ReadTransaction, WriteTransaction
from ringwall.trust import Hop

CAME, GONE, GONE_OBJECT, WAITING = "relay-came", "relay-gone", "relay-object", "relay-waiting"
FOLLOWED = "relay-followed"
"""The kinds of the documents: by member and statement; by node and statement; by node and STIX id;
by member and statement; by member and what is followed."""

State = Literal["sent", "taken", "refused", "closed"]
"""``closed``: policy changed before anybody confirmed it, and it is not sent any more."""


class Came(msgspec.Struct, frozen=True):
    """How a statement came here that another node passed on."""

    addressees: tuple[str, ...]
    addressee_salt: bytes
    hops: tuple[Hop, ...]


class Gone(msgspec.Struct, frozen=True):
    """A statement that was passed on from here to a node, and what that said."""

    node: str
    state: State
    at: str
    """When it was passed on, or when the node answered."""
    by: str
    """The officer who passed it on."""
    withheld: tuple[str, ...] = ()
    reason: str = ""
    """Why the node refused it, in its own words."""
    reasons: tuple[FieldReason, ...] = ()
    """Why each property was withheld: it may speak of an object that not everybody may read."""


class Word(msgspec.Struct, frozen=True):
    """The first of two words; of what its officer may not read (``hidden``) it says nothing."""

    officer: str
    hidden: tuple[str, ...]


class Followed(msgspec.Struct, frozen=True):
    """An object of which newer versions go on to a member too: who passed the first one on."""

    object_id: str
    origin: str
    """The node that stated it."""
    version: str
    """The version that was passed on; only newer ones follow."""
    to: str
    """The member that gets it."""
    by: str


class RelayBook:
    """Keeps what a node knows of relays; every method works within the caller's transaction."""

    def __init__(self, member: str, clock: Clock) -> None:
        self._member = member
        self._clock = clock

    def came(self, tx: ReadTransaction, statement: StatementId) -> Came | None:
        """Return how a statement came, None if its origin sent it itself."""
        raw = tx.document(CAME, self._member, str(statement), self.now())
        return None if raw is None else msgspec.json.decode(raw, type=Came)

    def keep_came(self, tx: WriteTransaction, statement: StatementId, came: Came) -> None:
        """Keep how a statement came."""
        raw = canonical_json(msgspec.to_builtins(came))
        tx.put_document(CAME, self._member, str(statement), raw, self.now())

    def gone(self, tx: ReadTransaction, node: str, statement: StatementId) -> Gone | None:
        """Return what became of passing a statement on to a node, None if that was not done."""
        raw = tx.document(GONE, node, str(statement), self.now())
        return None if raw is None else msgspec.json.decode(raw, type=Gone)

    def keep_gone(self, tx: WriteTransaction, statement: StatementId, gone: Gone) -> None:
        """Keep what became of passing a statement on."""
        raw = canonical_json(msgspec.to_builtins(gone))
        tx.put_document(GONE, gone.node, str(statement), raw, gone.at)

    def note_object(self, tx: WriteTransaction, node: str, object_id: str) -> None:
        """Note that a node knows of an object, because a statement about it was passed on to it."""
        tx.put_document(GONE_OBJECT, node, object_id, b"", self.now())

    def forget_object(self, tx: WriteTransaction, node: str, object_id: str) -> None:
        """Note that a node may not know of an object after all: what was sent is closed."""
        tx.drop_document(GONE_OBJECT, node, object_id)

    def knows(self, tx: ReadTransaction, node: str, object_id: str) -> bool:
        """Tell whether a statement about an object was passed on to a node."""
        return tx.document(GONE_OBJECT, node, object_id, self.now()) is not None

    def followed(self, tx: ReadTransaction) -> list[Followed]:
        """Return everything of which newer versions go on."""
        rows = tx.documents(FOLLOWED, self._member, self.now())
        return [msgspec.json.decode(raw, type=Followed) for _, raw in rows]

    def keep_followed(self, tx: WriteTransaction, one: Followed) -> None:
        """Let newer versions of an object go on."""
        raw = canonical_json(msgspec.to_builtins(one))
        key = f"{one.to} {one.origin} {one.object_id}"
        tx.put_document(FOLLOWED, self._member, key, raw, self.now())

    def first_word(self, tx: ReadTransaction, member: str, statement: StatementId) -> Word | None:
        """Return who asked first that a statement be passed on to a member, None if nobody did."""
        raw = tx.document(WAITING, member, str(statement), self.now())
        try:
            return None if raw is None else msgspec.json.decode(raw, type=Word)
        except msgspec.DecodeError:  # written by an earlier release: it counts no more
            return None

    def wait(self, tx: WriteTransaction, member: str, statement: StatementId, word: Word) -> None:
        """Note that a statement waits for a second officer before it goes to a member."""
        raw = canonical_json(msgspec.to_builtins(word))
        tx.put_document(WAITING, member, str(statement), raw, self.now())

    def stop_waiting(self, tx: WriteTransaction, member: str, statement: StatementId) -> None:
        """Forget that a statement waits for a second officer."""
        tx.drop_document(WAITING, member, str(statement))

    def now(self) -> str:
        """Return the time as it is stored."""
        return format_timestamp(self._clock.now())
