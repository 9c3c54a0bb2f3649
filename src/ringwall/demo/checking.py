"""The running alliance against the hand-written statement of what must be where.

Every function returns failures as lines for a person; none means that the check passed. What the
program's own policy thinks is right is looked at as well, but never used as the expectation.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ringwall.client import Client
from ringwall.core import Forbidden, NotFound
from ringwall.demo.playing import Stated
from ringwall.demo.processes import AllianceProcesses
from ringwall.demo.proving import Prover
from ringwall.demo.scenario import Expectations, ReaderExpectation
from ringwall.demo.watching import Arrivals

RECEIPT_SECONDS = 15.0


def check_arrivals(stated: Iterable[Stated], arrivals: Arrivals) -> list[str]:
    """Every expected pair arrived, and nothing arrived anywhere else."""
    stated = list(stated)
    expected = {pair for item in stated for pair in item.pairs}
    found = arrivals.found().keys()
    missing = [f"{s} did not arrive at {m}" for m, s in sorted(expected - found)]
    return missing + [f"LEAK: {s} arrived at {m}" for m, s in sorted(found - expected)]


def check_counts(stated: Iterable[Stated], expectations: Expectations) -> list[str]:
    """The scenario made every statement that is expected, each once."""
    made = sorted((item.step, item.object) for item in stated)
    wanted = sorted((step, name) for step, e in expectations.steps.items() for name in e.objects)
    return [] if made == wanted else [f"stated {made}, expected {wanted}"]


def check_decisions(processes: AllianceProcesses, stated: Iterable[Stated]) -> list[str]:
    """The submitter was told the right recipients, and the right gate stands against the rest."""
    failures: list[str] = []
    clients = {member: processes.client(member) for member in processes.founded.nodes}
    for item in stated:
        told = {member for member, (permit, _) in item.recipients.items() if permit}
        if told != set(item.expected.has):
            failures.append(f"{item.statement}: submitter was told {sorted(told)}")
        answer = clients[item.origin].explanation(item.statement)
        by_member = {entry["member"]: entry for entry in answer["members"]}
        for member, gate in item.expected.withheld.items():
            denying = {g["gate"] for g in by_member[member]["gates"] if g["outcome"] == "deny"}
            if gate not in denying or by_member[member]["permit"]:
                failures.append(f"{item.statement} to {member}: {gate} does not deny it")
    return failures


def check_receipts(processes: AllianceProcesses, stated: Iterable[Stated]) -> list[str]:
    """Every recipient's receipt reaches the origin; whoever gets nothing is shown as withheld."""
    deadline = time.monotonic() + RECEIPT_SECONDS
    clients = {member: processes.client(member) for member in processes.founded.nodes}
    failures: list[str] = []
    for item in stated:
        wanted = dict.fromkeys(item.expected.has, "received")
        wanted |= dict.fromkeys(item.expected.withheld, "withheld")
        while (states := _states(clients[item.origin], item)) != wanted:
            if time.monotonic() > deadline:
                failures.append(f"{item.statement}: delivery is {states}, expected {wanted}")
                break
            time.sleep(0.05)
    return failures


def check_proofs(
    processes: AllianceProcesses, stated: Iterable[Stated], arrivals: Arrivals
) -> list[str]:
    """Every statement verifies at every member that has it, and at its origin if it left it."""
    prover = Prover(processes.founded)
    clients = {member: processes.client(member) for member in processes.founded.nodes}
    found = arrivals.found()
    failures: list[str] = []
    for item in stated:
        documents = {m: found[m, s].document for m, s in item.pairs if (m, s) in found}
        if item.pairs:
            documents[item.origin] = clients[item.origin].statement(item.statement)
        for member, document in documents.items():
            wrong = prover.failures(document, item.statement)
            failures += [f"{item.statement} at {member}: {line}" for line in wrong]
    return failures


def check_readers(
    processes: AllianceProcesses, stated: Iterable[Stated], expectations: Expectations
) -> list[str]:
    """Every reader of every member sees exactly what is expected, on every way of reading."""
    statements = list(stated)
    readers = [
        (reader, member)
        for member in processes.founded.nodes
        for reader in _readers(processes, member)
    ]

    def look(place: tuple[str, str]) -> list[str]:
        reader, member = place
        held = [item for item in statements if member in (item.origin, *item.expected.has)]
        visible = [i for i in held if reader_sees(reader, member, i, expectations.readers)]
        with processes.client_of(reader, member) as client:
            sight = _Sight(client, statements, {item.statement for item in visible})
            return [f"{reader}: {line}" for line in sight.failures()]

    with ThreadPoolExecutor(max_workers=4) as pool:
        return [line for lines in pool.map(look, readers) for line in lines]


def reader_sees(reader: str, member: str, item: Stated, rules: ReaderExpectation) -> bool:
    """Apply the hand-written rules to a statement that the reader's member has."""
    if reader in rules.steps:
        return item.step in rules.steps[reader]
    role = reader.removeprefix(f"{member}-")
    return role in rules.everything or (role in rules.own and item.origin == member)


class _Sight:
    """What one reader finds by reading one by one, paging, by object, by search and by TAXII."""

    def __init__(self, client: Client, statements: list[Stated], visible: set[str]) -> None:
        self._client = client
        self._statements = statements
        self._visible = visible

    def failures(self) -> list[str]:
        ways: Mapping[str, set[str]] = {
            "one by one": self._one_by_one(),
            "by page": self._by_page(),
            "by object": self._by_object(),
        }
        wrong = [
            line for way, found in ways.items() for line in _compare(way, found, self._visible)
        ]
        named = {item.statement for item in self._statements if item.words}
        wrong += _compare("by search", self._by_search(), self._visible & named)
        known = {item.object for item in self._statements}
        expected = {item.object for item in self._statements if item.statement in self._visible}
        return wrong + _compare("by TAXII", self._by_taxii() & known, expected)

    def _one_by_one(self) -> set[str]:
        names = [item.statement for item in self._statements]
        return {name for name in names if self._ask(self._client.statement, name)}

    def _by_page(self) -> set[str]:
        answer = self._ask(self._client.statements, limit=1000)
        return {row["statement"] for row in answer["statements"]} if answer else set()

    def _by_object(self) -> set[str]:
        answers = [
            self._ask(self._client.statements_of, name)
            for name in {item.object for item in self._statements}
        ]
        return {row["statement"] for answer in answers if answer for row in answer["statements"]}

    def _by_search(self) -> set[str]:
        found: set[str] = set()
        for words in {item.words for item in self._statements if item.words}:
            answer = self._ask(self._client.statements, text=words, limit=1000)
            found |= {row["statement"] for row in answer["statements"]} if answer else set()
        return found

    def _by_taxii(self) -> set[str]:
        pages = self._ask(lambda: list(self._client.taxii_objects("all")))
        return {item["id"] for item in pages} if pages else set()

    def _ask(self, call: Any, *arguments: Any, **options: Any) -> Any:
        """Ask; None when the node says that there is no such thing or that it is not allowed."""
        try:
            return call(*arguments, **options)
        except (NotFound, Forbidden):
            return None


def _compare(way: str, found: set[str], expected: set[str]) -> list[str]:
    lines = [f"{way}: LEAK of {name}" for name in sorted(found - expected)]
    return lines + [f"{way}: {name} is missing" for name in sorted(expected - found)]


def _states(client: Client, item: Stated) -> dict[str, str]:
    return {row["member"]: row["state"] for row in client.delivery(item.statement)["members"]}


def _readers(processes: AllianceProcesses, member: str) -> list[str]:
    return processes.founded.readers_of(member)
