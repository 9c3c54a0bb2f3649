"""The kernel: the decision for a running node, remembered until time or a new policy changes it.

Its answers are those of ``decide_member`` and ``decide_reader``; for many members at once they come
from the compiled policy, which is held to be the same. What a decision depends on besides a
release class is one value, replaced as a whole when an agreement changes: a decision never sees
half of a change, and nothing that was remembered outlives it.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.core import Clock
from ringwall.policy import gates
from ringwall.policy.compiled import CompiledPolicy
from ringwall.policy.decision import Decision, decide_member, decide_reader, without_a_node
from ringwall.policy.gates import Question
from ringwall.policy.moments import next_change
from ringwall.policy.release_class import ReleaseClass
from ringwall.policy.version import policy_version
from ringwall.policy.vetoes import NO_VETOES, Vetoes

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
    ) -> _Remembered[_Answer]:
        known = self._answers.get(key)
        if known is not None and known.holds(at):
            return known
        answer, until = decide()
        if len(self._answers) >= self._most:
            self._answers.clear()
        known = self._answers[key] = _Remembered(answer, at, until)
        return known


class _Rules:
    """One policy version and everything that is remembered of it."""

    def __init__(self, alliance: Alliance, vetoes: Vetoes) -> None:
        self.alliance = alliance
        self.vetoes = vetoes
        self.version = policy_version(alliance, vetoes)
        self.compiled = CompiledPolicy(alliance)
        self.places = {name: place for place, name in enumerate(self.compiled.names)}
        self.members: _Memory[int] = _Memory()
        self.nodes: _Memory[tuple[str, ...]] = _Memory()
        self.readers: _Memory[bool] = _Memory()
        self.explained: _Memory[list[tuple[str, Decision]]] = _Memory(_MOST_EXPLAINED)
        self.readable: _Memory[frozenset[int]] = _Memory(_MOST_EXPLAINED)

    def recipients(self, release: ReleaseClass, at: datetime) -> _Remembered[int]:
        """Return the members that may have a class, as the compiled policy's bits."""
        return self.members.recall(release, at, lambda: self._recipients(release, at))

    def _recipients(self, release: ReleaseClass, at: datetime) -> tuple[int, datetime | None]:
        found = self.compiled.recipients(release, at)
        bits = found.bits
        if self.vetoes.any:
            for member in self.compiled.members(bits):
                asked = Question(self.alliance, release, member, at)
                if self.vetoes.gate(asked).outcome == "deny":
                    bits &= ~(1 << self.places[member])
        return bits, found.until

    def seats(self, release: ReleaseClass, at: datetime) -> tuple[tuple[str, ...], datetime | None]:
        """Return the nodes of other members that may have a class, sorted."""
        found = self.recipients(release, at)
        permitted = [
            seat.id
            for member in self.compiled.members(found.answer)
            if member != release.origin
            for seat in gates.fit_seats(Question(self.alliance, release, member, at))
        ]
        return tuple(sorted(permitted)), found.until

    def may_receive(self, release: ReleaseClass, member: str, at: datetime) -> bool:
        """Tell whether a member may have a class."""
        place = self.places.get(member)
        return place is not None and bool(self.recipients(release, at).answer >> place & 1)

    def may_read(self, release: ReleaseClass, reader: Reader, at: datetime) -> _Remembered[bool]:
        """Tell whether a reader may see a class."""
        return self.readers.recall(
            (release, reader), at, lambda: self._may_read(release, reader, at)
        )

    def _may_read(
        self, release: ReleaseClass, reader: Reader, at: datetime
    ) -> tuple[bool, datetime | None]:
        until = self.recipients(release, at).until
        if not self.may_receive(release, reader.member, at):
            return False, until
        asked = Question(self.alliance, release, reader.member, at)
        results = (
            gates.clearance_gate(asked, reader),
            gates.nationality_gate(asked, reader),
            gates.role_gate(asked, reader),
        )
        if any(result.outcome == "deny" for result in results):
            return False, None
        vetoed = self.vetoes.any and self.vetoes.gate(asked, reader).outcome == "deny"
        return not vetoed, until


