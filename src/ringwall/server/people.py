"""Handlers for who looks after a member's readers: their credentials, and links to log in.

Whoever acts stands at least as high as whom it touches. Taking away needs one person, an
administrator or a policy officer; letting in needs two, unless the link is for an administrator.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Forbidden, InvalidInput, NotFound, format_timestamp, parse_json
from ringwall.identity import find_reader, find_readers
from ringwall.identity.links import (
    LoginLink,
    confirm_link,
    drop_link,
    find_link,
    make_link,
    pending_links,
)
from ringwall.identity.people import check_rank, end_person
from ringwall.identity.sessions import end_sessions
from ringwall.identity.tokens import tokens_of
from ringwall.server.answers import Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.credentials import (
    SessionDocument,
    TokenDocument,
    revoke_in,
    shown_sessions,
    shown_tokens,
    take_session,
    take_token,
)
from ringwall.server.freshness import check_fresh
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare
from ringwall.server.passkeys import PasskeyDocument, shown_passkeys, take_passkey
from ringwall.store import ReadTransaction, WriteTransaction


class PersonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A reader of this member. ``until``: when the provider's word ends, "" for a described one."""

    reader: str
    name: str
    roles: list[str]
    tlp: str
    until: str


class People(msgspec.Struct, frozen=True):
    """The readers of this node's member, by their ids."""

    people: list[PersonDocument]


class PersonCredentials(PersonDocument, frozen=True, kw_only=True):
    """A reader and everything that lets it in."""

    tokens: list[TokenDocument]
    passkeys: list[PasskeyDocument]
    sessions: list[SessionDocument]


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For how many minutes a login link is good."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 15


class NewLink(msgspec.Struct, frozen=True, kw_only=True):
    """A login link, shown once. ``waits``: a second person has to confirm it first."""

    id: str
    link: str
    expires: str
    waits: bool


class Links(msgspec.Struct, frozen=True):
    """The links that wait for a second person, oldest first."""

    links: list[LoginLink]


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """The second part of a link's code, shown once: for the reader, not for who made the link."""

    id: str
    reader: str
    code: str


@declare({200: People})
def listing(call: Call) -> Answer:
    """GET /people: The readers of this node's member."""
    context, at = call.context, call.at
    with context.store.read() as snapshot:
        found = find_readers(context.alliance, context.member, snapshot, at)
    return json_answer(People([_person(reader, until) for reader, until in found]))


@declare({200: PersonCredentials}, refusals=(404,))
def one(call: Call) -> Answer:
    """GET /people/{reader}: A reader and everything that lets it in."""
    context, at = call.context, call.at
    with context.store.read() as snapshot:
        found = dict(find_readers(context.alliance, context.member, snapshot, at))
        target = _target(call, snapshot)
        document = PersonCredentials(
            **msgspec.structs.asdict(_person(target, found[target])),
            tokens=shown_tokens(snapshot, target.id, at),
            passkeys=shown_passkeys(snapshot, context.member, target.id, at),
            sessions=shown_sessions(snapshot, target.id, at),
        )
    return json_answer(document)


@declare({204: None}, refusals=(404,))
def end(call: Call) -> Answer:
    """DELETE /people/{reader}: End what the provider said of somebody, sessions and tokens with it.

    It says it again when the person logs in again, who then has none of them: take the account away
    at the provider too.
    """
    member, at = call.context.member, call.at

    def take(tx: WriteTransaction) -> bool:
        target = _target(call, tx)
        if not end_person(tx, member, target.id):
            return False
        end_sessions(tx, target.id, at)
        for each in tokens_of(tx, target.id, at):
            revoke_in(tx, call, target, each.id)
        tx.append_audit("person-ended", {"reader": target.id, "by": call.reader.id})
        return True

    if not call.context.store.write(take).result():
        raise NotFound("the alliance description names this reader")
    return Answer(status=204)


@declare({204: None}, refusals=(404,))
def revoke_token(call: Call) -> Answer:
    """DELETE /people/{reader}/tokens/{token}: Revoke somebody's token."""
    return _take(call, take_token, "token")


@declare({204: None}, refusals=(404,))
def revoke_passkey(call: Call) -> Answer:
    """DELETE /people/{reader}/passkeys/{passkey}: Take somebody's passkey away."""
    return _take(call, take_passkey, "passkey")


@declare({204: None}, refusals=(404,))
def end_session(call: Call) -> Answer:
    """DELETE /people/{reader}/sessions/{session}: End somebody's session."""
    return _take(call, take_session, "session")


