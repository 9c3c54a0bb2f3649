"""`make mutation` must itself be able to fail: a change may go unnoticed, or unreached."""

from pathlib import Path

import pytest

from mutation.__main__ import main, report

ROOM = """
def larger(one, other):
    return one if one > other else other


def smaller(one, other):
    return one if one < other else other


def reached_by_nobody():
    return 1
"""
TESTS = """
from ringwall.policy.size import larger, smaller


def test_larger():
    assert (larger(1, 2), larger(2, 1)) == (2, 1 + 1)


def test_smaller():
    smaller(1, 2)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository with one module and its tests, in place of the real one."""
    root = tmp_path / "repository"
    for folder in ("src/ringwall/policy", "tests/policy", "docs"):
        (root / folder).mkdir(parents=True)
    for package in ("src/ringwall", "src/ringwall/policy"):
        (root / package / "__init__.py").write_text("")
    (root / "src/ringwall/policy/size.py").write_text(ROOM)
    (root / "tests/policy/test_size.py").write_text(TESTS)
    (root / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\npythonpath = ["src"]\naddopts = "--import-mode=importlib"\n'
    )
    for name in ("README.md", "Makefile"):
        (root / name).write_text("")
    monkeypatch.setattr("sabotage.fault.REPOSITORY", root)
    return root


def test_every_change_is_tried_and_the_score_decides(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repository.is_dir()
    assert main(["policy", "--at-once", "1", "--keep", str(tmp_path / "kept")]) == 1
    out = capsys.readouterr().out
    assert "unreached ringwall.policy.size.x_reached_by_nobody__mutmut_1" in out
    assert "survived  ringwall.policy.size.x_smaller__mutmut_" in out
    assert "'noticed': 2" in out
    assert (tmp_path / "kept/policy/mutmut.log").is_file()


def test_a_test_that_hangs_notices_and_what_was_not_run_does_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = {
        "ringwall.policy.gates.one.x_f__mutmut_1": 1,
        "ringwall.policy.gates.one.x_f__mutmut_2": -24,
        "ringwall.policy.other.x_g__mutmut_1": 33,
        "ringwall.policy.other.x_g__mutmut_2": None,
        "ringwall.policy.other.x_g__mutmut_3": 0,
    }
    assert report("policy", found, 2.0) == 40.0
    out = capsys.readouterr().out
    assert "  hung      ringwall.policy.gates.one.x_f__mutmut_2\n" in out
    assert "  not run   ringwall.policy.other.x_g__mutmut_2\n" in out
    assert "  gates.one                    100.0 %  {'noticed': 1, 'hung': 1}\n" in out
    assert out.endswith("policy: 40.0 % of 5 changes noticed in 2 s\n")
