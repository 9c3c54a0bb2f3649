"""The table of TAXII's rules names tests that exist, for every section that has rules."""

import ast
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "taxii-conformance.md"
SECTIONS = {
    "3.1", "3.2", "3.3", "3.4", "3.4.1", "3.5", "3.6", "3.6.1", "3.7", "4.1", "4.1.1", "4.2.1",
    "4.3", "4.3.1", "4.3.2", "5.1", "5.2", "5.2.1", "5.3", "5.3.2", "5.4", "5.5", "5.6", "5.7",
    "5.8", "7.1", "8.1.2",
}  # fmt: skip


def rows() -> list[tuple[str, str, list[str]]]:
    """Return what the rows of both tables say: section or client, rule, tests."""
    found = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| (test_[^|]+) \|$", TABLE.read_text(), re.MULTILINE
    )
    return [(section, rule, tests.split(", ")) for section, rule, tests in found]


def defined(module: str) -> set[str]:
    """Return the tests of a module, as `name` or `Class::name`."""
    tree = ast.parse((HERE / f"{module}.py").read_text())
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (each for each in node.body if isinstance(each, ast.FunctionDef))
            names.update(f"{node.name}::{each.name}" for each in inner)
    return names


def test_every_rule_names_tests_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = {test for _, _, tests in rows() for test in tests}
    for test in sorted(named):
        module, _, name = test.partition("::")
        assert name in defined(module), test
    rules = [section for section, _, _ in rows() if section[0].isdigit()]
    assert set(rules) >= SECTIONS
    quirks = len(rows()) - len(rules)
    total = f"TAXII 2.1: {len(rules)} rules, {quirks} of clients' quirks, {len(named)} tests"
    with capsys.disabled():
        sys.stdout.write(f"\n{total}\n")


def test_no_rule_stands_twice() -> None:
    said = [(section, rule) for section, rule, _ in rows()]
    assert len(set(said)) == len(said)


def test_every_row_of_the_tables_is_read() -> None:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    assert len(rows()) == len([line for line in lines if "test_" in line])
    assert len(rows()) == len(lines) - 2  # the two headings
