"""Plant every fault in turn and print which test noticed: `make sabotage`.

Exits with 1 if a fault survives, does not fit the tree any more, or if its test is not green on
the tree as it is.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sabotage.fault import (
    PASSED,
    Fault,
    Outcome,
    assert_copy_is_imported,
    copy_tree,
    run_tests,
    try_fault,
)
from sabotage.faults import FAULTS

AT_ONCE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="sabotage", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="only this fault")
    parser.add_argument("--list", action="store_true", help="list the faults and stop")
    options = parser.parse_args(arguments)
    unknown = set(options.only or ()) - {fault.name for fault in FAULTS}
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}")
    faults = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    if options.list:
        for fault in faults:
            print(f"{fault.name:34} {fault.test}\n{'':34} {fault.why}")
        return 0
    return sabotage(faults)


def sabotage(faults: Sequence[Fault]) -> int:
    """Try every fault; print one line for each and a summary."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ringwall-sabotage-") as folder:
        outcomes = try_all(faults, Path(folder))
    caught = sum(outcome.caught for outcome in outcomes)
    seconds = time.monotonic() - started
    print(f"\n{caught} of {len(faults)} faults caught in {seconds:.0f} s")
    return 0 if faults and caught == len(faults) else 1


def try_all(faults: Sequence[Fault], folder: Path) -> list[Outcome]:
    """Check the tests on the unplanted copy, then try the faults, two at a time."""
    outcomes: list[Outcome] = []
    red = red_before(faults, copy_tree(folder / "unplanted"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        usable = [fault for fault in faults if fault.test not in red]
        jobs = [pool.submit(try_fault, fault, folder / fault.name) for fault in usable]
        outcomes += [
            Outcome(fault, "unusable", f"not green before planting: {red[fault.test]}")
            for fault in faults
            if fault.test in red
        ]
        for outcome in outcomes:
            report(outcome)
        for job in jobs:
            outcomes.append(job.result())
            report(outcomes[-1])
    return outcomes


def red_before(faults: Sequence[Fault], tree: Path) -> dict[str, str]:
    """Tests that do not pass on the tree as it is, with the end of pytest's output."""
    assert_copy_is_imported(tree)
    tests = sorted({fault.test for fault in faults})
    if run_tests(tests, tree)[0] == PASSED:
        return {}
    red = {}
    for test in tests:
        status, end = run_tests([test], tree)
        if status != PASSED:
            red[test] = end
    return red


def report(outcome: Outcome) -> None:
    """Print one line, and the reason if the fault was not caught."""
    fault = outcome.fault
    print(f"{outcome.verdict:9} {fault.name:34} {fault.test}", flush=True)
    if not outcome.caught:
        print(f"{'':9} {fault.why}\n{'':9} {outcome.detail}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
