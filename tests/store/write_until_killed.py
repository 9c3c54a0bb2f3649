"""Run as a program: store statements for ever and print each one's id once it is acknowledged.

    write_until_killed.py DATABASE FIRST    a file of SQLite, or the URL of a PostgreSQL database

Every statement comes with its audit entry, release, outbox row and positions, two threads write,
and every seventh job fails on purpose. ``tests.store.test_crash`` kills it.
"""

import os
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from msgspec import structs

from ringwall.core import Precedence, Unavailable
from ringwall.store import SqliteStore, Store, decision_document
from tests.store.samples import accept, statement


def state(tx: Any, sequence: int) -> str:
    """One whole intake."""
    decision = decision_document("v1", ("bbb-1",), [{"member": "bbb", "permit": True}])
    new = structs.replace(statement(sequence), decision=decision)
    order = accept(tx, new)
    tx.enqueue([order], Precedence.ROUTINE, ("bbb-1",))
    tx.advance_position("bbb-1", "ROUTINE", tx.in_position("bbb-1", "ROUTINE") + 1)
    if sequence % 7 == 0:
        raise ValueError
    return str(new.id)


def tell(future: Future[str]) -> None:
    if future.exception() is None:
        os.write(1, f"{future.result()}\n".encode())


def work(store: Store, first: int) -> None:
    sequence = first
    while True:
        futures = [store.write(lambda tx, s=sequence + 2 * n: state(tx, s)) for n in range(5)]
        for future in futures:
            if isinstance(future.exception(), Unavailable):
                time.sleep(0.05)
            tell(future)
        sequence += 10


def open_database(name: str) -> Store:
    """Open what ``name`` says, as the node does."""
    if not name.startswith("postgresql:"):
        return SqliteStore(Path(name))
    from ringwall.store.postgresql import PostgresStore

    return PostgresStore(name, Path.cwd(), own=True)


if __name__ == "__main__":
    opened = open_database(sys.argv[1])
    for start in (int(sys.argv[2]), int(sys.argv[2]) + 1):
        threading.Thread(target=work, args=(opened, start)).start()
