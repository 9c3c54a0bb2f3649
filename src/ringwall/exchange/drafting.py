"""Drafting: everything about a statement that needs no transaction: label, decision, digest.

Objects of one release class share their decision, so a bundle costs a few decisions, however
many objects it has.
"""

import os
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ringwall.core import InvalidInput
from ringwall.exchange.own_rules import OwnRules
from ringwall.exchange.redacting import FieldReason
from ringwall.labels import (
    FIXED_MARKINGS,
    NO_TERMS,
    Label,
    Terms,
    Tlp,
    format_label,
    granular_labels,
    join,
    label_of,
    mark_of,
    marks_of,
)
from ringwall.policy import NO_HOLDS, HoldRules, Kernel, ReleaseClass, release_class
from ringwall.stix import Refusal, StixObject, Submission, why_needed
from ringwall.store import GRANULAR, Found, decision_document, found_by
from ringwall.trust import statement_digest

_SEED = 32
_Key = tuple[str, Label, frozenset[Label]]
"""An object type, a label, and the labels of properties that a rule may want two persons for."""


class Recipient(msgspec.Struct, frozen=True):
    """What the release decision says about one other member."""

    member: str
    permit: bool
    reason: str
    withheld: tuple[FieldReason, ...] = ()
    """The properties that it gets the object without, or because of which it gets nothing."""
    waits: str = ""
    """The clause of the rule by which it waits for a second person before it goes; "": it goes."""


class Draft(msgspec.Struct, frozen=True):
    """An object that may be stated; ``digest`` is the statement digest under a 32-byte ``seed``."""

    object: StixObject
    place: int
    """Where it stood in the submission, from 0."""
    seed: bytes
    digest: bytes
    parts: tuple[tuple[str, ReleaseClass], ...] = ()
    """The properties that are for fewer readers than the rest, and the release class of each."""

    @property
    def found(self) -> Found:
        """What it is found by: nothing that stands in a marked property."""
        obj = self.object
        if obj.granular:
            return found_by(obj.body)
        return Found(obj.observables, obj.text, obj.references)


