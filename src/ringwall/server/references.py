"""Handlers for reference sets: loaded data (ATT&CK, say) that is nobody's statement."""

import msgspec

from ringwall.core import check_name
from ringwall.server.answers import PROBLEM, Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.cursors import REFERENCES
from ringwall.server.documents import StixBytes
from ringwall.server.operations import Place, Text, declare
from ringwall.server.paging import read_page, split
from ringwall.server.statements import LIMIT, NAME, STIX_BODY
from ringwall.stix import Refusal

SET = Text(name="set", description="the objects of this set", pattern=NAME, longest=63, rule="name")
AFTER = Place(
    name="after",
    description="go on after this place: the `next` of the page before",
    kind=REFERENCES,
)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reference set: ``objects`` are in it now."""

    set: str
    objects: int
    refused: list[Refusal]


class ReferenceSets(msgspec.Struct, frozen=True, kw_only=True):
    """The reference sets with the number of their objects."""

    sets: dict[str, int]


class ReferencePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the objects of one set."""

    set: str
    objects: list[StixBytes]
    more: bool
    next: str


@declare({201: Loaded}, body=STIX_BODY, refusals=(413,))
def load(call: Call) -> Answer:
    """POST /references/{set}: Replace a whole set; 422 and no change if anything is refused."""
    name = check_name(call.path["set"], field="set")
    loaded, refused = call.context.intake.load_reference(call.reader, name, call.document)
    document = Loaded(set=name, objects=loaded, refused=list(refused))
    if loaded:
        return json_answer(document, 201)
    first = refused[0] if refused else Refusal(0, "", "objects", "empty", "the bundle is empty")
    problem = {"type": "about:blank", "title": "Unprocessable Content", "status": 422}
    problem |= {"detail": first.message, "code": "invalid"}
    problem |= {"field": first.field, "rule": first.rule}
    return json_answer({**problem, **msgspec.to_builtins(document)}, 422, media_type=PROBLEM)


@declare({200: (ReferenceSets, ReferencePage)}, SET, AFTER, LIMIT)
def listing(call: Call) -> Answer:
    """GET /references: The sets with their sizes, or a page of the objects of one `set`."""
    name, after, limit = SET.of(call), AFTER.number(call), LIMIT.of(call)
    if not name:
        with call.context.store.read() as snapshot:
            return json_answer(ReferenceSets(sets=snapshot.counts().references))
    found = read_page(
        lambda start, number: call.view.reference_page(after=start, limit=number, set_name=name),
        after,
        limit,
    )
    rows, more = split(found, limit)
    last = call.cursors.place(rows[-1].order if rows else after, REFERENCES)
    objects = [msgspec.Raw(row.body) for row in rows]
    return json_answer(ReferencePage(set=name, objects=objects, more=more, next=last))
