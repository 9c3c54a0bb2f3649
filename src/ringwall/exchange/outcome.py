"""What became of a submission, object by object."""

from collections.abc import Callable, Sequence

import msgspec

from ringwall.core import RingwallError
from ringwall.exchange.drafting import Group, Recipient
from ringwall.stix import Refusal
from ringwall.store import WriteTransaction

MOST_REFUSED = 10_000
"""So many refusals are told of a submission, the others counted: each is many times as long as
the smallest object that earns one."""


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
        self._unlisted = 0
        self._error: RingwallError | None = None

    def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Note refusals of one slice: those of many are only counted, object by object."""
        room = MOST_REFUSED - len(self._refused)
        listed, others = refusals[:room], refusals[room:]
        self._refused += listed
        self._unlisted += len({one.index for one in others} - {one.index for one in listed})

    def add(self, stated: Stated) -> None:
        """Note what a slice became."""
        self.submitted += stated.submitted
        self.refuse(stated.clashes)

    def after(self, stated: Stated) -> "Outcome":
        """Return what the outcome is once a slice is durable."""
        whole = Outcome(self._count)
        whole.submitted, whole._refused = [*self.submitted], [*self._refused]
        whole._unlisted = self._unlisted
        whole.add(stated)
        return whole

    def failed(self, groups: Sequence[Group], error: RingwallError) -> None:
        """Note that a slice could not be stored."""
        self._error = self._error or error
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
        if self._error is not None and not self.submitted:
            raise self._error
        refused = sorted(self._refused, key=lambda one: one.index)
        submitted = tuple(self.submitted)
        return SubmitResult(submitted, tuple(refused), dry_run, self._count, self._unlisted)
