"""Prove every property and print how long it took: ``python -m tests.policy.proofs``."""

import sys
import time

from tests.policy.proofs.model import AGREEMENTS, LEVELS, MEMBERS, Model
from tests.policy.proofs.properties import PROPERTIES
from tests.policy.proofs.symbols import counterexample


def main() -> int:
    """Return the exit status: 1 if something does not hold, or a broken model is not noticed."""
    failed = 0
    print(f"{MEMBERS} members, a group, {LEVELS} levels, {AGREEMENTS} agreements, any labels")
    for each in PROPERTIES:
        started = time.monotonic()
        found = counterexample(each, Model())
        seconds = time.monotonic() - started
        noticed = counterexample(each, each.broken) is not None
        failed += found is not None or not noticed
        verdict = "proved" if found is None else "DOES NOT HOLD"
        broken = type(each.broken).__name__
        shown = f"fails on {broken}" if noticed else f"DOES NOT NOTICE {broken}"
        print(f"{each.name:48} {verdict} in {seconds:6.2f} s; {shown}")
        if found is not None:
            print(found)
    print(f"{len(PROPERTIES) - failed} of {len(PROPERTIES)} properties proved")
    return 1 if failed else 0


sys.exit(main())
