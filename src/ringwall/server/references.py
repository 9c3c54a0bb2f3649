"""Handlers for reference sets: loaded data (ATT&CK, say) that is nobody's statement."""

import msgspec

from ringwall.core import check_name
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.statements import PAGE_LIMIT


def load(call: Call) -> Answer:
    """POST /references/{set}: replace a whole reference set with a bundle."""
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
    rows = call.view.reference_page(after=after, limit=limit + 1, set_name=query.text("set"))
    more, rows = len(rows) > limit, rows[:limit]
    last = rows[-1].order if rows else after
    objects = [msgspec.Raw(row.body) for row in rows]
    return json_answer({"set": query.text("set"), "objects": objects, "more": more, "next": last})