@declare({201: NewLink}, body=Body((JSON,), LinkRequest), refusals=(404,))
def link(call: Call) -> Answer:
    """POST /people/{reader}/login-link: Make a one-time login link for a reader.

    For anybody but an administrator it works only once a policy officer has confirmed it, and then
    only together with the code that the confirmation gives. One that works at once opens the whole
    of an account: no narrowed token makes it, and a session only just after it began.
    """
    minutes = _minutes(call)
    context, now = call.context, call.context.clock.now()
    expires = format_timestamp(now + timedelta(minutes=minutes))

    def job(tx: WriteTransaction) -> NewLink:
        target = _target(call, tx)
        if target.id not in context.alliance.readers:
            raise Forbidden("your identity provider lets this person in", rule="federated")
        asked = LoginLink("", target.id, call.reader.id, format_timestamp(now), expires)
        made = make_link(tx, context.member, target, asked)
        if not made.waits:
            _check_whole(call, tx)
        address = f"{context.address}/login?code={made.code}"
        return NewLink(id=made.id, link=address, expires=expires, waits=made.waits)

    return json_answer(context.store.write(job).result(), 201)


@declare({200: Links})
def links(call: Call) -> Answer:
    """GET /login-links: The login links that wait for a second person, but for who stands above."""
    context, at = call.context, call.at
    with context.store.read() as snapshot:
        ranks = {
            reader.id: reader.rank
            for reader, _ in find_readers(context.alliance, context.member, snapshot, at)
        }
        found = pending_links(snapshot, context.member, at)
    shown = [each for each in found if ranks.get(each.reader, 0) <= call.reader.rank]
    return json_answer(Links(shown))


@declare({201: Confirmation}, refusals=(404, 409))
def confirm(call: Call) -> Answer:
    """POST /login-links/{link}/confirmation: Confirm a link as the second person.

    Neither who made the link nor whom it is for can, nor any administrator: that could have made it
    in another's name. The answer's code goes to the reader.
    """
    name, at, member = call.path["link"], call.at, call.context.member

    def job(tx: WriteTransaction) -> Confirmation:
        waiting = find_link(tx, member, name, at)
        _check(call, tx, waiting.reader)
        _check_second(call, tx)
        code = confirm_link(tx, member, name, call.reader.id, at)
        return Confirmation(id=name, reader=waiting.reader, code=code)

    return json_answer(call.context.store.write(job).result(), 201)


@declare({204: None}, refusals=(404,))
def withdraw(call: Call) -> Answer:
    """DELETE /login-links/{link}: Give up a link that waits."""
    name, at, member = call.path["link"], call.at, call.context.member

    def job(tx: WriteTransaction) -> None:
        waiting = find_link(tx, member, name, at)
        _check(call, tx, waiting.reader)
        drop_link(tx, member, name)
        entry = {"link": name, "reader": waiting.reader, "by": call.reader.id}
        tx.append_audit("login-code-withdrawn", entry)

    call.context.store.write(job).result()
    return Answer(status=204)


def _check_second(call: Call, tx: ReadTransaction) -> None:
    """Refuse an administrator, also one whose token does not show it.

    Raises Forbidden (rule ``second-person``).
    """
    context = call.context
    whole = find_reader(context.alliance, context.member, tx, call.reader.id, call.at)
    if whole is None or "administrator" in whole.roles:
        why = "a link is confirmed by a policy officer who is no administrator"
        raise Forbidden(why, rule="second-person")


def _check_whole(call: Call, tx: ReadTransaction) -> None:
    """Refuse what has less than an account to make a way into one.

    Raises Forbidden (rules ``beyond-credential``, ``fresh-login``).
    """
    if call.is_narrowed:
        why = "a narrowed token makes no link that works at once"
        raise Forbidden(why, field="reader", rule="beyond-credential")
    check_fresh(call, tx)


def _take(call: Call, take: Callable[[Call, Reader, str], None], kind: str) -> Answer:
    with call.context.store.read() as snapshot:
        target = _target(call, snapshot)
    take(call, target, call.path[kind])
    return Answer(status=204)


def _target(call: Call, tx: ReadTransaction) -> Reader:
    """Return the reader whom the path names. Raises NotFound, Forbidden (rule ``rank``)."""
    return _check(call, tx, call.path["reader"])


def _check(call: Call, tx: ReadTransaction, name: str) -> Reader:
    context = call.context
    target = find_reader(context.alliance, context.member, tx, name, call.at)
    if target is None:
        raise NotFound("no such reader")
    check_rank(call.reader, target)
    return target


def _person(reader: Reader, until: str) -> PersonDocument:
    return PersonDocument(
        reader=reader.id,
        name=reader.name,
        roles=sorted(reader.roles),
        tlp=reader.tlp.value,
        until=until,
    )


def _minutes(call: Call) -> int:
    try:
        return msgspec.convert(parse_json(call.document), LinkRequest).minutes
    except msgspec.ValidationError as error:
        raise InvalidInput(f"login link: {error}", field="minutes", rule="shape") from error
