"""A plugin for pytest: the tests that mirror the changed module first, for they notice soonest."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first the tests of the module whose change mutmut has named to this process."""
    change = os.environ.get("MUTANT_UNDER_TEST", "")
    module = change.rpartition(".")[0].removeprefix("ringwall.").replace(".", "/")
    folder, _, name = module.rpartition("/")
    mirror = f"tests/{folder}/test_{name}.py"
    items.sort(key=lambda item: not item.nodeid.startswith(mirror))
