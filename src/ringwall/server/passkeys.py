"""Handlers of passkeys: logging in with one, and a reader's own."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec

from ringwall.alliance import Reader
from ringwall.core import (
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthenticated,
    format_timestamp,
    parse_json,
)
from ringwall.identity import find_reader
from ringwall.identity.passkeys import (
    PasskeyUse,
    RelyingParty,
    add_passkey,
    drop_passkey,
    find_passkey,
    login_options,
    passkeys_of,
    record_use,
    registration_options,
    relying_party,
    verify_login,
    verify_registration,
)
from ringwall.identity.sealed import LOGIN_LIFE, OneTime, spend
from ringwall.identity.secrets import hash_secret
from ringwall.identity.sessions import drop_session, sessions_of
from ringwall.server.access import count_failure, require_same_origin
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.cookies import LOGIN, cookie_in, session_in, set_cookie
from ringwall.server.documents import AnyDocument
from ringwall.server.entering import begin_session, entry_of
from ringwall.server.freshness import session_of
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.store import ReadTransaction, WriteTransaction

FRESH = timedelta(minutes=5)
"""How long after logging in with a passkey another one may be added."""
FRESH_CODE = timedelta(minutes=15)
"""How long after logging in with a code the first one may be."""
_LOGIN, _REGISTER = "passkey-login", "passkey-registration"


class PasskeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as it is shown; ``used`` is its last login, "" if there was none."""

    id: str
    reader: str
    note: str
    created: str
    used: str


class Passkeys(msgspec.Struct, frozen=True):
    """A reader's passkeys, oldest first."""

    passkeys: list[PasskeyDocument]


class PasskeyLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser's ``credentials.get`` gave, as ``PublicKeyCredential.toJSON`` writes it."""

    credential: AnyDocument


class NewPasskey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser's ``credentials.create`` gave, as ``toJSON`` writes it, and a note."""

    credential: AnyDocument
    note: Annotated[str, msgspec.Meta(max_length=80)] = ""


@declare({200: AnyDocument}, refusals=(403,))
def ask(call: Call) -> Answer:
    """GET /login/passkey: What a browser needs to log in with a passkey of this node."""
    state, sealed = call.context.sealed.begin(_LOGIN, call.context.clock.now())
    return _with_state(call, login_options(_party(call), state.challenge), sealed)


@declare({204: None}, body=Body((JSON,), PasskeyLogin), refusals=(401, 403))
def login(call: Call) -> Answer:
    """POST /login/passkey: Log in with a passkey, answer with the session cookie."""
    require_same_origin(call.headers, browser=False)
    party, sent = _party(call), _read(call, PasskeyLogin).credential
    try:
        state = _state(call, _LOGIN)
        use = _verified(call, party, sent, state)
        cookie = call.context.store.write(lambda tx: _admit(call, tx, use, state)).result()
    except Unauthenticated as error:
        _enter_refusal(call, sent, error)
        raise
    return Answer(status=204, headers=(cookie, _cookie(call, "")))


@declare({200: Passkeys})
def listing(call: Call) -> Answer:
    """GET /passkeys: The reader's own passkeys."""
    at = call.at
    with call.context.store.read() as snapshot:
        found = shown_passkeys(snapshot, call.context.member, call.reader.id, at)
    return json_answer(Passkeys(found))


@declare({200: AnyDocument})
def begin(call: Call) -> Answer:
    """POST /passkeys/options: What a browser needs to make a passkey for this node.

    The first one is made after logging in with a one-time link, every other one just after logging
    in with a passkey. Only readers of the alliance description have passkeys.
    """
    party, reader, context = _party(call), call.reader, call.context
    with context.store.read() as snapshot:
        _check_fresh(call, snapshot)
        known = passkeys_of(snapshot, context.member, reader.id, call.at)
    state, sealed = context.sealed.begin(_REGISTER, context.clock.now(), reader=reader.id)
    return _with_state(call, registration_options(party, reader, known, state.challenge), sealed)


@declare({201: PasskeyDocument}, body=Body((JSON,), NewPasskey), refusals=(409,))
def finish(call: Call) -> Answer:
    """POST /passkeys: Keep the passkey that the browser made."""
    party, reader, at = _party(call), call.reader, call.at
    sent, state = _read(call, NewPasskey), _state(call, _REGISTER)
    if state.reader != reader.id:
        raise Unauthenticated("begun by somebody else", field="state", rule="login-state")
    made = verify_registration(
        party, sent.credential, state.challenge, reader=reader.id, note=sent.note, at=at
    )

    def keep(tx: WriteTransaction) -> None:
        _check_fresh(call, tx)
        spend(tx, call.context.member, state, at)
        add_passkey(tx, call.context.member, made)
        tx.append_audit("passkey-added", {"passkey": made.id, "reader": reader.id})

    call.context.store.write(keep).result()
    document = msgspec.convert(made, PasskeyDocument, from_attributes=True)
    return msgspec.structs.replace(json_answer(document, 201), headers=(_cookie(call, ""),))


