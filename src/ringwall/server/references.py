"""Handlers for reference sets: loaded data (ATT&CK, say) that is nobody's statement."""

import msgspec

from ringwall.core import check_name
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.paging import read_page, split
from ringwall.server.statements import PAGE_LIMIT


def load(call: Call) -> Answer:
    """POST /references/{set}: replace a whole set; 422 and no change if anything is refused."""
    call.query.only()
    name = check_name(call.path["set"], field="set")
    loaded, refused = call.context.intake.load_reference(call.reader, name, call.body)
    document = {"set": name, "objects": loaded, "refused": refused}
    return json_answer(document, 201 if loaded else 422)


def listing(call: Call) -> Answer:
    """GET /references: the sets with their sizes, or a page of the objects of one ``set``."""
    query = call.query
    query.only("set", "after", "limit")
    limit = query.integer("limit", 100, low=1, high=PAGE_LIMIT)
    after = query.integer("after", 0, low=0, high=2**63 - 1)
    if not query.text("set"):
        with call.context.store.read() as snapshot:
            return json_answer({"sets": snapshot.counts().references})
    name = query.text("set")
    found = read_page(
        lambda start, number: call.view.reference_page(after=start, limit=number, set_name=name),
        after,
        limit,
    )
    rows, more = split(found, limit)
    last = rows[-1].order if rows else after
    objects = [msgspec.Raw(row.body) for row in rows]
    return json_answer({"set": name, "objects": objects, "more": more, "next": last})
