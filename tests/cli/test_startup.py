"""Commands that need no server import none: counted in modules, because time is noisy."""

import subprocess
import sys

import pytest

HEAVY = ("granian", "httpx", "cryptography", "nats", "sqlite3", "asyncio", "yaml")
BUDGET = 120
"""Modules beyond those of a bare interpreter; argparse alone brings about forty."""


def imported(*arguments: str) -> set[str]:
    """Return every module that one command had imported when it ended."""
    code = (
        "import sys; from ringwall.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.fixture(scope="module")
def bare() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments", [("version",), ("help", "exit-codes"), ("--help",), ("search", "--help")]
)
def test_commands_without_a_server_stay_small(bare: set[str], arguments: tuple[str, ...]) -> None:
    modules = imported(*arguments) - bare
    assert not {module.partition(".")[0] for module in modules} & set(HEAVY)
    assert len(modules) <= BUDGET


def test_completion_needs_shtab_and_no_room(bare: set[str]) -> None:
    modules = imported("completion", "bash") - bare
    assert "shtab" in modules
    rooms = {m.split(".")[1] for m in modules if m.startswith("ringwall.")}
    assert rooms <= {"cli", "core"}


def test_a_command_that_talks_to_a_node_does_not_load_one() -> None:
    modules = imported("search", "word", "--url", "http://127.0.0.1:9")
    assert not {module.partition(".")[0] for module in modules} & {"granian", "nats"}
