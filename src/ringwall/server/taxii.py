"""Handlers for reading by TAXII 2.1 (OASIS standard, sections 4 and 5): bytes go out as stored."""

import re
from collections.abc import Sequence

import msgspec

from ringwall.core import Forbidden, InvalidInput, NotFound
from ringwall.server.answers import TAXII, Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.taxii_collections import (
    Collection,
    check_there,
    collections_of,
    find_collection,
)
from ringwall.server.taxii_markings import bodies_for_tlp_1, marked_bodies
from ringwall.server.taxii_media import STIX, check_accept
from ringwall.server.taxii_pages import Page, read_rows
from ringwall.server.taxii_query import Wanted, moment, read_wanted, read_wanted_versions
from ringwall.server.taxii_settings import tlp_of
from ringwall.store import PageRow, Shown

MAX_CONTENT_LENGTH = 100 * 1024 * 1024
_BEGINNING = "1970-01-01T00:00:00.000000Z"
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_ENCODER = msgspec.json.Encoder()


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
    """GET …/collections/: every collection of this reader."""
    check_accept(call)
    document = {"collections": [_describe(each) for each in collections_of(call)]}
    return json_answer(document, media_type=TAXII)


def collection(call: Call) -> Answer:
    """GET …/collections/{id}/."""
    check_accept(call)
    found = find_collection(call)

    def look(shown: Shown) -> list[PageRow]:
        check_there(call, found, shown)
        return []

    if found.member:
        call.view.look(look)
    return json_answer(_describe(found), media_type=TAXII)


def _describe(found: Collection) -> dict[str, object]:
    document: dict[str, object] = {
        "id": found.id,
        "title": found.title,
        "description": found.description,
        "can_read": found.can_read,
        "can_write": found.can_write,
        "media_types": [STIX],
    }
    return {**document, "alias": found.alias} if found.alias else document


def objects(call: Call) -> Answer:
    """GET …/objects/: an envelope; ``objects`` is there even when it is empty."""
    found = _readable(call)
    wanted, limit = read_wanted(call.query, call.cursors, collection=found.id)
    page = read_rows(call, found, wanted, limit)
    return _envelope(_bodies(call, found, page), page, wanted)


def manifest(call: Call) -> Answer:
    """GET …/manifest/: ids, versions and dates of the same objects."""
    found = _readable(call)
    wanted, limit = read_wanted(call.query, call.cursors, collection=found.id)
    page = read_rows(call, found, wanted, limit)
    records = [
        {
            "id": row.object_id,
            "date_added": row.received_at,
            "version": _version(row),
            "media_type": STIX,
        }
        for row in page.rows
    ]
    return _envelope(_encoded(records), page, wanted)


def one_object(call: Call) -> Answer:
    """GET …/objects/{id}/: the wanted versions of one object, 404 if none may be seen."""
    found, page, wanted = _of_one(call, every=False)
    return _envelope(_bodies(call, found, page), page, wanted)


def versions(call: Call) -> Answer:
    """GET …/objects/{id}/versions/: every version of one object."""
    _, page, wanted = _of_one(call, every=True)
    return _envelope(_encoded([_version(row) for row in page.rows]), page, wanted, b"versions")


def _of_one(call: Call, *, every: bool) -> tuple[Collection, Page, Wanted]:
    found = _readable(call)
    name = call.path["object_id"]
    wanted, limit = read_wanted_versions(
        call.query, call.cursors, name, collection=found.id, every=every
    )
    page = read_rows(call, found, wanted, limit)
    if not page.rows and not wanted.added_after:
        page.wait()
        raise NotFound("no such object")
    return found, page, wanted


def _readable(call: Call) -> Collection:
    check_accept(call)
    found = find_collection(call)
    if not found.can_read:
        raise Forbidden("this collection is only written to", field="collection", rule="can-read")
    return found


def _bodies(call: Call, found: Collection, page: Page) -> list[bytes]:
    """Return the objects of a page with the markings that this reader's client understands."""
    if tlp_of(call) == "1.0":
        return bodies_for_tlp_1(page.rows, page.labels)
    if found.is_reference:
        return [row.body for row in page.rows]
    return marked_bodies(page.rows, page.labels)


def _encoded(items: Sequence[object]) -> list[bytes]:
    return [_ENCODER.encode(item) for item in items]


def _version(row: PageRow) -> str:
    """Return a version, or the date added for what has none (section 5.3.1)."""
    return row.version if moment(row.version) else row.received_at


def _envelope(
    items: Sequence[bytes], page: Page, wanted: Wanted, name: bytes = b"objects"
) -> Answer:
    """Join a page, whose items are JSON already; return when its read is in the audit log."""
    following = b',"next":"%s"' % page.following.encode() if page.following else b""
    more = b"true" if page.following else b"false"
    body = b'{"more":%s,"%s":[%s]%s}' % (more, name, b",".join(items), following)
    nothing = wanted.added_after or _BEGINNING
    dates = [row.received_at for row in page.rows] or [nothing]
    headers = (
        ("x-taxii-date-added-first", dates[0]),
        ("x-taxii-date-added-last", dates[-1]),
    )
    page.wait()
    return Answer(body, media_type=TAXII, headers=headers)
