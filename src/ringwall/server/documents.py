"""The JSON documents of the REST interface; their types are the schemas of `openapi`."""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from ringwall.exchange import FieldReason
from ringwall.labels import format_label
from ringwall.policy import Decision, GateResult
from ringwall.store import Statement

TITLE_LENGTH = 160
_SPACE = re.compile(r"\s+")

StixBytes = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        description="A STIX 2.1 object, byte for byte as its origin signed it.",
        extra_json_schema={"type": "object", "required": ["type", "id"]},
    ),
]
AnyDocument = Annotated[dict[str, Any], msgspec.Meta(description="A JSON object.")]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    code: str
    """Who is at fault at what: one token for each kind of error."""
    field: str
    """A JSON pointer, a parameter or a header; "" when it is none of them."""
    rule: str
    """The rule that was broken, a stable token that programs may compare."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A statement without its object."""

    statement: str
    object_id: str
    type: str
    version: str
    title: str
    label: str
    source: str
    origin: str
    purpose: str
    precedence: str
    received_at: str


class StatedObject(Summary, frozen=True, kw_only=True):
    """A statement with its object."""

    object: StixBytes


class StatementPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of statements; a search newest first has no ``next``, which is a cursor."""

    statements: list[StatedObject]
    more: bool
    next: str | None


class ObjectDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One object in its newest visible version, under the least restrictive visible label."""

    object_id: str
    type: str
    version: str
    title: str
    label: str
    sources: list[str]
    """The members that state this version, as far as the reader sees."""
    statements: list[str]
    """Their statements, oldest first."""
    object: StixBytes


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a statement comes from, with everything that proves it to somebody else."""

    origin: str
    sequence: int
    source: str
    received_at: str
    relayed: tuple[str, ...]
    """The members over which it came, beginning with the one that its origin sent it to."""
    digest: str
    seed: str
    """"" where fields are withheld from the reader: then `disclosure` comes in its place."""
    disclosure: str
    proof: AnyDocument | None
    verified: bool
    problem: str


class ProvenStatement(StatedObject, frozen=True, kw_only=True):
    """A statement with its object and its proof."""

    provenance: Provenance


class SubmissionCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a submission, in numbers (``Prefer: return=minimal``)."""

    submitted: int
    known: int
    """Of them, stated before: nothing was stored for these."""
    refused: int
    dry_run: bool


class MemberDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The release decision for one member, with every gate that spoke."""

    member: str
    permit: bool
    reason: str
    until: str | None
    duties: tuple[str, ...]
    """Handling instructions and obligations that come with it."""
    gates: tuple[GateResult, ...]
    withheld: tuple[FieldReason, ...] = ()
    """The properties that it does not get, as it was decided."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Who may have something, and why not the others."""

    label: str
    terms: dict[str, Any]
    object_type: str
    purpose: str
    origin: str
    policy_version: str
    members: list[MemberDecision]


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


def _summary_fields(statement: Statement) -> dict[str, Any]:
    return {
        "statement": str(statement.id),
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


def summary(statement: Statement) -> Summary:
    """Describe a statement without its object."""
    return Summary(**_summary_fields(statement))


def with_object(statement: Statement) -> StatedObject:
    """Describe a statement with its object, whose bytes go out as they were signed."""
    return StatedObject(**_summary_fields(statement), object=msgspec.Raw(statement.body))


def with_provenance(statement: Statement, provenance: Provenance) -> ProvenStatement:
    """Describe a statement with its object and its proof."""
    fields = _summary_fields(statement)
    return ProvenStatement(**fields, object=msgspec.Raw(statement.body), provenance=provenance)


class Cutting(msgspec.Struct, frozen=True):
    """What was withheld from a member when it was decided, and by what all of it was, if it was."""

    fields: tuple[FieldReason, ...]
    closed: GateResult | None = None


def explanation(
    decisions: Iterable[tuple[str, Decision]], withheld: Mapping[str, Cutting]
) -> list[MemberDecision]:
    """Describe the release decision per member, and what was withheld from it.

    What is left of an object may be none at all, or a second person keeps it back: then the member
    gets nothing, although every gate lets it pass.
    """
    return [
        _member_decision(member, decision, withheld.get(member, Cutting(())))
        for member, decision in decisions
    ]


def _member_decision(member: str, decision: Decision, cutting: Cutting) -> MemberDecision:
    closed = cutting.closed if decision.permit else None
    return MemberDecision(
        member=member,
        permit=decision.permit and closed is None,
        reason=closed.fact if closed else decision.reason(),
        until=decision.until,
        duties=decision.duties,
        gates=(*decision.gates, closed) if closed else decision.gates,
        withheld=cutting.fields,
    )
