"""Handlers for logging in with a code and out, as documents for programs and as forms for people.

A code that a second person confirmed has two parts with a dot between.
"""

import html
from importlib.resources import files
from urllib.parse import parse_qs

import msgspec

from ringwall.core import InvalidInput, RingwallError, Unauthenticated, parse_json
from ringwall.identity.passkeys import relying_party
from ringwall.server.access import require_same_origin
from ringwall.server.answers import Answer, error_answer
from ringwall.server.context import Call
from ringwall.server.entering import close_session, enter_with_code, entry_of
from ringwall.server.negotiation import JSON
from ringwall.server.operations import Body, declare

HTML = "text/html; charset=utf-8"
_CODE_LENGTH = 200


class LoginCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time code of a login link."""

    code: str


def page(call: Call) -> Answer:
    """GET /login: a form that sends the one-time code of the link; the GET itself changes nothing.

    So a mail scanner or a preview that follows the link does not use the code up.
    """
    call.query.only("code")
    return form(call, "", code=call.query.text("code"))


def submit_form(call: Call) -> Answer:
    """POST /login: open a session and go to the first page, or show the form again."""
    require_same_origin(call.headers, browser=False)
    sent = parse_qs(call.document[:4096].decode("utf-8", "replace"))
    parts = [sent.get(name, [""])[0].strip() for name in ("code", "confirmation")]
    code = ".".join(filter(None, parts))[:_CODE_LENGTH]
    try:
        cookie = enter_with_code(call.context, code, entry_of(call, "login-code"))
    except Unauthenticated as error:
        return refused_form(call, error)
    return Answer(status=303, headers=(("location", "/"), cookie))


@declare({204: None}, body=Body((JSON,), LoginCode), refusals=(401, 403))
def login(call: Call) -> Answer:
    """POST /api/v1/login: Use up a one-time code, answer with the session cookie."""
    require_same_origin(call.headers, browser=False)
    try:
        asked = msgspec.convert(parse_json(call.document), LoginCode)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"login: {error}", field="code", rule="shape") from error
    entry = entry_of(call, "login-code")
    return Answer(
        status=204, headers=(enter_with_code(call.context, asked.code[:_CODE_LENGTH], entry),)
    )


@declare({204: None})
def logout(call: Call) -> Answer:
    """POST /api/v1/logout: End the session that the cookie names."""
    return Answer(status=204, headers=(close_session(call.context, call.headers),))


def refused_form(call: Call, error: RingwallError, message: str = "") -> Answer:
    """Return the form with why somebody was not let in, under the status of the refusal."""
    refusal = error_answer(error)
    answer = form(call, message or error.message)
    return msgspec.structs.replace(answer, status=refusal.status, headers=refusal.headers)


def form(call: Call, message: str, *, code: str = "") -> Answer:
    """Return the login page with the ways in that this node has."""
    context = call.context
    member = context.alliance.members[context.member].name
    text = (files("ringwall.server") / "static" / "login.html").read_text()
    values = {
        "{{code}}": code[:_CODE_LENGTH],
        "{{message}}": message,
        "{{alliance}}": context.alliance.name,
        "{{kind}}": context.alliance.kind,
        "{{member}}": member,
        "{{passkeys}}": "yes" if relying_party(context.address, member) else "no",
        "{{provider}}": "provider" if context.federation else "no-provider",
    }
    for mark, value in values.items():
        text = text.replace(mark, html.escape(value, quote=True))
    return Answer(text.encode(), media_type=HTML)
