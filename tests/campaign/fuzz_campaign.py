"""Sends fuzzed requests to a running node and judges every answer.

A fault is: a 5xx (503 with Retry-After is none: that is how overload is told), no answer, a
refusal that does not say what was wrong, an answer in another form than its headers say, or a
post of which something else is stored than its answer says.
"""

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from tests.campaign.fuzz_bodies import freshen
from tests.campaign.fuzz_requests import SUBMIT, TAXII, Fuzzed
from tests.campaign.fuzz_wire import Answered, Hang, Wire

USERS = 12
FIELDLESS = frozenset(
    {"not-found", "method", "locked-out", "role", "loopback", "rate", "concurrency", "overload"}
)
"""Rules of refusals that are about the path, the method or the caller, and about no field."""
WHOLE_BODY = frozenset({"json", "depth", "utf-8", "type", "too-large", "duplicate-key"})
"""Rules about a body as a whole: its field is the empty JSON pointer, which means just that."""
BACKLOG = 200
MOST_ASKED = 60
"""Objects of a post that are looked for in the store: the address gets no longer than that."""
RAW_SECONDS = 0.3
_CURSOR = re.compile(r"\{cursor(?::(-?[0-9]+))?\}")
TEMPLATE_ZEROS = 16
"""No random id has so many zeros; those of the templates have 28."""
_STIX_ID = re.compile(
    rb"(?<![a-z0-9-])[a-z][a-z0-9]{2,60}(?:-[a-z0-9]{1,60}){0,9}"
    rb"--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_ENDLESS = "/api/v1/events"
_BODILESS = (204, 304)


@dataclass(frozen=True)
class Tokens:
    """Who asks: ``reader`` sees everything of its member, ``submitter`` may submit."""

    reader: str
    submitter: str


@dataclass
class Report:
    """What was sent, what came back, what was wrong with it."""

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    named: int = 0
    """Refusals that named field and rule."""
    unnamed: Counter[str] = field(default_factory=Counter)
    """Refusals that named a rule, and no field because the fault is in none."""
    stated: int = 0
    refused_objects: int = 0
    compared: int = 0
    """Posts after which the store was compared with the answer."""
    not_compared: int = 0
    """Posts with an object that is no JSON, of which the answer only counts the others."""
    faults: dict[str, str] = field(default_factory=dict)
    """Kind of fault -> its first example, ready to be sent again."""

    def fault(self, kind: str, request: bytes, seen: object) -> None:
        """Keep the first example of a kind of fault."""
        self.faults.setdefault(
            kind, f"{kind}\n  request: {request[:2000]!r}\n  answer: {str(seen)[:3000]}"
        )

    def lines(self) -> list[str]:
        """The totals, for people."""
        statuses = ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items()))
        rules = ", ".join(f"{rule} {count}" for rule, count in self.unnamed.most_common(12))
        return [
            f"requests {self.sent:,}: {statuses} (5xx: 503 with Retry-After only)",
            f"refusals that named field and rule {self.named:,}; only a rule: {rules}",
            f"objects stated {self.stated:,}, refused one by one {self.refused_objects:,}",
            f"posts compared with the store {self.compared:,}, not {self.not_compared:,}",
        ]


