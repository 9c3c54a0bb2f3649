"""Who is asking, and may they use this route: credentials, roles, scopes, lock-out, same origin.

A credential is a token (``Authorization: Bearer`` or ``Token``, ``Basic`` with the token as
password or user, or the bare token) or a browser's session cookie. Only hashes are stored.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Forbidden, Unauthenticated, format_timestamp
from ringwall.identity import EVERY_SCOPE, Scope, find_reader, narrow
from ringwall.identity.secrets import hash_secret
from ringwall.identity.tokens import Bearer, find_bearer
from ringwall.server.answers import LOCKED_OUT
from ringwall.server.context import Caller, ServerContext
from ringwall.server.cookies import session_in
from ringwall.server.limits import network_of
from ringwall.store import ReadTransaction

FAILURES_ALLOWED = 10
FAILURE_WINDOW = timedelta(seconds=60)
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Access(msgspec.Struct, frozen=True):
    """What a route demands: ``open`` nothing, ``loopback`` a caller on this machine, else a role.

    ``roles`` empty: any reader. ``content``: its answers hold what readers of content may see.
    ``scopes``: a narrowed token needs one of these; empty: any credential will do.
    """

    open: bool = False
    loopback: bool = False
    roles: frozenset[str] = frozenset()
    content: bool = False
    scopes: frozenset[Scope] = frozenset()


def admit(
    context: ServerContext, access: Access, method: str, headers: Mapping[str, str], source: str
) -> Caller | None:
    """Let a request through, with its reader; None where a route is open.

    Raises Unauthenticated, or Forbidden (rules ``role``, ``scope``, ``loopback``,
    ``cross-site``).
    """
    if access.loopback and not is_local(headers, source, behind_edge=context.behind_edge):
        raise Forbidden("only from this machine", rule="loopback")
    if access.open or access.loopback:
        return None
    caller = identify(context, headers, source)
    if method not in _SAFE_METHODS:  # a browser adds what it knows of Basic as it adds cookies
        require_same_origin(headers, browser=caller.session)
    if access.roles and not access.roles & caller.reader.roles:
        needed = ", ".join(sorted(access.roles))
        raise Forbidden(f"this needs one of the roles: {needed}", field="role", rule="role")
    if access.scopes and not access.scopes & caller.scopes:
        needed = ", ".join(sorted(access.scopes))
        raise Forbidden(f"this token is not for that: {needed}", field="scope", rule="scope")
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
    at = format_timestamp(context.clock.now())
    with context.store.read() as snapshot:
        bearer = _bearer(snapshot, tokens, session, at)
        if bearer is None:
            return None
        reader = find_reader(context.alliance, context.member, snapshot, bearer.reader, at)
    return None if reader is None else _caller(reader, bearer, session=not tokens)


def _bearer(tx: ReadTransaction, tokens: list[str], session: str, at: str) -> Bearer | None:
    if tokens:
        found = (find_bearer(tx, token, at) for token in tokens)
        return next((each for each in found if each is not None), None)
    name = tx.reader_of_session(hash_secret(session), at)
    return None if name is None else Bearer(name)


def _caller(reader: Reader, bearer: Bearer, *, session: bool) -> Caller:
    grant = bearer.grant
    if grant is None:
        return Caller(reader, session, EVERY_SCOPE)
    places = f"{reader.id} {grant.key}"
    return Caller(narrow(reader, grant), session, grant.scopes, places)


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


def count_failure(context: ServerContext, source: str, now: datetime) -> None:
    """Count a failed attempt; the addresses of an IPv6 network of 64 bits are one source.

    Raises Unauthenticated (rule ``locked-out``, 429) if ``source`` failed too often lately.
    """
    check_not_locked_out(context, source, now)
    network, at = network_of(source), format_timestamp(now)
    context.store.write(lambda tx: tx.add_login_failure(network, at), essential=True).result()


def check_not_locked_out(context: ServerContext, source: str, now: datetime) -> None:
    """Raise Unauthenticated (rule ``locked-out``) if ``source`` failed too often lately."""
    since = format_timestamp(now - FAILURE_WINDOW)
    with context.store.read() as snapshot:
        failures = snapshot.login_failures(network_of(source), since)
    if failures >= FAILURES_ALLOWED:
        raise Unauthenticated("too many failures from this address: wait", rule=LOCKED_OUT)


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
