"""Commands about policy: cases, policy information files, labels bound to files."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml

from ringwall.alliance import load_alliance
from ringwall.alliance.strict_yaml import read_yaml
from ringwall.cli import exit_codes, main
from ringwall.core import InvalidInput
from ringwall.demo import found
from ringwall.policy import Vetoes, read_hold_rules
from ringwall.policy.gates import GateName
from tests.alliance.test_spif import FILES

EXAMPLE = Path(__file__).parent.parent / "alliance" / "example.yaml"
CASE = """
cases:
  - name: Amber stays with the allies
    label: allied
    origin: arden
    object_type: indicator
    members: {borduria: permit, dorne: DORNE}
"""
AGREEMENT = """
agreement: {alliance: example, id: closer, version: 1}
title: Closer partnership
parties: [arden, dorne]
purposes: [collective-defence]
highest_tlp: RED
valid_from: "2020-01-01"
valid_until: "2040-01-01"
clause: article 9
"""


def ringwall(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ringwall", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("dorne", "code"), [("deny by rel-to", 0), ("permit", 1)])
def test_cases_are_tried_on_a_description(tmp_path: Path, dorne: str, code: int) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(CASE.replace("DORNE", dorne))
    done = ringwall("policy", "test", cases, "--alliance", EXAMPLE)
    assert done.returncode == code, done.stderr
    assert f"{2 - code} of 2 as expected" in done.stdout
    assert ("FAILED" in done.stdout) is bool(code)


def test_an_agreement_can_be_tried_before_anybody_signs_it(tmp_path: Path) -> None:
    cases, agreement = tmp_path / "cases.yaml", tmp_path / "closer.yaml"
    cases.write_text(CASE.replace("allied", '"TLP:RED//REL TO dorne"').replace("DORNE", "permit"))
    agreement.write_text(AGREEMENT)
    words = ("policy", "test", cases, "--alliance", EXAMPLE, "--json")
    without = json.loads(ringwall(*words).stdout)
    signed = json.loads(ringwall(*words, "--agreement", agreement).stdout)
    met = [[each["met"] for each in found["results"]] for found in (without, signed)]
    assert met == [[False, False], [False, True]]


def test_a_case_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text("cases: [{name: a}]")
    done = ringwall("policy", "test", cases, "--alliance", EXAMPLE)
    assert done.returncode == 7
    assert "label" in done.stderr


def test_policy_information_files_become_part_of_a_description(tmp_path: Path) -> None:
    paths = []
    for name, raw in FILES.items():
        (tmp_path / name).write_bytes(raw)
        paths.append(tmp_path / name)
    done = ringwall("policy", "import-spif", *paths)
    assert done.returncode == 0, done.stderr
    described = yaml.safe_load(EXAMPLE.read_text()) | yaml.safe_load(done.stdout)
    for agreement in described["agreements"].values():
        for field in ("valid_from", "valid_until"):
            agreement[field] = "2026-01-01" if field == "valid_from" else "2030-01-01"
    alliance = load_alliance(json.dumps(described))
    assert "NORTHERN" in alliance.policies


GUIDE = (EXAMPLE.parent.parent.parent / "docs" / "release-policy.md").read_text()
DEMO = EXAMPLE.parent.parent.parent / "src" / "ringwall" / "demo" / "alliance.yaml"


def block(language: str, beginning: str) -> str:
    """Return the code block of the officers' guide that begins so."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if each.startswith(beginning)]
    return str(found)


def test_the_examples_of_the_officers_guide_are_right(tmp_path: Path) -> None:
    alliance = load_alliance(DEMO.read_text())
    rules = read_hold_rules(read_yaml(block("yaml", "two_person:"), "guide"), alliance)
    assert [rule.to for rule in rules.two_person] == [("dorne",)]
    assert Vetoes("arden", block("cedar", "@id")).any
    cases = tmp_path / "cases.yaml"
    cases.write_text(block("yaml", "cases:"))
    done = ringwall("policy", "test", cases, "--alliance", DEMO)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_gate_is_in_the_officers_guide() -> None:
    section = GUIDE.partition("## How a release is decided")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| ([a-z-]+) \|", section, re.MULTILINE)) | {"redaction"}
    told |= set(re.findall(r"`(clearance|nationality|role)`", section))
    assert told - {"gate"} == set(get_args(GateName))


def test_a_label_is_bound_to_a_file_and_checked(tmp_path: Path) -> None:
    processes = found(tmp_path / "demo")
    node, file = processes.directory / "arden-1", tmp_path / "report.pdf"
    node = next(processes.directory.rglob("arden-1"))
    file.write_bytes(b"a report")
    done = ringwall("label", "bind", node, file, "--label", "CLASS ALLIED:SECRET")
    assert done.returncode == 0, done.stderr
    checked = ringwall("label", "check", node, file)
    assert (checked.returncode, "CLASS ALLIED:SECRET" in checked.stdout) == (0, True)
    assert "by arden-1" in checked.stdout
    file.write_bytes(b"another report")
    assert ringwall("label", "check", node, file).returncode == 1
    expired = "CLASS ALLIED:SECRET//REVIEW 2026-01-01"
    assert ringwall("label", "bind", node, file, "--label", expired).returncode == 0
    checked = ringwall("label", "check", node, file)
    assert (checked.returncode, "reviewed by 2026-01-01T" in checked.stdout) == (1, True)


@pytest.mark.parametrize(
    ("text", "member", "words"),
    [
        (b"", "", "--member: whose vetoes? No member is called '' [unknown-name]"),
        (b"", "zembla", "No member is called 'zembla' [unknown-name]"),
        (b"\xff\xfe", "arden", "v.cedar: not UTF-8 [encoding]"),
        (b"(" * 100, "arden", "vetoes: nested deeper than 64 brackets [depth]"),
    ],
)
def test_vetoes_that_cannot_be_tried_are_refused(
    tmp_path: Path, text: bytes, member: str, words: str
) -> None:
    cases, vetoes = tmp_path / "cases.yaml", tmp_path / "v.cedar"
    cases.write_text(CASE.replace("DORNE", "deny"))
    vetoes.write_bytes(text)
    options = ("--alliance", EXAMPLE, "--vetoes", vetoes, "--member", member)
    done = ringwall("policy", "test", cases, *options)
    assert done.returncode == (7 if "depth" in words else 3)
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["policy", "test", "gone", "--alliance", str(EXAMPLE)], "file"),
        (["policy", "test", "cases.yaml", "--alliance", "gone"], "--alliance"),
        (["policy", "test", "c", "--alliance", str(EXAMPLE), "--agreement", "gone"], "--agreement"),
        (["policy", "import-spif", "gone"], "file"),
        (["agreement", "propose", "gone"], "file"),
        (["agreement", "preview", "gone"], "agreement"),
    ],
)
def test_a_file_that_is_not_there_is_named(
    words: list[str],
    field: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RINGWALL_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("RINGWALL_TOKEN", "none")
    monkeypatch.setenv("RINGWALL_DEBUG", "1")
    with pytest.raises(InvalidInput) as refused:
        main(words)
    assert (refused.value.field, refused.value.rule) == (field, "unreadable")
    monkeypatch.delenv("RINGWALL_DEBUG")
    assert main(words) == exit_codes.REFUSED
    assert "gone" in capsys.readouterr().err