class Group(msgspec.Struct, frozen=True):
    """The drafts of one release class, with the decision that they share."""

    release_class: ReleaseClass
    stated: Label
    """The whole label: the class holds what decisions look at."""
    label: str
    """The label as an expression."""
    audience: tuple[str, ...]
    """The nodes that may receive."""
    recipients: tuple[Recipient, ...]
    """The reasons, for every other member."""
    decision: bytes
    """What is recorded (store.decision_document)."""
    drafts: list[Draft]
    withheld: dict[str, tuple[str, ...]] = {}
    """The properties that some of the nodes get it without."""
    parts: tuple[ReleaseClass, ...] = ()
    """The classes of marked properties, where a rule may want a second person for one of them."""


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
        terms: Terms = NO_TERMS,
        own_rules: OwnRules | None = None,
        holds: HoldRules = NO_HOLDS,
    ) -> None:
        """``default`` labels objects without a label; ``recipients`` are the nodes there are.

        ``own_rules`` are asked about whom the terms let it be passed on to, ``holds`` about what
        waits for a second person.
        """
        self._holds = holds
        self._own_rules = own_rules
        self._terms = terms
        self._member = member
        self._kernel = kernel
        self._recipients = recipients
        self._default = default
        self._purpose = purpose
        self._known: dict[_Key, Group] = {}

    def draft(self, submission: Submission) -> tuple[list[Group], list[Refusal]]:
        """Return the drafts of a slice, grouped, and what may not be stated, with the reasons."""
        groups: dict[_Key, Group] = {}
        alike: dict[Hashable, tuple[Group, dict[str, Label]]] = {}
        refused = list(submission.refusals)
        seeds = os.urandom(_SEED * len(submission.objects))
        for at, item in enumerate(submission.objects):
            defines = item.type == "marking-definition"
            if defines and item.id in FIXED_MARKINGS:
                continue  # a constant of the standards: every reader has it, nobody states it
            marks = (item.type, marks_of(item), item.body if defines else b"")
            known = alike.get(marks)
            if known is None:
                try:
                    label, parts = self._labels(item, submission.markings)
                    key = (item.type, label, self._marked(parts))
                    group = groups.get(key) or groups.setdefault(key, self._group(key))
                except InvalidInput as error:
                    place = submission.places[at]
                    refused.append(Refusal(place, item.id, error.field, error.rule, error.message))
                    continue
                known = alike[marks] = group, parts
            group, parts = known
            seed = seeds[at * _SEED : at * _SEED + _SEED]
            digest = statement_digest(seed, item.sha256)
            draft = Draft(item, submission.places[at], seed, digest, self._classes(item, parts))
            group.drafts.append(draft)
        return list(groups.values()), refused

    def _labels(
        self, item: StixObject, markings: Mapping[str, bytes]
    ) -> tuple[Label, dict[str, Label]]:
        """Find the label of an object, and those of properties that have a stricter one.

        Where the object would be none without them, their labels are those of the whole.
        """
        if not item.granular:
            own = label_of(item, markings) or _defined(item)
            return self._label(item, own or self._default), {}
        labels = granular_labels(item, markings, self._default)
        whole = self._label(item, labels.whole)
        parts = {name: label for name, label in labels.fields.items() if label != whole}
        for name, label in parts.items():
            self._label(item, label, f"/{name}")
            self._check_own_rules(self._class(item.type, label))
        if parts and why_needed(item.body, {GRANULAR, *parts})[0]:
            return self._label(item, join([whole, *parts.values()])), {}
        return whole, parts

    def _classes(
        self, item: StixObject, parts: Mapping[str, Label]
    ) -> tuple[tuple[str, ReleaseClass], ...]:
        if not parts:
            return ()
        return tuple((name, self._class(item.type, label)) for name, label in sorted(parts.items()))

    def _class(self, object_type: str, label: Label) -> ReleaseClass:
        return release_class(self._member, object_type, label, self._purpose, self._terms)

    def _check_own_rules(self, release: ReleaseClass) -> None:
        if self._own_rules is not None:
            self._own_rules.check(release)

    def _label(
        self, item: StixObject, label: Label | None, field: str = "/object_marking_refs"
    ) -> Label:
        """Return a label that decisions can be made by; nothing goes unlabelled."""
        if label is None:
            raise InvalidInput(
                f"{item.id}: carries no label and none was named for it",
                field="/object_marking_refs",
                rule="unlabelled",
            )
        if label.unknown:
            raise InvalidInput(
                f"{item.id}: marking not understood: {', '.join(label.unknown)}",
                field=field,
                rule="unknown-marking",
            )
        return label

    def _marked(self, parts: Mapping[str, Label]) -> frozenset[Label]:
        """Return the labels of properties that a rule for a second person may be about."""
        return frozenset(parts.values() if self._holds.two_person else ())

    def _group(self, key: _Key) -> Group:
        """Return an empty group of a release class; its decision is taken once a submission."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._decided(*key)
        return msgspec.structs.replace(known, drafts=[])

    def _waits(self, decided: ReleaseClass, parts: Iterable[ReleaseClass], member: str) -> str:
        several = going(self._kernel, decided, parts, member)
        rule = self._holds.holding_any(self._kernel.alliance, several, member)
        return rule.clause if rule is not None else ""

    def _decided(self, object_type: str, label: Label, marked: frozenset[Label]) -> Group:
        decided = self._class(object_type, label)
        parts = tuple(self._class(object_type, each) for each in sorted(marked, key=repr))
        self._check_own_rules(decided)
        audience = self._kernel.audience(decided, nodes=self._recipients)
        recipients = tuple(
            Recipient(
                member,
                decision.permit,
                decision.reason(),
                waits=self._waits(decided, parts, member) if decision.permit else "",
            )
            for member, decision in self._kernel.explain(decided, nodes=self._recipients)
            if member != self._member
        )
        return Group(
            release_class=decided,
            stated=label,
            label=format_label(label),
            audience=audience,
            recipients=recipients,
            decision=decision_of(self._kernel.version, audience, recipients),
            drafts=[],
            parts=parts,
        )


def going(
    kernel: Kernel, release: ReleaseClass, parts: Iterable[ReleaseClass], member: str
) -> tuple[ReleaseClass, ...]:
    """Return the class of an object, and those of marked properties that a member gets with it."""
    return release, *(each for each in parts if kernel.may_receive(each, member))


def decision_of(version: str, audience: Sequence[str], recipients: Sequence[Recipient]) -> bytes:
    """Return what is recorded of a decision: not what waits, for that does not stay so."""
    reasons: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in recipients]
    for reason in reasons:
        del reason["waits"]
    return decision_document(version, audience, reasons)


def _defined(item: StixObject) -> Label | None:
    """Return the label that a marking definition defines: it is for whoever may have such things.

    A REL TO in it would tell everybody else for whom they are.
    """
    mark = mark_of(item.id, item.body) if item.type == "marking-definition" else None
    return mark if mark and (mark.tlp or mark.confidentiality or mark.unknown) else None


def unfit_for_reference(submission: Submission) -> list[Refusal]:
    """Refuse what carries a label that some reader of the node might not be cleared for."""
    refused = []
    for place, item in zip(submission.places, submission.objects, strict=True):
        label = label_of(item, submission.markings)
        if label is not None and label != Label(tlp=Tlp.CLEAR):
            why = f"{item.id}: {format_label(label)}: a reference set holds nothing above TLP:CLEAR"
            refused.append(Refusal(place, item.id, "/object_marking_refs", "reference-label", why))
    return refused
