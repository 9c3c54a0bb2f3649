"""Labels as stored: their canonical bytes, and the one that opens to nobody."""

from ringwall.core import canonical_json
from ringwall.labels import Label, label_document

WITHDRAWN = Label(unknown=("withdrawn",))
"""The label of the classes of what was withdrawn: what is unknown is denied to everybody."""


def label_bytes(label: Label) -> bytes:
    """Return the canonical bytes of a label: what is stored, digested and audited."""
    return canonical_json(label_document(label))
