"""The same decision for many at once: sets of members as the bits of an integer.

It decides nothing of its own. Every gate that looks at members is turned into a set once for an
alliance, and a release class intersects a few of them: a thousand members cost what one does. The
gates that look at the label alone are asked as they stand. ``decide_member`` remains the
definition; tests/policy/test_compiled.py and `make long` hold the two together.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from ringwall.alliance import Agreement, Alliance
from ringwall.labels import Label, Tlp
from ringwall.policy import gates
from ringwall.policy.gates import Question
from ringwall.policy.gates.recipients import member_shortfall
from ringwall.policy.moments import label_moments
from ringwall.policy.release_class import ReleaseClass

_NOBODY_ASKED = "\0"
"""A member that nobody is: gates that look at the label alone are asked for it."""
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_REMEMBERED = 20_000
_TIMED_GATES = (gates.label_gate, gates.embargo_gate, gates.iep_gate)


class Recipients(msgspec.Struct, frozen=True):
    """Who may have a class: bit K is the K-th member by name; ``until`` when to ask again."""

    bits: int
    until: datetime | None


class CompiledPolicy:
    """The recipients of release classes under one alliance."""

    def __init__(self, alliance: Alliance) -> None:
        self.alliance = alliance
        self.names = tuple(sorted(alliance.members))
        self._bit = {name: 1 << place for place, name in enumerate(self.names)}
        self._agreements = [_Compiled(each, self._set) for each in alliance.agreements]
        self._by_giver = {name: self._given_by(name) for name in self.names}
        self._seated = self._set(n for n, m in alliance.members.items() if m.nodes)
        self._modern = self._set(
            n for n, m in alliance.members.items() if any(s.post_quantum for s in m.nodes)
        )
        self._labels: dict[Label, int] = {}

    def members(self, bits: int) -> Iterator[str]:
        """Yield the names of a set of members, sorted."""
        while bits:
            lowest = bits & -bits
            yield self.names[lowest.bit_length() - 1]
            bits ^= lowest

    def recipients(self, release: ReleaseClass, at: datetime) -> Recipients:
        """Return every member, the originator included, who may have statements of this class.

        Vetoes are not asked: they are for whoever holds them to apply to what is left.
        """
        origin = self._bit.get(release.origin, 0) & self._seated
        asked = Question(self.alliance, release, _NOBODY_ASKED, at)
        own = Question(self.alliance, release, release.origin, at)
        if gates.label_gate(own).outcome == "deny":
            return Recipients(0, None)
        others, moments = self._opened(release, at)
        others &= self._by_label(release.label)
        if release.relayed:
            others &= self._holder(release, at)
        moments += label_moments(release)
        if any(gate(asked).outcome == "deny" for gate in _TIMED_GATES):
            others = 0
        until = min((each for each in moments if each > at), default=None)
        return Recipients(others | origin, until)

    def opened(self, release: ReleaseClass, at: datetime) -> int:
        """Return the members to whom an agreement in force opens a class, whatever else closes it.

        Where this is the same under two alliances that differ in agreements only, so are the
        recipients: it is much less to work out.
        """
        return self._opened(release, at)[0]

    def _opened(self, release: ReleaseClass, at: datetime) -> tuple[int, list[datetime]]:
        """Return whom an agreement in force opens it to, and when one opens or shuts."""
        bits = 0
        moments: list[datetime] = []
        for each in self._by_giver.get(release.giver, ()):
            if gates.covers(self.alliance, each.agreement, release):
                moments += (each.opens, each.closes)
                if each.opens <= at < each.closes:
                    bits |= each.receivers
        return bits, moments

    def _holder(self, release: ReleaseClass, at: datetime) -> int:
        """Return the one member that something was passed on to, if that may have it."""
        holder = release.relayed[-1]
        asked = Question(self.alliance, release, holder, at)
        return 0 if gates.onward_gate(asked).outcome == "deny" else self._bit.get(holder, 0)

    def _by_label(self, label: Label) -> int:
        """Return the members other than the originator whom the label itself does not close out."""
        known = self._labels.get(label)
        if known is None:
            if len(self._labels) >= _MOST_REMEMBERED:
                self._labels.clear()
            known = self._labels[label] = self._admitted(label)
        return known

    def _admitted(self, label: Label) -> int:
        bits = self._modern
        lists = gates.release_lists(self.alliance, label)
        if not lists and label.confidentiality is not None:
            return 0
        for _, names in lists:
            found = [self.alliance.coded(name) for name in names]
            if not all(found):
                return 0
            bits &= self._set(member for each in found for member in each)
        if label.tlp is Tlp.RED:
            bits &= self._set(self._named_themselves(label))
        if label.confidentiality is not None:
            bits &= self._set(name for name in self.members(bits) if self._may_hold(name, label))
        if label.acs:
            bits &= self._set(name for name in self.members(bits) if self._acs(name, label))
        return bits

    def _named_themselves(self, label: Label) -> Iterator[str]:
        for name in label.rel_to or ():
            found = self.alliance.coded(name)
            if name not in self.alliance.groups and len(found) == 1:
                yield from found

    def _may_hold(self, member: str, label: Label) -> bool:
        """Tell whether a member is cleared for a classification and has a node fit to hold it."""
        if member_shortfall(self.alliance, label, member)[0]:
            return False
        return bool(gates.fit_seats(self._about(member, label)))

    def _acs(self, member: str, label: Label) -> bool:
        return gates.acs_gate(self._about(member, label)).outcome != "deny"

    def _about(self, member: str, label: Label) -> Question:
        """Ask about a label alone: these gates look at neither origin, type nor time."""
        release = ReleaseClass(_NOBODY_ASKED, "", label)
        return Question(self.alliance, release, member, _ANY_TIME)

    def _given_by(self, member: str) -> tuple["_Compiled", ...]:
        return tuple(
            each
            for each in self._agreements
            if member in each.agreement.parties
            and (each.agreement.givers is None or member in each.agreement.givers)
        )

    def _set(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            bits |= self._bit.get(name, 0)
        return bits


class _Compiled:
    """An agreement with its dates, and the set of those who receive under it."""

    __slots__ = ("agreement", "closes", "opens", "receivers")

    def __init__(self, agreement: Agreement, as_set: Callable[[Iterable[str]], int]) -> None:
        self.agreement = agreement
        self.opens, self.closes = gates.boundaries(agreement)
        receivers = agreement.parties if agreement.receivers is None else agreement.receivers
        self.receivers = as_set(receivers & agreement.parties)
