"""What a stolen session must not do: make a credential that outlives it, long after the login."""

from datetime import timedelta

from ringwall.core import Forbidden, format_timestamp
from ringwall.identity.secrets import hash_secret
from ringwall.identity.sessions import SessionEntry, find_session
from ringwall.server.context import Call
from ringwall.server.cookies import session_in
from ringwall.store import ReadTransaction

FRESH = timedelta(minutes=15)
"""How long after logging in a session may make a token, or a link that works at once."""


def session_of(call: Call, tx: ReadTransaction) -> SessionEntry | None:
    """Return the session that a request was made with, None if it was a token."""
    if call.caller is None or not call.caller.session:
        return None
    secret = session_in(call.headers.get("cookie", ""), secure=call.context.secure_cookies)
    return find_session(tx, call.reader.id, hash_secret(secret), call.at)


def check_fresh(call: Call, tx: ReadTransaction) -> None:
    """Refuse a session that began too long ago. Raises Forbidden (rule ``fresh-login``)."""
    if call.caller is None or not call.caller.session:
        return
    session, since = session_of(call, tx), format_timestamp(call.context.clock.now() - FRESH)
    if session is None or session.created < since:
        raise Forbidden("this is done just after logging in: log in again", rule="fresh-login")
