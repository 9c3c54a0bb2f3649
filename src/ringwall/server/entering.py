"""Opening and closing browsers' sessions, whatever proved who somebody is."""

from collections.abc import Mapping

import msgspec

from ringwall.core import Unauthenticated, format_timestamp, new_secret, parse_timestamp
from ringwall.identity import find_reader
from ringwall.identity.secrets import hash_code, hash_secret
from ringwall.identity.sessions import (
    SESSION_LIFE,
    Method,
    SessionEntry,
    drop_session,
    put_session,
)
from ringwall.server.access import count_failure
from ringwall.server.context import Call, ServerContext
from ringwall.server.cookies import session_in, set_cookie
from ringwall.store import WriteTransaction


class Entry(msgspec.Struct, frozen=True):
    """How somebody comes in: by which proof, from where, with which TLS certificate ("": none).

    The certificate is named in the audit log; it proves nobody's name. ``passkey``: its id.
    """

    method: Method
    source: str
    certificate: str = ""
    passkey: str = ""

    def shown(self) -> dict[str, str]:
        """Return it as the audit log shows it."""
        said = {"certificate": self.certificate, "passkey": self.passkey}
        return {"method": self.method, "source": self.source} | {k: v for k, v in said.items() if v}


def entry_of(call: Call, method: Method, *, passkey: str = "") -> Entry:
    """Return how whoever makes this call comes in."""
    return Entry(method, call.source, call.certificate, passkey)


def begin_session(
    tx: WriteTransaction,
    context: ServerContext,
    reader: str,
    entry: Entry,
    *,
    until: str = "",
    audit: Mapping[str, object] | None = None,
) -> tuple[str, str]:
    """Open a session in a job, with its audit entry; return the header that hands it over.

    ``until`` ends it earlier than `SESSION_LIFE`; ``audit`` is said of this login beside.
    """
    now, secret = context.clock.now(), new_secret()
    created, forgotten = format_timestamp(now), format_timestamp(now - SESSION_LIFE)
    expires = min(filter(None, (until, format_timestamp(now + SESSION_LIFE))))
    tx.purge_access(forgotten)
    tx.purge_documents(created)
    name, how = hash_secret(secret).hex(), (entry.method, entry.source)
    opened = SessionEntry(name, reader, *how, created, expires, entry.passkey)
    put_session(tx, opened)
    tx.append_audit("login", {"reader": reader, **entry.shown(), **(audit or {})})
    seconds = int((parse_timestamp(expires) - now).total_seconds())
    return set_cookie(secret, seconds, secure=context.secure_cookies)


def enter_with_code(context: ServerContext, code: str, entry: Entry) -> tuple[str, str]:
    """Use up a one-time login code and return the header of a new session.

    A valid code passes even when its source is locked out, as a token does and for the same reason.
    Raises Unauthenticated when the code is unknown, used or expired: 429 after too many of them.
    """
    now = context.clock.now()
    at, code_hash = format_timestamp(now), hash_code(code)

    def use(tx: WriteTransaction) -> tuple[str, str] | None:
        name = tx.use_login_code(code_hash, at)
        known = name and find_reader(context.alliance, context.member, tx, name, at)
        return begin_session(tx, context, known.id, entry) if known else None

    cookie = context.store.write(use).result()
    if cookie is None:
        count_failure(context, entry.source, now)
        raise Unauthenticated(
            "the login code is unknown, used or expired", field="code", rule="login-code"
        )
    return cookie


def close_session(context: ServerContext, headers: Mapping[str, str]) -> tuple[str, str]:
    """End the session of a request and return the header that removes it."""
    session = session_in(headers.get("cookie", ""), secure=context.secure_cookies)
    if session:
        session_hash, at = hash_secret(session), format_timestamp(context.clock.now())

        def end(tx: WriteTransaction) -> None:
            reader = tx.reader_of_session(session_hash, at)
            if reader is not None:
                drop_session(tx, reader, session_hash.hex())
            tx.end_session(session_hash)

        context.store.write(end, essential=True).result()
    return set_cookie("", 0, secure=context.secure_cookies)
