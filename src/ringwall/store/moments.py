"""Times of arrival: strictly ascending, because TAXII pages by them."""

from datetime import timedelta

from ringwall.core import format_timestamp, parse_timestamp

_TICK = timedelta(microseconds=1)


def next_moment(moment: str) -> str:
    """Return the timestamp one microsecond after ``moment``, both with six decimals."""
    micros = int(moment[20:26]) + 1
    if micros < 1_000_000:
        return f"{moment[:20]}{micros:06}Z"
    return format_timestamp(parse_timestamp(moment) + _TICK)
