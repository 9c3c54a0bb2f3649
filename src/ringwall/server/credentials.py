"""Handlers of a reader's own credentials: tokens and sessions."""

from datetime import timedelta
from typing import Annotated

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Forbidden, NotFound, format_timestamp
from ringwall.identity import EVERY_SCOPE, Grant, Scope
from ringwall.identity.secrets import hash_secret
from ringwall.identity.sessions import drop_session, sessions_of
from ringwall.identity.tokens import (
    NewToken,
    TokenEntry,
    drop_token,
    make_token,
    new_token,
    tokens_of,
)
from ringwall.labels import Tlp
from ringwall.server.access import tokens_in
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.cookies import session_in
from ringwall.server.freshness import check_fresh
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.server.shapes import read_shape
from ringwall.store import ReadTransaction, WriteTransaction

SESSION_ID = 16
"""How many hex digits of a session's hash name it."""


class TokenDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is shown. ``tlp`` "" and every scope: all that its reader may do."""

    id: str
    reader: str
    note: str
    created: str
    expires: str
    scopes: list[str]
    roles: list[str]
    tlp: str


class Tokens(msgspec.Struct, frozen=True):
    """A reader's tokens that are good now, oldest first."""

    tokens: list[TokenDocument]


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token: the only time that it is shown."""

    id: str
    token: str
    expires: str


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token is to be: what is left out is as much as whoever asks has."""

    note: Annotated[str, msgspec.Meta(max_length=200)] = ""
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1)] | None = None
    tlp: Tlp | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 90


class SessionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A browser's session; ``current``: of the request that asks."""

    id: str
    reader: str
    method: str
    source: str
    created: str
    expires: str
    current: bool = False


class Sessions(msgspec.Struct, frozen=True):
    """A reader's sessions, oldest first."""

    sessions: list[SessionDocument]


@declare({200: Tokens})
def tokens(call: Call) -> Answer:
    """GET /tokens: The reader's own tokens."""
    at = call.at
    with call.context.store.read() as snapshot:
        return json_answer(Tokens(shown_tokens(snapshot, call.reader.id, at)))


@declare({201: MadeToken}, body=Body((JSON,), TokenRequest))
def create(call: Call) -> Answer:
    """POST /tokens: Make a token of one's own, never with more rights than what asks for it.

    It keeps the roles and the TLP of the moment: what the reader may do more later, it may not. A
    session makes one just after it began, so that who stole it does not keep the account.
    """
    wanted = _wanted(call)
    secret = new_token(narrowed=True)

    def make(tx: WriteTransaction) -> str:
        check_fresh(call, tx)
        return make_token(tx, wanted, secret)

    name = call.context.store.write(make).result()
    return json_answer(MadeToken(id=name, token=secret, expires=wanted.expires), 201)


@declare({204: None}, refusals=(404,))
def revoke(call: Call) -> Answer:
    """DELETE /tokens/{token}: Revoke a token of one's own."""
    take_token(call, call.reader, call.path["token"])
    return Answer(status=204)


@declare({200: Sessions})
def sessions(call: Call) -> Answer:
    """GET /sessions: The reader's own sessions."""
    at = call.at
    secret = session_in(call.headers.get("cookie", ""), secure=call.context.secure_cookies)
    with call.context.store.read() as snapshot:
        found = shown_sessions(snapshot, call.reader.id, at, hash_secret(secret).hex())
    return json_answer(Sessions(found))


@declare({204: None}, refusals=(404,))
def end(call: Call) -> Answer:
    """DELETE /sessions/{session}: End a session of one's own."""
    take_session(call, call.reader, call.path["session"])
    return Answer(status=204)


def shown_tokens(tx: ReadTransaction, reader: str, at: str) -> list[TokenDocument]:
    """Return a reader's tokens without what lets anybody in."""
    return [_token(each) for each in tokens_of(tx, reader, at)]


def shown_sessions(
    tx: ReadTransaction, reader: str, at: str, current: str = ""
) -> list[SessionDocument]:
    """Return a reader's sessions; ``current`` is the SHA-256 of the one that asks."""
    return [
        SessionDocument(
            id=each.id[:SESSION_ID],
            reader=each.reader,
            method=each.method,
            source=each.source,
            created=each.created,
            expires=each.expires,
            current=each.id == current,
        )
        for each in sessions_of(tx, reader, at)
    ]


def take_token(call: Call, target: Reader, token: str) -> None:
    """Revoke a token of a reader. Raises NotFound."""
    if not call.context.store.write(lambda tx: revoke_in(tx, call, target, token)).result():
        raise NotFound("no such token")


def revoke_in(tx: WriteTransaction, call: Call, target: Reader, token: str) -> bool:
    """Revoke a token of a reader in a job, with its audit entry; False: there is none."""
    if not drop_token(tx, target.id, token, call.at):
        return False
    entry = {"token": token, "reader": target.id, "by": call.reader.id}
    tx.append_audit("token-revoked", entry)
    return True


def take_session(call: Call, target: Reader, session: str) -> None:
    """End a session of a reader. Raises NotFound."""
    at = call.at

    def take(tx: WriteTransaction) -> bool:
        named = [each for each in sessions_of(tx, target.id, at) if each.id[:SESSION_ID] == session]
        if not any(drop_session(tx, target.id, each.id) for each in named):
            return False
        entry = {"session": session, "reader": target.id, "by": call.reader.id}
        tx.append_audit("session-ended", entry)
        return True

    if not call.context.store.write(take).result():
        raise NotFound("no such session")


def _wanted(call: Call) -> NewToken:
    """Read what is asked for. Raises InvalidInput, and Forbidden (rule ``beyond-credential``)."""
    asked = read_shape(call.document, TokenRequest, "token")
    reader, held = call.reader, call.scopes
    scopes = held if asked.scopes is None else frozenset(asked.scopes)
    tlp = reader.tlp if asked.tlp is None else asked.tlp
    if not scopes <= held:
        beyond = ", ".join(sorted(scopes - held))
        raise Forbidden(f"you have no {beyond} to give", field="/scopes", rule="beyond-credential")
    if tlp.rank > reader.tlp.rank:
        why = f"you may see up to TLP:{reader.tlp}"
        raise Forbidden(why, field="/tlp", rule="beyond-credential")
    now = call.context.clock.now()
    expires = format_timestamp(now + timedelta(days=asked.days))
    return NewToken(
        reader=reader.id,
        note=" ".join(asked.note.split()),
        created=format_timestamp(now),
        expires=min(filter(None, (expires, _own_end(call)))),
        grant=Grant(scopes, reader.roles, tlp),
        by=reader.id,
    )


def _own_end(call: Call) -> str:
    """Return when the token that asks ends: what it makes does not outlive it; "" for a session.

    A request may name two tokens, also one that was revoked: the shorter life counts.
    """
    digests = {hash_secret(each) for each in tokens_in(call.headers.get("authorization", ""))}
    with call.context.store.read() as snapshot:
        rows = snapshot.tokens(call.reader.id) if digests else []
    return min((row.expires for row in rows if row.hash in digests and row.expires), default="")


def _token(entry: TokenEntry) -> TokenDocument:
    grant = entry.grant
    return TokenDocument(
        id=entry.id,
        reader=entry.reader,
        note=entry.note,
        created=entry.created,
        expires=entry.expires,
        scopes=sorted(EVERY_SCOPE if grant is None else grant.scopes),
        roles=[] if grant is None else sorted(grant.roles),
        tlp="" if grant is None else grant.tlp.value,
    )
