"""The node's log: text for people, or one JSON object a line for programs, on standard error.

Fields of a line: ``time`` (RFC 3339, UTC), ``level``, ``logger``, ``message``, ``node``,
``request`` where a request is answered, ``error`` where one was caught: its types and places,
innermost first. The text of an exception can hold what somebody sent, so of exceptions that are not
ours only the type is told; ours are made of names and rules. Whatever a message holds, it is one
line, and what looks like a secret of ours is taken out of it.
"""

import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

import msgspec

from ringwall.core import RingwallError, format_timestamp
from ringwall.core.request_id import request_id

LONGEST = 4_000
"""Characters of a message that are kept."""

_FRAMES = 8
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bS[A-Z][A-Z2-7]{50,}\b"  # an nkey seed
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"  # a JSON web token
    r"|(?i:\b(?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)",  # user and password of a URL
    re.DOTALL,
)


class LineFormatter(logging.Formatter):
    """What text and JSON lines have in common."""

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def fields(self, record: logging.LogRecord) -> dict[str, str]:
        """Return the fields of one line, in their order."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # a message whose arguments do not fit is our defect
            message = f"{record.msg} {record.args!r}"
        fields = {
            "time": format_timestamp(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": tidy(message),
            "node": self._node,
        }
        if current := request_id.get():
            fields["request"] = current
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = describe_error(record.exc_info[1])
        return fields


class JsonFormatter(LineFormatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        return msgspec.json.encode(self.fields(record)).decode()


class TextFormatter(LineFormatter):
    """``time LEVEL logger: message``, and what else there is in brackets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        fields = self.fields(record)
        more = [f"{name}={fields[name]}" for name in ("request", "error") if name in fields]
        tail = f" [{'; '.join(more)}]" if more else ""
        level = fields["level"].upper()
        return f"{fields['time']} {level} {fields['logger']}: {fields['message']}{tail}"


def set_up_logs(
    node: str, *, level: str, form: str, stream: TextIO | None = None
) -> logging.Handler:
    """Send the process's log to ``stream`` (standard error); uncaught exceptions become a line.

    Returns the handler.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(node) if form == "json" else TextFormatter(node))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    return handler


def tidy(text: str) -> str:
    """Make text one line of bounded length, without secrets and control characters."""
    clean = _SECRETS.sub("[secret]", text)
    line = "".join(char if char.isprintable() else " " for char in clean)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def describe_error(error: BaseException) -> str:
    """Say what was raised and where, without what somebody may have sent."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        own = f" {current}" if isinstance(current, RingwallError) else ""
        places = " < ".join(_places(current.__traceback__))
        parts.append(tidy(f"{type(current).__qualname__}{own} at {places or 'nowhere'}"))
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return " from ".join(parts)


def _places(trace: TracebackType | None) -> list[str]:
    """Return the innermost places of a traceback, innermost first: module, line."""
    places: list[str] = []
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "?")
        places.append(f"{module}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[: -_FRAMES - 1 : -1]


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("ringwall").critical("uncaught", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_value is not None:
        info = (hook.exc_type, hook.exc_value, hook.exc_traceback)
        logging.getLogger("ringwall").critical("uncaught in a thread", exc_info=info)
