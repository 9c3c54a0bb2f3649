"""From a problem document back to the error that caused it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ringwall.core import CallerError, RingwallError, TooLarge, Unauthenticated, Unavailable


class _Problem(msgspec.Struct, frozen=True):
    """RFC 9457 with our members; TAXII's error message carries them in ``details``."""

    detail: str = ""
    description: str = ""
    title: str = ""
    code: str = ""
    field: str = ""
    rule: str = ""
    details: dict[str, Any] | None = None


def _tree(kind: type[RingwallError]) -> Iterator[type[RingwallError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


_BY_CODE = {kind.code: kind for kind in _tree(RingwallError)}
_BY_STATUS: dict[int, type[RingwallError]] = {413: TooLarge, 401: Unauthenticated, 503: Unavailable}


def error_from(status: int, body: bytes) -> RingwallError:
    """Rebuild the error of an answer; what is not a problem document becomes one by its status."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = _Problem(detail=f"the node answered {status}")
    if problem.details:
        inside = {key: str(problem.details.get(key, "")) for key in ("code", "field", "rule")}
        problem = msgspec.structs.replace(problem, **inside)
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status) or _by_class(status)
    message = problem.detail or problem.description or problem.title or f"status {status}"
    return kind(message, field=problem.field, rule=problem.rule)


def _by_class(status: int) -> type[RingwallError]:
    return CallerError if 400 <= status < 500 else Unavailable
