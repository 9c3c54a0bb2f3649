"""Handlers for logging in and out, as documents for programs and as forms for people."""

import html
from importlib.resources import files
from urllib.parse import parse_qs

import msgspec

from ringwall.core import InvalidInput, Unauthenticated, parse_json
from ringwall.server.access import close_session, open_session, require_same_origin
from ringwall.server.answers import Answer, error_answer
from ringwall.server.context import Call
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
    return _form(call, "")


def submit_form(call: Call) -> Answer:
    """POST /login: open a session and go to the first page, or show the form again."""
    require_same_origin(call.headers, browser=False)
    code = parse_qs(call.document[:4096].decode("utf-8", "replace")).get("code", [""])[0]
    try:
        cookie = open_session(
            call.context, code[:_CODE_LENGTH], call.source, certificate=call.certificate
        )
    except Unauthenticated as error:
        refusal = error_answer(error)
        form = _form(call, str(error))
        return msgspec.structs.replace(form, status=refusal.status, headers=refusal.headers)
    return Answer(status=303, headers=(("location", "/"), ("set-cookie", cookie)))


@declare({204: None}, body=Body((JSON,), LoginCode), refusals=(401, 403))
def login(call: Call) -> Answer:
    """POST /api/v1/login: Use up a one-time code, answer with the session cookie."""
    require_same_origin(call.headers, browser=False)
    try:
        asked = msgspec.convert(parse_json(call.document), LoginCode)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"login: {error}", field="code", rule="shape") from error
    cookie = open_session(
        call.context, asked.code[:_CODE_LENGTH], call.source, certificate=call.certificate
    )
    return Answer(status=204, headers=(("set-cookie", cookie),))


@declare({204: None})
def logout(call: Call) -> Answer:
    """POST /api/v1/logout: End the session that the cookie names."""
    return Answer(status=204, headers=(("set-cookie", close_session(call.context, call.headers)),))


def _form(call: Call, message: str) -> Answer:
    text = (files("ringwall.server") / "static" / "login.html").read_text()
    values = {
        "{{code}}": call.query.text("code")[:_CODE_LENGTH],
        "{{message}}": message,
        "{{alliance}}": call.context.alliance.name,
        "{{kind}}": call.context.alliance.kind,
        "{{member}}": call.context.alliance.members[call.context.member].name,
    }
    for mark, value in values.items():
        text = text.replace(mark, html.escape(value, quote=True))
    return Answer(text.encode(), media_type=HTML)
