"""Activity: what is being taken in, by lane."""

from ringwall.exchange.activity import Activity


def test_a_lane_is_whole_up_to_the_first_that_is_unfinished() -> None:
    activity = Activity()
    assert activity.finished("BULK") == (0, None)
    with activity.unfinished("BULK", 7), activity.unfinished("BULK", 3):
        assert activity.finished("BULK") == (2, 3)
    assert activity.finished("BULK") == (2, None)


def test_an_urgent_lane_hears_nothing_of_a_feed() -> None:
    """It would wait for a wake that comes to the feed's lane only."""
    activity = Activity()
    with activity.unfinished("BULK", 7):
        assert activity.finished("FLASH") == (0, None)
    assert activity.finished("FLASH") == (0, None)
