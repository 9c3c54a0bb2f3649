"""Audit entries that pin statements: any later change of a row contradicts them.

One entry holds all statements of a bundle or an envelope that share label, purpose and lane, in
lists of equal length: a thousand statements cost a few leaves of the log.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ringwall.core import Precedence
from ringwall.exchange.drafting import Draft, Group
from ringwall.labels import NO_TERMS, Terms, label_document, terms_document
from ringwall.policy import ReleaseClass
from ringwall.store import NewStatement, Statement


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
        "label": label_document(group.stated),
        "purpose": group.release_class.purpose,
        **_terms(group.release_class.terms),
        **_parts(statements, [draft.parts for draft in drafts]),
        **({"withheld": group.withheld} if group.withheld else {}),
        "audience": list(group.audience),
        "lane": str(lane),
        "reader": reader,
        "received_at": received_at,
    }


def received_entries(stored: Sequence[NewStatement]) -> Iterator[dict[str, Any]]:
    """Build the entries of statements that another node sent, in the order of the statements."""
    for (label, purpose, terms, relayed, _), run in groupby(
        stored,
        key=lambda new: (
            new.label,
            new.release_class.purpose,
            new.release_class.terms,
            new.release_class.relayed,
            new.received_at,
        ),
    ):
        several = list(run)
        yield {
            "statements": [str(new.id) for new in several],
            "objects": [new.object_id for new in several],
            "versions": [new.version for new in several],
            "digests": [new.digest.hex() for new in several],
            "label": label_document(label),
            "purpose": purpose,
            **_terms(terms),
            **({"relayed": list(relayed)} if relayed else {}),
            **_parts([str(new.id) for new in several], [new.parts for new in several]),
            **_redacted(several),
            "lane": str(several[0].lane),
            "received_at": several[0].received_at,
        }


def _terms(terms: Terms) -> dict[str, Any]:
    return {} if terms == NO_TERMS else {"terms": terms_document(terms)}


def _parts(
    statements: Sequence[str], parts: Sequence[Sequence[tuple[str, ReleaseClass]]]
) -> dict[str, Any]:
    """Pin for whom single properties are: nearly no statement has any."""
    labels = {
        name: {field: label_document(one.label) for field, one in each}
        for name, each in zip(statements, parts, strict=True)
        if each
    }
    return {"parts": labels} if labels else {}


def _redacted(stored: Sequence[NewStatement]) -> dict[str, Any]:
    names = [str(new.id) for new in stored if new.disclosure]
    return {"redacted": names} if names else {}


def widened_entry(new: NewStatement, before: Statement) -> dict[str, Any]:
    """Build the entry of a redaction that took the place of a narrower one."""
    replaced = {"replaced_order": before.order, "replaced_at": before.received_at}
    return equivocation_entry(new) | replaced


def equivocation_entry(new: NewStatement) -> dict[str, Any]:
    """Build the entry of a statement that contradicts an earlier one of the same number."""
    (entry,) = received_entries([new])
    return entry
