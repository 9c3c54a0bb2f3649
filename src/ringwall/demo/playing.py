"""Playing the scenario through the real client, and what is known about every statement then."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ringwall.client import Client
from ringwall.core import InvalidInput
from ringwall.demo.scenario import Expectations, ObjectExpectation, Scenario, Step
from ringwall.demo.watching import Arrivals


class Stated(msgspec.Struct, frozen=True):
    """One statement that the scenario made; ``submitted`` is the monotonic clock, in seconds."""

    step: str
    origin: str
    object: str
    version: str
    statement: str
    label: str
    submitted: float
    recipients: dict[str, tuple[bool, str]]
    expected: ObjectExpectation
    words: str = ""
    """What it is searched by: its name or summary, empty if it has neither."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The (member, statement) pairs that must arrive."""
        return [(member, self.statement) for member in self.expected.has]


def play(
    scenario: Scenario,
    expectations: Expectations,
    clients: Mapping[str, Client],
    *,
    pace: float,
    tell: Callable[[Step, list[Stated]], None],
) -> list[Stated]:
    """Submit every step when it is due; ``clients`` by reader, ``pace`` 1.0 is the written time.

    Raises InvalidInput (rule ``scenario``) if a node refuses an object of the scenario.
    """
    began = time.monotonic()
    stated: list[Stated] = []
    for step in scenario.steps:
        time.sleep(max(0.0, began + step.at * pace - time.monotonic()))
        made = _submit(step, expectations, clients[step.reader])
        tell(step, made)
        stated += made
    return stated


def _submit(step: Step, expectations: Expectations, client: Client) -> list[Stated]:
    answer = client.submit(
        step.bundle(), label=step.label, purpose=step.purpose, precedence=step.precedence
    )
    submitted = time.monotonic()
    for refusal in answer["refused"]:
        raise InvalidInput(f"step {step.id}: {refusal['message']}", field=step.id, rule="scenario")
    expected = expectations.steps[step.id].objects
    words = {item["id"]: _words(item) for item in json.loads(step.bundle())["objects"]}
    return [_stated(step, item, submitted, expected, words) for item in answer["submitted"]]


def _words(item: dict[str, Any]) -> str:
    return str(item.get("name") or item.get("abstract") or item.get("description") or "")


def _stated(
    step: Step,
    item: dict[str, Any],
    submitted: float,
    expected: dict[str, ObjectExpectation],
    words: dict[str, str],
) -> Stated:
    return Stated(
        step=step.id,
        origin=step.member,
        object=item["object"],
        version=item["version"],
        statement=item["statement"],
        label=item["label"],
        submitted=submitted,
        recipients={r["member"]: (r["permit"], r["reason"]) for r in item["recipients"]},
        expected=expected[item["object"]],
        words=words[item["object"]],
    )


def latencies_ms(stated: list[Stated], arrivals: Arrivals) -> list[float]:
    """Return, sorted, the ms from each submit response to each first read at another member.

    A statement that was read before its submitter had the response took 0 ms.
    """
    submitted = {item.statement: item.submitted for item in stated}
    return sorted(
        max(0.0, (arrival.at - submitted[arrival.statement]) * 1000)
        for arrival in arrivals.found().values()
        if arrival.statement in submitted
    )


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values; 0.0 for none."""
    if not values:
        return 0.0
    rank = max(0, -(-len(values) * round(share * 100) // 100) - 1)
    return values[rank]
