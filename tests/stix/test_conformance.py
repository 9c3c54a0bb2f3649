"""`docs/stix-conformance.md` and the tests say the same, and neither has what the other lacks."""

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.stix import test_pattern_grammar
from tests.stix.musts import REFUSED, TOLD

HERE = Path(__file__).parent
DOCUMENT = (HERE.parent.parent / "docs" / "stix-conformance.md").read_text()
CASES = re.findall(
    r"^\| [0-9][^|]* \| [^|]+ \| (refused|told) \| `([a-z0-9-]+)` \|$", DOCUMENT, re.MULTILINE
)
TESTS = re.findall(r"^\| [0-9][^|]* \| [^|]+ \| `(\w+\.py)::(\w+)` \|$", DOCUMENT, re.MULTILINE)
DEMANDS = 234


def test_every_case_is_a_row_and_every_row_a_case() -> None:
    assert len(CASES) == len({name for _, name in CASES})
    assert {name for outcome, name in CASES if outcome == "refused"} == set(REFUSED)
    assert {name for outcome, name in CASES if outcome == "told"} == set(TOLD)


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_every_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((HERE / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    total = len(CASES) + len(TESTS)
    with capsys.disabled():
        sys.stdout.write(
            f" STIX 2.1: {total} demands, {len(REFUSED)} cases refused, {len(TOLD)} told "
        )
    assert total == DEMANDS
    assert f"{DEMANDS} demands" in DOCUMENT


def test_the_differences_of_patterns_are_told() -> None:
    for reason in test_pattern_grammar.DIFFERENCES:
        assert re.search(rf"^\| pattern `{reason}` \|", DOCUMENT, re.MULTILINE), reason
