"""Places: a reader's own order of arrival, in which what opens late is not skipped.

A statement's order is its arrival at the node. For a reader the order of arrival is the later of
that and the moment its release class opened to the reader (design, decision 6). A reader may have
paged past a statement that opens only now; then a *replay* is made, after the last order, at which
statements of that class come again. Places are the orders with room for the replays between:

    orders   1 … last₁           last₁+1 … last₂           last₂+1 …
    places   1 … last₁  replay 1 …               replay 2  …

Replays are common to all readers and few (one for each time that policy opened something behind
somebody), so places are plain ascending integers: every cursor, event id and ``after`` is one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec

from ringwall.core import parse_timestamp
from ringwall.store.moments import moved_on
from ringwall.store.records import ReaderState, Replay


class Span(msgspec.Struct, frozen=True):
    """Statements of some classes, ``after`` < order <= ``until``, whose place is order + shift."""

    classes: frozenset[int]
    after: int
    until: int | None
    """None: without an end."""
    shift: int
    replay: Replay | None = None
    """Set where the statements come again."""

    def date(self, order: int, received_at: str) -> str:
        """Return when the statement came to the reader: its date added."""
        if self.replay is None:
            return received_at
        return moved_on(self.replay.starts, order)


class Places:
    """The places of one reader, under the classes that are open to it."""

    def __init__(
        self, replays: Sequence[Replay], replayed: Mapping[int, int], classes: frozenset[int]
    ) -> None:
        """``replayed``: release class → number of the replay at which its older statements come."""
        self._replays = replays
        self._classes = classes
        self._replayed = {one: number for one, number in replayed.items() if one in classes}

    def spans(self, after: int) -> Iterator[Span]:
        """Yield what comes after a place, in order."""
        if not self._replayed:
            yield from self._plain(after)
            return
        start = shift = 0
        for replay in self._replays:
            yield from _cut(self._arriving(start, replay.last, shift, replay.number), after)
            shift += replay.last
            again = frozenset(c for c, n in self._replayed.items() if n == replay.number)
            yield from _cut(Span(again, 0, replay.last, shift, replay), after)
            start = replay.last
        yield from _cut(Span(self._classes, start, None, shift), after)

    def _plain(self, after: int) -> Iterator[Span]:
        """Yield the spans of a reader for whom nothing ever comes again."""
        start = shift = 0
        for replay in self._replays:
            yield from _cut(Span(self._classes, start, replay.last, shift), after)
            start, shift = replay.last, shift + replay.last
        yield from _cut(Span(self._classes, start, None, shift), after)

    def _arriving(self, start: int, until: int, shift: int, number: int) -> Span:
        """Return what came by itself before a replay: not what comes again at it or later."""
        classes = frozenset(c for c in self._classes if self._replayed.get(c, 0) < number)
        return Span(classes, start, until, shift)

    def placed(self, order: int, release_class: int, received_at: str) -> tuple[int, str]:
        """Return the place and the date of a statement."""
        again = self._replayed.get(release_class, 0)
        shift = 0
        for replay in self._replays:
            if replay.last >= order and replay.number > again:
                break
            shift += replay.last
            if replay.last >= order and replay.number == again:
                return order + shift, moved_on(replay.starts, order)
        return order + shift, received_at

    def last(self, last_order: int) -> int:
        """Return the highest place there is, after the last order."""
        return last_order + sum(replay.last for replay in self._replays)


def _cut(span: Span, after: int) -> Iterator[Span]:
    """Leave out what stands at places up to ``after``, and what is empty."""
    start = max(span.after, after - span.shift)
    if span.classes and (span.until is None or start < span.until):
        yield msgspec.structs.replace(span, after=start)


def place_at(replays: Sequence[Replay], moment: str, order_at: int) -> int:
    """Return the highest place whose date is at most ``moment``.

    ``order_at`` is the highest order that had arrived at that time.
    """
    place = order_at + sum(replay.last for replay in replays if replay.last < order_at)
    shift = 0
    for replay in replays:
        shift += replay.last
        if replay.starts <= moment:
            passed = parse_timestamp(moment) - parse_timestamp(replay.starts)
            gone = passed // timedelta(microseconds=1)
            place = max(place, shift + min(gone, replay.last))
    return place


def must_come_again(
    state: ReaderState, classes: frozenset[int], first_order: Callable[[int], int]
) -> set[int]:
    """Return the classes that opened behind what the reader has been offered.

    ``first_order`` finds the oldest order of a class, 0 if it has none.
    """
    if not state.seen:
        return set()
    return {one for one in classes - state.open if 0 < first_order(one) <= state.seen}


def both_offered(
    state: ReaderState, other: ReaderState, first_order: Callable[[int], int]
) -> ReaderState:
    """Return what a reader was offered by two reads at the same time, neither knowing the other.

    It may go on from the later of them, so a class that only one of them showed counts as open
    only if nothing of it stands behind what the other offered; else it has to come again.
    """
    late = must_come_again(state, other.open, first_order)
    late |= must_come_again(other, state.open, first_order)
    seen = max(state.seen, other.seen)
    return ReaderState(seen, (state.open | other.open) - late, state.replayed)
