"""Logs: one line each, with the fields that programs need, and nothing that is secret."""

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ringwall.core import InvalidInput
from ringwall.core.request_id import request_id
from ringwall.exchange.hub_accounts import new_user_seed
from ringwall.operations.logs import LONGEST, set_up_logs, tidy


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield io.StringIO()
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_the_fields(stream: io.StringIO) -> None:
    set_up_logs("arden-1", level="info", form="json", stream=stream)
    log = logging.getLogger("ringwall.exchange")
    log.debug("not shown")
    token = request_id.set("0123456789abcdef")
    try:
        log.warning("%s waits\nfor %d", "x", 3)
    finally:
        request_id.reset(token)
    log.info("later")
    first, second = lines(stream)
    assert first["time"].endswith("Z")
    del first["time"], second["time"]
    assert first == {
        "level": "warning",
        "logger": "ringwall.exchange",
        "message": "x waits for 3",
        "node": "arden-1",
        "request": "0123456789abcdef",
    }
    assert "request" not in second


def test_text_is_one_line_too(stream: io.StringIO) -> None:
    set_up_logs("arden-1", level="info", form="text", stream=stream)
    try:
        raise InvalidInput("no such label", field="/label", rule="label")
    except InvalidInput:
        logging.getLogger("ringwall").exception("a\nb")
    (line,) = stream.getvalue().splitlines()
    assert " ERROR ringwall: a b [error=InvalidInput no such label at " in line


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_canary_gets_out(stream: io.StringIO, form: str) -> None:
    """Content comes in by exceptions of libraries; secrets by whoever formats too much."""
    seed = new_user_seed()
    web_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
    pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"
    secrets = [seed, web_token, "hunter2hunter2", "MIGHAgEAMBMGByqGSM49", "CONTENT-CANARY"]
    set_up_logs("arden-1", level="debug", form=form, stream=stream)
    log = logging.getLogger("ringwall.server")
    log.warning("seed %s", seed)
    log.warning("jwt %s", web_token)
    log.warning("Authorization: Bearer hunter2hunter2")
    log.warning("at nats://node:hunter2hunter2@127.0.0.1:4222")
    log.warning("key %s", pem)
    try:
        try:
            json.loads('{"name": CONTENT-CANARY}')
        except ValueError as error:
            raise KeyError("CONTENT-CANARY") from error
    except KeyError:
        log.exception("a request failed")
    text = stream.getvalue()
    assert [secret for secret in secrets if secret in text] == []
    assert "KeyError at " in text
    assert "JSONDecodeError at json.decoder" in text
    assert len(text.splitlines()) == 6


def test_a_line_has_a_bound_and_no_control_characters() -> None:
    assert len(tidy("x" * 10_000)) == LONGEST + 1
    assert tidy("a\x1b[31m\u2028b\x00") == "a [31m b "


def test_a_message_whose_arguments_do_not_fit_is_still_a_line(stream: io.StringIO) -> None:
    set_up_logs("arden-1", level="info", form="json", stream=stream)
    logging.getLogger("x").info("%d of %d", 1)  # noqa: PLE1206 - the defect that is tried
    assert "%d of %d" in lines(stream)[0]["message"]


def test_a_chain_of_errors_without_end_is_a_line(stream: io.StringIO) -> None:
    set_up_logs("arden-1", level="info", form="json", stream=stream)
    one, two = ValueError(), TypeError()
    one.__cause__, two.__cause__ = two, one
    logging.getLogger("x").error("loop", exc_info=one)
    assert lines(stream)[0]["error"] == "ValueError at nowhere from TypeError at nowhere"


def test_uncaught_exceptions_are_one_line_each() -> None:
    code = (
        "import threading\n"
        "from ringwall.operations.logs import set_up_logs\n"
        "set_up_logs('arden-1', level='info', form='json')\n"
        "def fail(): raise ValueError('CONTENT-CANARY')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "fail()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    in_thread, in_main = [json.loads(line) for line in done.stderr.splitlines()]
    assert (in_thread["message"], in_main["message"]) == ("uncaught in a thread", "uncaught")
    assert in_main["error"].startswith("ValueError at __main__:")
    assert "CANARY" not in done.stderr
