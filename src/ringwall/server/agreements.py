"""Handlers for agreements: what is proposed, previewed, signed, in force, withdrawn."""

from typing import Any

import msgspec

from ringwall.core import NotFound
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.server.shapes import read_shape
from ringwall.sharing import Agreements, AgreementState, MemberChange

YAML = "application/yaml"
_DOCUMENT = Body(
    (JSON, YAML),
    {
        "type": "object",
        "description": "An agreement, in JSON or YAML; its schema is at /agreements/schema.",
        "required": ["agreement", "title", "parties", "purposes", "highest_tlp", "clause"],
        "properties": {"agreement": {"type": "object"}, "title": {"type": "string"}},
    },
)


class AgreementDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An agreement, and how far its parties have come with it."""

    digest: str
    id: str
    version: int
    state: str
    title: str
    clause: str
    parties: list[str]
    valid_from: str
    valid_until: str
    signed: dict[str, str]
    missing: list[str]
    withdrawn: dict[str, str]
    document: dict[str, Any]


class AgreementList(msgspec.Struct, frozen=True):
    """The agreements that this node's member has signed or is asked to sign."""

    agreements: list[AgreementDocument]


class ChangePreview(msgspec.Struct, frozen=True):
    """How many of this member's statements here each member would gain or lose."""

    members: list[MemberChange]


class SigningOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``send_past``: send what it opens of the past too, once it is in force."""

    send_past: bool = False


@declare({200: AgreementList})
def listing(call: Call) -> Answer:
    """GET /agreements: Those that this member has signed or is asked to sign, with their state."""
    return json_answer(AgreementList([_document(each) for each in _agreements(call).listing()]))


@declare({200: AgreementDocument}, refusals=(404,))
def show(call: Call) -> Answer:
    """GET /agreements/{agreement}: One agreement, by its digest."""
    return json_answer(_document(_agreements(call).show(call.path["agreement"])))


@declare({200: ChangePreview}, body=_DOCUMENT, refusals=(413,))
def preview(call: Call) -> Answer:
    """POST /agreements/preview: What an agreement would open and close, before anybody signs."""
    return json_answer(ChangePreview(_agreements(call).preview(call.document)))


@declare({201: AgreementDocument}, body=_DOCUMENT, refusals=(409, 413))
def propose(call: Call) -> Answer:
    """POST /agreements: Sign an agreement, or a new version of one, and send it to its parties."""
    return json_answer(_document(_agreements(call).propose(call.reader, call.document)), 201)


@declare({200: ChangePreview}, refusals=(404,))
def preview_signature(call: Call) -> Answer:
    """GET /agreements/{agreement}/preview: What it opens and closes once all have signed it."""
    held = _agreements(call).show(call.path["agreement"])
    return json_answer(ChangePreview(_agreements(call).preview(held.document.encode())))


@declare({200: AgreementDocument}, body=Body((JSON,), SigningOptions), refusals=(404, 409, 413))
def sign(call: Call) -> Answer:
    """POST /agreements/{agreement}/signature: Sign what another party proposed."""
    asked = read_shape(call.document, SigningOptions, "signature")
    state = _agreements(call).sign(call.reader, call.path["agreement"], send_past=asked.send_past)
    return json_answer(_document(state))


@declare({200: ChangePreview}, refusals=(404,))
def preview_withdrawal(call: Call) -> Answer:
    """GET /agreements/{agreement}/withdrawal: What closes if this member withdraws from it."""
    return json_answer(ChangePreview(_agreements(call).preview_withdrawal(call.path["agreement"])))


@declare({200: AgreementDocument}, refusals=(404,))
def withdraw(call: Call) -> Answer:
    """DELETE /agreements/{agreement}: Withdraw from an agreement: closed here at once."""
    return json_answer(_document(_agreements(call).withdraw(call.reader, call.path["agreement"])))


def _agreements(call: Call) -> Agreements:
    if call.context.agreements is None:
        raise NotFound("this node has no agreements")
    return call.context.agreements


def _document(state: AgreementState) -> AgreementDocument:
    made = state.agreement
    return AgreementDocument(
        digest=state.digest,
        id=made.id,
        version=made.version,
        state=state.state,
        title=made.title,
        clause=made.clause,
        parties=sorted(made.parties),
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        signed=state.signed,
        missing=list(state.missing),
        withdrawn=state.withdrawn,
        document=msgspec.json.decode(state.document),
    )
