"""The JSON documents of the REST interface, built from statements and decisions."""

import base64
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ringwall.labels import format_label
from ringwall.policy import Decision
from ringwall.store import Statement

TITLE_LENGTH = 160
_SPACE = re.compile(r"\s+")


class _Heading(msgspec.Struct, frozen=True):
    """The fields of a STIX object that say what it is about, best first."""

    name: Any = None
    value: Any = None
    pattern: Any = None
    path: Any = None
    abstract: Any = None
    opinion: Any = None
    relationship_type: Any = None
    description: Any = None
    content: Any = None
    source_ref: Any = None
    target_ref: Any = None


_HEADING: msgspec.json.Decoder[_Heading] = msgspec.json.Decoder(_Heading)


def encode_bytes(data: bytes) -> str:
    """Write bytes as unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def title(body: bytes) -> str:
    """Say in one line what an object is about, or "" if it does not tell."""
    heading = _HEADING.decode(body)
    if isinstance(heading.relationship_type, str) and isinstance(heading.source_ref, str):
        ends = (heading.source_ref, str(heading.target_ref))
        source, target = (end.partition("--")[0] for end in ends)
        return f"{source} {heading.relationship_type} {target}"
    for name in _Heading.__struct_fields__:
        text = getattr(heading, name)
        if isinstance(text, str) and text.strip():
            return _SPACE.sub(" ", text).strip()[:TITLE_LENGTH]
    return ""


def summary(statement: Statement) -> dict[str, Any]:
    """Describe a statement without its object."""
    return {
        "statement": str(statement.id),
        "order": statement.order,
        "object_id": statement.object_id,
        "type": statement.object_type,
        "version": statement.version,
        "title": title(statement.body),
        "label": format_label(statement.label),
        "source": statement.source,
        "origin": statement.id.origin,
        "purpose": statement.purpose,
        "precedence": str(statement.lane),
        "received_at": statement.received_at,
    }


def with_object(statement: Statement) -> dict[str, Any]:
    """Describe a statement with its object, whose bytes go out as they were signed."""
    return {**summary(statement), "object": msgspec.Raw(statement.body)}


def explanation(decisions: Iterable[tuple[str, Decision]]) -> list[dict[str, Any]]:
    """Describe the release decision per member, with every gate that spoke."""
    return [
        {
            "member": member,
            "permit": decision.permit,
            "reason": decision.reason(),
            "until": decision.until,
            "gates": [msgspec.to_builtins(gate) for gate in decision.gates],
        }
        for member, decision in decisions
    ]
