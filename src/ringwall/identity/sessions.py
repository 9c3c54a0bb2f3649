"""Sessions: beside the hash that the store looks up, who began which, when and how."""

from datetime import timedelta
from typing import Literal

import msgspec

from ringwall.store import ReadTransaction, WriteTransaction

SESSION = "session"
SESSION_LIFE = timedelta(hours=12)
Method = Literal["login-code", "passkey", "single-sign-on"]


class SessionEntry(msgspec.Struct, frozen=True):
    """How a session began; ``id`` is the SHA-256 of its secret, in hex.

    ``passkey`` is the id of the one that opened it, "" for another method.
    """

    id: str
    reader: str
    method: Method
    source: str
    created: str
    expires: str
    passkey: str = ""


_DECODER = msgspec.json.Decoder(SessionEntry)


def put_session(tx: WriteTransaction, entry: SessionEntry) -> None:
    """Open a session."""
    tx.put_session(bytes.fromhex(entry.id), entry.reader, entry.created, entry.expires)
    body = msgspec.json.encode(entry)
    tx.put_document(SESSION, entry.reader, entry.id, body, entry.created, entry.expires)


def find_session(
    tx: ReadTransaction, reader: str, session_hash: bytes, at: str
) -> SessionEntry | None:
    """Return how a reader's session began; None if it ended."""
    body = tx.document(SESSION, reader, session_hash.hex(), at)
    return None if body is None else _DECODER.decode(body)


def sessions_of(tx: ReadTransaction, reader: str, at: str) -> list[SessionEntry]:
    """Return a reader's sessions, oldest first."""
    found = [_DECODER.decode(body) for _, body in tx.documents(SESSION, reader, at)]
    return sorted(found, key=lambda each: each.created)


def drop_session(tx: WriteTransaction, reader: str, session_id: str) -> bool:
    """End a session of a reader; False: there is none of this id."""
    if not tx.drop_document(SESSION, reader, session_id):
        return False
    tx.end_session(bytes.fromhex(session_id))
    return True


def end_sessions(tx: WriteTransaction, reader: str, at: str) -> int:
    """End every session of a reader and return how many there were."""
    return sum(drop_session(tx, reader, each.id) for each in sessions_of(tx, reader, at))
