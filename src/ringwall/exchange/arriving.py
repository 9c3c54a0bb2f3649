"""What is asked of a statement of another node before it is stored: is it new, for whom is what."""

import msgspec

from ringwall.core import BadEnvelope, RingwallError
from ringwall.labels import Label, combined, granular_labels
from ringwall.stix import StixObject, why_needed
from ringwall.store import GRANULAR, NewStatement, Statement
from ringwall.trust import held_digest


def is_same(stored: Statement, new: NewStatement) -> bool:
    """Tell whether an origin stated under one number what it stated under it before.

    Two redactions of an object differ in their bytes and have one object digest.
    """
    if (stored.label, stored.purpose) != (new.label, new.release_class.purpose):
        return False
    if stored.digest == new.digest:
        return True
    try:
        before = held_digest(stored.body, stored.seed, stored.disclosure)
    except RingwallError:  # it was damaged here
        return False
    return before == held_digest(new.body, new.seed, new.disclosure)


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