@declare({204: None}, refusals=(404,))
def drop(call: Call) -> Answer:
    """DELETE /passkeys/{passkey}: Take a passkey of one's own away."""
    take_passkey(call, call.reader, call.path["passkey"])
    return Answer(status=204)


def take_passkey(call: Call, target: Reader, passkey: str) -> None:
    """Take a passkey from a reader, and end the sessions that it opened but the one that asks.

    Raises NotFound.
    """
    at, member = call.at, call.context.member
    asking = hash_secret(session_in(_cookies(call), secure=call.context.secure_cookies)).hex()

    def take(tx: WriteTransaction) -> bool:
        if not drop_passkey(tx, member, target.id, passkey, at):
            return False
        for opened in sessions_of(tx, target.id, at):
            if opened.passkey == passkey and opened.id != asking:
                drop_session(tx, target.id, opened.id)
        entry = {"passkey": passkey, "reader": target.id, "by": call.reader.id}
        tx.append_audit("passkey-removed", entry)
        return True

    if not call.context.store.write(take).result():
        raise NotFound("no such passkey")


def shown_passkeys(tx: ReadTransaction, member: str, reader: str, at: str) -> list[PasskeyDocument]:
    """Return a reader's passkeys without their keys."""
    return msgspec.convert(
        passkeys_of(tx, member, reader, at), list[PasskeyDocument], from_attributes=True
    )


def _verified(call: Call, party: RelyingParty, sent: dict[str, Any], state: OneTime) -> PasskeyUse:
    member = call.context.member
    with call.context.store.read() as snapshot:
        passkey = find_passkey(snapshot, member, sent, call.at)
    if passkey is None:
        raise Unauthenticated("the passkey is not known here", field="rawId", rule="passkey")
    return verify_login(party, member, passkey, sent, state.challenge)


def _admit(call: Call, tx: WriteTransaction, use: PasskeyUse, state: OneTime) -> tuple[str, str]:
    context, at = call.context, call.at
    reader = find_reader(context.alliance, context.member, tx, use.passkey.reader, at)
    if reader is None:
        raise Unauthenticated("its reader is not known here", field="rawId", rule="passkey")
    spend(tx, context.member, state, at)
    record_use(tx, context.member, use, at)
    entry = entry_of(call, "passkey", passkey=use.passkey.id)
    return begin_session(tx, context, reader.id, entry)


def _enter_refusal(call: Call, sent: dict[str, Any], error: Unauthenticated) -> None:
    """Count a failure; a passkey that seems to be copied is first entered in the audit log."""
    if error.rule == "sign-count":
        _enter_copy(call, sent)
    count_failure(call.context, call.source, call.context.clock.now())


def _enter_copy(call: Call, sent: dict[str, Any]) -> None:
    with call.context.store.read() as snapshot:
        passkey = find_passkey(snapshot, call.context.member, sent, call.at)
    if passkey is not None:
        entry = {"passkey": passkey.id, "reader": passkey.reader, "source": call.source}
        call.context.store.write(lambda tx: tx.append_audit("passkey-copied", entry)).result()


def _check_fresh(call: Call, tx: ReadTransaction) -> None:
    """Refuse to add a passkey but just after a proof that is as good.

    Raises Forbidden (rules ``federated``, ``fresh-login``).
    """
    reader, context = call.reader, call.context
    if reader.id not in context.alliance.readers:
        raise Forbidden("your identity provider has your passkeys", rule="federated")
    session = session_of(call, tx)
    first = not passkeys_of(tx, context.member, reader.id, call.at)
    method, life = ("login-code", FRESH_CODE) if first else ("passkey", FRESH)
    since = format_timestamp(context.clock.now() - life)
    if session is None or session.method != method or session.created < since:
        raise Forbidden(
            f"a passkey is added just after logging in with a {method}", rule="fresh-login"
        )


def _cookies(call: Call) -> str:
    return call.headers.get("cookie", "")


def _party(call: Call) -> RelyingParty:
    context = call.context
    party = relying_party(context.address, context.alliance.members[context.member].name)
    if party is None:
        raise Forbidden("this node's address is not the name of a host", rule="host-name")
    return party


def _read(call: Call, shape: type[PasskeyLogin] | type[NewPasskey]) -> Any:
    try:
        return msgspec.convert(parse_json(call.document), shape)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"passkey: {error}", field="credential", rule="shape") from error


def _state(call: Call, purpose: str) -> OneTime:
    context = call.context
    sealed = cookie_in(_cookies(call), LOGIN, secure=context.secure_cookies)
    return context.sealed.open(purpose, sealed, context.clock.now())


def _with_state(call: Call, document: dict[str, Any], sealed: str) -> Answer:
    return msgspec.structs.replace(json_answer(document), headers=(_cookie(call, sealed),))


def _cookie(call: Call, sealed: str) -> tuple[str, str]:
    seconds = int(LOGIN_LIFE.total_seconds()) if sealed else 0
    return set_cookie(sealed, seconds, secure=call.context.secure_cookies, name=LOGIN)
