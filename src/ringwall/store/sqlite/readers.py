"""What belongs to readers: their state, the replays, and documents with an owner and an end."""

from ringwall.core import format_timestamp
from ringwall.store.moments import moved_on
from ringwall.store.reader_classes import decode_classes, encode_classes
from ringwall.store.records import ReaderState, Replay
from ringwall.store.sqlite.content import ContentReads
from ringwall.store.sqlite.content_writes import ContentWrites

_LIVE = "(expires = '' OR expires > ?)"


class ReaderReads(ContentReads):
    """Reads of what belongs to readers."""

    def reader_state(self, reader: str) -> ReaderState:
        """See port."""
        row = self._row("SELECT seen, classes FROM reader_states WHERE reader = ?", reader)
        return ReaderState() if row is None else ReaderState(row[0], *decode_classes(row[1]))

    def replays(self) -> list[Replay]:
        """See port."""
        rows = self._rows("SELECT number, last, starts FROM replays ORDER BY number")
        return [Replay(*row) for row in rows]

    def document(self, kind: str, owner: str, key: str, at: str) -> bytes | None:
        """See port."""
        row = self._row(
            f"SELECT body FROM documents WHERE kind = ? AND owner = ? AND key = ? AND {_LIVE}",
            kind,
            owner,
            key,
            at,
        )
        return None if row is None else bytes(row[0])

    def documents(self, kind: str, owner: str, at: str) -> list[tuple[str, bytes]]:
        """See port."""
        return self._rows(
            f"SELECT key, body FROM documents WHERE kind = ? AND owner = ? AND {_LIVE} "
            "ORDER BY key",
            kind,
            owner,
            at,
        )


class ReaderWrites(ContentWrites, ReaderReads):
    """Writes of what belongs to readers."""

    def put_reader_state(self, reader: str, state: ReaderState) -> None:
        """See port."""
        self._sql.execute(
            "INSERT OR REPLACE INTO reader_states VALUES (?, ?, ?)",
            (reader, state.seen, encode_classes(state.open, state.replayed)),
        )

    def see(self, reader: str, order: int) -> None:
        """See port."""
        self._sql.execute(
            "UPDATE reader_states SET seen = ?2 WHERE reader = ?1 AND seen < ?2", (reader, order)
        )

    def add_replay(self) -> Replay:
        """See port."""
        last = self._last("statements")
        moments = self._moments("statements", "received_at", format_timestamp(self._clock.now()), 1)
        starts = next(moments)
        number = self._insert("INSERT INTO replays (last, starts) VALUES (?, ?)", last, starts)
        self._interned.moments["statements"] = moved_on(starts, last)
        return Replay(number, last, starts)

    def put_document(
        self, kind: str, owner: str, key: str, body: bytes, created: str, expires: str = ""
    ) -> None:
        """See port."""
        self._sql.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)",
            (kind, owner, key, body, created, expires),
        )

    def drop_document(self, kind: str, owner: str, key: str) -> bool:
        """See port."""
        gone = self._sql.execute(
            "DELETE FROM documents WHERE kind = ? AND owner = ? AND key = ?", (kind, owner, key)
        )
        return gone.rowcount > 0

    def purge_documents(self, at: str) -> None:
        """See port."""
        self._sql.execute("DELETE FROM documents WHERE expires <> '' AND expires <= ?", (at,))