class Campaign:
    """A pool of connections in a thread of its own, fed with requests from any thread."""

    def __init__(self, url: str, tokens: Tokens) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._tokens = tokens
        self.report = Report()
        self._known: list[str] = []
        self._cursors: list[str] = []
        self._statuses: list[str] = []
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._free: asyncio.Queue[Wire] = asyncio.Queue()
        self._room = threading.BoundedSemaphore(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="fuzz", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for _ in range(USERS):
            self._free.put_nowait(Wire(self._host, self._port))
        self._loop.run_forever()

    def perform(self, batch: Sequence[Fuzzed]) -> None:
        """Send a batch side by side; AssertionError naming the faults if there were any."""
        before = set(self.report.faults)
        for each in [self._submit(request) for request in batch]:
            each.result()
        new = [text for kind, text in self.report.faults.items() if kind not in before]
        for kind in set(self.report.faults) - before:
            del self.report.faults[kind]  # so that the search for the smallest example meets it
        assert not new, "\n".join(new)

    def offer(self, batch: Iterable[Fuzzed]) -> None:
        """Send without waiting, as long as not too many wait; faults go into the report."""
        for request in batch:
            self._room.acquire()
            self._submit(request).add_done_callback(self._made_room)

    def _made_room(self, done: Future[None]) -> None:
        self._room.release()
        if error := done.exception():
            self.report.fault(f"the campaign itself: {type(error).__name__}", b"", error)

    def finish(self) -> Report:
        """Wait for everything that was offered; stop; return the report. Again: the report."""
        if self._loop.is_closed():
            return self.report
        for _ in range(BACKLOG):
            self._room.acquire()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        return self.report

    async def _close(self) -> None:
        while not self._free.empty():
            self._free.get_nowait().close()
        await asyncio.sleep(0)

    def _submit(self, request: Fuzzed) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self._one(request), self._loop)

    async def _one(self, request: Fuzzed) -> None:
        wire = await self._free.get()
        try:
            await (
                self._raw(wire, request) if request.raw is not None else self._ask(wire, request)
            )
        finally:
            self._free.put_nowait(wire)

    async def _raw(self, wire: Wire, request: Fuzzed) -> None:
        """Send what is hardly HTTP; whether anything comes back is the server's choice."""
        self.report.sent += 1
        answer = await wire.shout(request.raw or b"", RAW_SECONDS)
        silent = answer is None or _below_us(answer)
        self.report.statuses["not HTTP" if silent else _class(answer.status)] += 1
        if answer is not None and answer.status >= 500 and not _overload(answer):
            self.report.fault(f"raw: {answer.status}", request.raw or b"", answer)

    async def _ask(self, wire: Wire, request: Fuzzed) -> None:
        body = None if request.body is None else freshen(request.body)
        target = self._fill(request.target)
        if target.startswith(_ENDLESS):
            return
        raw = self._bytes(request, target, body)
        answer = await self._answer(wire, request.method, raw)
        if answer is None:
            return
        self._judge(request, target, raw, answer)
        if request.posts and body is not None and answer.status < 500:
            await self._compare(wire, target, raw, body, answer)

    async def _answer(self, wire: Wire, method: str, raw: bytes) -> Answered | None:
        self.report.sent += 1
        try:
            answer = await wire.ask(raw, method=method)
        except Hang as error:
            self.report.fault(f"hang: {method}", raw, str(error))
            return None
        if answer is None:
            self.report.statuses["closed"] += 1
            if b"\r\nhost:" not in raw[200:].lower():  # a second Host is hardly HTTP
                self.report.fault(f"closed without an answer: {method}", raw, None)
            return None
        if _below_us(answer):
            self.report.statuses["not HTTP"] += 1
            return None
        self.report.statuses[_class(answer.status)] += 1
        return answer

    def _fill(self, text: str) -> str:
        """Put in what is only known now, another one each time."""
        self._turn += 1
        known = self._known[self._turn % len(self._known)] if self._known else "indicator--none"
        status = self._statuses[self._turn % len(self._statuses)] if self._statuses else "none"
        cursor = self._cursors[self._turn % len(self._cursors)] if self._cursors else "none"
        text = text.replace("{known}", known).replace("{status}", status)
        return _CURSOR.sub(lambda found: quote(_changed(cursor, found[1])), text)

    def _bytes(self, request: Fuzzed, target: str, body: bytes | None) -> bytes:
        names = {name for name, _ in request.headers}
        lines = [f"{request.method} {quote(target, safe=_KEPT)} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"host: {self._host}:{self._port}")
        for name, value in request.headers:
            value = value.replace("{token}", self._tokens.reader)
            lines.append(f"{name}: {value.replace('{submitter}', self._tokens.submitter)}")
        if body is not None:
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        return head + b"\r\n\r\n" + (body or b"")

    def _judge(self, request: Fuzzed, target: str, raw: bytes, answer: Answered) -> None:
        where = f"{request.method} {_shape(target)}"
        kind = answer.headers.get("content-type", "")
        if answer.status >= 500 and not _overload(answer):
            self.report.fault(f"{answer.status}: {where}", raw, answer)
        if b"Traceback (most recent" in answer.body:
            self.report.fault(f"a traceback: {where}", raw, answer)
        if request.method == "HEAD" or answer.status in _BODILESS:
            return
        document = _document(answer)
        if "json" in kind and document is None:
            self.report.fault(f"not JSON: {where}", raw, answer)
        if answer.status >= 400:
            self._refusal(request, where, raw, answer, document)
        elif answer.status == 200 and isinstance(document, dict) and "json" in kind:
            self._learn(document)

    def _refusal(
        self, request: Fuzzed, where: str, raw: bytes, answer: Answered, document: Any
    ) -> None:
        """A refusal has a problem document (RFC 9457) or a TAXII error with field and rule."""
        if answer.headers.get("content-type", "").startswith("text/html"):
            return  # the login page, for people
        told = document if isinstance(document, dict) else {}
        told = told.get("details", told) if "http_status" in told else told
        if not isinstance(told, dict) or not told.get("rule") or "field" not in told:
            self.report.fault(f"{answer.status} says not why: {where}", raw, answer)
        elif told["field"]:
            self.report.named += 1
        else:
            self.report.unnamed[str(told["rule"])] += 1
            if told["rule"] not in FIELDLESS | (set() if request.body is None else WHOLE_BODY):
                self.report.fault(f"rule {told['rule']} names no field", raw, answer)

    def _learn(self, document: dict[str, Any]) -> None:
        """Keep cursors and ids for later requests."""
        cursor, objects = document.get("next"), document.get("objects")
        if isinstance(cursor, str) and cursor:
            self._cursors = [*self._cursors[-63:], cursor]
        if isinstance(objects, list) and objects and isinstance(objects[-1], dict):
            self._known = [*self._known[-63:], str(objects[-1].get("id", "x"))]

    async def _compare(
        self, wire: Wire, target: str, raw: bytes, body: bytes, answer: Answered
    ) -> None:
        """Ask what is stored of everything that the body named; it is what the answer says."""
        try:
            outcome = _outcome(answer, body, taxii=target.startswith(SUBMIT))
        except ValueError:  # one broken object fails alone; the successes were only counted
            self.report.not_compared += 1
            return
        self.report.stated += outcome.stated
        self.report.refused_objects += outcome.refused
        self._statuses += _status_ids(answer)
        del self._statuses[:-64]
        named = {found.decode() for found in _STIX_ID.findall(body)} | outcome.ids
        asked = sorted(named)[:MOST_ASKED]
        if not asked:
            return
        query = f"match[id]={','.join(asked)}&match[version]=all&limit=1000"
        head = f"GET /taxii2/ringwall/collections/all/objects/?{query} HTTP/1.1\r\nhost: x\r\n"
        login = f"authorization: Bearer {self._tokens.reader}\r\naccept: {TAXII}\r\n\r\n"
        stored = await self._answer(wire, "GET", (head + login).encode())
        if stored is None:
            return
        found = _document(stored)
        if stored.status != 200 or not isinstance(found, dict):
            self.report.fault(f"comparing: {stored.status}", (head + login).encode(), stored)
            return
        self.report.compared += 1
        there = {each["id"] for each in found.get("objects", [])}
        expected = outcome.ids & set(asked)
        # A template's id that was damaged is not made fresh: another request may have stated it.
        there = {name for name in there if name in expected or name.count("0") < TEMPLATE_ZEROS}
        if there != expected:
            self.report.fault(
                f"stored is not what was answered: {_shape(target)} {answer.status}",
                raw,
                (sorted(there - expected), sorted(expected - there), answer),
            )


_KEPT = "/?&=%[],:;{}~!$'()*+-._@"


def _changed(cursor: str, place: str | None) -> str:
    if not place:
        return cursor
    at = int(place) % max(len(cursor), 1)
    return f"{cursor[:at]}{'B' if cursor[at : at + 1] == 'A' else 'A'}{cursor[at + 1 :]}"


def _class(status: int) -> str:
    return f"{status // 100}xx" if status < 500 else str(status)


def _below_us(answer: Answered) -> bool:
    """Tell whether the HTTP library answered: a head that it cannot read never comes to a route."""
    unread = answer.status in (400, 414, 431) and not answer.body
    return unread and "content-security-policy" not in answer.headers


def _overload(answer: Answered) -> bool:
    return answer.status == 503 and "retry-after" in answer.headers


def _shape(target: str) -> str:
    """The path without its ids, so that one kind of fault is told once."""
    path = target.partition("?")[0]
    return re.sub(r"[a-z0-9-]+--[^/]*|[0-9a-f]{8}-[^/]*|[^/]{40,}", "*", path)[:120]


def _document(answer: Answered) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


@dataclass(frozen=True)
class _Outcome:
    """What an answer says is stored: the ids, how many statements, how many objects are not."""

    ids: frozenset[str]
    stated: int = 0
    refused: int = 0


def _outcome(answer: Answered, body: bytes, *, taxii: bool) -> _Outcome:
    document = _document(answer)
    if answer.status not in (200, 201, 202) or not isinstance(document, dict):
        return _Outcome(frozenset())
    if not taxii:
        ids = frozenset(each["object"] for each in document["submitted"])
        return _Outcome(ids, len(document["submitted"]), len(document["refused"]))
    failed = document.get("failures", [])
    if "successes" in document or not document["success_count"]:
        ids = frozenset(each["id"] for each in document.get("successes", []))
    else:  # only counted: all objects but those that failed, each told by its place
        places = (re.match("/objects/([0-9]+)", each["message"]) for each in failed)
        failed_at = {int(place[1]) for place in places if place}
        objects = json.loads(body.decode("utf-8", "surrogateescape"))["objects"]
        ids = frozenset(one["id"] for at, one in enumerate(objects) if at not in failed_at)
    return _Outcome(ids, document["success_count"], len(failed))


def _status_ids(answer: Answered) -> list[str]:
    document = _document(answer)
    status = document.get("id") if answer.status == 202 and isinstance(document, dict) else None
    return [status] if isinstance(status, str) else []
