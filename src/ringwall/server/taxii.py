"""Handlers for TAXII 2.1 reading (OASIS standard, sections 4 and 5); bytes go out as stored."""

import re
from collections.abc import Sequence

import msgspec

from ringwall.core import InvalidInput, NotFound
from ringwall.server.answers import NOT_ACCEPTABLE, TAXII, Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.paging import split
from ringwall.server.taxii_collections import COLLECTIONS, Collection, Entry
from ringwall.server.taxii_query import Wanted, read_wanted

MAX_CONTENT_LENGTH = 100 * 1024 * 1024
STIX = "application/stix+json;version=2.1"
_BEGINNING = "1970-01-01T00:00:00.000000Z"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_ACCEPTED = frozenset({"*/*", "application/*", "application/json", "application/taxii+json"})


def discovery(call: Call) -> Answer:
    """GET /taxii2/: where the API root is, as an absolute URL (some clients take it apart)."""
    check_accept(call)
    host = call.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise InvalidInput("not a host", field="host", rule="host")
    scheme = "https" if call.context.secure_cookies else "http"
    root = f"{scheme}://{host}/taxii2/ringwall/"
    described = call.context.alliance
    document = {
        "title": f"Ringwall node {call.context.node}",
        "description": f"{described.name} ({described.kind})",
        "default": root,
        "api_roots": [root],
    }
    return json_answer(document, media_type=TAXII)


def api_root(call: Call) -> Answer:
    """GET /taxii2/ringwall/: what the API root can do."""
    check_accept(call)
    document = {
        "title": f"Ringwall node {call.context.node}",
        "versions": [TAXII],
        "max_content_length": MAX_CONTENT_LENGTH,
    }
    return json_answer(document, media_type=TAXII)


def collections(call: Call) -> Answer:
    """GET …/collections/: every collection; titles are unique, some clients select by them."""
    check_accept(call)
    return json_answer({"collections": [_describe(c) for c in COLLECTIONS]}, media_type=TAXII)


def collection(call: Call) -> Answer:
    """GET …/collections/{id}/."""
    check_accept(call)
    return json_answer(_describe(_find(call)), media_type=TAXII)


def _describe(found: Collection) -> dict[str, object]:
    return {
        "id": found.id,
        "alias": found.alias,
        "title": found.title,
        "description": found.description,
        "can_read": True,
        "can_write": False,
        "media_types": [STIX],
    }


def _find(call: Call) -> Collection:
    name = call.path["collection"]
    for each in COLLECTIONS:
        if name in (each.id, each.alias):
            return each
    raise NotFound("no such collection")


def objects(call: Call) -> Answer:
    """GET …/objects/: an envelope; ``objects`` is there even when it is empty."""
    wanted, limit = _question(call)
    entries, following = _page(call, wanted, limit)
    return _envelope([msgspec.Raw(entry.body) for entry in entries], entries, wanted, following)


def manifest(call: Call) -> Answer:
    """GET …/manifest/: ids, versions and dates of the same objects."""
    wanted, limit = _question(call)
    entries, following = _page(call, wanted, limit)
    records = [
        {"id": e.object_id, "date_added": e.date_added, "version": e.version, "media_type": STIX}
        for e in entries
    ]
    return _envelope(records, entries, wanted, following)


def one_object(call: Call) -> Answer:
    """GET …/objects/{id}/: the wanted versions of one object, 404 if none may be seen."""
    wanted, limit = _question(call, object_id=call.path["object_id"])
    entries, following = _page(call, wanted, limit)
    _present(entries, wanted)
    return _envelope([msgspec.Raw(entry.body) for entry in entries], entries, wanted, following)


def versions(call: Call) -> Answer:
    """GET …/objects/{id}/versions/: every version of one object."""
    wanted, limit = _question(call, object_id=call.path["object_id"])
    wanted = msgspec.structs.replace(wanted, versions=("all",))
    entries, following = _page(call, wanted, limit)
    _present(entries, wanted)
    return _envelope([e.version for e in entries], entries, wanted, following, name="versions")


def _question(call: Call, *, object_id: str = "") -> tuple[Wanted, int]:
    check_accept(call)
    return read_wanted(call.query, object_id=object_id)


def _page(call: Call, wanted: Wanted, limit: int) -> tuple[list[Entry], str]:
    """Read one page and the cursor of the next, "" when nothing follows."""
    entries, more = split(_find(call).read(call, wanted, limit), limit)
    if not more:
        return entries, ""
    return entries, wanted.cursor(entries[-1].order, entries[-1].date_added)


def _present(entries: list[Entry], wanted: Wanted) -> None:
    if not entries and not wanted.added_after:
        raise NotFound("no such object")


def _envelope(
    items: Sequence[object],
    entries: list[Entry],
    wanted: Wanted,
    following: str,
    *,
    name: str = "objects",
) -> Answer:
    document: dict[str, object] = {"more": bool(following), name: items}
    if following:
        document["next"] = following
    nothing = wanted.added_after or _BEGINNING
    first, last = (entries[0], entries[-1]) if entries else (None, None)
    headers = (
        ("x-taxii-date-added-first", first.date_added if first else nothing),
        ("x-taxii-date-added-last", last.date_added if last else nothing),
    )
    answer = json_answer(document, media_type=TAXII)
    return msgspec.structs.replace(answer, headers=headers)


def check_accept(call: Call) -> None:
    """Refuse (406) only who accepts neither TAXII 2.1 nor anything: 406 makes some fall to 2.0."""
    accepted = call.headers.get("accept", "*/*")
    for media_range in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        version = next((p.split("=")[-1].strip('"') for p in parameters if "version" in p), "2.1")
        if name in _ACCEPTED and version == "2.1":
            return
    raise InvalidInput("this is TAXII 2.1 only", field="accept", rule=NOT_ACCEPTABLE)
