"""What tests of operations start from."""

import shutil
from pathlib import Path

import pytest

from ringwall.core.settings import Files
from tests.operations.node_world import NodeWorld


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> NodeWorld:
    """A node that is founded once; tests change copies of it."""
    return NodeWorld(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def world(founded: NodeWorld, tmp_path: Path) -> NodeWorld:
    """A copy of the founded node that belongs to the test."""
    copy = object.__new__(NodeWorld)
    copy.__dict__.update(founded.__dict__)
    shutil.copytree(founded.directory, tmp_path / "world")
    copy.directory = tmp_path / "world"
    copy.hub, copy.node = copy.directory / "hub1", copy.directory / "aaa-1"
    copy.files = Files(copy.node)
    return copy
