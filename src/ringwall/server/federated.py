"""Handlers of single sign-on: to the identity provider, back with its word, and out again.

What went wrong stands in the log and the audit log; whoever logs in is told that it did.
"""

import hmac
import logging

from ringwall.core import (
    Forbidden,
    NotFound,
    RingwallError,
    Unauthenticated,
    Unavailable,
)
from ringwall.identity import Federation
from ringwall.identity.federated import Assertion, asserted_person
from ringwall.identity.people import end_person, put_person
from ringwall.identity.sealed import LOGIN_LIFE, OneTime, spend
from ringwall.identity.sessions import end_sessions
from ringwall.server.access import check_not_locked_out, count_failure
from ringwall.server.answers import Answer
from ringwall.server.context import Call
from ringwall.server.cookies import LOGIN, cookie_in, set_cookie
from ringwall.server.entering import begin_session, entry_of
from ringwall.server.limits import network_of
from ringwall.server.login import refused_form
from ringwall.store import WriteTransaction

CALLBACK = "/login/oidc/callback"
_PURPOSE = "single-sign-on"
_NO_LOGIN = "single sign-on failed: begin again, or ask your administrator"
_NO_ROLE = "your account is known and has no role here: ask your administrator"
_log = logging.getLogger("ringwall.server")


def start(call: Call) -> Answer:
    """GET /login/oidc: on to the provider; what the answer must fit goes along in a cookie."""
    call.query.only()
    federation = _federation(call)
    state, sealed = call.context.sealed.begin(_PURPOSE, call.context.clock.now())
    try:
        url = federation.provider.authorization_url(state, _redirect_uri(call))
    except Unavailable as error:
        return refused_form(call, error)
    return Answer(status=303, headers=(("location", url), _cookie(call, sealed)))


def callback(call: Call) -> Answer:
    """GET /login/oidc/callback: the provider's answer becomes a session, or a reason why not."""
    federation = _federation(call)
    try:
        check_not_locked_out(call.context, _source(call), call.context.clock.now())
        cookie = _enter(call, federation)
    except Unavailable as error:
        answer = refused_form(call, error)
    except Forbidden as error:
        answer = refused_form(call, error, _NO_ROLE)
    except Unauthenticated as error:
        answer = refused_form(call, _counted(call, error), _NO_LOGIN)
    else:
        answer = Answer(status=303, headers=(("location", "/"), cookie))
    return _without_state(call, answer)


def leave(call: Call) -> Answer:
    """GET /login/oidc/logout: on to the provider, which ends its own session and sends back."""
    call.query.only()
    after = f"{call.context.address}/login"
    try:
        url = _federation(call).provider.logout_url(after)
    except Unavailable as error:
        return refused_form(call, error)
    return Answer(status=303, headers=(("location", url),))


def _enter(call: Call, federation: Federation) -> tuple[str, str]:
    """Return the header of a new session. Raises what explains why there is none."""
    context, query = call.context, call.query
    now = context.clock.now()
    sealed = cookie_in(call.headers.get("cookie", ""), LOGIN, secure=context.secure_cookies)
    state = context.sealed.open(_PURPOSE, sealed, now)
    if not hmac.compare_digest(query.text("state").encode(), state.state.encode()):
        raise Unauthenticated("the answer is to another login", field="state", rule="state")
    if "code" not in query.names():
        raise Unauthenticated("the provider refused", field="code", rule="refused-by-provider")
    claims = federation.provider.claims(
        query.text("code"), query.text("iss"), state, _redirect_uri(call)
    )
    asserted = asserted_person(context.alliance, context.member, federation.rules, claims, now)
    if asserted.refused:
        _enter_refusal(call, asserted)
        raise Forbidden("this account has no standing here", field="role", rule=asserted.refused)
    return context.store.write(lambda tx: _admit(call, tx, asserted, state)).result()


def _admit(
    call: Call, tx: WriteTransaction, asserted: Assertion, state: OneTime
) -> tuple[str, str]:
    context, person = call.context, asserted.person
    spend(tx, context.member, state, person.at)
    put_person(tx, person)
    said = {
        "issuer": person.issuer,
        "roles": sorted(person.reader.roles),
        "tlp": person.reader.tlp.value,
        "beyond": _named(asserted),
    }
    entry = entry_of(call, "single-sign-on")
    return begin_session(tx, context, person.reader.id, entry, until=person.until, audit=said)


def _enter_refusal(call: Call, asserted: Assertion) -> None:
    """End what the provider said of somebody before, for this is its word now.

    The audit log tells who was not let in, and what the rules would have given.
    """
    member, name, at = call.context.member, asserted.person.reader.id, asserted.person.at
    entry = {
        "reader": name,
        "rule": asserted.refused,
        "source": call.source,
        "beyond": _named(asserted),
    }

    def end(tx: WriteTransaction) -> None:
        end_person(tx, member, name)
        end_sessions(tx, name, at)
        tx.append_audit("login-refused", entry)

    call.context.store.write(end).result()


def _named(asserted: Assertion) -> list[str]:
    return [": ".join(each) for each in asserted.beyond]


def _counted(call: Call, error: Unauthenticated) -> RingwallError:
    """Count a failure and return what is answered: the refusal, or that it was one too many."""
    _log.warning("single sign-on refused: %s (field %s, rule %s)", error, error.field, error.rule)
    try:
        count_failure(call.context, _source(call), call.context.clock.now())
    except Unauthenticated as locked_out:
        return locked_out
    return error


def _source(call: Call) -> str:
    """Return what failures are counted to: a tool with an old token locks nobody out of this."""
    return f"{_PURPOSE} {network_of(call.source)}"


def _federation(call: Call) -> Federation:
    if call.context.federation is None:
        raise NotFound("this node has no identity provider")
    return call.context.federation


def _redirect_uri(call: Call) -> str:
    return f"{call.context.address}{CALLBACK}"


def _cookie(call: Call, sealed: str) -> tuple[str, str]:
    seconds = int(LOGIN_LIFE.total_seconds()) if sealed else 0
    secure = call.context.secure_cookies
    return set_cookie(sealed, seconds, secure=secure, name=LOGIN, from_provider=True)


def _without_state(call: Call, answer: Answer) -> Answer:
    """Take the state of this login from the browser: it served once, or not at all."""
    headers = (*answer.headers, _cookie(call, ""))
    return Answer(answer.body, answer.status, answer.media_type, headers)
