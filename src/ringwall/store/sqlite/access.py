"""Tokens, login codes, sessions and failed logins: by hash, never in clear."""

from ringwall.store.records import TokenRow
from ringwall.store.sqlite.base import Part


class AccessReads(Part):
    """Who holds what."""

    def reader_of_token(self, token_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "SELECT reader FROM tokens WHERE hash = ? AND revoked = '' "
            "AND (expires = '' OR expires > ?)",
            token_hash,
            at,
        )
        return None if row is None else str(row[0])

    def tokens(self, reader: str | None = None) -> list[TokenRow]:
        """See port."""
        rows = self._rows(
            "SELECT id, hash, reader, label, created, expires, revoked FROM tokens "
            "WHERE ?1 IS NULL OR reader = ?1 ORDER BY created, id",
            reader,
        )
        return [TokenRow(*row) for row in rows]

    def reader_of_session(self, session_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "SELECT reader FROM sessions WHERE hash = ? AND expires > ?", session_hash, at
        )
        return None if row is None else str(row[0])

    def login_failures(self, source: str, since: str) -> int:
        """See port."""
        return self._number(
            "SELECT count(*) FROM login_failures WHERE source = ? AND at >= ?", source, since
        )


class AccessWrites(AccessReads):
    """Giving and taking access."""

    def put_token(self, token: TokenRow) -> None:
        """See port."""
        self._sql.execute(
            "INSERT INTO tokens (id, hash, reader, label, created, expires, revoked) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                token.id,
                token.hash,
                token.reader,
                token.label,
                token.created,
                token.expires,
                token.revoked,
            ),
        )

    def revoke_token(self, id: str, at: str) -> bool:  # noqa: A002
        """See port."""
        done = self._sql.execute(
            "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = ''", (at, id)
        )
        return done.rowcount == 1

    def put_login_code(self, code_hash: bytes, reader: str, expires: str) -> None:
        """See port."""
        self._sql.execute("INSERT INTO login_codes VALUES (?, ?, ?)", (code_hash, reader, expires))

    def use_login_code(self, code_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "DELETE FROM login_codes WHERE hash = ? RETURNING reader, expires", code_hash
        )
        return str(row[0]) if row is not None and row[1] > at else None

    def put_session(self, session_hash: bytes, reader: str, created: str, expires: str) -> None:
        """See port."""
        self._sql.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?)", (session_hash, reader, created, expires)
        )

    def end_session(self, session_hash: bytes) -> None:
        """See port."""
        self._sql.execute("DELETE FROM sessions WHERE hash = ?", (session_hash,))

    def add_login_failure(self, source: str, at: str) -> None:
        """See port."""
        self._sql.execute("INSERT INTO login_failures (source, at) VALUES (?, ?)", (source, at))

    def clear_login_failures(self, source: str) -> None:
        """See port."""
        self._sql.execute("DELETE FROM login_failures WHERE source = ?", (source,))

    def purge_access(self, before: str) -> None:
        """See port."""
        self._sql.execute("DELETE FROM login_codes WHERE expires < ?", (before,))
        self._sql.execute("DELETE FROM sessions WHERE expires < ?", (before,))
        self._sql.execute("DELETE FROM login_failures WHERE at < ?", (before,))
