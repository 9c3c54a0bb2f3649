"""`make sabotage` must itself be able to fail: on a fault that survives, or no longer fits."""

import re
from pathlib import Path

import pytest

from sabotage.__main__ import sabotage
from sabotage.fault import REPOSITORY, Fault, FaultUnusable, copy_tree, plant
from sabotage.faults import FAULTS


def example(**changes: str) -> Fault:
    fields = {
        "name": "example",
        "file": "src/ringwall/__init__.py",
        "find": '__version__ = "',
        "replace": '__version__ = "broken',
        "test": "tests/test_example.py::test_version",
        "why": "an example",
    }
    return Fault(**{**fields, **changes})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository with one passing and one failing test, in place of the real one."""
    root = tmp_path / "repository"
    (root / "src" / "ringwall").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "src" / "ringwall" / "__init__.py").write_text('__version__ = "1"\nOTHER = "x"\n')
    (root / "tests" / "test_example.py").write_text(
        "import ringwall\n\n"
        "def test_version(): assert ringwall.__version__ == '1'\n\n"
        "def test_red(): assert not ringwall\n"
    )
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["src"]\n')
    monkeypatch.setattr("sabotage.fault.REPOSITORY", root)
    return root


def test_a_caught_fault_passes(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sabotage([example()]) == 0
    assert "1 of 1 faults caught" in capsys.readouterr().out
    assert '"1"' in (repository / "src" / "ringwall" / "__init__.py").read_text()


def test_each_other_end_is_named(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert repository.is_dir()
    changes = {
        "SURVIVED": {"find": "OTHER", "replace": "ANOTHER"},
        "occurs 0 times": {"find": "absent"},
        "occurs 4 times": {"find": "_"},
        "not Python any more": {"replace": "= ="},
        "does not exist": {"file": "src/ringwall/absent.py"},
        "cannot be imported": {"find": "OTHER =", "replace": "import absent;"},
    }
    faults = [example(name=f"fault-{n}", **each) for n, each in enumerate(changes.values())]
    assert sabotage(faults) == 1
    out = capsys.readouterr().out
    assert [verdict for verdict in changes if verdict not in out] == []
    assert "0 of 6 faults caught" in out


def test_a_test_that_is_red_before_proves_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repository.is_dir()
    assert sabotage([example(test="tests/test_example.py::test_red")]) == 1
    assert "not green before planting" in capsys.readouterr().out


def test_no_faults_at_all_fails(repository: Path) -> None:
    assert repository.is_dir()
    assert sabotage([]) == 1


def test_a_fault_is_planted_in_the_copy_only(tmp_path: Path) -> None:
    before = (REPOSITORY / "src" / "ringwall" / "__init__.py").read_bytes()
    plant(example(), copy_tree(tmp_path / "copy"))
    planted = (tmp_path / "copy" / "src" / "ringwall" / "__init__.py").read_bytes()
    assert planted != before
    assert (REPOSITORY / "src" / "ringwall" / "__init__.py").read_bytes() == before


def test_names_are_unique() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_still_fits_the_tree(fault: Fault, tmp_path: Path) -> None:
    target = tmp_path / fault.file
    target.parent.mkdir(parents=True)
    target.write_bytes((REPOSITORY / fault.file).read_bytes())
    plant(fault, tmp_path)
    path, _, name = fault.test.partition("::")
    name = re.sub(r"\[.*", "", name).rpartition("::")[2]
    assert re.search(rf"def {name}\(", (REPOSITORY / path).read_text(encoding="utf-8"))
    assert fault.why


def test_a_fault_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultUnusable, match="does not exist"):
        plant(example(), tmp_path)
