"""Verification of what left or may leave: releases, outbox, envelopes, positions.

"accepted" entry → the first release; later ones only narrow it, but for what a "released-further"
entry opened; the outbox waits for no more
"sealed" entry → an envelope's bytes, recipients and statements, and the positions given out
"""

import hashlib
from collections.abc import Iterator

import msgspec

from ringwall.store.audited import Ledger, Pin, Seal
from ringwall.store.port_reads import ReadTransaction
from ringwall.store.records import Finding, StoredEnvelope, StoredStatement

_PAGE = 50
_NAMES = msgspec.json.Decoder(frozenset[str])


class _Decision(msgspec.Struct, frozen=True):
    audience: frozenset[str]


_DECISION = msgspec.json.Decoder(_Decision)


def verify_release(one: StoredStatement, pin: Pin, ledger: Ledger) -> Iterator[Finding]:
    """Compare the releases and the outbox row of a statement with its entry."""
    name = str(one.id)
    audiences = [_audience(document) for document in one.releases]
    nothing: frozenset[str] = frozenset()
    granted = audiences[-1] if audiences else nothing
    if pin.audience is not None:
        pinned = pin.audience | ledger.further.get(name, nothing)
        if not audiences or audiences[0] != pin.audience:
            message = f"its first release is not the one in audit entry {pin.index}"
            yield Finding("releases", name, "audience", message)
        if any(later - pinned for later in audiences[1:]):
            message = f"a later release is wider than the one in audit entry {pin.index}"
            yield Finding("releases", name, "wider", message)
        granted &= pinned
    queued = None if one.queued is None else _names(one.queued)
    if queued is not None and queued - granted:
        nodes = ", ".join(sorted(queued - granted))
        yield Finding(
            "outbox", name, "audience", f"it waits for {nodes}, to whom it is not released"
        )
    if pin.audience and queued is None and name not in ledger.sealed | ledger.closed:
        message = f"audit entry {pin.index} released it; it was never sealed and waits no more"
        yield Finding("outbox", name, "missing", message)


def _audience(document: bytes) -> frozenset[str]:
    """Return whom a decision names; one that cannot be read is wider than every other."""
    try:
        return _DECISION.decode(document).audience
    except (msgspec.DecodeError, UnicodeDecodeError):
        return frozenset({"unreadable"})


def _names(document: str) -> frozenset[str]:
    try:
        return _NAMES.decode(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return frozenset({"unreadable"})


def verify_envelopes(tx: ReadTransaction, ledger: Ledger) -> Iterator[Finding]:
    """Compare sealed envelopes with their entries, and the positions that were given out."""
    waiting = dict(ledger.seals)
    after = 0
    while page := tx.stored_envelopes(after, _PAGE):
        for one in page:
            yield from _verify_envelope(one, waiting.pop(one.id, None))
        after = page[-1].order
    for name, seal in waiting.items():
        message = f"audit entry {seal.index} says that it was sealed; it is not there"
        yield Finding("envelopes", name, "missing", message)
    yield from _verify_positions(tx, ledger)


def _verify_envelope(one: StoredEnvelope, seal: Seal | None) -> Iterator[Finding]:
    if seal is None:
        yield Finding("envelopes", one.id, "audit", "no audit entry says that it was sealed")
        return
    entry = f"audit entry {seal.index}"
    if one.data is None and not one.settled:
        yield Finding("envelopes", one.id, "data", "its bytes are gone before all had settled it")
    if one.data is not None and hashlib.sha256(one.data).hexdigest() != seal.sha256:
        yield Finding("envelopes", one.id, "sha256", f"its bytes are not those of {entry}")
    if one.lane != seal.lane:
        yield Finding("envelopes", one.id, "lane", f"its lane is not the one in {entry}")
    recipients = {(node, seal.lane, position) for node, position in seal.recipients.items()}
    if set(one.recipients) != recipients:
        message = f"its recipients are not those of {entry}"
        yield Finding("envelope_recipients", one.id, "recipients", message)
    if set(one.statements) != seal.statements:
        message = f"its statements are not those of {entry}"
        yield Finding("envelope_statements", one.id, "statements", message)


def _verify_positions(tx: ReadTransaction, ledger: Ledger) -> Iterator[Finding]:
    """Find positions that would be given out twice."""
    highest: dict[tuple[str, str], int] = {}
    for seal in ledger.seals.values():
        for node, position in seal.recipients.items():
            place = (node, seal.lane)
            highest[place] = max(position, highest.get(place, 0))
    for (node, lane), position in sorted(highest.items()):
        sent = tx.sent_position(node, lane)
        if sent < position:
            message = f"{position} was sealed, but {sent} is noted as the last given out"
            yield Finding("out_positions", f"{node} {lane}", "position", message)
