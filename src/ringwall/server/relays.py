"""Handlers for passing on what other members stated."""

from typing import Annotated, Literal

import msgspec

from ringwall.core import NotFound, parse_statement_id
from ringwall.exchange import FieldReason
from ringwall.policy import GateResult
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.server.shapes import read_shape
from ringwall.sharing import Gone, Onward, Relays

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]


class RelayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """To which members and groups a statement is to be passed on."""

    to: Annotated[tuple[_Name, ...], msgspec.Meta(min_length=1, max_length=256)]
    dry_run: bool = False
    """Only say what would become of it."""


class OnwardDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of passing a statement on to one member, and why: every gate that spoke."""

    member: str
    outcome: Literal["withheld", "would-go", "waits", "sent", "known"]
    """`waits`: a second officer has to ask for the same; `known`: it was passed on before."""
    reason: str
    nodes: tuple[str, ...]
    withheld: tuple[FieldReason, ...]
    gates: tuple[GateResult, ...]


class RelayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of passing a statement on."""

    statement: str
    members: list[OnwardDocument]


class GoneDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A node to which a statement was passed on from here."""

    node: str
    member: str
    state: Literal["sent", "taken", "refused", "closed"]
    """`closed`: policy changed before anybody confirmed it, and it is not sent any more."""
    at: str
    by: str
    withheld: tuple[str, ...]
    reason: str
    """Why the node refused it, in its own words."""


class RelayList(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a statement was passed on from here."""

    statement: str
    relays: list[GoneDocument]


@declare({200: RelayAnswer}, body=Body((JSON,), RelayBody), refusals=(404, 409, 413))
def pass_on(call: Call) -> Answer:
    """POST /statements/{statement}/relays: Pass on what another member stated, as it permits.

    Its originator's signed terms, the agreements of the way, this member's own rules: all of them
    must let it go. With `dry_run` nothing is sent.
    """
    body = read_shape(call.document, RelayBody, "relay")
    relays, name = _relays(call), parse_statement_id(call.path["statement"])
    act = relays.preview if body.dry_run else relays.pass_on
    found = act(call.reader, call.view, name, body.to)
    return json_answer(RelayAnswer(statement=str(name), members=[_onward(one) for one in found]))


@declare({200: RelayList}, refusals=(404,))
def listing(call: Call) -> Answer:
    """GET /statements/{statement}/relays: To whom it was passed on from here."""
    name = parse_statement_id(call.path["statement"])
    found = _relays(call).listing(call.reader, call.view, name)
    return json_answer(RelayList(statement=str(name), relays=[_gone(call, one) for one in found]))


def _relays(call: Call) -> Relays:
    if call.context.relays is None:
        raise NotFound("this node passes nothing on")
    return call.context.relays


def _onward(one: Onward) -> OnwardDocument:
    return OnwardDocument(
        member=one.member,
        outcome=one.outcome,
        reason=one.reason,
        nodes=one.nodes,
        withheld=one.withheld,
        gates=one.gates,
    )


def _gone(call: Call, one: Gone) -> GoneDocument:
    return GoneDocument(
        node=one.node,
        member=call.context.member_of(one.node),
        state=one.state,
        at=one.at,
        by=one.by,
        withheld=one.withheld,
        reason=one.reason,
    )
