"""Backup and restore on the command line: passphrases, JSON, exit codes."""

import io
import json
from pathlib import Path

import pytest

from ringwall.cli import exit_codes, main
from tests.operations.node_world import NodeWorld


@pytest.fixture
def world(tmp_path: Path) -> NodeWorld:
    return NodeWorld(tmp_path)


def test_data_on_stdout_progress_on_stderr(
    world: NodeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, back = world.directory / "a.backup", world.directory / "back"
    assert main(["backup", str(world.node), "--to", str(archive), "--json"]) == exit_codes.OK
    output = capsys.readouterr()
    manifest = json.loads(output.out)
    assert (manifest["node"], manifest["keys"], manifest["file"]) == ("aaa-1", False, str(archive))
    assert "keys" in output.err
    assert main(["restore", str(archive), "--to", str(back), "--verify"]) == exit_codes.OK
    output = capsys.readouterr()
    assert output.out == f"{back}\n"
    assert "put keys/" in output.err
    assert main(["audit", "verify", str(back)]) == exit_codes.OK


def test_a_passphrase_comes_from_a_file_or_a_terminal(
    world: NodeWorld,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive, secret = world.directory / "a.backup", world.directory / "secret"
    command = ["backup", str(world.node), "--to", str(archive), "--with-keys"]
    monkeypatch.setattr("sys.stdin", io.StringIO("typed into a pipe\n"))
    assert main(command) == exit_codes.REFUSED
    assert "no terminal" in capsys.readouterr().err
    secret.write_text("short\n")
    assert main([*command, "--passphrase-file", str(secret)]) == exit_codes.REFUSED
    assert main([*command, "--passphrase-file", "/no/such/file"]) == exit_codes.OPERATOR
    assert main([*command[:-1], "--passphrase-file", str(secret)]) == exit_codes.REFUSED
    assert not archive.exists()

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    typed = iter(["a long passphrase", "another passphrase"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(command) == exit_codes.REFUSED
    monkeypatch.setattr("getpass.getpass", lambda prompt: "a long passphrase")
    assert main(command) == exit_codes.OK
    back = world.directory / "back"
    assert main(["restore", str(archive), "--to", str(back), "--with-keys"]) == exit_codes.OK
    assert (back / "keys" / "node.json").read_bytes() == world.files.keys.read_bytes()


def test_what_is_damaged_or_there_already_is_an_exit_code(
    world: NodeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = world.directory / "a.backup"
    assert main(["backup", str(world.node), "--to", str(archive)]) == exit_codes.OK
    assert main(["backup", str(world.node), "--to", str(archive)]) == exit_codes.OPERATOR
    assert main(["restore", str(archive), "--to", str(world.node)]) == exit_codes.OPERATOR
    archive.write_bytes(archive.read_bytes()[:-20_000])
    capsys.readouterr()
    back = world.directory / "back"
    assert main(["restore", str(archive), "--to", str(back)]) == exit_codes.CHECK_FAILED
    assert "ringwall: " in capsys.readouterr().err
    assert not back.exists()
    assert main(["restore", "/no/such/file", "--to", str(back)]) == exit_codes.OPERATOR
    assert main(["backup", str(world.hub), "--to", str(back)]) == exit_codes.OPERATOR


def test_a_newer_registry_is_installed(
    world: NodeWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = world.directory / "registry-2.json"
    previous = world.node / "registry.json"
    holder = str(world.directory / "holder")
    issue = ["registry", "issue", "--alliance", str(world.files.alliance), "--holder", holder]
    issue += ["--previous", str(previous), "--output", str(registry)]
    for node in ("aaa-1", "bbb-1"):
        issue += ["--introduction", str(world.directory / node / "introduction.json")]
    assert main(issue) == exit_codes.OK
    assert main(["registry", "install", str(world.node), str(registry)]) == exit_codes.OK
    capsys.readouterr()
    main(["doctor", str(world.node), "--json"])
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["registry"]["state"] == "ok"
    assert "number 2" in checks["registry"]["what"]