class Kernel:
    """Answers release questions for one alliance; safe to share between threads."""

    def __init__(self, alliance: Alliance, clock: Clock, vetoes: Vetoes = NO_VETOES) -> None:
        self._clock = clock
        self._rules = _Rules(alliance, vetoes)

    def adopt(self, alliance: Alliance) -> None:
        """Decide by ``alliance`` from now on: every later answer, on every path."""
        self._rules = _Rules(alliance, self._rules.vetoes)

    @property
    def alliance(self) -> Alliance:
        """Return the alliance that decisions are made by."""
        return self._rules.alliance

    @property
    def version(self) -> str:
        """Return the policy version: a digest of all that decisions are made by."""
        return self._rules.version

    def audience(self, release_class: ReleaseClass, *, nodes: Collection[str]) -> tuple[str, ...]:
        """Return, sorted, those of ``nodes`` that belong to other members who may receive."""
        rules, at = self._rules, self._clock.now()
        permitted = rules.nodes.recall(release_class, at, lambda: rules.seats(release_class, at))
        active = nodes if isinstance(nodes, (set, frozenset)) else set(nodes)
        return tuple(node for node in permitted.answer if node in active)

    def may_receive(self, release_class: ReleaseClass, member: str) -> bool:
        """Tell whether a member may have statements of this class now, at egress or at ingress."""
        return self._rules.may_receive(release_class, member, self._clock.now())

    def may_read(self, release_class: ReleaseClass, reader: Reader) -> bool:
        """Tell whether a reader may see statements of this class now."""
        return self._rules.may_read(release_class, reader, self._clock.now()).answer

    def readable(self, classes: Mapping[int, ReleaseClass], reader: Reader) -> frozenset[int]:
        """Return the ids of those of ``classes`` that a reader may see now.

        Classes are only ever added, so the answer is remembered with their number.
        """
        rules, at = self._rules, self._clock.now()
        key = (reader, len(classes))
        known = rules.readable.recall(key, at, lambda: _readable(rules, classes, reader, at))
        return known.answer

    def decide(self, release_class: ReleaseClass, member: str, at: datetime) -> Decision:
        """Decide for a member at a time of the caller's, with reasons."""
        rules = self._rules
        return decide_member(rules.alliance, release_class, member, at, rules.vetoes)

    def decide_reader(self, release_class: ReleaseClass, reader: Reader) -> Decision:
        """Decide for a reader now, with reasons."""
        rules, at = self._rules, self._clock.now()
        return decide_reader(rules.alliance, release_class, reader, at, rules.vetoes)

    def vetoed(self, release_class: ReleaseClass, member: str) -> str:
        """Return why this member's own vetoes forbid a release whatever else says, "" if none does.

        Of a decision they are only asked about what every other gate passes.
        """
        rules = self._rules
        if not rules.vetoes.any:
            return ""
        asked = Question(rules.alliance, release_class, member, self._clock.now())
        veto = rules.vetoes.gate(asked)
        return veto.fact if veto.outcome == "deny" else ""

    def explain(
        self,
        release_class: ReleaseClass,
        member: str | None = None,
        *,
        nodes: Collection[str] | None = None,
    ) -> list[tuple[str, Decision]]:
        """Return the decision for ``member``, or for each but the origin, sorted by name.

        ``nodes`` are those in the registry: without one of them a member gets nothing. None: all
        that the alliance describes.
        """
        rules, at = self._rules, self._clock.now()
        if member is not None:
            decided = decide_member(rules.alliance, release_class, member, at, rules.vetoes)
            found = [(member, decided)]
        else:
            others = rules.explained.recall(
                release_class, at, lambda: _decide_others(rules, release_class, at)
            )
            found = list(others.answer)
        if nodes is None:
            return found
        alliance, receiving = rules.alliance, set(self.audience(release_class, nodes=nodes))
        return [
            (name, decision)
            if name == release_class.origin
            or _has_one(alliance, name, receiving if decision.permit else nodes)
            else (name, without_a_node(decision))
            for name, decision in found
        ]


def _has_one(alliance: Alliance, name: str, nodes: Collection[str]) -> bool:
    member = alliance.members.get(name)
    return member is None or any(seat.id in nodes for seat in member.nodes)


def _readable(
    rules: _Rules, classes: Mapping[int, ReleaseClass], reader: Reader, at: datetime
) -> tuple[frozenset[int], datetime | None]:
    found: list[int] = []
    ends: list[datetime] = []
    for number, one in classes.items():
        decided = rules.may_read(one, reader, at)
        if decided.answer:
            found.append(number)
        if decided.until is not None:
            ends.append(decided.until)
    return frozenset(found), min(ends, default=None)


def _decide_others(
    rules: _Rules, release: ReleaseClass, at: datetime
) -> tuple[list[tuple[str, Decision]], datetime | None]:
    decisions = [
        (name, decide_member(rules.alliance, release, name, at, rules.vetoes))
        for name in rules.compiled.names
        if name != release.origin
    ]
    covering = [
        each for each in rules.alliance.agreements if gates.covers(rules.alliance, each, release)
    ]
    # A reason changes with time also where another gate keeps the answer as it is.
    return decisions, next_change(release, covering, at)
