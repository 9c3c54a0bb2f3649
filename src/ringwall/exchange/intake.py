"""Intake: a submission becomes statements in one transaction, or is refused with its reason.

    parse and validate → label → release decision → ONE transaction:
    statement + search + correlation + audit + recorded release + outbox → only then the answer.

The release decision is made here and recorded with the statement; the outbox makes it again when
it seals, and the narrower one wins. So nothing ever waits undecided, and what a submitter is
told is what was recorded. Submitting the same again (after a lost answer, say) answers with the
statement that exists.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from ringwall.alliance import Reader, resolve_label
from ringwall.core import (
    Clock,
    Forbidden,
    InvalidInput,
    Precedence,
    StatementId,
    format_timestamp,
)
from ringwall.exchange.arrivals import Arrivals
from ringwall.labels import TLP_MARKINGS, Label, Tlp, format_label, label_document, label_of
from ringwall.policy import DEFAULT_PURPOSE, Kernel, ReleaseClass
from ringwall.stix import Refusal, StixObject, Submission, observables, read_submission, search_text
from ringwall.store import NewReference, NewStatement, Statement, Store, WriteTransaction
from ringwall.trust import object_digest

SUBMITTING_ROLES = frozenset({"analyst", "submitter", "release-officer", "watch-officer"})


class Recipient(msgspec.Struct, frozen=True):
    """What the release decision says about one other member."""

    member: str
    permit: bool
    reason: str


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


class _Draft(msgspec.Struct, frozen=True):
    """An object that may be stated: everything about it that needs no transaction."""

    index: int
    object: StixObject
    label: Label
    release_class: ReleaseClass
    seed: bytes
    digest: bytes


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
    ) -> None:
        self._node = node
        self._member = member
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._recipients = recipients
        self._wake = wake
        self._arrivals = arrivals

    def submit(
        self,
        reader: Reader,
        raw: bytes,
        *,
        label: str = "",
        purpose: str = DEFAULT_PURPOSE,
        precedence: Precedence = Precedence.ROUTINE,
        dry_run: bool = False,
    ) -> SubmitResult:
        """State what ``raw`` (a STIX bundle or object) holds, under its own labels or ``label``.

        ``label`` (a named label of the alliance or a label expression) is for objects that carry
        none; without it those are refused with rule ``unlabelled``. Returns after everything in
        the result is durable. Raises Forbidden, TooLarge, InvalidInput (the whole submission
        cannot be read) and StorageFull; then nothing of it was stored.
        """
        if not reader.roles & SUBMITTING_ROLES:
            raise Forbidden(f"reader {reader.id} has no role that may submit", rule="role")
        if reader.member != self._member:
            raise Forbidden(f"reader {reader.id} is not of member {self._member}", rule="member")
        self._check_purpose(purpose)
        default = resolve_label(self._kernel.alliance, label) if label else None
        submission = read_submission(raw)
        drafts, refused = self._draft(submission, default, purpose)
        if dry_run:
            shown = tuple(self._answer("", draft, self._decide(draft)[1]) for draft in drafts)
            return SubmitResult(shown, tuple(refused), dry_run=True)
        if not drafts:
            return SubmitResult((), tuple(refused))
        return self._state(reader, drafts, refused, precedence)

    def load_reference(
        self, reader: Reader, set_name: str, raw: bytes
    ) -> tuple[int, list[Refusal]]:
        """Replace a reference set (ATT&CK, say): loaded data, nobody's statement, never released.

        All or nothing: returns how many objects are in the set now, or 0 and what was refused.
        Every reader of the node reads references, so nothing above TLP:CLEAR may be in one.
        """
        if not reader.roles & SUBMITTING_ROLES:
            raise Forbidden(f"reader {reader.id} has no role that may load references", rule="role")
        submission = read_submission(raw)
        refused = [*submission.refusals, *_labelled(submission)]
        if refused or not submission.objects:
            return 0, refused
        objects = [
            NewReference(item.id, item.type, item.version, item.body) for item in submission.objects
        ]
        at = format_timestamp(self._clock.now())
        digest = hashlib.sha256(b"".join(item.body for item in objects)).hexdigest()
        entry = {"set": set_name, "objects": len(objects), "sha256": digest, "reader": reader.id}

        def job(tx: WriteTransaction) -> None:
            tx.put_reference(set_name, objects, at)
            tx.append_audit("reference-loaded", entry)

        self._store.write(job).result()
        return len(objects), []

    def _check_purpose(self, purpose: str) -> None:
        known = {DEFAULT_PURPOSE}.union(*(a.purposes for a in self._kernel.alliance.agreements))
        if purpose not in known:
            raise InvalidInput(
                f"purpose: no agreement names {purpose[:80]!r}", field="purpose", rule="purpose"
            )

    def _draft(
        self, submission: Submission, default: Label | None, purpose: str
    ) -> tuple[list[_Draft], list[Refusal]]:
        drafts: list[_Draft] = []
        refused = list(submission.refusals)
        for index, item in enumerate(submission.objects):
            if item.type == "marking-definition" and item.id in TLP_MARKINGS:
                continue  # a constant of the standard: every reader has it, nobody states it
            try:
                label = self._label(item, submission, default)
            except InvalidInput as error:
                refused.append(Refusal(index, item.id, error.field, error.rule, error.message))
                continue
            drafts.append(self._draft_one(index, item, label, purpose))
        return drafts, refused

    def _label(self, item: StixObject, submission: Submission, default: Label | None) -> Label:
        """Find the label that the object carries, else the named one; nothing goes unlabelled."""
        label = label_of(item, submission.markings) or default
        if label is None:
            raise InvalidInput(
                f"{item.id}: carries no label and none was named for it",
                field="/object_marking_refs",
                rule="unlabelled",
            )
        if label.unknown:
            raise InvalidInput(
                f"{item.id}: marking not understood: {', '.join(label.unknown)}",
                field="/object_marking_refs",
                rule="unknown-marking",
            )
        return label

    def _draft_one(self, index: int, item: StixObject, label: Label, purpose: str) -> _Draft:
        seed = secrets.token_bytes(32)
        return _Draft(
            index=index,
            object=item,
            label=label,
            release_class=ReleaseClass(
                origin=self._member, object_type=item.type, label=label, purpose=purpose
            ),
            seed=seed,
            digest=object_digest(item.body, seed),
        )

    def _decide(self, draft: _Draft) -> tuple[tuple[str, ...], tuple[Recipient, ...]]:
        """Return the nodes that may receive the draft, and the reasons for every other member."""
        audience = self._kernel.audience(draft.release_class, nodes=self._recipients)
        reasons = tuple(
            Recipient(member, decision.permit, decision.reason())
            for member, decision in self._kernel.explain(draft.release_class)
            if member != self._member
        )
        return audience, reasons

    def _state(
        self,
        reader: Reader,
        drafts: Sequence[_Draft],
        refused: list[Refusal],
        precedence: Precedence,
    ) -> SubmitResult:
        classes = {draft.release_class: draft for draft in drafts}
        decisions = {release: self._decide(draft) for release, draft in classes.items()}
        now = format_timestamp(self._clock.now())

        def job(tx: WriteTransaction) -> tuple[list[Submitted], list[Refusal]]:
            done: list[Submitted] = []
            clashes: list[Refusal] = []
            for draft in drafts:
                audience, reasons = decisions[draft.release_class]
                same, clash = _known(tx, self._node, draft)
                if clash:
                    clashes.append(clash)
                    continue
                if same:
                    told = self._recorded(tx, same)
                    done.append(self._answer(str(same.id), draft, told, known=True))
                    continue
                statement = self._store_one(tx, reader, draft, precedence, now, audience, reasons)
                done.append(self._answer(str(statement), draft, reasons))
            return done, clashes

        done, clashes = self._store.write(job).result()
        self._wake(precedence)
        self._arrivals.published()
        return SubmitResult(tuple(done), tuple(refused + clashes))

    def _recorded(self, tx: WriteTransaction, known: Statement) -> tuple[Recipient, ...]:
        """Return the decision as it was recorded, not as it would be today: that one counts."""
        releases = tx.releases(known.order)
        if not releases:
            return ()
        sent = set(releases[-1].audience)
        members = self._kernel.alliance.members
        told = [msgspec.convert(reason, Recipient) for reason in releases[0].reasons]
        return tuple(
            Recipient(to.member, permit=False, reason=f"withheld from {to.member}: closed since")
            if to.permit and sent.isdisjoint(seat.id for seat in members[to.member].nodes)
            else to
            for to in told
        )

    def _store_one(
        self,
        tx: WriteTransaction,
        reader: Reader,
        draft: _Draft,
        precedence: Precedence,
        now: str,
        audience: tuple[str, ...],
        reasons: tuple[Recipient, ...],
    ) -> StatementId:
        item = draft.object
        statement = StatementId(self._node, tx.next_sequence(self._node, 1))
        order = tx.add_statement(
            NewStatement(
                id=statement,
                object_id=item.id,
                object_type=item.type,
                version=item.version,
                body=item.body,
                label=draft.label,
                release_class=draft.release_class,
                lane=precedence,
                submitted_by=reader.id,
                received_at=now,
                seed=draft.seed,
                digest=draft.digest,
                observables=observables(item.body),
                text=search_text(item.body),
            )
        )
        if order is None:
            raise InvalidInput(f"{statement}: the sequence was used before", rule="sequence")
        entry = _accepted(statement, draft, reader, precedence)
        tx.append_audit("accepted", {**entry, "audience": list(audience)})
        tx.add_release(
            order, self._kernel.version, audience, [msgspec.to_builtins(r) for r in reasons], now
        )
        tx.enqueue(order, precedence, audience)
        return statement

    def _answer(
        self,
        statement: str,
        draft: _Draft,
        reasons: tuple[Recipient, ...],
        *,
        known: bool = False,
    ) -> Submitted:
        return Submitted(
            statement=statement,
            object=draft.object.id,
            version=draft.object.version,
            label=format_label(draft.label),
            recipients=reasons,
            known=known,
            warnings=draft.object.warnings,
        )


def _known(
    tx: WriteTransaction, node: str, draft: _Draft
) -> tuple[Statement | None, Refusal | None]:
    """Look for what this node stated about the same object version before.

    The same bytes under the same label and purpose are the same statement. Other bytes under the
    same ``modified`` contradict STIX 2.1 (section 3.6: a new version has a new ``modified``).
    """
    item = draft.object
    for before in tx.statements_about(node, item.id, item.version):
        if before.body == item.body:
            if before.label == draft.label and before.purpose == draft.release_class.purpose:
                return before, None
        elif item.version:
            return None, _conflict(draft, before)
    return None, None


def _labelled(submission: Submission) -> list[Refusal]:
    """Refuse what carries a label that some reader of the node might not be cleared for."""
    refused = []
    for index, item in enumerate(submission.objects):
        label = label_of(item, submission.markings)
        if label is not None and label != Label(tlp=Tlp.CLEAR):
            why = f"{item.id}: {format_label(label)}: a reference set holds nothing above TLP:CLEAR"
            refused.append(Refusal(index, item.id, "/object_marking_refs", "reference-label", why))
    return refused


def _conflict(draft: _Draft, before: Statement) -> Refusal:
    item = draft.object
    return Refusal(
        index=draft.index,
        object_id=item.id,
        field="/modified",
        rule="conflicting-version",
        message=f"{item.id}: {before.id} states this version with other content",
    )


def _accepted(
    statement: StatementId, draft: _Draft, reader: Reader, precedence: Precedence
) -> dict[str, Any]:
    """Build the audit entry that pins an accepted statement: any later change contradicts it."""
    return {
        "statement": str(statement),
        "object": draft.object.id,
        "version": draft.object.version,
        "digest": draft.digest.hex(),
        "label": label_document(draft.label),
        "purpose": draft.release_class.purpose,
        "lane": str(precedence),
        "reader": reader.id,
    }
