"""What is asked of a statement of another node before it is stored: is it new, for whom is what."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ringwall.core import (
    BadEnvelope,
    CallerError,
    InternalFault,
    Precedence,
    RingwallError,
    StatementId,
)
from ringwall.exchange.pins import widened_entry
from ringwall.labels import (
    Label,
    combined,
    granular_labels,
    label_from_document,
    terms_from_document,
)
from ringwall.policy import release_class
from ringwall.stix import StixObject, read_object, why_needed
from ringwall.store import (
    GRANULAR,
    NewStatement,
    ReadTransaction,
    Statement,
    WriteTransaction,
    found_by,
)
from ringwall.trust import disclosure_digest, held_digest, is_wider, statement_digest


class Stated(msgspec.Struct, frozen=True):
    """What its origin signed of a statement, and what came of the object.

    ``source`` is the member of the origin node. ``seed`` is empty for a redaction, ``disclosure``
    for a whole object. ``relayed``: as in a release class.
    """

    id: StatementId
    source: str
    object: bytes
    seed: bytes
    disclosure: bytes
    label: Mapping[str, Any]
    purpose: str
    onward: Mapping[str, Any]
    relayed: tuple[str, ...] = ()


def new_statement(stated: Stated, lane: Precedence, at: str) -> NewStatement:
    """Validate a statement as if it were submitted here; return it as it is to be stored.

    Raises BadEnvelope (field ``object``) unless it is one valid, canonical object.
    """
    stix = _read_object(stated)
    label = label_from_document(stated.label)
    terms = terms_from_document(stated.onward)
    seed = disclosure_digest(stated.disclosure) if stated.disclosure else stated.seed
    parts = part_labels(stix, label)
    found = found_by(stix.body) if stix.granular else stix
    rest = (stated.purpose, terms, stated.relayed)
    return NewStatement(
        id=stated.id,
        object_id=stix.id,
        object_type=stix.type,
        version=stix.version,
        body=stated.object,
        label=label,
        release_class=release_class(stated.source, stix.type, label, *rest),
        lane=lane,
        submitted_by="",
        received_at=at,
        seed=seed,
        sha256=stix.sha256,
        digest=statement_digest(seed, stix.sha256),
        observables=found.observables,
        text=found.text,
        references=found.references,
        disclosure=stated.disclosure,
        parts=tuple(
            (name, release_class(stated.source, stix.type, part, *rest))
            for name, part in sorted(parts.items())
        ),
    )


def _read_object(stated: Stated) -> StixObject:
    try:
        stix = read_object(stated.object)
    except CallerError as error:
        raise BadEnvelope(f"{stated.id}: {error}", field="object", rule=error.rule) from error
    if stix.body != stated.object:
        raise BadEnvelope(f"{stated.id}: not canonical", field="object", rule="canonical")
    return stix


def is_same(tx: ReadTransaction, stored: Statement, new: NewStatement) -> bool:
    """Tell whether an origin stated under one number what it stated under it before.

    Two redactions of an object differ in their bytes and have one object digest.
    """
    terms, now = tx.release_classes()[stored.release_class].terms, new.release_class
    if (stored.label, stored.purpose, terms) != (new.label, now.purpose, now.terms):
        return False
    if stored.digest == new.digest:
        return True
    try:
        before = held_digest(stored.body, stored.seed, stored.disclosure)
    except RingwallError:  # it was damaged here
        return False
    return before == held_digest(new.body, new.seed, new.disclosure)


def takes_place(tx: ReadTransaction, before: Statement, new: NewStatement) -> bool:
    """Tell whether what came shows more than what is here, or comes from the originator itself.

    What the originator sent is never replaced by what another passed on: it decided what its
    readers get of it. Both must be the same statement (:func:`is_same`).
    """
    was_relayed = bool(tx.release_classes()[before.release_class].relayed)
    is_relayed = bool(new.release_class.relayed)
    if was_relayed != is_relayed:
        return was_relayed
    return is_wider(new.disclosure, before.disclosure)


def put_in_place(tx: WriteTransaction, before: Statement, new: NewStatement) -> int:
    """Put a statement in the place of what :func:`takes_place`; it comes anew, in a new order."""
    tx.drop_narrower(before.order)
    (order,) = tx.add_statements([new])
    if order is None:
        raise InternalFault(f"{new.id}: is still there", field="statements")
    tx.append_audit("widened", widened_entry(new, before))
    return order


def part_labels(stix: StixObject, label: Label) -> dict[str, Label]:
    """Return the labels of properties that are for fewer readers than what the origin signed for.

    The marking definitions are not at hand: what is no mark of the standards denies. Raises
    BadEnvelope (rule ``granular``) if a property that the object cannot be without is among them:
    then the label of the whole, which the origin signed, says too little.
    """
    if not stix.granular:
        return {}
    read = granular_labels(msgspec.structs.replace(stix, marking_refs=()), {}, label)
    parts = {name: combined([label, part]) for name, part in read.fields.items()}
    parts = {name: part for name, part in parts.items() if part != label}
    needed, why = why_needed(stix.body, {GRANULAR, *parts}) if parts else ("", "")
    if needed or read.whole is None or combined([label, read.whole]) != label:
        raise BadEnvelope(
            f"{stix.id}: {needed or 'a property'} is marked more strictly than the object: {why}",
            field="object/granular_markings",
            rule="granular",
        )
    return parts
