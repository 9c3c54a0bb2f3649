"""What became of a submission, object by object."""

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from ringwall.core import RingwallError
from ringwall.exchange.drafting import Group, Recipient
from ringwall.stix import Refusal
from ringwall.store import WriteTransaction

MOST_REFUSED = 10_000
"""So many refusals are told of a submission, the others counted: each is many times as long as
the smallest object that earns one."""
NAMES_UNSTORED = "names-unstored"
WHY_UNSTORED = "not stored: it names an object of the same submission that could not be stored"


class Submitted(msgspec.Struct, frozen=True):
    """One object that became (or, on a dry run, would become) a statement."""

    statement: str
    """``node:sequence``; "" on a dry run."""
    object: str
    version: str
    label: str
    recipients: tuple[Recipient, ...]
    known: bool = False
    """The very same was submitted before: this is the statement of then."""
    warnings: tuple[str, ...] = ()


class SubmitResult(msgspec.Struct, frozen=True):
    """What became of a submission, object by object; refused ones name field and rule."""

    submitted: tuple[Submitted, ...]
    refused: tuple[Refusal, ...]
    dry_run: bool = False
    count: int = 0
    """Objects that were sent: equal copies and the standard's own TLP definitions included."""
    unlisted: int = 0
    """Objects that were refused beyond the first 10,000, of which no reason is told."""


Conclude = Callable[[WriteTransaction, SubmitResult], None]
"""Writes what is to be kept of a submission's outcome, as durable as its statements."""


class Stated(msgspec.Struct):
    """What a transaction did with a slice."""

    submitted: list[Submitted]
    clashes: list[Refusal]


class Outcome:
    """What became of the slices so far, of ``count`` objects in all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.submitted: list[Submitted] = []
        self._refused: list[Refusal] = []
        self._failed = bytearray(count)
        self._copies = array("I")
        self.error: RingwallError | None = None

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Note refusals: those of very many are only counted, object by object."""
        self._refused += refusals[: MOST_REFUSED - len(self._refused)]
        for one in refusals:
            self._failed[one.index] = 1

    def copied(self, copies: Iterable[tuple[int, int]]) -> None:
        """Note where copies of an object stood: what becomes of it becomes of them."""
        for copy, first in copies:
            self._copies.extend((copy, first))

    def add(self, stated: Stated) -> None:
        """Note what a slice became."""
        self.submitted += stated.submitted
        self.refuse(stated.clashes)

    def after(self, stated: Stated) -> "Outcome":
        """Return what the outcome is once a slice is durable."""
        whole = self._again()
        whole.add(stated)
        return whole

    def without(self, gone: Collection[str], places: Mapping[tuple[str, str], int]) -> "Outcome":
        """Return what the outcome is once statements were taken back.

        They name what could not be stored. ``places``: where each object version stands.
        """
        left = self._again()
        left.submitted = [one for one in self.submitted if one.statement not in gone]
        left.error = self.error
        left.refuse(
            [
                Refusal(
                    places[one.object, one.version], one.object, "", NAMES_UNSTORED, WHY_UNSTORED
                )
                for one in self.submitted
                if one.statement in gone
            ]
        )
        return left

    def _again(self) -> "Outcome":
        copy = Outcome(self._count)
        copy.submitted, copy._refused = [*self.submitted], [*self._refused]
        copy._failed, copy._copies = self._failed[:], self._copies[:]
        return copy

    def failed(self, groups: Sequence[Group], error: RingwallError) -> None:
        """Note that a slice could not be stored."""
        self.error = self.error or error
        rule = error.rule or error.code
        self.refuse(
            [
                Refusal(
                    draft.place, draft.object.id, error.field, rule, f"not stored: {error.message}"
                )
                for group in groups
                for draft in group.drafts
            ]
        )

    def result(self, *, dry_run: bool = False) -> SubmitResult:
        """Return the whole, in the order of the submission; raise if all failed for one error."""
        if self.error is not None and not self.submitted:
            raise self.error
        self._refuse_copies()
        refused = sorted(self._refused, key=lambda one: one.index)
        unlisted = sum(self._failed) - len({one.index for one in refused})
        submitted = tuple(self.submitted)
        return SubmitResult(submitted, tuple(refused), dry_run, self._count, unlisted)

    def _refuse_copies(self) -> None:
        """Refuse the copies of what was refused, for the same reason."""
        pairs = zip(self._copies[::2], self._copies[1::2], strict=True)
        refused = [(copy, first) for copy, first in pairs if self._failed[first]]
        if not refused:
            return
        reasons = {one.index: one for one in self._refused}
        self.refuse(
            [
                msgspec.structs.replace(reasons[first], index=copy)
                for copy, first in refused
                if first in reasons and not self._failed[copy]
            ]
        )
        for copy, _ in refused:
            self._failed[copy] = 1
