"""Checkpoints: signed whenever the log grew, and what they sign is the log."""

from collections.abc import Callable
from typing import Any

from ringwall.core import SystemClock
from ringwall.store import Checkpoints, Store, verify_store
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
