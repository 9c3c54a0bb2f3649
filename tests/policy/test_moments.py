"""When time alone changes a decision: the next moment of label, terms and agreements together."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ringwall.policy import SKEW, opening_moments
from ringwall.policy.moments import label_moments, next_change
from tests.policy.world import NOW, WORLD, stated

MUTUAL = WORLD.agreements[0]
OPENS, SHUTS = datetime(2026, 1, 1, tzinfo=UTC) + SKEW, datetime(2027, 1, 1, tzinfo=UTC) - SKEW
GREEN = stated({"tlp": "GREEN"})
DAY = timedelta(days=1)


def test_what_no_date_limits_never_changes() -> None:
    assert next_change(GREEN, [], NOW) is None
    assert list(label_moments(GREEN)) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [(OPENS - DAY, OPENS), (OPENS, SHUTS), (NOW, SHUTS), (SHUTS, None), (SHUTS + DAY, None)],
)
def test_an_agreement_opens_and_then_shuts(at: datetime, expected: datetime | None) -> None:
    assert next_change(GREEN, [MUTUAL], at) == expected


def test_the_first_of_all_agreements_counts() -> None:
    shorter = msgspec.structs.replace(MUTUAL, valid_until="2026-09-01T00:00:00.000000Z")
    shuts = datetime(2026, 9, 1, tzinfo=UTC) - SKEW
    assert next_change(GREEN, [MUTUAL, shorter], NOW) == shuts
    assert next_change(GREEN, [shorter, MUTUAL], NOW) == shuts
    assert next_change(GREEN, [shorter, MUTUAL], shuts) == SHUTS


def test_every_date_of_a_label_and_its_terms_is_a_moment() -> None:
    """What opens does so late by the skew, what closes early: an IEP does both."""
    label = {
        "tlp": "GREEN",
        "review": "2026-07-02T00:00:00Z",
        "acs": [{"resource_disposition": {"disposition_date": "2026-07-03T00:00:00Z"}}],
        "iep": [
            {"start": "2026-07-04T00:00:00Z", "end": "2026-07-05T00:00:00Z"},
            {"start": "2026-07-06T00:00:00Z"},
            {"end": "2026-07-07T00:00:00Z"},
        ],
    }
    asked = stated(label, {"embargo": "2026-07-01T00:00:00Z"})
    opening = [datetime(2026, 7, day, tzinfo=UTC) + SKEW for day in (1, 4, 6)]
    closing = [datetime(2026, 7, day, tzinfo=UTC) - SKEW for day in (2, 3, 5, 7)]
    assert list(opening_moments(asked)) == opening
    assert sorted(label_moments(asked)) == sorted(opening + closing)
    assert next_change(asked, [MUTUAL], NOW) == opening[0]
    assert next_change(asked, [MUTUAL], opening[0]) == closing[0]
    assert next_change(asked, [MUTUAL], closing[-1]) == SHUTS
