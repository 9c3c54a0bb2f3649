"""``ringwall demo``: the alliance on this machine, for people to watch or for a script to check."""

import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from json import dumps
from pathlib import Path
from typing import Any

from ringwall.client import Client
from ringwall.demo import checking
from ringwall.demo.founding import LOGIN_MINUTES, login_links
from ringwall.demo.playing import Stated, latencies_ms, percentile, play
from ringwall.demo.processes import AllianceProcesses
from ringwall.demo.proving import audit_failures
from ringwall.demo.scenario import Expectations, Scenario, Step, load_expectations, load_scenario
from ringwall.demo.watching import Arrival, Arrivals, Watch

ARRIVAL_SECONDS = 20.0
_CHECK_PACE = 0.1


def run_demo(
    *,
    directory: Path | None,
    check: bool,
    json: bool,
    keep: bool,
    port_base: int | None,
) -> int:
    """Found, start and play; then stay up until told to stop, or with ``check`` verify and stop.

    Returns 0, or 1 when a check failed. Raises OperatorError when it cannot be founded or started.
    """
    with _stopping(), _place(directory, keep=keep) as place:
        _tell(f"founding the demonstration alliance in {place}")
        processes = AllianceProcesses.found(place, port_base=port_base)
        if check:
            report = check_alliance(processes)
            print(dumps(report) if json else _summary(report))
            return 0 if report["ok"] else 1
        show_alliance(processes)
        return 0


def check_alliance(processes: AllianceProcesses) -> dict[str, Any]:
    """Play the scenario, verify everything, stop; return the report.

    ``{ok, members, submitted, delivered, withheld, latency_ms: {p50, p99}}``, and ``failures``
    if there are any.
    """
    scenario, expectations = load_scenario(), load_expectations()
    arrivals = Arrivals()
    with processes, ExitStack() as stack:
        _tell("all nodes are ready; playing the scenario")
        _watch(processes, arrivals, stack)
        stated = _play(processes, scenario, expectations, _CHECK_PACE, stack, _tell_step)
        arrivals.wait_for([pair for item in stated for pair in item.pairs], ARRIVAL_SECONDS)
        _tell("verifying deliveries, receipts, readers and proofs")
        failures = _verify(processes, stated, expectations, arrivals)
        forced = processes.stop()
    _tell("verifying the audit logs of the stopped nodes")
    failures += [f"{name} did not stop on SIGTERM" for name in forced]
    failures += audit_failures(processes.founded)
    return _report(processes, stated, arrivals, expectations, failures)


def show_alliance(processes: AllianceProcesses) -> None:
    """Play the scenario for people: progress on stderr, then stay up until interrupted."""
    board = _Board()
    arrivals = Arrivals(board.arrival)
    with processes, ExitStack() as stack:
        _tell("\nEvery node is ready. One-time login links of the watch officers:")
        for member, link in login_links(processes.founded).items():
            _tell(f"  {member:<11} {link}")
        _tell(f"  (each works once, for {LOGIN_MINUTES // 60} hours)\n")
        _watch(processes, arrivals, stack)
        scenario, expectations = load_scenario(), load_expectations()
        _tell(f"{scenario.title}\n")
        stated = _play(processes, scenario, expectations, 1.0, stack, board.step)
        arrivals.wait_for([pair for item in stated for pair in item.pairs], ARRIVAL_SECONDS)
        values = latencies_ms(stated, arrivals)
        p50, p99 = percentile(values, 0.50), percentile(values, 0.99)
        _tell(
            f"\n{len(values)} arrivals, p50 {p50:.1f} ms, p99 {p99:.1f} ms from submission to read."
        )
        _tell("The alliance stays up. Ctrl-C stops it.")
        signal.pause()


def _verify(
    processes: AllianceProcesses,
    stated: list[Stated],
    expectations: Expectations,
    arrivals: Arrivals,
) -> list[str]:
    return [
        *checking.check_counts(stated, expectations),
        *checking.check_arrivals(stated, arrivals),
        *checking.check_decisions(processes, stated),
        *checking.check_receipts(processes, stated),
        *checking.check_readers(processes, stated, expectations),
        *checking.check_proofs(processes, stated, arrivals),
    ]


