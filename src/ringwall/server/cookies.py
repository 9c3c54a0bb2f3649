"""The cookies of a node: a session, and for some minutes the state of a login under way."""

from http.cookies import CookieError, SimpleCookie

SESSION = "ringwall"
LOGIN = "ringwall-login"


def cookie_name(name: str = SESSION, *, secure: bool) -> str:
    """Name a cookie; ``__Host-`` binds it to this very host and to TLS."""
    return f"__Host-{name}" if secure else name


def session_in(header: str, *, secure: bool) -> str:
    """Return the session that a Cookie header carries, or ""."""
    return cookie_in(header, SESSION, secure=secure)


def cookie_in(header: str, name: str, *, secure: bool) -> str:
    """Return what a Cookie header carries under a name, or ""."""
    try:
        morsel = SimpleCookie(header).get(cookie_name(name, secure=secure))
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def set_cookie(
    value: str, seconds: int, *, secure: bool, name: str = SESSION, from_provider: bool = False
) -> tuple[str, str]:
    """Return the Set-Cookie header of a value that lasts so long; 0 seconds: it is removed.

    ``from_provider``: the browser sends it too when another site sent the browser here.
    """
    parts = [f"{cookie_name(name, secure=secure)}={value}", "Path=/", f"Max-Age={seconds}"]
    parts += ["HttpOnly", f"SameSite={'Lax' if from_provider else 'Strict'}"]
    return "set-cookie", "; ".join([*parts, *(["Secure"] if secure else [])])
