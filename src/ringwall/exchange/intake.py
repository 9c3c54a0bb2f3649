"""Intake: a submission becomes statements, durably, or is refused with its reason.

    parse and validate → label → release decision → ONE transaction:
    statement + search + correlation + audit + recorded release + outbox → only then the answer.

A large submission goes in slices, a transaction each: while the writer stores one, the next is
read, so a bundle of 100 MB takes no more memory than its own bytes, and nobody waits long behind
it. Its objects are accepted or refused one by one either way.

The release decision is made here and recorded with the statement; the outbox makes it again when
it seals, and the narrower one wins. So nothing ever waits undecided, and what a submitter is
told is what was recorded. Submitting the same again (after a lost answer, say) answers with the
statement that exists.
"""

import logging
import mmap
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

import msgspec

from ringwall.alliance import Reader, resolve_label
from ringwall.core import (
    Clock,
    InvalidInput,
    Precedence,
    RingwallError,
    StatementId,
    StorageFull,
    format_timestamp,
    parse_timestamp,
)
from ringwall.exchange.activity import Activity
from ringwall.exchange.arrivals import Arrivals
from ringwall.exchange.cutting import cut_groups
from ringwall.exchange.drafting import (
    Draft,
    Drafter,
    Group,
    Recipient,
)
from ringwall.exchange.holding import NO_WAIT, HeldBatch, Holding, Wait
from ringwall.exchange.interrupted import OpenSubmissions, new_submission
from ringwall.exchange.naming import waiting_recipients, waits_of_drafts
from ringwall.exchange.naming_onward import NamingOnward
from ringwall.exchange.numbering import least_number, random_gap
from ringwall.exchange.outcome import Conclude, Outcome, Stated, SubmitResult, Submitted
from ringwall.exchange.own_rules import OwnRules
from ringwall.exchange.permitting import (
    check_purpose,
    check_submitter,
    check_terms,
)
from ringwall.exchange.pins import accepted_entry
from ringwall.exchange.redacting import Redactor
from ringwall.exchange.references import load_reference
from ringwall.exchange.stating import SLICE, Work, forgetting
from ringwall.exchange.telling import told
from ringwall.exchange.withdrawal import is_withdrawn, withdraw
from ringwall.labels import NO_TERMS, Terms
from ringwall.policy import (
    DEFAULT_PURPOSE,
    NO_HOLDS,
    NO_REDACTIONS,
    HoldRules,
    Kernel,
    RedactionRules,
)
from ringwall.stix import Read, Refusal, SubmissionReader
from ringwall.store import (
    NewStatement,
    Statement,
    Store,
    WriteTransaction,
)

SLICES_AHEAD = 4
"""So many slices may wait for the writer: what bounds the memory of a large submission."""
BULK_OBJECTS = 64
"""A submission of more objects is a feed, and travels in its own lane unless told otherwise: what
is stated one by one never waits behind it."""

log = logging.getLogger("ringwall.exchange.intake")


