"""The kernel against a naive oracle that shares no code with it: thousands of decisions."""

from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.alliance import load_alliance
from ringwall.core import ManualClock
from ringwall.labels import parse_label
from ringwall.policy import Kernel, ReleaseClass, decide_member, decide_reader
from tests.policy import oracle
from tests.policy.cases import (
    MEMBERS,
    descriptions,
    label_texts,
    members,
    moments,
    purposes,
    types,
    written,
)

# 80 alliances, six release classes each, five members and four readers: 4,320 decisions.
ALLIANCES, CLASSES = 80, 6


@settings(max_examples=ALLIANCES)
@given(descriptions(), st.data())
def test_kernel_and_oracle_agree(book: dict[str, Any], data: st.DataObject) -> None:
    alliance = load_alliance(written(book))
    for _ in range(CLASSES):
        label, origin = data.draw(label_texts()), data.draw(members)
        object_type, purpose = data.draw(types), data.draw(purposes)
        at = data.draw(moments)
        release = ReleaseClass(origin, object_type, parse_label(label), purpose)
        kernel = Kernel(alliance, ManualClock(at))
        case = (book, label, origin, object_type, purpose)
        for member in [*MEMBERS, "stranger"]:
            expected = oracle.may_receive(*case, member, at)
            assert decide_member(alliance, release, member, at).permit is expected
            assert kernel.may_receive(release, member) is expected
        for name, reader in alliance.readers.items():
            expected = oracle.may_read(*case, name, at)
            assert decide_reader(alliance, release, reader, at).permit is expected
            assert kernel.may_read(release, reader) is expected


@settings(max_examples=60)
@given(descriptions(), label_texts(), members, types, purposes, st.lists(moments, max_size=6))
def test_remembered_answers_change_with_time_as_the_oracle_says(
    book: dict[str, Any],
    label: str,
    origin: str,
    object_type: str,
    purpose: str,
    times: list[datetime],
) -> None:
    alliance = load_alliance(written(book))
    release = ReleaseClass(origin, object_type, parse_label(label), purpose)
    nodes = [f"{member}-1" for member in MEMBERS]
    clock = MovableClock()
    kernel = Kernel(alliance, clock)
    for at in times:  # forwards and backwards: a clock may be set back
        clock.at = at
        expected = [
            f"{member}-1"
            for member in MEMBERS
            if member != origin
            and oracle.may_receive(book, label, origin, object_type, purpose, member, at)
        ]
        assert list(kernel.audience(release, nodes=nodes)) == expected
        assert kernel.audience(release, nodes=nodes[:2]) == tuple(
            node for node in expected if node in nodes[:2]
        )


class MovableClock:
    """A clock that can be set back, which ManualClock does with a negative step only."""

    at: datetime

    def now(self) -> datetime:
        return self.at
