"""Request bodies: small ones in memory, large ones in a file without a name, none left behind."""

import asyncio
import mmap
import os
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import StorageFull, TooLarge, TooSlow
from ringwall.server.bodies import Bodies, Disconnected
from ringwall.server.limits import RequestLimits
from tests.server.world import World, bundle, indicator

pytestmark = pytest.mark.anyio
MIB = 1024 * 1024


def arriving(*parts: bytes, gone: bool = False) -> Callable[[], Any]:
    """Return a ``receive`` that gives these parts."""
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    events.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""})

    async def receive() -> dict[str, Any]:
        return events.pop(0)

    return receive


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_small_body_stays_in_memory_and_a_large_one_waits_in_a_file(
    tmp_path: Path,
) -> None:
    bodies = Bodies(RequestLimits(body_spool_bytes=100), tmp_path / "spool", 0)
    small = await bodies.read(arriving(b"a" * 60, b"b" * 40), 100, 1000)
    assert small == b"a" * 60 + b"b" * 40
    assert bodies.held == 100
    for announced in (101, None):  # known to be large, or found to be
        large = await bodies.read(arriving(b"a" * 60, b"b" * 41), announced, 1000)
        assert isinstance(large, mmap.mmap)
        assert large[:] == b"a" * 60 + b"b" * 41
        assert bodies.held == 100
        assert list((tmp_path / "spool").iterdir()) == []
        bodies.release(large)
    bodies.release(small)
    assert bodies.held == 0


async def test_when_memory_for_bodies_is_used_up_the_next_waits_in_a_file(tmp_path: Path) -> None:
    limits = RequestLimits(body_spool_bytes=100, body_memory_bytes=150)
    bodies = Bodies(limits, tmp_path / "spool", 0)
    first = await bodies.read(arriving(b"a" * 100), 100, 1000)
    for announced in (90, None):
        second = await bodies.read(arriving(b"b" * 45, b"b" * 45), announced, 1000)
        assert isinstance(second, mmap.mmap)
        assert second[:] == b"b" * 90
        bodies.release(second)
    assert bodies.held == 100
    bodies.release(first)


@given(parts=st.lists(st.binary(max_size=50), max_size=12), known=st.booleans())
def test_every_body_arrives_as_it_was_sent(parts: list[bytes], *, known: bool) -> None:
    bodies = Bodies(RequestLimits(body_spool_bytes=64), None, 0)
    whole = b"".join(parts)
    announced = len(whole) if known else None
    body = asyncio.run(bodies.read(arriving(*parts), announced, 1000))
    assert body[:] == whole
    bodies.release(body)
    assert bodies.held == 0


async def test_every_way_out_gives_back_memory_and_files(tmp_path: Path) -> None:
    limits = RequestLimits(body_spool_bytes=100, body_pause_seconds=0.05)
    bodies = Bodies(limits, tmp_path / "spool", 0)
    before = open_descriptors()

    async def silent() -> dict[str, Any]:
        await asyncio.sleep(10)
        return {}

    for announced in (None, 500):
        with pytest.raises(TooLarge):
            await bodies.read(arriving(b"x" * 600), announced, 500)
        with pytest.raises(Disconnected):
            await bodies.read(arriving(b"x" * 150, gone=True), announced, 500)
        with pytest.raises(TooSlow):
            await bodies.read(silent, announced, 500)
        reading = asyncio.ensure_future(bodies.read(silent, announced, 500))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
    with pytest.raises(TooLarge):
        await bodies.read(arriving(), 501, 500)
    assert bodies.held == 0
    assert open_descriptors() == before
    assert list((tmp_path / "spool").iterdir()) == []


async def test_files_are_private_and_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "body-left").write_bytes(b"x")
    (spool / "ringwall.db").write_bytes(b"not ours")
    bodies = Bodies(RequestLimits(), spool, 0)
    assert [each.name for each in spool.iterdir()] == ["ringwall.db"]
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    descriptor = bodies.open_file()
    status = os.fstat(descriptor)
    os.close(descriptor)
    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)


async def test_a_body_never_takes_the_reserve_of_the_disk(tmp_path: Path) -> None:
    bodies = Bodies(RequestLimits(body_spool_bytes=10), tmp_path / "spool", 2**60)
    with pytest.raises(StorageFull) as caught:
        await bodies.read(arriving(b"x" * 20), 20, 100)
    assert caught.value.status == 507
    assert bodies.held == 0


async def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """A real write that fails: /dev/full has no room."""

    class OnFullDisk(Bodies):
        def open_file(self) -> int:
            return os.open("/dev/full", os.O_RDWR)

    bodies = OnFullDisk(RequestLimits(body_spool_bytes=10), tmp_path / "spool", 0)
    before = open_descriptors()
    with pytest.raises(StorageFull):
        await bodies.read(arriving(b"x" * 20), 20, 100)
    assert open_descriptors() == before


async def test_a_hundred_megabytes_cost_a_few_of_memory(tmp_path: Path) -> None:
    bodies = Bodies(RequestLimits(), tmp_path / "spool", 0)
    left = 100

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b"x" * MIB, "more_body": left > 0}

    tracemalloc.start()
    body = await bodies.read(receive, 100 * MIB, 100 * MIB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(body) == 100 * MIB
    assert peak < 6 * MIB
    bodies.release(body)


def memory(name: str) -> int:
    """Return a figure of this process in bytes: VmRSS now, VmHWM at most since the last reset."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


def test_a_hundred_megabytes_over_http_cost_the_server_a_few(tmp_path: Path) -> None:
    """The handler refuses before it looks at the body, so what is measured is HTTP alone."""
    made = World(tmp_path, spool=tmp_path / "spool")
    block = b" " * MIB
    try:
        with made.http("analyst", timeout=60) as http:
            assert http.get("/api/v1/me").status_code == 200
            before = memory("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # begin a new peak
            answer = http.post(
                "/api/v1/submissions?purpose=nothing",
                content=(block for _ in range(100)),
                headers={"content-type": "application/json"},
            )
            peak = memory("VmHWM")
    finally:
        made.close()
    assert (answer.status_code, answer.json()["field"]) == (422, "purpose")
    assert peak - before < 32 * MIB


def test_a_spooled_submission_is_taken_like_any_other(tmp_path: Path) -> None:
    things = [indicator(f"many {n}", description="x" * 400) for n in range(400)]
    limits = RequestLimits(body_spool_bytes=100_000)
    made = World(tmp_path, limits=limits, spool=tmp_path / "spool")
    try:
        with made.http("analyst") as http:
            content = bundle(*things)
            assert len(content) > 200_000
            answer = http.post("/api/v1/submissions?label=warning", content=content)
            chunked = http.post(
                "/api/v1/submissions?label=warning",
                content=(content[i : i + 9999] for i in range(0, len(content), 9999)),
            )
        left = list((tmp_path / "spool").iterdir())
    finally:
        made.close()
    assert (answer.status_code, len(answer.json()["submitted"])) == (201, 400)
    assert chunked.json()["submitted"][0]["known"]
    assert left == []
