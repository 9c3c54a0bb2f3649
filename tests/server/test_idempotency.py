"""Idempotency keys: the same request gets the same answer, and nothing is stated twice."""

import threading
import time
import uuid
from datetime import timedelta

import httpx
import pytest

from ringwall.server import idempotency
from tests.server.world import World, bundle, indicator

PATH = "/api/v1/submissions?label=warning"


def key() -> dict[str, str]:
    return {"idempotency-key": str(uuid.uuid4())}


def stated(answer: httpx.Response) -> list[str]:
    return [one["statement"] for one in answer.json()["submitted"]]


def test_the_same_request_gets_the_same_answer_and_is_stated_once(world: World) -> None:
    body, headers = bundle(indicator("once")), key()
    with world.http("tool") as http:
        first = http.post(PATH, content=body, headers=headers)
        with world.store.read() as snapshot:
            last = snapshot.last_order()
        again = http.post(PATH, content=body, headers=headers)
        quoted = {"idempotency-key": f'"{headers["idempotency-key"]}"'}
        as_text = http.post(PATH, content=body, headers=quoted)
    with world.store.read() as snapshot:
        assert snapshot.last_order() == last
    assert first.status_code == again.status_code == 201
    assert first.content == again.content == as_text.content
    assert idempotency.REPLAYED not in first.headers
    assert again.headers[idempotency.REPLAYED] == "true"


def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    body, headers = bundle(indicator("first")), key()
    with world.http("tool") as http, world.http("analyst") as other:
        assert http.post(PATH, content=body, headers=headers).status_code == 201
        changed = http.post(PATH, content=bundle(indicator("second")), headers=headers)
        relabelled = http.post("/api/v1/submissions?label=TLP:RED", content=body, headers=headers)
        somebody = other.post(PATH, content=bundle(indicator("third")), headers=headers)
    for answer in (changed, relabelled):
        assert answer.status_code == 422
        assert (answer.json()["field"], answer.json()["rule"]) == (
            "idempotency-key",
            "idempotency-key",
        )
    assert somebody.status_code == 201  # a key belongs to its reader


def test_a_second_one_at_the_same_time_is_refused_and_then_answered(own_world: World) -> None:
    body, headers, blocked = bundle(indicator("slow")), key(), threading.Event()
    first: list[httpx.Response] = []

    def send() -> None:
        with own_world.http("tool") as http:
            first.append(http.post(PATH, content=body, headers=headers))

    sending = threading.Thread(target=send)
    own_world.store.write(lambda tx: blocked.wait(20))  # the writer is busy: intake waits for it
    try:
        sending.start()
        with own_world.http("tool", timeout=30) as http:
            deadline = time.monotonic() + 10
            while not own_world.context.in_progress.running():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            second = http.post(PATH, content=body, headers=headers)
            assert (second.status_code, second.json()["rule"]) == (409, "in-progress")
            blocked.set()
            sending.join(20)
            third = http.post(PATH, content=body, headers=headers)
    finally:
        blocked.set()
        sending.join(20)
    assert (first[0].status_code, third.content) == (201, first[0].content)


def test_what_a_crash_left_unkept_runs_again_and_finds_everything_known(world: World) -> None:
    body, headers = bundle(indicator("crashed"), indicator("too")), key()
    name = f"/api/v1/submissions {headers['idempotency-key']}"
    with world.http("tool") as http:
        first = http.post(PATH, content=body, headers=headers)
        dropped = world.store.write(lambda tx: tx.drop_document(idempotency.KIND, "tool", name))
        assert dropped.result()
        again = http.post(PATH, content=body, headers=headers)
    assert again.status_code == 201
    assert stated(again) == stated(first)
    assert [one["known"] for one in first.json()["submitted"]] == [False, False]
    assert [one["known"] for one in again.json()["submitted"]] == [True, True]


def test_a_key_is_forgotten_after_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEPT", timedelta(milliseconds=1))
    headers = key()
    with world.http("tool") as http:
        first = http.post(PATH, content=bundle(indicator("early")), headers=headers)
        time.sleep(0.01)
        later = http.post(PATH, content=bundle(indicator("late")), headers=headers)
    assert first.status_code == later.status_code == 201
    assert stated(first) != stated(later)


def test_what_was_not_understood_is_not_kept_and_what_was_refused_is(world: World) -> None:
    broken = indicator("broken")
    del broken["pattern"]
    headers, other = key(), key()
    with world.http("tool") as http:
        unread = http.post(PATH, content=b"{", headers=headers)
        mended = http.post(PATH, content=bundle(indicator("mended")), headers=headers)
        body = bundle(broken)
        refused = [http.post(PATH, content=body, headers=other) for _ in range(2)]
    assert (unread.status_code, mended.status_code) == (422, 201)
    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].content == refused[1].content
    assert refused[1].headers[idempotency.REPLAYED] == "true"
    assert refused[1].headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 256, '"', '"a', 'a"b', '""', "a\\b"])
def test_a_malformed_key_is_refused(world: World, wrong: str) -> None:
    with world.http("tool") as http:
        answer = http.post(PATH, content=bundle(indicator("x")), headers={"idempotency-key": wrong})
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["rule"]) == ("idempotency-key", "idempotency-key")


def test_two_keys_are_none(world: World) -> None:
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]
    with world.http("tool") as http:
        answer = http.post(PATH, content=bundle(indicator("x")), headers=headers)
    assert (answer.status_code, answer.json()["rule"]) == (422, "duplicate-header")


def test_a_short_answer_counts(world: World) -> None:
    broken = indicator("broken")
    del broken["pattern"]
    thing = indicator("counted")
    body = bundle(thing, broken, indicator("another"))
    with world.http("tool") as http:
        http.post(PATH, content=bundle(thing))
        short = http.post(PATH, content=body, headers={"prefer": "respond-async, return=minimal"})
        whole = http.post(PATH, content=body, headers={"prefer": "return=representation"})
        none = http.post(PATH, content=bundle(broken), headers={"prefer": "return=minimal"})
    counts = {"submitted": 2, "known": 1, "refused": 1, "dry_run": False}
    assert (short.status_code, short.json()) == (201, counts)
    assert short.headers["preference-applied"] == "return=minimal"
    assert len(whole.json()["submitted"]) == 2
    assert "preference-applied" not in whole.headers
    assert (none.status_code, none.json()["refused"], none.json()["rule"]) == (422, 1, "required")


def test_a_key_belongs_to_the_rights_that_it_was_used_with(world: World) -> None:
    body, headers = bundle(indicator("whole")), key()
    with world.http("analyst") as http:
        token = http.post("/api/v1/tokens", json={"scopes": ["submit"], "tlp": "GREEN"}).json()
        assert http.post(PATH, content=body, headers=headers).status_code == 201
    with world.http(headers={"authorization": f"Bearer {token['token']}"}) as tool:
        answer = tool.post(PATH, content=body, headers=headers)
        again = tool.post(PATH, content=body, headers=headers)
    assert idempotency.REPLAYED not in answer.headers
    assert again.headers[idempotency.REPLAYED] == "true"
