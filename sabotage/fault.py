"""A fault, planting it in a copy of the tree, and running the test that must notice."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
COPIED = ("src", "tests", "pyproject.toml", "docs", "benches", "README.md", "Makefile")
LONGEST_TEST_SECONDS = 180
# pytest's exit statuses; every other one says that the test did not run at all.
PASSED, FAILED, HUNG = 0, 1, -1


@dataclass(frozen=True)
class Fault:
    """One defect that somebody could introduce, and the test that must notice it."""

    name: str
    file: str
    """Path from the repository's root."""
    find: str
    """Text that occurs in the file exactly once."""
    replace: str
    test: str
    """pytest node id of the test that must turn red."""
    why: str
    """What would go wrong for a member if the fault were real."""


@dataclass(frozen=True)
class Outcome:
    """What became of one fault: `caught`, or what is wrong with it."""

    fault: Fault
    verdict: str
    detail: str = ""

    @property
    def caught(self) -> bool:
        """Whether the named test noticed the fault."""
        return self.verdict == "caught"


class FaultUnusable(Exception):
    """A fault no longer fits the tree; the message says why."""


def copy_tree(target: Path) -> Path:
    """Copy what the tests need to `target`; return it."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", "results.json")
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored, dirs_exist_ok=True)
        elif source.is_file():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


def plant(fault: Fault, tree: Path) -> None:
    """Put the fault into the copy.

    Raises FaultUnusable if the text to replace does not occur exactly once, or if the result is
    not Python: a fault that only breaks the import would be caught by every test.
    """
    path = tree / fault.file
    if not path.is_file():
        raise FaultUnusable(f"{fault.file} does not exist")
    text = path.read_text(encoding="utf-8")
    if (count := text.count(fault.find)) != 1:
        raise FaultUnusable(f"its text occurs {count} times in {fault.file}, not once")
    planted = text.replace(fault.find, fault.replace)
    try:
        compile(planted, fault.file, "exec")
    except SyntaxError as error:
        raise FaultUnusable(f"{fault.file} is not Python any more: {error}") from error
    path.write_text(planted, encoding="utf-8")


def environment(tree: Path) -> dict[str, str]:
    """Environment in which Python, and every process it starts, imports the copy in `tree`."""
    data = os.environ.get("RINGWALL_DATA", str(REPOSITORY.parent / "shared" / "data"))
    return {
        **os.environ,
        "HYPOTHESIS_PROFILE": "sabotage",
        "PYTHONPATH": str(tree / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "RINGWALL_DATA": data,
    }


def assert_copy_is_imported(tree: Path) -> None:
    """Raise FaultUnusable unless `import ringwall` finds the copy, not the installed tree."""
    found = subprocess.run(
        [sys.executable, "-c", "import ringwall; print(ringwall.__file__)"],
        cwd=tree,
        env=environment(tree),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    if not Path(found).resolve().is_relative_to(tree.resolve()):
        raise FaultUnusable(f"the tests would import {found}, not the copy")


def run_tests(tests: Iterable[str], tree: Path) -> tuple[int, str]:
    """Run tests in the copy; return pytest's exit status and the end of its output."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=environment(tree),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LONGEST_TEST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with every node and server that the test started
        process.wait()
        return HUNG, f"no result after {LONGEST_TEST_SECONDS} s"
    return process.returncode, " | ".join(output.strip().splitlines()[-3:])


def try_fault(fault: Fault, tree: Path) -> Outcome:
    """Plant one fault in a fresh copy at `tree` and see whether its test turns red."""
    try:
        plant(fault, copy_tree(tree))
        assert_copy_is_imported(tree)
    except FaultUnusable as error:
        return Outcome(fault, "unusable", str(error))
    except subprocess.CalledProcessError as error:
        return Outcome(fault, "unusable", f"the planted copy cannot be imported: {error.stderr}")
    status, end = run_tests([fault.test], tree)
    if status == FAILED:
        return Outcome(fault, "caught", end)
    if status == PASSED:
        return Outcome(fault, "SURVIVED", end)
    return Outcome(fault, "unusable", f"pytest could not run the test: {end}")
