"""Audit entries that pin statements: any later change of a row contradicts them.

One entry holds all statements of a bundle or an envelope that share label, purpose and lane, in
lists of equal length: a thousand statements cost a few leaves of the log.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ringwall.core import Precedence
from ringwall.exchange.drafting import Draft, Group
from ringwall.labels import label_document
from ringwall.store import NewStatement


def accepted_entry(
    group: Group,
    statements: Sequence[str],
    drafts: Sequence[Draft],
    *,
    lane: Precedence,
    reader: str,
    received_at: str,
) -> dict[str, Any]:
    """Build the entry of statements that a reader submitted here, with whom they are for."""
    return {
        "statements": list(statements),
        "objects": [draft.object.id for draft in drafts],
        "versions": [draft.object.version for draft in drafts],
        "digests": [draft.digest.hex() for draft in drafts],
        "label": label_document(group.release_class.label),
        "purpose": group.release_class.purpose,
        "audience": list(group.audience),
        "lane": str(lane),
        "reader": reader,
        "received_at": received_at,
    }


def received_entries(stored: Sequence[NewStatement]) -> Iterator[dict[str, Any]]:
    """Build the entries of statements that another node sent, in the order of the statements."""
    for (label, purpose, _), run in groupby(
        stored,
        key=lambda new: (new.release_class.label, new.release_class.purpose, new.received_at),
    ):
        several = list(run)
        yield {
            "statements": [str(new.id) for new in several],
            "objects": [new.object_id for new in several],
            "versions": [new.version for new in several],
            "digests": [new.digest.hex() for new in several],
            "label": label_document(label),
            "purpose": purpose,
            "lane": str(several[0].lane),
            "received_at": several[0].received_at,
        }


def equivocation_entry(new: NewStatement) -> dict[str, Any]:
    """Build the entry of a statement that contradicts an earlier one of the same number."""
    (entry,) = received_entries([new])
    return entry
