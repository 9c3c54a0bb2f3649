"""What belongs to readers: their state, the replays, and documents with an owner and an end."""

from ringwall.core import format_timestamp
from ringwall.store.moments import moved_on
from ringwall.store.postgresql.content import ContentReads
from ringwall.store.postgresql.content_writes import ContentWrites
from ringwall.store.reader_classes import decode_classes, encode_classes
from ringwall.store.records import ReaderState, Replay

_LIVE = "kind = $1 AND owner = $2 AND (expires = '' OR expires > $3)"


class ReaderReads(ContentReads):
    """Reads of what belongs to readers."""

    def reader_state(self, reader: str) -> ReaderState:
        """See port."""
        row = self._row("SELECT seen, classes FROM reader_states WHERE reader = $1", reader)
        return ReaderState() if row is None else ReaderState(row[0], *decode_classes(row[1]))

    def replays(self) -> list[Replay]:
        """See port."""
        rows = self._rows("SELECT number, last, starts FROM replays ORDER BY number")
        return [Replay(*row) for row in rows]

    def document(self, kind: str, owner: str, key: str, at: str) -> bytes | None:
        """See port."""
        row = self._row(
            f"SELECT body FROM documents WHERE {_LIVE} AND key = $4",
            kind,
            owner,
            at,
            key,
        )
        return None if row is None else bytes(row[0])

    def documents(self, kind: str, owner: str, at: str) -> list[tuple[str, bytes]]:
        """See port."""
        return self._rows(
            f"SELECT key, body FROM documents WHERE {_LIVE} ORDER BY key",
            kind,
            owner,
            at,
        )


class ReaderWrites(ContentWrites, ReaderReads):
    """Writes of what belongs to readers."""

    def put_reader_state(self, reader: str, state: ReaderState) -> None:
        """See port."""
        self._execute(
            "INSERT INTO reader_states VALUES ($1, $2, $3) "
            "ON CONFLICT (reader) DO UPDATE SET seen = $2, classes = $3",
            reader,
            state.seen,
            encode_classes(state.open, state.replayed),
        )

    def see(self, reader: str, order: int) -> None:
        """See port."""
        self._execute(
            "UPDATE reader_states SET seen = $2 WHERE reader = $1 AND seen < $2", reader, order
        )

    def add_replay(self) -> Replay:
        """See port. Numbers are dense: nobody else can take one until we commit."""
        last = self._last("statements")
        now = format_timestamp(self._clock.now())
        starts = next(self._moments("statements", now, 1))
        number = self._number(
            "INSERT INTO replays SELECT coalesce(max(number), 0) + 1, $1, $2 FROM replays "
            "RETURNING number",
            last,
            starts,
        )
        self._memory.moments["statements"] = moved_on(starts, last)
        return Replay(number, last, starts)

    def put_document(
        self, kind: str, owner: str, key: str, body: bytes, created: str, expires: str = ""
    ) -> None:
        """See port."""
        self._execute(
            "INSERT INTO documents VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, owner, key) "
            "DO UPDATE SET body = $4, created = $5, expires = $6",
            kind,
            owner,
            key,
            body,
            created,
            expires,
        )

    def drop_document(self, kind: str, owner: str, key: str) -> bool:
        """See port."""
        gone = self._execute(
            "DELETE FROM documents WHERE kind = $1 AND owner = $2 AND key = $3", kind, owner, key
        )
        return gone.rowcount > 0

    def purge_documents(self, at: str) -> None:
        """See port."""
        self._execute("DELETE FROM documents WHERE expires <> '' AND expires <= $1", at)
