"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header): an answer given once.

What a key was answered with is kept for a day: the same request gets the same answer, another
request under the same key is refused, a second one at the same time too. The answer is kept after
what it tells of is durable, before anybody hears it. A crash between the two leaves the statements
without the kept answer; the repeated request then runs again, and intake finds by content that
everything is known: the same statements, told with ``known``. So the effect is once in any case,
and the key adds that the words are the same.
"""

import hashlib
import logging
import zlib
from collections.abc import Callable
from datetime import timedelta

import msgspec

from ringwall.core import InvalidInput, StorageFull, format_timestamp
from ringwall.server.answers import Answer
from ringwall.server.context import Call
from ringwall.server.operations import Header
from ringwall.store import WriteTransaction

KIND = "idempotency"
KEPT = timedelta(hours=24)
REPLAYED = "idempotency-replayed"
KEY = Header(
    name="idempotency-key",
    description=(
        "1 to 255 visible ASCII characters, bare or as a quoted string: the same request under the"
        " same key within 24 hours gets the same answer"
    ),
    pattern=r'"[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255}',
    longest=257,
    rule="idempotency-key",
)
_log = logging.getLogger("ringwall.server")


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it is kept; ``body`` is compressed."""

    fingerprint: bytes
    status: int
    media_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def once(call: Call, answer: Callable[[Call], Answer]) -> Answer:
    """Answer a call, or as it was answered before under the same key. Without a key: answer it.

    Raises InvalidInput (rule ``idempotency-key``: the key was used for another request), Conflict
    (rule ``in-progress``). What ``answer`` raises is not kept: it changed nothing.
    """
    key = KEY.of(call).strip('"')
    if not key:
        return answer(call)
    # What one credential was told is not for a narrower one of the same reader.
    owner, name = call.standing, f"{call.route} {key}"
    with call.context.in_progress.claim((owner, name)):
        fingerprint = _fingerprint(call)
        with call.context.store.read() as snapshot:
            kept = snapshot.document(KIND, owner, name, format_timestamp(call.context.clock.now()))
        if kept is not None:
            return _replay(msgspec.msgpack.decode(kept, type=_Kept), fingerprint)
        done = answer(call)
        _keep(call, owner, name, fingerprint, done)
        return done


def _fingerprint(call: Call) -> bytes:
    """Return a digest of what was asked: the parameters and the body."""
    asked = sorted((name, call.query.text(name)) for name in call.query.names())
    digest = hashlib.sha256(msgspec.json.encode(asked))
    digest.update(call.body)
    return digest.digest()


def _replay(kept: _Kept, fingerprint: bytes) -> Answer:
    if kept.fingerprint != fingerprint:
        raise InvalidInput(
            "the key was used for another request: take a new one",
            field="idempotency-key",
            rule="idempotency-key",
        )
    headers = (*kept.headers, (REPLAYED, "true"))
    return Answer(zlib.decompress(kept.body), kept.status, kept.media_type, headers)


def _keep(call: Call, owner: str, name: str, fingerprint: bytes, done: Answer) -> None:
    now = call.context.clock.now()
    body = zlib.compress(done.body, 1)
    kept = _Kept(fingerprint, done.status, done.media_type, done.headers, body)
    document = msgspec.msgpack.encode(kept)
    created, expires = format_timestamp(now), format_timestamp(now + KEPT)

    def job(tx: WriteTransaction) -> None:
        tx.purge_documents(created)
        tx.put_document(KIND, owner, name, document, created, expires)

    try:
        call.context.store.write(job).result()
    except StorageFull:  # what the answer tells of is durable: to hide it would help nobody
        _log.warning("the answer to an idempotency key was not kept: the disk is full")
