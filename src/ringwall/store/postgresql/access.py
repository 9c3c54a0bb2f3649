"""Tokens, login codes, sessions and failed logins: by hash, never in clear."""

from ringwall.store.postgresql.base import Part
from ringwall.store.records import TokenRow


class AccessReads(Part):
    """Who holds what."""

    def reader_of_token(self, token_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "SELECT reader FROM tokens WHERE hash = $1 AND revoked = '' "
            "AND (expires = '' OR expires > $2)",
            token_hash,
            at,
        )
        return None if row is None else str(row[0])

    def tokens(self, reader: str | None = None) -> list[TokenRow]:
        """See port."""
        rows = self._rows(
            "SELECT id, hash, reader, label, created, expires, revoked FROM tokens "
            "WHERE $1::text IS NULL OR reader = $1::text ORDER BY created, id",
            reader,
        )
        return [TokenRow(*row) for row in rows]

    def reader_of_session(self, session_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "SELECT reader FROM sessions WHERE hash = $1 AND expires > $2", session_hash, at
        )
        return None if row is None else str(row[0])

    def login_failures(self, source: str, since: str) -> int:
        """See port."""
        return self._number(
            "SELECT count(*) FROM login_failures WHERE source = $1 AND at >= $2", source, since
        )


class AccessWrites(AccessReads):
    """Giving and taking access."""

    def put_token(self, token: TokenRow) -> None:
        """See port."""
        self._execute(
            "INSERT INTO tokens (id, hash, reader, label, created, expires, revoked) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            token.id,
            token.hash,
            token.reader,
            token.label,
            token.created,
            token.expires,
            token.revoked,
        )

    def revoke_token(self, id: str, at: str) -> bool:  # noqa: A002
        """See port."""
        done = self._execute(
            "UPDATE tokens SET revoked = $1 WHERE id = $2 AND revoked = ''", at, id
        )
        return done.rowcount == 1

    def put_login_code(self, code_hash: bytes, reader: str, expires: str) -> None:
        """See port."""
        self._execute("INSERT INTO login_codes VALUES ($1, $2, $3)", code_hash, reader, expires)

    def use_login_code(self, code_hash: bytes, at: str) -> str | None:
        """See port."""
        row = self._row(
            "DELETE FROM login_codes WHERE hash = $1 RETURNING reader, expires", code_hash
        )
        return str(row[0]) if row is not None and row[1] > at else None

    def put_session(self, session_hash: bytes, reader: str, created: str, expires: str) -> None:
        """See port."""
        self._execute(
            "INSERT INTO sessions VALUES ($1, $2, $3, $4)", session_hash, reader, created, expires
        )

    def end_session(self, session_hash: bytes) -> None:
        """See port."""
        self._execute("DELETE FROM sessions WHERE hash = $1", session_hash)

    def add_login_failure(self, source: str, at: str) -> None:
        """See port."""
        self._execute("INSERT INTO login_failures (source, at) VALUES ($1, $2)", source, at)

    def clear_login_failures(self, source: str) -> None:
        """See port."""
        self._execute("DELETE FROM login_failures WHERE source = $1", source)

    def purge_access(self, before: str) -> None:
        """See port."""
        self._execute("DELETE FROM login_codes WHERE expires < $1", before)
        self._execute("DELETE FROM sessions WHERE expires < $1", before)
        self._execute("DELETE FROM login_failures WHERE at < $1", before)