class Intake:
    """Takes submissions for one node. Thread-safe; every call blocks until it is durable."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        recipients: Collection[str],
        wake: Callable[[Precedence], None],
        arrivals: Arrivals,
        activity: Activity | None = None,
        reading: Read | None = None,
        redactions: RedactionRules = NO_REDACTIONS,
        holds: HoldRules = NO_HOLDS,
    ) -> None:
        """``activity`` is told while submissions are taken in; ``reading`` reads large ones.

        ``redactions`` are the member's own rules, ``holds`` what waits for a second person.
        """
        self._holding = Holding(member, holds, kernel)
        self._redactor = Redactor(kernel, recipients, redactions)
        self._own_rules = OwnRules(member, kernel, redactions, holds)
        self._naming_onward = NamingOnward(self._own_rules, self._redactor)
        self._holds = holds
        self._open = OpenSubmissions(node=node, member=member, clock=clock)
        self._reading = reading
        self._activity = activity or Activity()
        self._node = node
        self._member = member
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self.recipients = frozenset(recipients)
        self._wake = wake
        self._arrivals = arrivals

    def submit(
        self,
        reader: Reader,
        raw: bytes | memoryview | mmap.mmap,
        *,
        label: str = "",
        purpose: str = DEFAULT_PURPOSE,
        terms: Terms = NO_TERMS,
        precedence: Precedence | None = None,
        dry_run: bool = False,
        lone: bool = True,
        conclude: Conclude | None = None,
    ) -> SubmitResult:
        """State what ``raw`` (a bundle, envelope or object) holds, under its labels or ``label``.

        ``label`` (a named label of the alliance or a label expression) is for objects that carry
        none; without it those are refused with rule ``unlabelled``. ``terms`` are the originator's
        for all of it. ``precedence`` None: ROUTINE, or BULK for a feed. Without ``lone`` an object
        by itself is refused (rule ``envelope``).
        ``conclude`` writes what is to be kept of the outcome; no dry run has any.
        Returns after everything in the result is durable. Raises Forbidden, TooLarge, InvalidInput
        (the submission cannot be read) and StorageFull or Unavailable; then nothing of it was
        stored. Where only some slices could be stored, the rest is refused with that rule.
        """
        check_submitter(reader, self._member)
        check_purpose(self._kernel.alliance, purpose)
        check_terms(self._kernel.alliance, terms)
        drafter = Drafter(
            member=self._member,
            kernel=self._kernel,
            recipients=self.recipients,
            default=resolve_label(self._kernel.alliance, label) if label else None,
            purpose=purpose,
            terms=terms,
            own_rules=self._own_rules if terms.onward_to else None,
            holds=self._holds,
        )
        submission = SubmissionReader(raw, lone=lone)
        if precedence is None:
            bulk = submission.count > BULK_OBJECTS
            precedence = Precedence.BULK if bulk else Precedence.ROUTINE
        if dry_run:
            return self._dry_run(reader, drafter, submission)
        work = Work(
            reader,
            drafter,
            submission,
            precedence,
            conclude,
            forgetting(raw),
            name=new_submission() if submission.count > SLICE else "",
        )
        with self._activity.running():
            try:
                return self._state_all(work)
            finally:  # what is stored of it leaves, even if the rest could not be
                self._wake(precedence)

    def settle(self) -> None:
        """End what a crash interrupted: before anything is accepted or sent."""
        gone = self._store.write(self._open.settle, essential=True).result()
        if gone:
            log.warning("of submissions that were interrupted, %d statements went", len(gone))

    def load_reference(
        self, reader: Reader, set_name: str, raw: bytes | memoryview | mmap.mmap
    ) -> tuple[int, list[Refusal]]:
        """Replace a reference set, as :func:`references.load_reference` does."""
        return load_reference(self._store, self._clock, reader, set_name, raw)

    def withdraw(self, reader: Reader, statements: Sequence[StatementId]) -> None:
        """Take back what nobody else has yet; raises as :func:`withdrawal.withdraw` does."""
        for lane in withdraw(self._store, self._node, reader, statements):
            self._wake(lane)

    def _state_all(self, work: Work) -> SubmitResult:
        """State a submission; of one in several slices nothing leaves before all is stored.

        An object may name one of a later slice, which some of its recipients may not know of.
        """
        if not work.name:
            return self._state_slices(work)
        with self._store.read() as tx:
            after = tx.last_order()
        with self._activity.unfinished(work.lane, after):
            try:
                return self._state_slices(work)
            except BaseException:
                settle = partial(self._open.settle, submission=work.name)
                self._store.write(settle, essential=True).result()
                raise

    def _state_slices(self, work: Work) -> SubmitResult:
        """State slice after slice, reading ahead of the writer by a few.

        The outcome of a single slice is concluded in its own transaction: a commit takes as long
        as a hundred statements.
        """
        outcome, conclude = Outcome(work.submission.count), work.conclude
        waiting: deque[tuple[list[Group], Future[Stated]]] = deque()
        for part in work.submission.slices(SLICE, self._reading):
            groups, refused = work.drafter.draft(part)
            outcome.refuse(refused)
            outcome.copied(part.copies)
            if groups:
                job = partial(self._state, work, groups, format_timestamp(self._clock.now()))
                if conclude is not None and not work.name:
                    job, conclude = partial(_state_and_conclude, job, outcome, conclude), None
                waiting.append((groups, self._store.write(job)))
            while len(waiting) > SLICES_AHEAD:
                self._settle(outcome, *waiting.popleft(), work.lane)
                work.forget()
        while waiting:
            self._settle(outcome, *waiting.popleft(), work.lane)
        if work.name:
            outcome = self._finish(work, outcome)
        elif conclude is not None:
            result = outcome.result()
            self._store.write(lambda tx: conclude(tx, result), essential=True).result()
        return outcome.result()

    def _finish(self, work: Work, outcome: Outcome) -> Outcome:
        """Finish a submission of several slices, if anything can be written any more.

        If not, the answer says what the next start makes of it.
        """
        try:
            return self._store.write(partial(self._close, work, outcome), essential=True).result()
        except StorageFull:
            if work.conclude is not None or not outcome.submitted:
                raise
        with self._store.read() as tx:
            gone = self._open.find(tx, work.name)
        return outcome.without({str(each) for each in gone}, work.places())

    def _close(self, work: Work, outcome: Outcome, tx: WriteTransaction) -> Outcome:
        """Close a submission and conclude its outcome.

        Where a slice could not be stored, what names anything of it is taken back as well.
        """
        if outcome.error is None:
            self._open.close(tx, work.name)
        elif gone := self._open.settle(tx, work.name):
            outcome = outcome.without(gone, work.places())
        if work.conclude is not None and (outcome.error is None or outcome.submitted):
            work.conclude(tx, outcome.result())
        return outcome

    def _dry_run(
        self, reader: Reader, drafter: Drafter, submission: SubmissionReader
    ) -> SubmitResult:
        """Say what would be stated, and to whom it would go."""
        outcome = Outcome(submission.count)
        for part in submission.slices(SLICE):
            groups, unfit = drafter.draft(part)
            outcome.refuse(unfit)
            outcome.copied(part.copies)
            with self._store.read() as tx:
                groups, unfit = self._naming_onward.part(tx, groups, reader)
                outcome.refuse(unfit)
                groups = cut_groups(self._redactor, tx, groups, reader)
                waits = waits_of_drafts(self._redactor, self._holding, tx, groups, reader)
            outcome.submitted += [
                _answer("", group, draft, waiting_recipients(self._redactor, group, waits, draft))
                for group in groups
                for draft in group.drafts
            ]
        return outcome.result(dry_run=True)

    def _settle(
        self, outcome: Outcome, groups: list[Group], future: Future[Stated], lane: Precedence
    ) -> None:
        """Wait until a slice is durable, and tell whoever waits for its statements."""
        try:
            stated = future.result()
        except RingwallError as error:
            outcome.failed(groups, error)
            return
        outcome.add(stated)
        self._wake(lane)
        self._arrivals.published()

    def _state(self, work: Work, groups: Sequence[Group], now: str, tx: WriteTransaction) -> Stated:
        """Store what is new of a slice; say of the rest what is known or contradicts itself."""
        reader, after = work.reader, tx.last_order()
        stored = tx.stored_ids({draft.object.id for group in groups for draft in group.drafts})
        fit, unfit = self._naming_onward.part(tx, groups, reader)
        stated = Stated([], unfit)
        fresh: list[Group] = []
        for group in fit:
            drafts = [
                draft
                for draft in group.drafts
                if draft.object.id not in stored or self._is_fresh(tx, reader, group, draft, stated)
            ]
            if drafts:
                fresh.append(msgspec.structs.replace(group, drafts=drafts))
        cut = cut_groups(self._redactor, tx, fresh, reader)
        waits = waits_of_drafts(self._redactor, self._holding, tx, cut, reader)
        for group in cut:
            stated.submitted.extend(self._store_group(tx, reader, group, waits, work.lane, now))
        if work.name:
            self._open.note(tx, work.name, after)
        return stated

    def _is_fresh(
        self, tx: WriteTransaction, reader: Reader, group: Group, draft: Draft, stated: Stated
    ) -> bool:
        """Look for what this node stated about the same object version before.

        The same bytes under the same label and purpose are the same statement. Other bytes under
        the same ``modified`` contradict STIX 2.1 (section 3.6: a new version, a new ``modified``).
        What was withdrawn counts for nothing: nobody has it. Nor does what another stated and this
        reader may not read: the answer would tell that it is there.
        """
        item = draft.object
        for before in tx.statements_about(self._node, item.id, item.version):
            if is_withdrawn(tx, before) or not self._is_open(tx, reader, before):
                continue
            if before.body == item.body:
                classes = tx.release_classes()
                known = classes[before.release_class]
                if before.label == group.stated and known == group.release_class:
                    said = self._recorded(tx, reader, before)
                    stated.submitted.append(_answer(str(before.id), group, draft, said, known=True))
                    return False
            elif item.version:
                stated.clashes.append(_conflict(draft, before))
                return False
        return True

    def _is_open(self, tx: WriteTransaction, reader: Reader, before: Statement) -> bool:
        """Tell whether a reader may know of a statement: its own, or one that it may read whole."""
        if before.submitted_by == reader.id:
            return True
        classes, parts = tx.release_classes(), tx.parts([before.order]).get(before.order, {})
        return all(
            number in classes and self._kernel.may_read(classes[number], reader)
            for number in (before.release_class, *parts.values())
        )

    def _recorded(
        self, tx: WriteTransaction, reader: Reader, known: Statement
    ) -> tuple[Recipient, ...]:
        """Return the decision as it was recorded, not as it would be today: that one counts."""
        releases = tx.releases(known.order)
        if not releases:
            return ()
        sent = set(releases[-1].audience)
        recorded = [msgspec.convert(reason, Recipient) for reason in releases[0].reasons]
        if known.submitted_by != reader.id:
            texts = [told(tx, self._kernel, reader, reason) for reason in releases[0].reasons]
            recorded = [
                to if to.reason == text else Recipient(to.member, to.permit, text)
                for to, text in zip(recorded, texts, strict=True)
            ]
        return tuple(
            Recipient(to.member, permit=False, reason=f"withheld from {to.member}: closed since")
            if to.permit and sent.isdisjoint(self._redactor.seats(to.member))
            else to
            for to in recorded
        )

    def _store_group(
        self,
        tx: WriteTransaction,
        reader: Reader,
        group: Group,
        waits: Mapping[int, Wait],
        lane: Precedence,
        now: str,
    ) -> Iterator[Submitted]:
        """Store the drafts of one group, in one audit entry."""
        drafts = group.drafts
        least = least_number(parse_timestamp(now))
        first = tx.next_sequence(self._node, len(drafts), gap=random_gap(), least=least)
        ids = [StatementId(self._node, first + at) for at in range(len(drafts))]
        orders = tx.add_statements(
            [
                NewStatement(
                    id=name,
                    object_id=draft.object.id,
                    object_type=draft.object.type,
                    version=draft.object.version,
                    body=draft.object.body,
                    label=group.stated,
                    release_class=group.release_class,
                    lane=lane,
                    submitted_by=reader.id,
                    received_at=now,
                    seed=draft.seed,
                    sha256=draft.object.sha256,
                    digest=draft.digest,
                    observables=(found := draft.found).observables,
                    text=found.text,
                    references=found.references,
                    decision=group.decision,
                    parts=draft.parts,
                )
                for name, draft in zip(ids, drafts, strict=True)
            ]
        )
        taken = [order for order in orders if order is not None]
        if len(taken) < len(drafts):
            raise InvalidInput(f"{ids[0]}: the sequence was used before", rule="sequence")
        names = [str(name) for name in ids]
        entry = accepted_entry(group, names, drafts, lane=lane, reader=reader.id, received_at=now)
        tx.append_audit("accepted", entry)
        objects = tuple(draft.object.id for draft in drafts)
        batch = HeldBatch(tuple(names), tuple(taken), objects, str(lane), reader.id, now)
        mine = [waits.get(id(draft), NO_WAIT) for draft in drafts]
        for some, free in self._holding.keep_all(tx, group, batch, mine):
            tx.enqueue(some, lane, free, group.withheld)
        return (
            _answer(name, group, draft, waiting_recipients(self._redactor, group, waits, draft))
            for name, draft in zip(names, drafts, strict=True)
        )


def _state_and_conclude(
    state: Callable[[WriteTransaction], Stated],
    outcome: Outcome,
    conclude: Conclude,
    tx: WriteTransaction,
) -> Stated:
    """Store the only slice of a submission and what is kept of its outcome."""
    stated = state(tx)
    conclude(tx, outcome.after(stated).result())
    return stated


def _answer(
    statement: str,
    group: Group,
    draft: Draft,
    recipients: tuple[Recipient, ...],
    *,
    known: bool = False,
) -> Submitted:
    item = draft.object
    return Submitted(
        statement, item.id, item.version, group.label, recipients, known, item.warnings
    )


def _conflict(draft: Draft, before: Statement) -> Refusal:
    item = draft.object
    return Refusal(
        index=draft.place,
        object_id=item.id,
        field="/modified",
        rule="conflicting-version",
        message=f"{item.id}: {before.id} states this version with other content",
    )
