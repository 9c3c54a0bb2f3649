import argparse
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.cli import exit_codes, main
from ringwall.cli.connection import read_token
from ringwall.cli.output import print_table
from ringwall.core import (
    BadConfiguration,
    BadSignature,
    Forbidden,
    IntegrityFailure,
    InvalidInput,
    NotFound,
    RingwallError,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

GUIDE = Path(__file__).parents[2] / "docs" / "operator-guide.md"


@pytest.fixture(autouse=True)
def _no_node_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RINGWALL_URL", "RINGWALL_TOKEN", "RINGWALL_TOKEN_FILE", "RINGWALL_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), exit_codes.NOT_FOUND),
        (Unauthenticated("x"), exit_codes.NOT_ALLOWED),
        (Forbidden("x"), exit_codes.NOT_ALLOWED),
        (InvalidInput("x"), exit_codes.REFUSED),
        (TooLarge("x"), exit_codes.REFUSED),
        (BadSignature("x"), exit_codes.CHECK_FAILED),
        (IntegrityFailure("x"), exit_codes.CHECK_FAILED),
        (Unavailable("x"), exit_codes.UNAVAILABLE),
        (StorageFull("x"), exit_codes.OPERATOR),
        (BadConfiguration("x"), exit_codes.OPERATOR),
        (PermissionError("x"), exit_codes.OPERATOR),
        (RingwallError("x"), exit_codes.DEFECT),
        (KeyError("x"), exit_codes.DEFECT),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_codes.exit_code_of(error) == code


def test_the_exit_codes_in_the_guide_are_those_of_the_program(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = GUIDE.read_text().split("## Exit codes")[1].split("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert {int(code): text for code, text in rows[1:]} == exit_codes.MEANINGS
    assert main(["help", "exit-codes"]) == exit_codes.OK
    printed = capsys.readouterr().out
    assert all(f"{code:>3}  {text}" in printed for code, text in exit_codes.MEANINGS.items())


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["submit"], ["search", "--lim", "3"]])
def test_a_wrong_command_line_is_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == exit_codes.USAGE


def test_an_error_is_one_line_that_names_field_and_rule(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["up", str(tmp_path)]) == exit_codes.OPERATOR
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("ringwall: ")
    assert output.err.count("\n") == 1
    assert "ringwall.toml" in output.err
    assert "[missing]" in output.err


def test_a_traceback_is_shown_only_on_demand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RINGWALL_DEBUG", "1")
    with pytest.raises(BadConfiguration):
        main(["up", str(tmp_path)])


def test_no_command_takes_a_secret_as_a_flag() -> None:
    from ringwall.cli.parser import build_parser

    flags = [
        flag
        for command in _commands(build_parser())
        for action in command._actions
        for flag in action.option_strings
    ]
    assert "--token-file" in flags
    assert not [f for f in flags if f in ("--token", "--password", "--secret", "--key", "--code")]


def test_every_command_names_a_function_that_exists() -> None:
    from importlib import import_module

    from ringwall.cli.parser import build_parser

    runs = {command.get_default("run") for command in _commands(build_parser())} - {None}
    assert len(runs) > 20
    for run in runs:
        module, _, function = run.partition(":")
        assert callable(getattr(import_module(f"ringwall.cli.{module}"), function))


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if hasattr(action.choices, "values"):
            for command in action.choices.values():
                yield from _commands(command)


def test_without_a_url_or_token_the_command_says_what_to_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["search", "x"]) == exit_codes.OPERATOR
    assert "RINGWALL_URL" in capsys.readouterr().err
    assert main(["search", "x", "--url", "http://127.0.0.1:9"]) == exit_codes.NOT_ALLOWED
    assert "RINGWALL_TOKEN_FILE" in capsys.readouterr().err


def test_a_node_that_does_not_run_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGWALL_TOKEN", "something")
    assert main(["search", "x", "--url", "http://127.0.0.1:9"]) == exit_codes.UNAVAILABLE
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_the_flag_wins_over_the_file_variable_and_that_over_the_token(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("from-flag\n")
    (tmp_path / "b").write_text("from-file")
    environment = {"RINGWALL_TOKEN": "bare", "RINGWALL_TOKEN_FILE": str(tmp_path / "b")}
    assert read_token(str(tmp_path / "a"), environment) == "from-flag"
    assert read_token(None, environment) == "from-file"
    assert read_token(None, {"RINGWALL_TOKEN": "bare"}) == "bare"
    with pytest.raises(BadConfiguration):
        read_token(str(tmp_path / "none"), {})


def test_a_table_shows_control_characters_of_strangers_as_harmless(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("NAME", "N"), [("evil\x1b[2J\n", 1), (None, ["a", "b"])])
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert output.splitlines()[0].split() == ["NAME", "N"]
    assert len(output.splitlines()) == 3
    assert output.splitlines()[2].split() == ["-", "a,", "b"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh", "fish"])
def test_the_completion_of_each_shell_knows_the_commands(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == exit_codes.OK
    script = capsys.readouterr().out
    assert "login-code" in script
    if shell == "bash" and (program := shutil.which("bash")):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "dos"]) == exit_codes.REFUSED
    assert "bash" in capsys.readouterr().err


def test_doctor_judges_the_machine_without_a_directory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--json"]) == exit_codes.OK
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks.keys() - {"memory"} == {"python", "nats-server", "clock"}
    assert all(check["state"] == "ok" for name, check in checks.items() if name != "memory")


def test_doctor_says_what_to_do_about_a_directory_that_is_no_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(tmp_path)]) == exit_codes.CHECK_FAILED
    line = next(row for row in capsys.readouterr().out.splitlines() if "settings" in row)
    assert line.startswith("FAULT")
    assert "ringwall.toml" in line


def test_a_file_that_cannot_be_read_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGWALL_TOKEN", "something")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    arguments = ["submit", "/no/such/file", "--url", "http://127.0.0.1:9"]
    assert main(arguments) == exit_codes.REFUSED
    assert "/no/such/file" in capsys.readouterr().err
