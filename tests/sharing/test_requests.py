"""Requests between two nodes: asked, answered, seen; and what nobody may learn by asking."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import (
    BadEnvelope,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RingwallError,
    TooMany,
    format_timestamp,
)
from ringwall.sharing import Request, answering
from ringwall.sharing.answering import UNKNOWN
from ringwall.sharing.request_book import KEPT, MOST_OPEN
from ringwall.sharing.request_documents import LONGEST_TEXT
from tests.exchange.engine_world import eventually
from tests.sharing.offices import START, Two, discovery

pytestmark = pytest.mark.anyio

ASKED: dict[str, Any] = {
    "v": 1,
    "id": "ab" * 16,
    "kind": "downgrade",
    "subject": "arden-1:1",
    "purpose": "collective-defence",
    "reason": "we need it",
    "label": "TLP:CLEAR",
}
ANSWERED: dict[str, Any] = {
    "v": 1,
    "id": "ab" * 16,
    "state": "granted",
    "words": "here it is",
    "at": "2026-03-10T12:00:00.000000Z",
}


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    made = Two(tmp_path, discovery())
    async with made.running():
        yield made


async def released(two: Two, label: str = "TLP:GREEN") -> str:
    """A statement of Arden that Dorne holds."""
    stated = await two.arden.state(label=label)
    await eventually(lambda: len(two.dorne.peer.holds()) > 0, "it is at dorne")
    return stated


async def do(act: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return await asyncio.to_thread(lambda: act(*args, **options))


async def arrived(two: Two, request: Request, who: str = "arden-release") -> Request:
    seen: list[Request] = []

    def look() -> bool:
        seen[:] = [r for r in two.arden.listed(who, incoming=True) if r.id == request.id]
        return bool(seen)

    await eventually(look, "the request at arden")
    return seen[0]


async def answered(two: Two, request: Request, who: str = "dorne-analyst") -> Request:
    await eventually(lambda: two.dorne.show(who, request.id).answer is not None, "the answer")
    return two.dorne.show(who, request.id)


def refused(act: Callable[..., Any], *args: Any, **options: Any) -> RingwallError:
    with pytest.raises(RingwallError) as failed:
        act(*args, **options)
    return failed.value


@pytest.mark.usefixtures("each_store")
async def test_from_a_rule_to_an_answer_that_names_what_was_stated_for_it(two: Two) -> None:
    withheld = await two.arden.state(label="TLP:AMBER")
    (seen,) = await two.tell(lambda entries: len(entries) == 1)
    asked = await do(two.dorne.make, "dorne-analyst", kind="access", subject=seen.id, by="")
    assert (asked.state, asked.reader) == ("open", "dorne-analyst")
    there = await arrived(two, asked)
    assert (there.reader, there.entry, there.asked.reason) == ("", seen.entry, "we need it")
    stated = await two.arden.state(label="TLP:GREEN")
    await do(two.arden.answer, "arden-release", there.id, statements=(stated,))
    known = await answered(two, asked)
    assert (known.state, known.answered_by) == ("granted", "")
    await eventually(lambda: len(two.dorne.peer.holds()) == 1, "what was granted")
    after = two.dorne.show("dorne-analyst", asked.id)
    assert after.answer is not None
    assert after.answer.statements == (stated,)
    assert withheld.encode() not in two.dorne.told()
    assert two.arden.show("arden-release", asked.id).answered_by == "arden-release"


async def test_both_sides_audit_every_step_without_anybodys_words(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR", "reason": "plain words"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    await arrived(two, asked)
    await do(two.arden.answer, "arden-release", asked.id, state="refused", words="other words")
    await answered(two, asked)
    steps = {
        "request-made": (two.dorne, "open", "dorne-analyst", "arden-1"),
        "request-received": (two.arden, "open", "", "dorne-1"),
        "request-answered": (two.arden, "refused", "arden-release", "dorne-1"),
        "request-answer-received": (two.dorne, "refused", "", "arden-1"),
    }
    digests = set()
    for kind, (office, state, reader, node) in steps.items():
        (entry,) = office.peer.audit(kind)
        assert (entry["request"], entry["subject"]) == (asked.id, stated)
        assert (entry["state"], entry["reader"], entry["node"]) == (state, reader, node)
        assert "words" not in str(entry)
        digests.add(entry["digest"])
    assert len(digests) == 1


async def test_release_further_names_the_members_that_are_wished_for(two: Two) -> None:
    stated = await released(two)
    asked = await do(
        two.dorne.make,
        "dorne-release",
        kind="release-further",
        subject=stated,
        members=("borduria", "borduria"),
    )
    there = await arrived(two, asked)
    assert (there.asked.members, there.asked.label) == (("borduria",), "")


@pytest.mark.usefixtures("each_store")
async def test_what_a_reader_may_not_know_and_what_is_not_there_are_refused_alike(two: Two) -> None:
    stated = await released(two)  # GREEN: above the trainee's clearance
    await two.arden.state(label="TLP:AMBER")
    (seen,) = await two.tell(lambda entries: len(entries) == 1)
    downgrade = {"kind": "downgrade", "label": "TLP:CLEAR"}
    for withheld, absent, wish in (
        (stated, "arden-1:4711", downgrade),
        (seen.id, f"arden-1.{'0' * 32}", {"kind": "access"}),
        (seen.id, "nowhere", {"kind": "access"}),
        (seen.id, f"zembla-1.{seen.entry.id}", {"kind": "access"}),
    ):
        first = refused(two.dorne.make, "dorne-trainee", subject=withheld, **wish)
        second = refused(two.dorne.make, "dorne-analyst", subject=absent, **wish)
        assert isinstance(first, NotFound)
        assert first.diagnostics() == second.diagnostics()


@pytest.mark.parametrize("who", ["dorne-tool", "dorne-watch", "dorne-admin", "arden-analyst"])
async def test_only_analysts_and_release_officers_of_this_member_ask(two: Two, who: str) -> None:
    error = refused(two.dorne.make, who, kind="access", subject="arden-1.x")
    assert isinstance(error, Forbidden)


@pytest.mark.parametrize(
    ("wish", "field", "rule"),
    [
        ({"label": ""}, "label", "missing"),
        ({"members": ("borduria",)}, "members", "contradiction"),
        ({"kind": "release-further"}, "label", "contradiction"),
        ({"kind": "release-further", "label": ""}, "members", "missing"),
        (
            {"kind": "release-further", "label": "", "members": ("zembla",)},
            "members",
            "unknown-name",
        ),
        (
            {"kind": "release-further", "label": "", "members": ("dorne",)},
            "members",
            "unknown-name",
        ),
        ({"label": "TLP:PURPLE"}, "label", "tlp"),
        ({"label": "no such label"}, "label", "unknown-label"),
        ({"reason": " \u200b\n "}, "reason", "empty"),
        ({"reason": "x" * (LONGEST_TEXT + 1)}, "reason", "size"),
        ({"purpose": "What for?"}, "purpose", "name"),
        ({"by": "tomorrow"}, "by", "timestamp"),
        ({"by": "2026-03-10T11:00:00Z"}, "by", "range"),
        ({"by": "2030-03-10T11:00:00Z"}, "by", "range"),
        ({"subject": "arden"}, "statement", "statement-id"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    two: Two, wish: dict[str, Any], field: str, rule: str
) -> None:
    stated = await released(two)
    whole = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR", **wish}
    error = refused(two.dorne.make, "dorne-analyst", **whole)
    assert (type(error), error.field, error.rule) == (InvalidInput, field, rule)
    assert two.dorne.listed("dorne-analyst") == []


async def test_a_reason_is_one_clean_paragraph(two: Two) -> None:
    stated = await released(two)
    reason = "first\r\nline\u202e \x1b[31m  and\tmore"
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR", "reason": reason}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    assert asked.asked.reason == "first line [31m and more"


async def test_ones_own_statement_is_no_matter_for_a_request(two: Two) -> None:
    own = await two.dorne.state(label="TLP:GREEN")
    wish = {"kind": "downgrade", "subject": own, "label": "TLP:CLEAR"}
    assert refused(two.dorne.make, "dorne-analyst", **wish).rule == "own-statement"


async def test_who_may_not_know_of_the_subject_does_not_see_the_request(two: Two) -> None:
    await two.arden.state(label="TLP:AMBER")
    (seen,) = await two.tell(lambda entries: len(entries) == 1)
    asked = await do(two.dorne.make, "dorne-analyst", kind="access", subject=seen.id)
    await arrived(two, asked)
    assert two.arden.listed("arden-junior", incoming=True) == []
    errors = [
        refused(two.arden.show, "arden-junior", asked.id),
        refused(two.arden.show, "arden-analyst", asked.id),
        refused(two.arden.answer, "arden-junior", asked.id),
        refused(two.arden.answer, "arden-release", f"dorne-1.{'0' * 32}"),
        refused(two.dorne.show, "dorne-trainee", asked.id),
        refused(two.dorne.show, "dorne-analyst", "no request"),
    ]
    assert len({str(error.diagnostics()) for error in errors}) == 1
    assert isinstance(errors[0], NotFound)
    assert isinstance(refused(two.arden.listed, "arden-analyst", incoming=True), Forbidden)
    assert isinstance(refused(two.arden.answer, "arden-analyst", asked.id), Forbidden)
    assert [each.id for each in two.dorne.listed("dorne-watch")] == [asked.id]


async def test_a_request_about_what_was_never_sent_is_answered_as_if_there_were_nothing(
    tmp_path: Path,
) -> None:
    two = Two(tmp_path, discovery())
    async with two.running():
        await released(two)
        withheld = await two.arden.state(label="TLP:AMBER")
    for number, subject in enumerate((withheld, "arden-1:4711", "borduria-1:1", "nonsense")):
        name = f"{number:032x}"
        two.arden.take("dorne-1", "request", {**ASKED, "id": name, "subject": subject})
        entry = {**ASKED, "id": f"{number + 9:032x}", "kind": "access", "subject": "cd" * 16}
        two.arden.take("dorne-1", "request", {**entry, "label": ""})
    answers = two.arden.peer.audit("request-turned-away")
    assert [each["rule"] for each in answers] == ["not-found"] * 8
    assert two.arden.listed("arden-release", incoming=True) == []
    with two.arden.peer.store.read() as tx:
        rows = tx.documents("message-out", "dorne-1", format_timestamp(START))
    bodies = [json.loads(raw)["body"] for _, raw in rows]
    said = [{name: body[name] for name in body if name not in ("id", "at")} for body in bodies]
    same = {"v": 1, "state": "refused", "words": UNKNOWN, "statements": []}
    assert said == [same] * 8


async def test_an_entry_that_another_member_was_told_of_cannot_be_asked_for(two: Two) -> None:
    await two.arden.state(label="TLP:AMBER")
    (seen,) = await two.tell(lambda entries: len(entries) == 1)
    body = {**ASKED, "kind": "access", "subject": seen.entry.id, "label": ""}
    two.arden.take("borduria-1", "request", body)
    assert two.arden.listed("arden-release", incoming=True) == []
    assert [each["rule"] for each in two.arden.peer.audit("request-turned-away")] == ["not-found"]


async def test_statements_in_an_answer_are_on_their_way_to_who_asks(two: Two) -> None:
    stated = await released(two)
    withheld = await two.arden.state(label="TLP:AMBER")
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    await arrived(two, asked)
    for named in (withheld, "arden-1:4711", "borduria-1:1"):
        error = refused(two.arden.answer, "arden-release", asked.id, statements=(named,))
        assert (error.field, error.rule) == ("statements", "not-released")
        assert error.message.replace(named, "x") == "statements: x is not released to dorne"
    error = refused(
        two.arden.answer, "arden-release", asked.id, state="refused", statements=(stated,)
    )
    assert error.rule == "contradiction"
    await do(two.arden.answer, "arden-release", asked.id, state="partly", statements=(stated,))
    assert (await answered(two, asked)).state == "partly"


async def test_a_second_answer_is_a_conflict_and_the_first_stays(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    await arrived(two, asked)
    await do(two.arden.answer, "arden-release", asked.id)
    for state in ("granted", "refused"):
        error = refused(two.arden.answer, "arden-release", asked.id, state=state)
        assert (type(error), error.rule) == (Conflict, "answered")
    assert (await answered(two, asked)).state == "granted"


async def test_overdue_requests_come_first_and_answered_ones_are_not_overdue(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    names = {}
    for when in ("", "2026-03-20T00:00:00Z", "2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z"):
        asked = await do(two.dorne.make, "dorne-analyst", **wish, by=when)
        names[when[8:10]] = (await arrived(two, asked)).id
    await do(two.arden.answer, "arden-release", names["12"])
    two.clock.advance(timedelta(days=3))
    order = [each.id for each in two.arden.listed("arden-release", incoming=True)]
    assert order == [names["11"], names["12"], names["20"], names[""]]
    waiting = two.arden.listed("arden-release", incoming=True, state="open")
    assert [two.arden.requests.is_overdue(each) for each in waiting] == [True, False, False]


async def test_a_request_goes_with_the_right_to_its_subject(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    with two.dorne.peer.store.read() as tx:
        (row,) = tx.statements(list(tx.release_classes()), limit=10)
    two.dorne.peer.store.write(lambda tx: tx.withdraw([row.order])).result()
    assert isinstance(refused(two.dorne.show, "dorne-analyst", asked.id), NotFound)


async def test_too_many_open_requests_of_a_node_are_turned_away(two: Two) -> None:
    stated = await released(two)
    for number in range(MOST_OPEN):
        two.arden.take("dorne-1", "request", {**ASKED, "id": f"{number:032x}", "subject": stated})
    assert two.arden.peer.audit("request-turned-away") == []
    two.arden.take("dorne-1", "request", {**ASKED, "id": "ff" * 16, "subject": stated})
    (away,) = two.arden.peer.audit("request-turned-away")
    assert (away["request"], away["rule"]) == (f"dorne-1.{'ff' * 16}", "open-requests")


async def test_who_asks_on_and_takes_no_answer_gets_none(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_UNCONFIRMED", 3)
    two.world.hub.reachable = False
    for number in range(3):
        two.arden.take("dorne-1", "request", {**ASKED, "id": f"{number:032x}"})
    error = refused(two.arden.take, "dorne-1", "request", {**ASKED, "id": "ff" * 16})
    assert (type(error), error.rule) == (BadEnvelope, "flood")
    assert len(two.arden.peer.audit("message-posted")) == 3


async def test_so_many_requests_wait_and_no_more_can_be_made(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    two.world.hub.reachable = False
    for _ in range(MOST_OPEN):
        await do(two.dorne.make, "dorne-analyst", **wish)
    assert isinstance(refused(two.dorne.make, "dorne-analyst", **wish), TooMany)


async def test_an_answered_request_is_forgotten_after_a_while(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    await arrived(two, asked)
    await do(two.arden.answer, "arden-release", asked.id)
    await answered(two, asked)
    two.clock.advance(KEPT + timedelta(days=1))
    assert isinstance(refused(two.dorne.show, "dorne-analyst", asked.id), NotFound)
    assert two.arden.peer.audit("request-answered") != []


async def test_a_request_that_is_lost_is_sent_again(tmp_path: Path) -> None:
    two = Two(tmp_path, discovery())
    async with two.dorne.peer.running():
        async with two.arden.peer.running():
            stated = await released(two)
        wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
        asked = await do(two.dorne.make, "dorne-analyst", **wish)
        await asyncio.sleep(0.2)
        two.world.hub.rebuild()
        two.clock.advance(timedelta(seconds=10))
        arden = type(two.arden)(two.world, "arden-1", discovery())
        async with arden.peer.running():
            two.arden = arden
            two.dorne.peer.messages.wake()
            await arrived(two, asked)


# --- what other nodes may send ---


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"id": "ab"},
        {"id": "dorne-1." + "ab" * 16},
        {"kind": "give"},
        {"more": 1},
        {"subject": ""},
        {"subject": "x" * 101},
        {"label": ""},
        {"label": "TLP:CLEAR\n"},
        {"members": ["borduria"]},
        {"members": ["Borduria!"]},
        {"kind": "access"},
        {"reason": ""},
        {"reason": "two\nlines"},
        {"reason": "x" * (LONGEST_TEXT + 1)},
        {"purpose": "What for?"},
        {"by": "soon"},
    ],
)
async def test_a_malformed_request_is_refused(two: Two, changes: dict[str, Any]) -> None:
    error = refused(two.arden.take, "dorne-1", "request", {**ASKED, **changes})
    assert (type(error), error.rule) == (BadEnvelope, "request")


@pytest.mark.parametrize(
    "changes",
    [
        {"v": 2},
        {"id": "x"},
        {"state": "open"},
        {"more": 1},
        {"words": ""},
        {"words": "two\nlines"},
        {"at": "now"},
        {"statements": ["dorne-1:1"]},
        {"statements": ["arden-1"]},
        {"statements": [f"arden-1:{n}" for n in range(1, 102)]},
    ],
)
async def test_a_malformed_answer_is_refused(two: Two, changes: dict[str, Any]) -> None:
    error = refused(two.dorne.take, "arden-1", "request-answer", {**ANSWERED, **changes})
    assert (type(error), error.rule) == (BadEnvelope, "answer")


async def test_an_answer_counts_only_from_who_was_asked_and_only_once(two: Two) -> None:
    stated = await released(two)
    wish = {"kind": "downgrade", "subject": stated, "label": "TLP:CLEAR"}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    answer = {**ANSWERED, "id": asked.asked.id}
    stranger = refused(two.dorne.take, "borduria-1", "request-answer", answer)
    unknown = refused(two.dorne.take, "arden-1", "request-answer", ANSWERED)
    assert stranger.diagnostics() == unknown.diagnostics()
    assert two.dorne.show("dorne-analyst", asked.id).state == "open"
    two.dorne.take("arden-1", "request-answer", answer)
    two.dorne.take("arden-1", "request-answer", answer)
    other = refused(two.dorne.take, "arden-1", "request-answer", {**answer, "state": "refused"})
    assert other.rule == "answered"
    assert two.dorne.show("dorne-analyst", asked.id).state == "granted"
    assert len(two.dorne.peer.audit("request-answer-received")) == 1


async def test_a_request_counts_once_and_its_id_is_the_senders_own(two: Two) -> None:
    stated = await released(two)
    body = {**ASKED, "subject": stated}
    two.arden.take("dorne-1", "request", body)
    two.arden.take("dorne-1", "request", body)
    changed = refused(two.arden.take, "dorne-1", "request", {**body, "reason": "another one"})
    assert changed.rule == "request-id"
    two.arden.take("borduria-1", "request", {**body, "reason": "borduria got it too"})
    names = sorted(each.id for each in two.arden.listed("arden-release", incoming=True))
    assert names == [f"borduria-1.{'ab' * 16}", f"dorne-1.{'ab' * 16}"]


async def test_a_node_that_the_alliance_does_not_have_is_turned_away(two: Two) -> None:
    stated = await released(two)
    two.arden.take("zembla-1", "request", {**ASKED, "subject": stated})
    assert two.arden.listed("arden-release", incoming=True) == []


async def test_statements_of_an_answer_show_only_to_who_may_read_them(two: Two) -> None:
    stated = await released(two, "TLP:CLEAR")
    green = await two.arden.state(label="TLP:GREEN")
    await eventually(lambda: len(two.dorne.peer.holds()) == 2, "both at dorne")
    wish = {"kind": "release-further", "subject": stated, "members": ("borduria",)}
    asked = await do(two.dorne.make, "dorne-analyst", **wish)
    await arrived(two, asked)
    await do(two.arden.answer, "arden-release", asked.id, statements=(stated, green))
    known = (await answered(two, asked)).answer
    less = (await answered(two, asked, "dorne-trainee")).answer
    assert known is not None
    assert less is not None
    assert (known.statements, less.statements) == ((stated, green), (stated,))
