"""Who is asking, and may they use this route: credentials, roles, lock-out, same origin.

A credential is a token (``Authorization: Bearer`` or ``Token``, ``Basic`` with the token as
password or user, or the bare token) or a browser's session cookie. Only hashes are stored.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

import msgspec

from ringwall.core import Forbidden, Unauthenticated, format_timestamp, new_secret
from ringwall.server.answers import LOCKED_OUT
from ringwall.server.context import Caller, ServerContext
from ringwall.server.limits import network_of
from ringwall.store import WriteTransaction

SESSION_LIFE = timedelta(hours=12)
FAILURES_ALLOWED = 10
FAILURE_WINDOW = timedelta(seconds=60)
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Access(msgspec.Struct, frozen=True):
    """What a route demands: ``open`` nothing, ``loopback`` a caller on this machine, else a role.

    ``roles`` empty: any reader. ``content``: its answers hold what readers of content may see.
    """

    open: bool = False
    loopback: bool = False
    roles: frozenset[str] = frozenset()
    content: bool = False


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a token, session or login code: its SHA-256.

    A fast hash is right here: the secrets are 256 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).digest()


def admit(
    context: ServerContext, access: Access, method: str, headers: Mapping[str, str], source: str
) -> Caller | None:
    """Let a request through, with its reader; None where a route is open.

    Raises Unauthenticated, or Forbidden (rules ``role``, ``loopback``, ``cross-site``).
    """
    if access.loopback and not is_local(headers, source, behind_edge=context.behind_edge):
        raise Forbidden("only from this machine", rule="loopback")
    if access.open or access.loopback:
        return None
    caller = identify(context, headers, source)
    if caller.session and method not in _SAFE_METHODS:
        require_same_origin(headers, browser=True)
    if access.roles and not access.roles & caller.reader.roles:
        needed = ", ".join(sorted(access.roles))
        raise Forbidden(f"this needs one of the roles: {needed}", field="role", rule="role")
    return caller


def identify(context: ServerContext, headers: Mapping[str, str], source: str) -> Caller:
    """Find the reader who asks. Raises Unauthenticated; a wrong credential counts as a failure.

    A valid token passes even when its source is locked out: tokens cannot be guessed, and a
    stranger behind the same proxy must not be able to cut off everybody else's tools.
    """
    caller = recognise(context, headers)
    if caller is None:
        count_failure(context, source, context.clock.now())
        raise Unauthenticated(
            "the token or session is not valid", field="authorization", rule="credential"
        )
    return caller


def recognise(context: ServerContext, headers: Mapping[str, str]) -> Caller | None:
    """Find the reader whose credential this is, None if nobody's; it writes nothing.

    Raises Unauthenticated when there is no credential at all.
    """
    tokens = tokens_in(headers.get("authorization", ""))
    session = session_in(headers.get("cookie", ""), secure=context.secure_cookies)
    if not tokens and not session:
        raise Unauthenticated("log in or send a token", field="authorization", rule="missing")
    name = _reader_id(context, tokens, session, format_timestamp(context.clock.now()))
    reader = context.alliance.readers.get(name) if name else None
    if reader is None or reader.member != context.member:
        return None
    return Caller(reader, session=not tokens)


def _reader_id(context: ServerContext, tokens: list[str], session: str, at: str) -> str | None:
    with context.store.read() as snapshot:
        for token in tokens:
            name = snapshot.reader_of_token(hash_secret(token), at)
            if name is not None:
                return name
        if tokens:
            return None
        return snapshot.reader_of_session(hash_secret(session), at)


def tokens_in(header: str) -> list[str]:
    """Return the tokens that an Authorization header may mean, most likely first."""
    scheme, _, rest = header.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() in ("bearer", "token"):
        return [rest] if rest else []
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest, validate=True).decode()
        except ValueError:
            return [rest]  # not readable, so it names nobody: a wrong credential, not a missing one
        user, _, password = pair.partition(":")
        return [part for part in (password, user) if part]
    return [scheme] if scheme and not rest else [header] if header.strip() else []


def cookie_name(*, secure: bool) -> str:
    """Name the session cookie; ``__Host-`` binds it to this very host and to TLS."""
    return "__Host-ringwall" if secure else "ringwall"


def session_in(header: str, *, secure: bool) -> str:
    """Return the session that a Cookie header carries, or ""."""
    try:
        morsel = SimpleCookie(header).get(cookie_name(secure=secure))
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def count_failure(context: ServerContext, source: str, now: datetime) -> None:
    """Count a failed attempt; the addresses of an IPv6 network of 64 bits are one source.

    Raises Unauthenticated (rule ``locked-out``, 429) if ``source`` failed too often lately.
    """
    source = network_of(source)
    since = format_timestamp(now - FAILURE_WINDOW)
    with context.store.read() as snapshot:
        failures = snapshot.login_failures(source, since)
    if failures >= FAILURES_ALLOWED:
        raise Unauthenticated("too many failures from this address: wait", rule=LOCKED_OUT)
    at = format_timestamp(now)
    context.store.write(lambda tx: tx.add_login_failure(source, at), essential=True).result()


def open_session(context: ServerContext, code: str, source: str, *, certificate: str = "") -> str:
    """Use up a one-time login code and return the Set-Cookie value of a new session.

    ``certificate`` is the SHA-256 of the client's, for the audit log; it proves nobody's name.

    A valid code passes even when its source is locked out, as a token does and for the same reason.
    Raises Unauthenticated when the code is unknown, used or expired: 429 after too many of them.
    """
    now = context.clock.now()
    session, created = new_secret(), format_timestamp(now)
    expires = format_timestamp(now + SESSION_LIFE)
    forgotten = format_timestamp(now - SESSION_LIFE)
    code_hash, session_hash = hash_secret(code), hash_secret(session)

    def use(tx: WriteTransaction) -> str | None:
        name = tx.use_login_code(code_hash, created)
        reader = context.alliance.readers.get(name) if name else None
        if name is None or reader is None or reader.member != context.member:
            return None
        tx.purge_access(forgotten)
        tx.put_session(session_hash, name, created, expires)
        shown = {"certificate": certificate} if certificate else {}
        tx.append_audit("login", {"reader": name, "source": source, **shown})
        return name

    if context.store.write(use).result() is None:
        count_failure(context, source, now)
        raise Unauthenticated(
            "the login code is unknown, used or expired", field="code", rule="login-code"
        )
    return _set_cookie(context, session, int(SESSION_LIFE.total_seconds()))


def close_session(context: ServerContext, headers: Mapping[str, str]) -> str:
    """End the session of a request and return the Set-Cookie value that removes it."""
    session = session_in(headers.get("cookie", ""), secure=context.secure_cookies)
    if session:
        session_hash = hash_secret(session)
        context.store.write(lambda tx: tx.end_session(session_hash), essential=True).result()
    return _set_cookie(context, "", 0)


def _set_cookie(context: ServerContext, value: str, seconds: int) -> str:
    secure = context.secure_cookies
    parts = [f"{cookie_name(secure=secure)}={value}", "Path=/", f"Max-Age={seconds}"]
    parts += ["HttpOnly", "SameSite=Strict", *(["Secure"] if secure else [])]
    return "; ".join(parts)


def require_same_origin(headers: Mapping[str, str], *, browser: bool) -> None:
    """Refuse a request that another site made the browser send (rule ``cross-site``).

    ``browser``: a cookie was the proof, so one of the two headers must be there; without a cookie
    a tool may leave both out.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    same_host = origin is None or _host_of(origin) == headers.get("host", "")
    known = site is not None or origin is not None
    if (browser and not known) or not same_host or site not in (None, "same-origin"):
        raise Forbidden("the request comes from another site", field="origin", rule="cross-site")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def is_local(headers: Mapping[str, str], source: str, *, behind_edge: bool = False) -> bool:
    """Tell whether a request was made on this machine, and not only handed on by a proxy here.

    It must also name this machine: a browser here that another site sent (DNS rebinding) names
    that site. ``behind_edge``: our own proxy took it, over TLS, so it names the node by what its
    certificate says, and the proxy says where it came from.
    """
    near = source == "::1" or source.startswith(("127.", "::ffff:127."))
    if behind_edge:
        return near
    forwarded = "x-forwarded-for" in headers or "forwarded" in headers
    named = _LOOPBACK.fullmatch(headers.get("host", "").lower()) is not None
    return named and not forwarded and near
