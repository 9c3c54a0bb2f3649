"""Time as data: a clock that is handed in, and RFC 3339 timestamps in UTC.

The origin's sequence orders statements, never these times (design, decision 12).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ringwall.core.errors import InvalidInput

_RFC3339_UTC = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z", re.ASCII
)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands until it is moved: for replays and tests of dates."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Return the time that was set."""
        return self._now

    def advance(self, step: timedelta) -> None:
        """Move the clock forward by ``step``."""
        self._now += step


def format_timestamp(moment: datetime) -> str:
    """Write ``moment`` as RFC 3339 in UTC with six decimals, e.g. 2026-01-02T03:04:05.678900Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_timestamp(text: str, *, field: str = "") -> datetime:
    """Read an RFC 3339 timestamp that ends in Z; digits past microseconds are cut off.

    Raises InvalidInput (rule ``timestamp``) for any other form or an impossible date. A leap
    second (``:60``) is read as the last microsecond of its minute, so that it stays ordered.
    """
    match = _RFC3339_UTC.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{field or 'timestamp'}: not an RFC 3339 timestamp in UTC: {text[:40]!r}",
            field=field,
            rule="timestamp",
        )
    year, month, day, hour, minute, second = (int(match[i]) for i in range(1, 7))
    micro = int((match[7] or "0").ljust(6, "0")[:6])
    if second == 60:
        second, micro = 59, 999_999
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(
            f"{field or 'timestamp'}: impossible date {text!r}", field=field, rule="timestamp"
        ) from error
