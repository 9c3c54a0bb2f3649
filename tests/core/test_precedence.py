"""Lanes: every precedence has one, the most urgent first."""

from ringwall.core import LANES, Precedence


def test_lanes_are_the_precedences_in_order_of_urgency() -> None:
    assert [lane.value for lane in LANES] == ["FLASH", "IMMEDIATE", "PRIORITY", "ROUTINE", "BULK"]
    assert set(LANES) == set(Precedence)
