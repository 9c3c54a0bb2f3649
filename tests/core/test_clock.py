"""Time: one written form, RFC 3339 read strictly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import InvalidInput, ManualClock, SystemClock, format_timestamp, parse_timestamp


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    written = format_timestamp(moment)
    assert parse_timestamp(written) == moment
    assert len(written) == len("2026-01-02T03:04:05.678900Z")


@given(st.lists(st.datetimes(timezones=st.just(UTC))))
def test_written_times_sort_as_times_do(moments: list[datetime]) -> None:
    assert sorted(map(format_timestamp, moments)) == list(map(format_timestamp, sorted(moments)))


def test_other_zones_are_written_in_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=timezone(timedelta(hours=2)))
    assert format_timestamp(moment) == "2026-01-02T01:04:05.678900Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.6Z", datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901999Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_reading(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05z",
        "2026-01-02t03:04:05Z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05Z\n",
        " 2026-01-02T03:04:05Z",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-01-02T03:04:05Z",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_timestamp(text, field="/created")
    assert (caught.value.field, caught.value.rule) == ("/created", "timestamp")


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = ManualClock(start)
    assert clock.now() == clock.now() == start
    clock.advance(timedelta(hours=1))
    assert clock.now() == start + timedelta(hours=1)


def test_the_system_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