def _report(
    processes: AllianceProcesses,
    stated: list[Stated],
    arrivals: Arrivals,
    expectations: Expectations,
    failures: list[str],
) -> dict[str, Any]:
    delivered = len(arrivals.found())
    withheld = len(stated) * (len(processes.founded.nodes) - 1) - delivered
    for name, count in (("delivered", delivered), ("withheld", withheld)):
        if count != getattr(expectations, name):
            failures.append(f"{name}: {count}, expected {getattr(expectations, name)}")
    values = latencies_ms(stated, arrivals)
    latency = {"p50": round(percentile(values, 0.50), 2), "p99": round(percentile(values, 0.99), 2)}
    report: dict[str, Any] = {
        "ok": not failures,
        "members": len(processes.founded.nodes),
        "submitted": len(stated),
        "delivered": delivered,
        "withheld": withheld,
        "latency_ms": latency,
    }
    return report | ({"failures": failures} if failures else {})


def _watch(processes: AllianceProcesses, arrivals: Arrivals, stack: ExitStack) -> None:
    for member, node in processes.founded.nodes.items():
        watch = Watch(member, node, processes.client(member, "watch"), arrivals)
        watch.start()
        stack.callback(watch.stop)


def _play(
    processes: AllianceProcesses,
    scenario: Scenario,
    expectations: Expectations,
    pace: float,
    stack: ExitStack,
    tell: Callable[[Step, list[Stated]], None],
) -> list[Stated]:
    clients: dict[str, Client] = {
        step.reader: stack.enter_context(processes.client_of(step.reader, step.member))
        for step in scenario.steps
    }
    return play(scenario, expectations, clients, pace=pace, tell=tell)


def _tell_step(step: Step, made: list[Stated]) -> None:
    """Say what was submitted, and from whom it is withheld and why; one line for like reasons."""
    _tell(f"{step.member}: {step.story}")
    for item in made:
        _tell(f"  {item.statement:<16} {item.object.partition('--')[0]:<16} {item.label}")
    reasons = {
        reason: None for item in made for permit, reason in item.recipients.values() if not permit
    }
    for reason in reasons:
        _tell(f"    {reason}")


class _Board:
    """Tells steps and arrivals in an order that makes sense: a statement before its arrivals.

    An arrival may be read before the submitter's response is: it waits for its statement here.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._submitted: dict[str, float] = {}
        self._early: list[Arrival] = []

    def step(self, step: Step, made: list[Stated]) -> None:
        """Tell a step, then whatever of it has arrived already."""
        with self._gate:
            _tell_step(step, made)
            self._submitted |= {item.statement: item.submitted for item in made}
            early, self._early = self._early, []
            for arrival in early:
                self._tell_or_keep(arrival)

    def arrival(self, arrival: Arrival) -> None:
        """Tell an arrival with its latency."""
        with self._gate:
            self._tell_or_keep(arrival)

    def _tell_or_keep(self, arrival: Arrival) -> None:
        submitted = self._submitted.get(arrival.statement)
        if submitted is None:
            self._early.append(arrival)
            return
        took = max(0.0, (arrival.at - submitted) * 1000)
        title = arrival.document["title"][:50]
        _tell(f"    {took:6.1f} ms  {arrival.member:<11} has {arrival.statement}  {title}")


def _summary(report: dict[str, Any]) -> str:
    lines = [f"{name}: {value}" for name, value in report.items() if name != "failures"]
    return "\n".join(lines + [f"FAILED: {line}" for line in report.get("failures", [])])


@contextmanager
def _place(directory: Path | None, *, keep: bool) -> Iterator[Path]:
    """Use the directory that was named, or a temporary one that goes away unless kept."""
    if directory is not None:
        yield directory.absolute()
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="ringwall-demo-"))
    else:
        with tempfile.TemporaryDirectory(
            prefix="ringwall-demo-", ignore_cleanup_errors=True
        ) as name:
            yield Path(name)


@contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGTERM stop the demonstration as Ctrl-C does, so that every process is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
