"""The kernel: the decision for a running node, remembered until time changes it.

It never decides anything itself: every answer is one of ``decide_member`` or ``decide_reader``.
A new alliance description is a new kernel, so nothing here is ever invalidated by hand.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.core import Clock, parse_timestamp
from ringwall.policy.decision import Decision, decide_member, decide_reader
from ringwall.policy.release_class import ReleaseClass

_MOST_REMEMBERED = 50_000
_MOST_EXPLAINED = 1_000
"""An explanation is a thousand times as large as a yes or no."""
_Answer = TypeVar("_Answer")


class _Remembered(msgspec.Struct, Generic[_Answer], frozen=True):
    """An answer that holds from ``since`` until just before ``until`` (None: for good)."""

    answer: _Answer
    since: datetime
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


class _Memory(Generic[_Answer]):
    """Answers by key; forgets all of them when there are too many, for labels come from outside."""

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._answers: dict[Hashable, _Remembered[_Answer]] = {}

    def recall(
        self, key: Hashable, at: datetime, decide: Callable[[], tuple[_Answer, datetime | None]]
    ) -> _Answer:
        return self.recall_whole(key, at, decide).answer

    def recall_whole(
        self, key: Hashable, at: datetime, decide: Callable[[], tuple[_Answer, datetime | None]]
    ) -> _Remembered[_Answer]:
        known = self._answers.get(key)
        if known is not None and known.holds(at):
            return known
        answer, until = decide()
        if len(self._answers) >= self._most:
            self._answers.clear()
        known = self._answers[key] = _Remembered(answer, at, until)
        return known


class Kernel:
    """Answers release questions for one alliance; safe to share between threads."""

    def __init__(self, alliance: Alliance, clock: Clock) -> None:
        self.alliance = alliance
        self._clock = clock
        self._others: _Memory[list[tuple[str, Decision]]] = _Memory(_MOST_EXPLAINED)
        self._recipients: _Memory[tuple[str, ...]] = _Memory()
        self._members: _Memory[bool] = _Memory()
        self._readers: _Memory[bool] = _Memory()
        self._readable: dict[Reader, _Remembered[tuple[int, frozenset[int]]]] = {}

    @property
    def version(self) -> str:
        """Return the policy version: the digest of the alliance description."""
        return self.alliance.digest

    def audience(self, release_class: ReleaseClass, *, nodes: Collection[str]) -> tuple[str, ...]:
        """Return, sorted, those of ``nodes`` that belong to other members who may receive."""
        at = self._clock.now()
        permitted = self._recipients.recall(
            release_class, at, lambda: self._decide_recipients(release_class, at)
        )
        active = nodes if isinstance(nodes, (set, frozenset)) else set(nodes)
        return tuple(node for node in permitted if node in active)

    def _decide_recipients(
        self, release_class: ReleaseClass, at: datetime
    ) -> tuple[tuple[str, ...], datetime | None]:
        decisions, until = self._decide_others(release_class, at)
        permitted = sorted(
            seat.id
            for member, decision in decisions
            if decision.permit
            for seat in self.alliance.members[member].nodes
        )
        return tuple(permitted), until

    def may_receive(self, release_class: ReleaseClass, member: str) -> bool:
        """Tell whether a member may have statements of this class now, at egress or at ingress."""
        at = self._clock.now()
        return self._members.recall(
            (release_class, member),
            at,
            lambda: _permit(decide_member(self.alliance, release_class, member, at)),
        )

    def may_read(self, release_class: ReleaseClass, reader: Reader) -> bool:
        """Tell whether a reader may see statements of this class now."""
        at = self._clock.now()
        return self._readers.recall(
            (release_class, reader),
            at,
            lambda: _permit(decide_reader(self.alliance, release_class, reader, at)),
        )

    def readable(self, classes: Mapping[int, ReleaseClass], reader: Reader) -> frozenset[int]:
        """Return the ids of those of ``classes`` that a reader may see now.

        Classes are only ever added, so the answer is remembered with their number.
        """
        at = self._clock.now()
        known = self._readable.get(reader)
        if known is not None and known.holds(at) and known.answer[0] == len(classes):
            return known.answer[1]
        found: list[int] = []
        ends: list[datetime] = []
        for number, one in classes.items():
            decided = self._readers.recall_whole(
                (one, reader), at, partial(self._read, one, reader)
            )
            if decided.answer:
                found.append(number)
            if decided.until is not None:
                ends.append(decided.until)
        if len(self._readable) >= _MOST_EXPLAINED:
            self._readable.clear()
        answer = (len(classes), frozenset(found))
        self._readable[reader] = _Remembered(answer, at, min(ends, default=None))
        return answer[1]

    def _read(self, release_class: ReleaseClass, reader: Reader) -> tuple[bool, datetime | None]:
        return _permit(decide_reader(self.alliance, release_class, reader, self._clock.now()))

    def explain(
        self, release_class: ReleaseClass, member: str | None = None
    ) -> list[tuple[str, Decision]]:
        """Return the decision for ``member``, or for each but the origin, sorted by name."""
        at = self._clock.now()
        if member is not None:
            return [(member, decide_member(self.alliance, release_class, member, at))]
        others = self._others.recall(
            release_class, at, lambda: self._decide_others(release_class, at)
        )
        return list(others)

    def _decide_others(
        self, release_class: ReleaseClass, at: datetime
    ) -> tuple[list[tuple[str, Decision]], datetime | None]:
        decisions = [
            (name, decide_member(self.alliance, release_class, name, at))
            for name in sorted(self.alliance.members)
            if name != release_class.origin
        ]
        return decisions, _earliest([decision for _, decision in decisions])


def _permit(decision: Decision) -> tuple[bool, datetime | None]:
    return decision.permit, _earliest([decision])


def _earliest(decisions: list[Decision]) -> datetime | None:
    moments = [parse_timestamp(each.until) for each in decisions if each.until]
    return min(moments, default=None)
