"""Handlers for writing by TAXII 2.1: adding objects, the status of that, deleting an object.

Adding is done when it is answered: a status is always complete. It is kept for a day, because a
client may lose the answer and ask again.
"""

import uuid
from datetime import timedelta

import msgspec

from ringwall.core import Forbidden, NotFound, format_timestamp
from ringwall.exchange import SubmitResult
from ringwall.server.answers import TAXII, Answer
from ringwall.server.context import Call
from ringwall.server.taxii_collections import Collection, find_collection
from ringwall.server.taxii_media import check_accept, check_content_type
from ringwall.server.taxii_pages import wanted_versions
from ringwall.server.taxii_query import Wanted, moment, read_removal
from ringwall.store import Shown, Statement, WriteTransaction

KIND = "taxii-status"
STATUS_LIFE = timedelta(hours=24)
MOST_LISTED = 10_000
"""Above this number successes are only counted, and failures too."""


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one object (section 4.3.2)."""

    id: str
    version: str
    message: str = ""


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """A status resource (section 4.3.1)."""

    id: str
    status: str
    request_timestamp: str
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    successes: list[Detail] = []
    failures: list[Detail] = []


def add_objects(call: Call) -> Answer:
    """POST …/objects/: 202 with the status; what is poisoned fails alone, with its reason."""
    check_accept(call)
    call.query.only()
    found = _writable(call)
    check_content_type(call)
    at = format_timestamp(call.context.clock.now())
    expires = format_timestamp(call.context.clock.now() + STATUS_LIFE)
    written = b""

    def conclude(tx: WriteTransaction, result: SubmitResult) -> None:
        nonlocal written
        status = status_of(result, at)
        written = msgspec.json.encode(status)
        tx.purge_documents(at)
        tx.put_document(KIND, call.reader.id, status.id, written, at, expires)

    submit = call.context.intake.submit
    submit(call.reader, call.body, label=found.label, lone=False, conclude=conclude)
    return Answer(written, 202, TAXII)


def status_of(result: SubmitResult, at: str) -> Status:
    """Build the status of a submission that came at ``at``.

    Every object that was sent counts. The successes are listed where each is one statement: not
    where a TLP definition, a second copy or an observation that was taken apart is among them.
    """
    failed = list({one.index: one for one in reversed(result.refused)}.values())[::-1]
    failures = len(failed) + result.unlisted
    succeeded = result.count - failures
    added = result.submitted
    listed = added if len(added) == succeeded <= MOST_LISTED else ()
    return Status(
        id=str(uuid.uuid4()),
        status="complete",
        request_timestamp=at,
        total_count=result.count,
        success_count=succeeded,
        failure_count=failures,
        pending_count=0,
        successes=[
            Detail(one.object, one.version or at, f"known: {one.statement}" if one.known else "")
            for one in listed
        ],
        failures=[
            Detail(
                one.object_id or f"/objects/{one.index}",
                at,
                f"/objects/{one.index}{one.field}: {one.rule}: {one.message}",
            )
            for one in (() if result.unlisted else failed)
        ],
    )


def status(call: Call) -> Answer:
    """GET …/status/{id}/: what became of a POST of this reader within the last day."""
    check_accept(call)
    call.query.only()
    at = format_timestamp(call.context.clock.now())
    with call.context.store.read() as snapshot:
        kept = snapshot.document(KIND, call.reader.id, call.path["status"], at)
    if kept is None:
        raise NotFound("no such status")
    return Answer(kept, media_type=TAXII)


def delete_object(call: Call) -> Answer:
    """DELETE …/objects/{id}/: withdraw what this member stated and no other node has.

    403 (rule ``released``) and no change if any wanted version has left: that must be recalled.
    """
    check_accept(call)
    found = _writable(call)
    if not found.can_read:
        raise Forbidden("this collection cannot be read", field="collection", rule="can-read")
    name = call.path["object_id"]
    wanted = read_removal(call.query, name)
    rows = call.view.look(lambda shown: _stated(shown, name, found, wanted))
    if not rows:
        raise NotFound("no such object")
    call.context.intake.withdraw(call.reader, [row.id for row in rows])
    call.context.arrivals.published()
    return Answer(b"{}", media_type=TAXII)


def _stated(shown: Shown, name: str, found: Collection, wanted: Wanted) -> list[Statement]:
    if not wanted.is_possible:
        return []
    rows = [row for row in shown.versions(name) if row.source == found.member]
    if not rows:
        return []
    versions = {moment(row.version): row for row in rows}
    chosen = wanted_versions(versions, wanted.keywords, wanted.moments)
    return [row for row in rows if moment(row.version) in chosen]


def _writable(call: Call) -> Collection:
    found = find_collection(call)
    if not found.can_write:
        raise Forbidden("this collection is only read", field="collection", rule="can-write")
    return found
