"""Answers: bytes, a status and headers; problems after RFC 9457 and TAXII's error body."""

import http
import logging
from typing import Any

import msgspec

from ringwall.core import (
    InternalFault,
    NotFound,
    RingwallError,
    StorageFull,
    Unauthenticated,
    Unavailable,
)

JSON = "application/json"
PROBLEM = "application/problem+json"
TAXII = "application/taxii+json;version=2.1"

LOCKED_OUT = "locked-out"
"""The rule of an Unauthenticated that means: too many failures, wait."""
NOT_ACCEPTABLE = "not-acceptable"
"""The rule of an InvalidInput that means: no media type that the client accepts."""
UNSUPPORTED_MEDIA = "unsupported-media-type"
"""The rule of an InvalidInput that means: a body of a media type that is not taken."""
_STATUS_OF_RULE = {
    LOCKED_OUT: 429,
    NOT_ACCEPTABLE: 406,
    UNSUPPORTED_MEDIA: 415,
    "url-length": 414,
    "header-count": 431,
    "header-size": 431,
}
_ASK_AGAIN = {"rate": 1, "concurrency": 1, "streams": 10, "overload": 2}
"""After how many seconds a refusal by one of these rules may be over."""

_NOT_FOUND = "there is no such thing, or it is not for you"
_ENCODER = msgspec.json.Encoder()
_log = logging.getLogger("ringwall.server")


class Answer(msgspec.Struct, frozen=True):
    """What goes back to whoever asked."""

    body: bytes = b""
    status: int = 200
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(value: Any, status: int = 200, *, media_type: str = JSON) -> Answer:
    """Encode a document; `msgspec.Raw` inside it goes out byte for byte."""
    return Answer(_ENCODER.encode(value), status, media_type)


def error_answer(error: Exception, *, taxii: bool = False) -> Answer:
    """Turn any exception into an answer; what is our own fault is logged and says nothing.

    NotFound always gives the same bytes, so that a withheld statement looks like a missing one.
    """
    if isinstance(error, InternalFault) or not isinstance(error, RingwallError):
        _log.error("a request failed unexpectedly", exc_info=error)
        return problem(500, "internal", "", "internal", "an unexpected error", taxii=taxii)
    if isinstance(error, NotFound):
        return problem(404, error.code, "", "not-found", _NOT_FOUND, taxii=taxii)
    if error.status >= 500 and error.rule != "overload":  # a flood must not fill the log too
        _log.warning("refused: %s (field %s, rule %s)", error, error.field, error.rule)
    status = _STATUS_OF_RULE.get(error.rule, error.status)
    status = 400 if taxii and status == 422 else status  # TAXII 2.1, section 3.6.1, knows no 422
    return problem(
        status,
        error.code,
        error.field,
        error.rule,
        error.message,
        taxii=taxii,
        headers=_headers(error, status),
    )


def problem(
    status: int,
    code: str,
    field: str,
    rule: str,
    message: str,
    *,
    taxii: bool = False,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Return a problem document (RFC 9457) or, on TAXII routes, a TAXII 2.1 error message."""
    title = http.HTTPStatus(status).phrase
    if taxii:
        details = {"code": code, "field": field, "rule": rule}
        body = {"title": title, "description": message, "http_status": str(status)}
        return Answer(_ENCODER.encode({**body, "details": details}), status, TAXII, headers)
    document = {"type": "about:blank", "title": title, "status": status, "detail": message}
    document |= {"code": code, "field": field, "rule": rule}
    return Answer(_ENCODER.encode(document), status, PROBLEM, headers)


def _headers(error: RingwallError, status: int) -> tuple[tuple[str, str], ...]:
    if status == 429:
        return (("retry-after", str(_ASK_AGAIN.get(error.rule, 60))),)
    if status == 408:
        return (("connection", "close"),)
    if isinstance(error, Unauthenticated):
        return (("www-authenticate", 'Bearer realm="ringwall", Basic realm="ringwall"'),)
    if isinstance(error, Unavailable | StorageFull):
        return (("retry-after", str(_ASK_AGAIN.get(error.rule, 5))),)
    return ()
