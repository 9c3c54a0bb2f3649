"""Labels as stored: their canonical bytes, and the one that opens to nobody."""

from ringwall.core import canonical_json
from ringwall.labels import Label, for_decision, label_document
from ringwall.store.rows import read_label

WITHDRAWN = Label(unknown=("withdrawn",))
"""The label of the classes of what was withdrawn: what is unknown is denied to everybody."""


def label_bytes(label: Label) -> bytes:
    """Return the canonical bytes of a label: what is stored, digested and audited."""
    return canonical_json(label_document(label))


def fits_class(label: bytes, filed: bytes) -> bool:
    """Tell whether a statement of this stored label may be filed under a class of the other.

    The class has the part of the label that decisions look at, or it is the one of what was
    withdrawn.
    """
    under = read_label(filed)
    return under in (for_decision(read_label(label)), WITHDRAWN)
