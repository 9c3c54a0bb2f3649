"""Change a room's code in every small way, one at a time, and count what its tests notice.

`make mutation ROOM=policy`. mutmut makes the changes, in a copy of the tree; only the quick tests
of the room are run, and of those only the ones that reach the function: at first those that mirror
its module, then all. A change that no test reaches counts as not noticed. Exits with 1 below the
score that is asked for.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation import mirrored
from sabotage.fault import copy_tree

LEAST = 85.0
VERDICTS: dict[int | None, str] = {
    **dict.fromkeys((None, 2, 34), "not run"),
    **dict.fromkeys((5, 33), "unreached"),
    **dict.fromkeys((-24, 24, 36, 152, 255), "hung"),
    0: "survived",
}
"""By mutmut's exit statuses, which are those of pytest and a few more; any other: noticed."""
AT_ONCE = 2
PLUGINS = [
    *("-p", "no:cacheprovider", "-p", mirrored.__name__),
    *("-p", "no:schemathesis", "-p", "no:unraisableexception"),  # they take time at every start
]
CONFIGURATION = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
also_copy = ["src", "docs", "mutation", "verifier", "README.md", "Makefile"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = {arguments}
"""


@dataclass(frozen=True)
class Room:
    """What is changed, and the quick tests that must notice."""

    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()
    """Files, folders and single tests that are left out: they take seconds for every change."""


ROOMS = {
    "policy": Room(
        ("tests/policy",),
        (
            *("tests/policy/proofs", "tests/policy/test_differential.py"),
            *("tests/policy/test_oracle.py", "tests/policy/test_properties.py"),
            "tests/policy/test_random_alliances.py",
            "tests/policy/test_decision.py::test_cve_2026_85533",
            "tests/policy/test_passing_on.py::test_an_oracle_says",
            "tests/policy/test_passing_on.py::test_nothing_goes_further",
        ),
    ),
    "trust": Room(
        ("tests/trust",), ("tests/trust/test_verifier.py", "tests/trust/test_verifier_relays.py")
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("room", choices=sorted(ROOMS), nargs="*", help="by default all")
    parser.add_argument("--module", default="*", help="only modules whose path fits this pattern")
    parser.add_argument("--keep", type=Path, help="work here and leave everything that was made")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="processes beside this one")
    parser.add_argument("--least", type=float, default=LEAST, help="the score that is asked for")
    options = parser.parse_args(arguments)
    worst = 100.0
    for name in options.room or sorted(ROOMS):
        with tempfile.TemporaryDirectory(prefix="ringwall-mutation-") as folder:
            tree = copy_tree((options.keep or Path(folder)) / name)
            worst = min(worst, campaign(name, options.module, tree, options.at_once))
    return 0 if worst >= options.least else 1


def campaign(name: str, pattern: str, tree: Path, at_once: int) -> float:
    """Try every change of a room in the copy ``tree``; print and return the score in percent."""
    started, room = time.monotonic(), ROOMS[name]
    shutil.rmtree(tree / "mutants", ignore_errors=True)  # mutmut would take old answers from it
    shutil.copytree(Path(__file__).parent, tree / "mutation", dirs_exist_ok=True)
    left_out = [f"--{'deselect' if '::' in test else 'ignore'}={test}" for test in room.slow]
    written = CONFIGURATION.format(
        modules=json.dumps([f"src/ringwall/{name}/{pattern}"]),
        tests=json.dumps(list(room.tests)),
        arguments=json.dumps([*PLUGINS, *left_out]),
    )
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(written)
    run_mutmut(tree, at_once, {})
    survived = [change for change, status in results(tree / "mutants") if status == 0]
    if survived:
        run_mutmut(tree, at_once, {mirrored.ALL_TESTS: "1"}, survived)
    return report(name, dict(results(tree / "mutants")), time.monotonic() - started)


def run_mutmut(
    tree: Path, at_once: int, environment: dict[str, str], changes: Sequence[str] = ()
) -> None:
    """Let mutmut try ``changes``, or all that it has not tried; print how it ended if it failed."""
    path = tree / "mutmut.log"
    with path.open("ab") as log:
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", "--max-children", str(at_once), *changes],
            cwd=tree,
            env={**os.environ, "HYPOTHESIS_PROFILE": "sabotage", **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        print(path.read_text(encoding="utf-8", errors="replace")[-2000:])


def results(folder: Path) -> Iterator[tuple[str, int | None]]:
    """Yield every change, by mutmut's name for it, with its exit status."""
    for meta in sorted(folder.rglob("*.meta")):
        yield from json.loads(meta.read_bytes())["exit_code_by_key"].items()


def report(name: str, found: dict[str, int | None], seconds: float) -> float:
    """Print the score by module and what was not noticed; return the score of the room."""
    by_module: dict[str, Counter[str]] = {}
    for change, status in found.items():
        module = change.rpartition(".")[0].removeprefix(f"ringwall.{name}.")
        by_module.setdefault(module, Counter())[verdict(status)] += 1
    for change, status in found.items():
        if verdict(status) != "noticed":
            print(f"  {verdict(status):9} {change}")
    for module, counted in sorted(by_module.items()):
        print(f"  {module:28} {score(counted):5.1f} %  {dict(counted)}")
    whole = sum(by_module.values(), Counter[str]())
    print(f"{name}: {score(whole):.1f} % of {whole.total()} changes noticed in {seconds:.0f} s")
    return score(whole)


def verdict(status: int | None) -> str:
    """Say what became of a change: a test failed, or the change made one hang."""
    return VERDICTS.get(status, "noticed")


def score(counted: Counter[str]) -> float:
    """Return the share of changes that were noticed, in percent; a test that hangs notices."""
    return 100.0 * (counted["noticed"] + counted["hung"]) / max(counted.total(), 1)


if __name__ == "__main__":
    sys.exit(main())
