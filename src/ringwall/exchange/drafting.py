"""Drafting: everything about a statement that needs no transaction: label, decision, digest.

Objects of one release class share their decision, so a bundle costs a few decisions, however
many objects it has.
"""

import os
from collections.abc import Collection, Hashable, Mapping

import msgspec

from ringwall.core import InvalidInput
from ringwall.labels import TLP_MARKINGS, Label, Tlp, format_label, label_of, marks_of
from ringwall.policy import Kernel, ReleaseClass
from ringwall.stix import Refusal, StixObject, Submission
from ringwall.store import decision_document
from ringwall.trust import statement_digest

_SEED = 32


class Recipient(msgspec.Struct, frozen=True):
    """What the release decision says about one other member."""

    member: str
    permit: bool
    reason: str


class Draft(msgspec.Struct, frozen=True):
    """An object that may be stated; ``digest`` is the statement digest under a 32-byte ``seed``."""

    object: StixObject
    place: int
    """Where it stood in the submission, from 0."""
    seed: bytes
    digest: bytes


class Group(msgspec.Struct, frozen=True):
    """The drafts of one release class, with the decision that they share."""

    release_class: ReleaseClass
    label: str
    """The label as an expression."""
    audience: tuple[str, ...]
    """The nodes that may receive."""
    recipients: tuple[Recipient, ...]
    """The reasons, for every other member."""
    decision: bytes
    """What is recorded (store.decision_document)."""
    drafts: list[Draft]


class Drafter:
    """Drafts the objects of one submission, slice by slice."""

    def __init__(
        self,
        *,
        member: str,
        kernel: Kernel,
        recipients: Collection[str],
        default: Label | None,
        purpose: str,
    ) -> None:
        """``default`` labels objects without a label; ``recipients`` are the nodes there are."""
        self._member = member
        self._kernel = kernel
        self._recipients = recipients
        self._default = default
        self._purpose = purpose
        self._known: dict[tuple[str, Label], Group] = {}

    def draft(self, submission: Submission) -> tuple[list[Group], list[Refusal]]:
        """Return the drafts of a slice, grouped, and what may not be stated, with the reasons."""
        groups: dict[tuple[str, Label], Group] = {}
        alike: dict[Hashable, Group] = {}
        refused = list(submission.refusals)
        seeds = os.urandom(_SEED * len(submission.objects))
        for at, item in enumerate(submission.objects):
            if item.type == "marking-definition" and item.id in TLP_MARKINGS:
                continue  # a constant of the standard: every reader has it, nobody states it
            marks = (item.type, marks_of(item))
            group = alike.get(marks)
            if group is None:
                try:
                    label = self._label(item, submission.markings)
                except InvalidInput as error:
                    place = submission.places[at]
                    refused.append(Refusal(place, item.id, error.field, error.rule, error.message))
                    continue
                key = (item.type, label)
                group = groups.get(key) or groups.setdefault(key, self._group(key))
                alike[marks] = group
            seed = seeds[at * _SEED : at * _SEED + _SEED]
            digest = statement_digest(seed, item.sha256)
            group.drafts.append(Draft(item, submission.places[at], seed, digest))
        return list(groups.values()), refused

    def _label(self, item: StixObject, markings: Mapping[str, bytes]) -> Label:
        """Find the label that the object carries, else the named one; nothing goes unlabelled."""
        label = label_of(item, markings) or self._default
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

    def _group(self, key: tuple[str, Label]) -> Group:
        """Return an empty group of a release class; its decision is taken once a submission."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decided(*key)
        return msgspec.structs.replace(known, drafts=[])

    def _decided(self, object_type: str, label: Label) -> Group:
        release_class = ReleaseClass(
            origin=self._member, object_type=object_type, label=label, purpose=self._purpose
        )
        audience = self._kernel.audience(release_class, nodes=self._recipients)
        recipients = tuple(
            Recipient(member, decision.permit, decision.reason())
            for member, decision in self._kernel.explain(release_class)
            if member != self._member
        )
        reasons = [msgspec.to_builtins(each) for each in recipients]
        return Group(
            release_class=release_class,
            label=format_label(label),
            audience=audience,
            recipients=recipients,
            decision=decision_document(self._kernel.version, audience, reasons),
            drafts=[],
        )


def unfit_for_reference(submission: Submission) -> list[Refusal]:
    """Refuse what carries a label that some reader of the node might not be cleared for."""
    refused = []
    for place, item in zip(submission.places, submission.objects, strict=True):
        label = label_of(item, submission.markings)
        if label is not None and label != Label(tlp=Tlp.CLEAR):
            why = f"{item.id}: {format_label(label)}: a reference set holds nothing above TLP:CLEAR"
            refused.append(Refusal(place, item.id, "/object_marking_refs", "reference-label", why))
    return refused
