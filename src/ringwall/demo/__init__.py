"""demo: a whole alliance on one machine, a written scenario, and an independent check of it.

May touch: core, client, alliance, enrolment, and trust for checking proofs. It starts processes
as an operator would and talks to them over HTTP; it never reaches into a running node.
"""

from ringwall.demo.founding import Founded, found
from ringwall.demo.playing import Stated, latencies_ms, percentile, play
from ringwall.demo.processes import AllianceProcesses
from ringwall.demo.running import check_alliance, run_demo
from ringwall.demo.scenario import (
    Expectations,
    Scenario,
    Step,
    alliance_text,
    load_expectations,
    load_scenario,
)
from ringwall.demo.watching import Arrival, Arrivals, Watch

__all__ = [
    "AllianceProcesses",
    "Arrival",
    "Arrivals",
    "Expectations",
    "Founded",
    "Scenario",
    "Stated",
    "Step",
    "Watch",
    "alliance_text",
    "check_alliance",
    "found",
    "latencies_ms",
    "load_expectations",
    "load_scenario",
    "percentile",
    "play",
    "run_demo",
]
