"""Tokens: a secret of a reader, whole or narrowed by a grant that is kept beside its hash.

The secret of a narrowed token says so itself. If its grant were lost, the token would be good for
nothing, and not for everything.
"""

import msgspec

from ringwall.core import TooMany, new_secret
from ringwall.identity.scopes import Grant
from ringwall.identity.secrets import hash_secret
from ringwall.store import ReadTransaction, TokenRow, WriteTransaction

GRANT = "token-grant"
MOST = 100
"""Tokens that one reader may have at a time."""
_NARROWED = "scoped-"
_ID_LENGTH = 12
_DECODER = msgspec.json.Decoder(Grant)


class Bearer(msgspec.Struct, frozen=True):
    """Whose a token is, and what it is limited to (None: all that its reader may do)."""

    reader: str
    grant: Grant | None = None


class TokenEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is shown: never its secret, nor the hash."""

    id: str
    reader: str
    note: str
    created: str
    expires: str
    grant: Grant | None = None


class NewToken(msgspec.Struct, frozen=True):
    """What a token is to be; ``by`` is who makes it, "" whoever has the node's directory."""

    reader: str
    note: str
    created: str
    expires: str
    grant: Grant | None = None
    by: str = ""


def new_token(*, narrowed: bool) -> str:
    """Return a fresh secret."""
    return (_NARROWED if narrowed else "") + new_secret()


def make_token(tx: WriteTransaction, wanted: NewToken, secret: str) -> str:
    """Store a token and enter it in the audit log; return its id.

    ``secret`` is what `new_token` gave. Raises TooMany (rule ``tokens``).
    """
    if len(_good(tx, wanted.reader, wanted.created)) >= MOST:
        raise TooMany(f"a reader has at most {MOST} tokens", field="", rule="tokens")
    digest = hash_secret(secret)
    name = digest.hex()[:_ID_LENGTH]
    row = TokenRow(name, digest, wanted.reader, wanted.note, wanted.created, wanted.expires)
    tx.put_token(row)
    entry = {"token": name, "reader": wanted.reader, "expires": wanted.expires}
    if wanted.by:
        entry["by"] = wanted.by
    if wanted.grant is not None:
        body = msgspec.json.encode(wanted.grant, order="deterministic")
        tx.put_document(GRANT, wanted.reader, digest.hex(), body, wanted.created, wanted.expires)
        entry |= {"scopes": " ".join(sorted(wanted.grant.scopes)), "tlp": wanted.grant.tlp.value}
    tx.append_audit("token-created", {**entry, "sha256": digest.hex()})
    return name


def find_bearer(tx: ReadTransaction, token: str, at: str) -> Bearer | None:
    """Return whose a token is; None if it is nobody's, ended, or its grant is missing."""
    digest = hash_secret(token)
    reader = tx.reader_of_token(digest, at)
    if reader is None:
        return None
    if not token.startswith(_NARROWED):
        return Bearer(reader)
    body = tx.document(GRANT, reader, digest.hex(), at)
    return None if body is None else Bearer(reader, _DECODER.decode(body))


def tokens_of(tx: ReadTransaction, reader: str, at: str) -> list[TokenEntry]:
    """Return a reader's tokens that are good now, oldest first."""
    grants = {key: _DECODER.decode(body) for key, body in tx.documents(GRANT, reader, at)}
    return [
        TokenEntry(
            id=row.id,
            reader=reader,
            note=row.label,
            created=row.created,
            expires=row.expires,
            grant=grants.get(row.hash.hex()),
        )
        for row in _good(tx, reader, at)
    ]


def drop_token(tx: WriteTransaction, reader: str, token_id: str, at: str) -> bool:
    """Revoke a token of this reader; False: it has none of this id."""
    row = next((row for row in tx.tokens(reader) if row.id == token_id), None)
    if row is None or not tx.revoke_token(token_id, at):
        return False
    tx.drop_document(GRANT, reader, row.hash.hex())
    return True


def _good(tx: ReadTransaction, reader: str, at: str) -> list[TokenRow]:
    rows = tx.tokens(reader)
    return [row for row in rows if not row.revoked and (not row.expires or row.expires > at)]
