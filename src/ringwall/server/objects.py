"""Handlers for one object: its newest version as one reader sees it, and all statements about it.

A reader sees one object per id and version: the bytes once, under the least restrictive label that
is visible to this reader (STIX tools know objects, not statements).
"""

import re
from collections.abc import Collection, Iterable

import msgspec

from ringwall.core import InvalidInput
from ringwall.labels import Label, format_label
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import ObjectDocument, StatementPage, title, with_object
from ringwall.server.operations import AFTER, declare
from ringwall.server.paging import read_page, split
from ringwall.server.statements import LIMIT, present
from ringwall.stix import version_order
from ringwall.store import Selection, Shown, Statement

STIX_ID = r"[A-Za-z0-9_-]{1,250}--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_STIX_ID = re.compile(STIX_ID, re.ASCII)
_STRICTEST = 9


@declare({200: ObjectDocument}, refusals=(404,))
def one_object(call: Call) -> Answer:
    """GET /objects/{stix_id}: One object in its newest visible version.

    Under the least restrictive label that the reader sees on this version; `sources` and
    `statements` say who states it.
    """
    wanted = stix_id(call)
    found = present(call.view.look(lambda shown: newest(shown, {wanted}).get(wanted, [])))
    return json_answer(document(found))


@declare({200: StatementPage}, AFTER, LIMIT, refusals=(404,))
def statements_of(call: Call) -> Answer:
    """GET /objects/{stix_id}/statements: Every visible statement about one object.

    Newest version first; with `after`, in the order of arrival and page by page. An object that
    nobody states visibly is not found, whatever `after` is.
    """
    wanted, limit = stix_id(call), LIMIT.of(call)
    if "after" not in call.query.names():
        page, more = split(present(call.view.look(lambda shown: shown.versions(wanted))), limit)
        return _page(page, None, more=more)
    after = AFTER.number(call)
    about = Selection(object_ids=frozenset({wanted}))
    known: list[Statement] = []

    def choose(shown: Shown) -> list[Statement]:
        known.extend(shown.statements(limit=1, selection=about))
        return read_page(
            lambda start, number: shown.statements(after=start, limit=number, selection=about),
            after,
            limit,
        )

    rows = call.view.look(choose)
    present(known)
    page, more = split(rows, limit)
    following = call.cursors.place(page[-1].order if page else after)
    return _page(page, following, more=more)


def _page(page: list[Statement], following: str | None, *, more: bool) -> Answer:
    rows = [with_object(row) for row in page]
    return json_answer(StatementPage(statements=rows, more=more, next=following))


def stix_id(call: Call) -> str:
    """Return the STIX id that the path names. Raises InvalidInput (rule ``identifier``)."""
    text: str = call.path["stix_id"]
    if _STIX_ID.fullmatch(text) is None:
        raise InvalidInput(
            f"not a STIX identifier (type--UUID): {text[:80]!r}",
            field="stix_id",
            rule="identifier",
        )
    return text


def document(stated: list[Statement]) -> ObjectDocument:
    """Describe an object by the statements of one version, the least restrictive first."""
    shown = stated[0]
    ordered = sorted(stated, key=lambda row: row.order)
    return ObjectDocument(
        object_id=shown.object_id,
        type=shown.object_type,
        version=shown.version,
        title=title(shown.body),
        label=format_label(shown.label),
        sources=sorted({row.source for row in stated}),
        statements=[str(row.id) for row in ordered],
        object=msgspec.Raw(shown.body),
    )


def newest(shown: Shown, object_ids: Collection[str]) -> dict[str, list[Statement]]:
    """Return the statements of the newest visible version of each object, as `document` wants them.

    What is withheld is missing, as what does not exist is.
    """
    latest: dict[str, tuple[str, list[int]]] = {}
    for object_id, version, place in shown.version_index(object_ids):
        moment = version_order(version)
        held = latest.get(object_id)
        if held is None or moment > held[0]:
            latest[object_id] = moment, [place]
        elif moment == held[0]:
            held[1].append(place)
    return {name: _stated(shown, places) for name, (_, places) in latest.items()}


def _stated(shown: Shown, places: Iterable[int]) -> list[Statement]:
    rows = [row for place in places for row in shown.statements(after=place - 1, limit=1)]
    return sorted(rows, key=lambda row: (_strictness(row.label), row.order))


def _strictness(label: Label) -> tuple[int, bool, int, str]:
    """Order labels: by TLP, then those with a list of addressees, the shorter the stricter."""
    rank = label.tlp.rank if label.tlp else _STRICTEST
    return rank, label.rel_to is not None, -len(label.rel_to or ()), format_label(label)
