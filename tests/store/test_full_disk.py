"""A full disk refuses whole jobs with StorageFull, harms nothing, and is over when room returns."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringwall.core import StorageFull
from ringwall.store import SqliteStore
from tests.store.samples import accept, indicator, statement

REPOSITORY = Path(__file__).parents[2]
Job = Callable[[Any], Any]


def fill(directory: Path, way: str, wrapper: list[str]) -> dict[str, Any]:
    paths = os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])
    done = subprocess.run(
        [*wrapper, sys.executable, "-m", "tests.store.fill_disk", str(directory), way],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def judge(report: dict[str, Any]) -> None:
    assert report["why"].startswith("StorageFull: nothing was written"), report["why"]
    assert report["told"]
    for moment in ("full", "room", "reopened"):
        seen = report[moment]
        extra = [] if moment == "full" else ["aaa-1:5001"]
        assert seen["stored"] == report["told"] + extra
        assert seen["entries"] == len(seen["stored"])
        assert seen["root_fits"]
        assert seen["faults"] == []
    assert report["after"] == ""


def mounted(directory: Path) -> list[str]:
    """Return the command that runs another one with a 6 MB file system at ``directory``."""
    script = f'mount -t tmpfs -o size=6m none "{directory}" && exec "$@"'
    wrapper = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    try:
        works = subprocess.run([*wrapper, "true"], capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare on this system")
    if works.returncode != 0:
        pytest.skip(f"no private mounts here: {works.stderr.decode().strip()}")
    return wrapper


def test_a_file_system_without_room(tmp_path: Path) -> None:
    judge(fill(tmp_path, "tmpfs", mounted(tmp_path)))


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    judge(fill(tmp_path, "limit", []))


@pytest.fixture
def full(tmp_path: Path) -> Any:
    """A store whose database may not get one page larger."""
    store = SqliteStore(tmp_path / "ringwall.db")
    store.write(lambda tx: accept(tx, statement(1))).result()
    pages = store.write(lambda tx: tx._sql.execute("PRAGMA page_count").fetchone()[0]).result()  # type: ignore[attr-defined]
    limit(store, pages + 2)
    yield store
    store.close()


def limit(store: SqliteStore, pages: int) -> None:
    sql = f"PRAGMA max_page_count = {pages}"
    store.write(lambda tx: tx._sql.execute(sql).fetchone()).result()  # type: ignore[attr-defined]


def large(number: int) -> Job:
    new = statement(number, body=indicator(number, "y" * 200_000))
    return lambda tx: accept(tx, new)


def test_nothing_of_a_job_without_room_stays(full: SqliteStore) -> None:
    def job(tx: Any) -> None:
        accept(tx, statement(2))
        large(3)(tx)

    with pytest.raises(StorageFull) as refused:
        full.write(job).result()
    assert refused.value.status == 507
    assert refused.value.field == "database"
    with full.read() as tx:
        assert tx.last_order() == 1
        assert tx.audit_size() == 1
    limit(full, 10_000)
    assert full.write(job).exception() is None


def test_a_job_without_room_takes_no_other_down(full: SqliteStore) -> None:
    futures = [
        full.write(lambda tx: tx.set_meta("before", b"1")),
        full.write(large(2)),
        full.write(lambda tx: tx.set_meta("after", b"1")),
    ]
    failures = [type(future.exception()) for future in futures]
    assert failures == [type(None), StorageFull, type(None)]
    with full.read() as tx:
        assert (tx.meta("before"), tx.meta("after")) == (b"1", b"1")


def test_only_essential_jobs_may_use_the_reserve(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ringwall.db", reserve_bytes=2**62)
    ran: list[str] = []
    refused = store.write(lambda tx: ran.append("intake"))
    allowed = store.write(lambda tx: tx.append_audit("read", {}), essential=True)
    with pytest.raises(StorageFull) as error:
        refused.result()
    assert error.value.rule == "reserve"
    assert allowed.result() == 0
    assert ran == []
    store.close()
