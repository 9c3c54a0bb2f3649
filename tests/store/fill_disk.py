"""Run as a program: write statements until there is no room, then make room and write again.

    fill_disk.py DIRECTORY tmpfs   a small file system with a ballast file to remove
    fill_disk.py DIRECTORY limit   files may not grow beyond a limit, which is then lifted

Prints one JSON object of what was seen. ``tests.store.test_full_disk`` judges it.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from ringwall.store import SqliteStore
from ringwall.trust import leaf_hash, merkle_root
from tests.store.samples import accept, indicator, statement

BIG = "x" * 50_000


def fill(store: SqliteStore) -> tuple[list[str], str]:
    """Write two statements a job until one job is refused; return the acknowledged and why."""
    told: list[str] = []
    for number in range(1, 2000, 2):
        pair = [statement(n, body=indicator(n, BIG)) for n in (number, number + 1)]
        error = store.write(lambda tx, pair=pair: [accept(tx, one) for one in pair]).exception()
        if error is not None:
            return told, f"{type(error).__name__}: {error}"
        told += [str(one.id) for one in pair]
    return told, "the disk never filled"


def look(store: SqliteStore) -> dict[str, Any]:
    """Tell what is stored and whether it is whole."""
    with store.read() as tx:
        classes = tx.release_classes()
        entries = tx.audit_entries(0, 10_000)
        return {
            "stored": [str(one.id) for one in tx.statements(classes, limit=10_000)],
            "entries": len(entries),
            "root_fits": merkle_root([leaf_hash(one.leaf) for one in entries]) == tx.audit_root(),
            "faults": [one.message for one in tx.integrity_faults()],
        }


def main(directory: Path, way: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ballast = directory / "ballast"
    if way == "tmpfs":
        ballast.write_bytes(b"b" * 4_000_000)
    store = SqliteStore(directory / "ringwall.db")
    if way == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    told, why = fill(store)
    full = look(store)
    if way == "tmpfs":
        ballast.unlink()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = store.write(lambda tx: accept(tx, statement(5001))).exception()
    report = {
        "told": told,
        "why": why,
        "full": full,
        "after": str(after) if after else "",
        "room": look(store),
    }
    store.close()
    again = SqliteStore(directory / "ringwall.db")
    report["reopened"] = look(again)
    again.close()
    os.write(1, json.dumps(report).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
