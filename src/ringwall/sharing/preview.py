"""What a change of agreements would open and close, before anybody signs it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import msgspec

from ringwall.alliance import Alliance
from ringwall.policy import CompiledPolicy, ReleaseClass


class MemberChange(msgspec.Struct, frozen=True):
    """How many statements a member would gain or lose."""

    member: str
    opens: int
    closes: int


def preview(
    before: Alliance,
    after: Alliance,
    classes: Mapping[int, ReleaseClass],
    counts: Mapping[int, int],
    at: datetime,
) -> list[MemberChange]:
    """Return the members for whom something changes, sorted by name.

    The two differ in agreements only. ``counts``: how many statements there are of each of
    ``classes``. ``at``: the moment that is looked at, which may lie ahead. Vetoes of this node are
    left out: they only take away.
    """
    old, new = CompiledPolicy(before), CompiledPolicy(after)
    opened: Counter[int] = Counter()  # by sets of members: many classes share one
    closed: Counter[int] = Counter()
    for number, count in counts.items():
        release = classes[number]
        if old.opened(release, at) == new.opened(release, at):
            continue
        had, has = old.recipients(release, at).bits, new.recipients(release, at).bits
        opened[has & ~had] += count
        closed[had & ~has] += count
    opens, closes = _by_member(new, opened), _by_member(old, closed)
    return [
        MemberChange(member, opens[member], closes[member])
        for member in sorted(opens.keys() | closes.keys())
    ]


def _by_member(compiled: CompiledPolicy, found: Mapping[int, int]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for bits, count in found.items():
        for member in compiled.members(bits):
            counted[member] += count
    return counted


def opened_members(
    before: CompiledPolicy, after: CompiledPolicy, release: ReleaseClass, at: datetime
) -> tuple[str, ...]:
    """Return the members to whom a class is open under ``after`` and was not under ``before``."""
    had, has = before.recipients(release, at).bits, after.recipients(release, at).bits
    return tuple(after.members(has & ~had))
