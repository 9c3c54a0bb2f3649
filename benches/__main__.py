"""Run every `bench_*.py`, print a table, write `benches/results.json`.

Each of those modules has `run() -> list[Figure]`. Arguments name the modules to run (`intake`
for `bench_intake`); without any, all are run. A bench that fails is reported and fails the
command, after the others have run.
"""

import importlib
import json
import pkgutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import benches
from benches.figure import Figure

RESULTS = Path(__file__).parent / "results.json"
PREFIX = "bench_"


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    found = sorted(
        module.name.removeprefix(PREFIX)
        for module in pkgutil.iter_modules(benches.__path__)
        if module.name.startswith(PREFIX)
    )
    if unknown := set(arguments) - set(found):
        print(f"no such bench: {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
        return 2
    figures: list[Figure] = []
    failed = 0
    print(f"{'name':32} {'value':>12} {'baseline':>12} {'ratio':>8}  unit, baseline is")
    for name in found:
        if arguments and name not in arguments:
            continue
        try:
            measured: list[Figure] = importlib.import_module(f"benches.{PREFIX}{name}").run()
        except Exception:
            failed += 1
            print(f"{name}: failed", flush=True)
            traceback.print_exc()
            continue
        for figure in measured:
            print(row(figure), flush=True)
        figures += measured
    RESULTS.write_text(json.dumps([document(figure) for figure in figures], indent=1) + "\n")
    return 1 if failed else 0


def row(figure: Figure) -> str:
    """One line of the table."""
    baseline = "" if figure.baseline is None else f"{figure.baseline:,.2f}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
    unit = ", ".join(part for part in (figure.unit, figure.against) if part)
    return f"{figure.name:32} {figure.value:>12,.2f} {baseline:>12} {ratio:>8}  {unit}"


def document(figure: Figure) -> dict[str, str | float | None]:
    """One entry of the results file."""
    return {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "baseline": figure.baseline,
        "ratio": figure.ratio,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
