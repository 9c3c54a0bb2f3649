"""Handlers for what waits for a second person before it leaves."""

import msgspec

from ringwall.core import NotFound
from ringwall.exchange import HeldRelease, SecondPerson
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.operations import declare


class HeldDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Statements that wait: for which nodes, under which rule, by whom they were submitted."""

    id: str
    statements: list[str]
    label: str
    nodes: list[str]
    rule: str
    clause: str
    submitted_by: str
    at: str


class HeldList(msgspec.Struct, frozen=True):
    """What waits and this reader may read, oldest first."""

    held: list[HeldDocument]


@declare({200: HeldList})
def listing(call: Call) -> Answer:
    """GET /held-releases: What waits for a second person, oldest first."""
    held = _second(call).waiting(call.reading, call.route)
    return json_answer(HeldList([_document(each) for each in held]))


@declare({200: HeldDocument}, refusals=(404, 409))
def confirm(call: Call) -> Answer:
    """POST /held-releases/{release}/confirmation: Let it go, as the second person."""
    return json_answer(_document(_second(call).confirm(call.reader, call.path["release"])))


@declare({200: HeldDocument}, refusals=(404,))
def refuse(call: Call) -> Answer:
    """DELETE /held-releases/{release}: Let it never go to the nodes that it waits for."""
    return json_answer(_document(_second(call).refuse(call.reader, call.path["release"])))


def _second(call: Call) -> SecondPerson:
    if call.context.second_person is None:
        raise NotFound("nothing waits at this node")
    return call.context.second_person


def _document(held: HeldRelease) -> HeldDocument:
    return HeldDocument(
        id=held.key,
        statements=list(held.statements),
        label=held.label,
        nodes=list(held.nodes),
        rule=held.rule,
        clause=held.clause,
        submitted_by=held.submitted_by,
        at=held.at,
    )
