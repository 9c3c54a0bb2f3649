"""The commands of the operator guide are run as they stand there, up to where a hub is needed."""

import json
import re
import shlex
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from ringwall.alliance import (
    AGREEMENT_SCHEMA_TEXT,
    SCHEMA_TEXT,
    Alliance,
    agreement_document,
    load_alliance,
    read_agreement,
)
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.cli import exit_codes, main
from ringwall.demo import alliance_text

GUIDE = Path(__file__).parents[2] / "docs" / "operator-guide.md"


def _section(name: str) -> str:
    return GUIDE.read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]


def _example(section: str) -> Any:
    (block,) = re.findall(r"```yaml\n(.*?)```", _section(section), re.DOTALL)
    return read_yaml(block)


def _described() -> Alliance:
    """Put the parts of an alliance description together that the guide shows."""
    description = {"alliance": {"id": "example", "name": "Example", "kind": "exercise"}}
    for section in ("Classification policies", "Clearances and codes", "Named labels"):
        description.update(_example(section))
    return load_alliance(json.dumps(description))


def commands(section: str) -> list[list[str]]:
    """Return the ``ringwall`` command lines of a section of the guide."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", _section(section), re.DOTALL)).replace(
        "\\\n", " "
    )
    return [
        shlex.split(line.partition(" > ")[0], comments=True)[1:]
        for line in blocks.splitlines()
        if line.startswith("ringwall ")
    ]


@pytest.fixture
def founded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """Found an alliance by hand, exactly as the guide says."""
    monkeypatch.chdir(tmp_path)
    Path("alliance.yaml").write_text(alliance_text())
    digest, ran = "", 0
    for arguments in commands("Founding an alliance by hand"):
        if arguments[0] == "up":
            continue
        line = [digest if word == "DIGEST" else word for word in arguments]
        assert main(line) == exit_codes.OK, (line, capsys.readouterr().err)
        output = capsys.readouterr().out
        if line[:2] == ["registry", "issue"]:
            digest = output.strip()
        ran += 1
    assert ran == 13
    return tmp_path


def test_the_policies_clearances_and_labels_of_the_guide_are_right() -> None:
    alliance = _described()
    assert alliance.policies["ALLIED"].rank("SECRET") == 2
    assert [each.policy for each in alliance.members["arden"].clearances] == ["ALLIED", "ARDEN"]
    assert alliance.members["arden"].assertions is not None
    assert set(alliance.labels) == {"warning", "allied", "glass"}


def test_the_agreement_of_the_guide_is_read_and_shows_every_field() -> None:
    example = _example("Agreements")
    document = agreement_document(json.dumps(example))
    agreement = read_agreement(_described(), document)
    assert agreement.joins("arden", "borduria")
    assert not agreement.joins("borduria", "arden")
    assert set(example) == set(json.loads(AGREEMENT_SCHEMA_TEXT)["properties"])


def test_every_field_of_the_policies_is_explained() -> None:
    defined = json.loads(SCHEMA_TEXT)["$defs"]
    fields = {*defined["policy"]["properties"], *defined["level"]["properties"]}
    fields |= set(defined["tag"]["properties"]) - {"values"}
    table = "".join(re.findall(r"^\| (`.*?) \|", _section("Classification policies"), re.MULTILINE))
    assert fields <= set(re.findall(r"`(\w+)`", table))
    fields = set(json.loads(AGREEMENT_SCHEMA_TEXT)["properties"])
    table = "".join(re.findall(r"^\| (`.*?) \|", _section("Agreements"), re.MULTILINE))
    assert fields == set(re.findall(r"`(\w+)`", table))


def test_what_the_guide_founds_is_complete(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["doctor", "arden-1", "--json"])
    checks = {c["check"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("settings", "modes", "alliance", "keys", "registry", "disk", "http_port"):
        assert checks[name]["state"] == "ok", checks[name]
    assert checks["hub"]["state"] == "fault"  # nobody started it
    assert checks["node"]["state"] == "warning"
    assert all(check["fix"] for check in checks.values() if check["state"] != "ok")
    assert main(["doctor", "hub1"]) == exit_codes.OK


def test_no_private_file_is_open_to_others(founded: Path) -> None:
    main(["token", "create", "arden-1", "--reader", "arden-analyst"])
    for path in [*founded.glob("*/keys/*"), *founded.glob("*/hub/*"), *founded.glob("*/*.db")]:
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (founded / "arden-1" / "keys" / "node.json").chmod(0o644)
    assert main(["doctor", "arden-1"]) == exit_codes.CHECK_FAILED


def test_a_registry_is_verified_against_its_anchor(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["registry", "show", "registry.json", "--json"]) == exit_codes.OK
    shown = json.loads(capsys.readouterr().out)
    assert [node["node"] for node in shown["nodes"]] == ["arden-1", "borduria-1"]
    verify = ["registry", "verify", "registry.json", "--anchor"]
    assert main([*verify, shown["digest"]]) == exit_codes.OK
    assert main([*verify, "0" * 64]) == exit_codes.CHECK_FAILED
    assert "anchor" in capsys.readouterr().err
    assert main(verify[:-1]) == exit_codes.REFUSED


def test_nothing_that_was_made_is_overwritten(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (founded / "arden-1" / "keys" / "node.json").read_bytes()
    for line in commands("Founding an alliance by hand"):
        if line[:2] in (["init", "holder"], ["init", "hub"], ["init", "node"]):
            assert main(line) == exit_codes.OPERATOR
            assert "[exists]" in capsys.readouterr().err
    assert (founded / "arden-1" / "keys" / "node.json").read_bytes() == before


def test_a_token_is_printed_once_and_kept_only_as_a_hash(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "create", "arden-1", "--reader", "arden-analyst"]) == exit_codes.OK
    output = capsys.readouterr()
    token = output.out.strip()
    assert len(token) == 43
    assert token not in output.err
    for path in (founded / "arden-1").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path
    wrong = ["token", "create", "arden-1", "--reader", "borduria-analyst"]
    assert main(wrong) == exit_codes.REFUSED


def test_audit_verify_names_the_entry_that_was_changed(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["token", "create", "arden-1", "--reader", "arden-analyst", "--reader", "arden-watch"])
    capsys.readouterr()
    assert main(["audit", "verify", "arden-1"]) == exit_codes.OK
    assert "2 audit entries" in capsys.readouterr().out
    database = sqlite3.connect(founded / "arden-1" / "ringwall.db")
    (leaf,) = database.execute('SELECT leaf FROM audit WHERE "index" = 1').fetchone()
    with database:
        changed = leaf.replace(b"watch", b"witch")
        database.execute('UPDATE audit SET leaf = ? WHERE "index" = 1', (changed,))
    database.close()
    assert main(["audit", "verify", "arden-1", "--json"]) == exit_codes.CHECK_FAILED
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert ("audit", "1") in {(f["table"], f["id"]) for f in report["findings"]}
