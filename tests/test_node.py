"""A node before it serves: what a crash left is ended first."""

import json
from pathlib import Path

import pytest

from ringwall.core.settings import load_node_settings
from ringwall.node import Node
from tests.cli.test_operator_guide import founded
from tests.exchange.redaction_world import bundle
from tests.exchange.test_large_submissions import CrashError, naming, only_the_first_slice

__all__ = ["founded"]  # a fixture of the test below


def test_a_submission_that_was_interrupted_is_ended_before_anything_leaves(
    founded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = founded / "arden-1"
    node = Node(directory, load_node_settings(directory))
    reader = next(
        each
        for each in node.alliance.readers.values()
        if each.member == node.member and "analyst" in each.roles
    )
    named, free, filling = naming({"id": "identity--0c8a7f3e-7b1c-4b7e-9d53-0c5a1f2e3d4b"})
    with monkeypatch.context() as patch:
        only_the_first_slice(node, CrashError(), patch)
        with pytest.raises(CrashError):
            node.intake.submit(reader, bundle(*named, free, *filling), label="TLP:GREEN")
    node.store.close()

    node = Node(directory, load_node_settings(directory))
    try:
        node._settle()
        with node.store.read() as tx:
            leaves = [json.loads(entry.leaf) for entry in tx.audit_entries(0, 1000)]
            queued = tx.outbox_batch("BULK", 1000, 10_000_000)
    finally:
        node.store.close()
    assert [leaf["kind"] for leaf in leaves].count("withdrawn") == 2
    assert len(queued) == 256 - 2
