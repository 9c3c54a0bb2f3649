"""Times of arrival: strictly ascending, because TAXII pages by them."""

from collections.abc import Iterator
from datetime import timedelta

from ringwall.core import format_timestamp, parse_timestamp

_TICK = timedelta(microseconds=1)


def next_moment(moment: str) -> str:
    """Return the timestamp one microsecond after ``moment``, both with six decimals."""
    micros = int(moment[20:26]) + 1
    if micros < 1_000_000:
        return f"{moment[:20]}{micros:06}Z"
    return format_timestamp(parse_timestamp(moment) + _TICK)


def ascending(moment: str, last: str, count: int) -> Iterator[str]:
    """Yield ``count`` timestamps, a microsecond apart, from ``moment`` on but after ``last``."""
    at = moment if moment > last else next_moment(last)
    while count:
        second, micros = at[:20], int(at[20:26])
        run = min(count, 1_000_000 - micros)
        for each in range(micros, micros + run):
            yield f"{second}{each:06}Z"
        count -= run
        at = next_moment(f"{second}999999Z")


def moved_on(moment: str, microseconds: int) -> str:
    """Return the timestamp so many microseconds after ``moment``."""
    return format_timestamp(parse_timestamp(moment) + timedelta(microseconds=microseconds))
