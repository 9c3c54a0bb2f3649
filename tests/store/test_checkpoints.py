"""Checkpoints: signed whenever the log grew, and what they sign is the log."""

from collections.abc import Callable
from typing import Any

import pytest

from ringwall.core import SystemClock
from ringwall.store import Checkpoints, Store, verify_store
from ringwall.store.checkpoints import read_checkpoint_log
from ringwall.trust import NodeKeys, SignedCheckpoint, verify_checkpoint
from tests.store.samples import NODE, accept, registry, statement

Do = Callable[[Callable[[Any], Any]], Any]


def test_a_checkpoint_is_signed_when_the_log_has_grown(store: Store, do: Do) -> None:
    keys = NodeKeys.generate()
    checkpoints = Checkpoints(
        node=NODE, alliance="test", keys=keys, store=store, clock=SystemClock()
    )
    assert checkpoints.sign_if_grown() is False
    for sequence in (1, 2):
        do(lambda tx, s=sequence: accept(tx, statement(s)))
        assert checkpoints.sign_if_grown() is True
        assert checkpoints.sign_if_grown() is False
    with store.read() as tx:
        latest = tx.latest_checkpoint()
        assert latest is not None
        signed = SignedCheckpoint(latest.note.decode(), latest.signature)
        said = verify_checkpoint(signed, keys.public(), "test", NODE)
        assert (said.size, said.root) == (2, tx.audit_root())
        assert [row.size for row in tx.checkpoints()] == [1, 2]
    assert verify_store(store, registry=registry({NODE: keys}), node=NODE) == []


def test_the_file_beside_the_database_is_private_bounded_and_mends_itself(
    store: Store, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(
        node=NODE, alliance="test", keys=NodeKeys.generate(), store=store, clock=SystemClock()
    )
    path = store.directory / "checkpoints.log"

    def grow() -> list[bytes]:
        do(lambda tx: tx.append_audit("entry", {}))
        assert checkpoints.sign_if_grown()
        return path.read_bytes().splitlines()

    assert len(grow()) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(path.read_bytes() + b'{"note": "cut o')
    lines = grow()
    assert len(lines) == 2
    assert all(line.endswith(b"}") for line in lines)
    monkeypatch.setattr("ringwall.store.checkpoints.LOG_BYTES", 2 * len(lines[0]) + 50)
    assert len(grow()) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one for one in read_checkpoint_log(store.directory) if one is None] == []
