"""Run as a program: store statements for ever and print each one's id once it is acknowledged.

    write_until_killed.py DATABASE FIRST

Every statement comes with its audit entry, release, outbox row and positions, two threads write,
and every seventh job fails on purpose. ``tests.store.test_crash`` kills it.
"""

import os
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ringwall.core import Precedence
from ringwall.store import SqliteStore
from tests.store.samples import NOW, accept, statement


def state(tx: Any, sequence: int) -> str:
    """One whole intake."""
    new = statement(sequence)
    order = accept(tx, new)
    tx.add_release(order, "v1", ("bbb-1",), [{"member": "bbb", "permit": True}], NOW)
    tx.enqueue(order, Precedence.ROUTINE, ("bbb-1",))
    tx.advance_position("bbb-1", "ROUTINE", tx.in_position("bbb-1", "ROUTINE") + 1)
    if sequence % 7 == 0:
        raise ValueError
    return str(new.id)


def tell(future: Future[str]) -> None:
    if future.exception() is None:
        os.write(1, f"{future.result()}\n".encode())


def work(store: SqliteStore, first: int) -> None:
    sequence = first
    while True:
        futures = [store.write(lambda tx, s=sequence + 2 * n: state(tx, s)) for n in range(5)]
        for future in futures:
            future.exception()
            tell(future)
        sequence += 10


if __name__ == "__main__":
    opened = SqliteStore(Path(sys.argv[1]))
    for start in (int(sys.argv[2]), int(sys.argv[2]) + 1):
        threading.Thread(target=work, args=(opened, start)).start()
