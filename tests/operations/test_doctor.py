"""The doctor names real faults, planted in a real node, and finds none in a healthy one."""

import asyncio
import json
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.cli import exit_codes, main
from ringwall.core import ManualClock, format_timestamp
from ringwall.core.settings import Files, NodeSettings, load_hub_settings
from ringwall.enrolment import create_hub
from ringwall.exchange.hub import Hub
from ringwall.exchange.resumption import MARGIN, RESTORED, Restored, mark_restored
from ringwall.operations import machine
from ringwall.operations.backup import back_up
from ringwall.operations.database import check_schema, check_structure
from ringwall.operations.doctor import examine, readiness
from ringwall.operations.findings import Check
from ringwall.operations.hub_line import Answer, check_offset, judge
from ringwall.operations.machine import available_memory, check_date, check_inodes, check_memory
from ringwall.operations.sources import database_source
from ringwall.server import build_app, serve_on_socket
from ringwall.store import EnvelopeRow
from ringwall.store.sqlite import SCHEMA
from tests.operations.node_world import ALLIANCE, NodeWorld
from tests.server.world import World

NOW = datetime.now(UTC)


@contextmanager
def hub_running(directory: Path) -> Iterator[None]:
    """Run the real hub in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(step: object) -> None:
        asyncio.run_coroutine_threadsafe(step, loop).result(20)  # type: ignore[arg-type]

    hub = Hub(load_hub_settings(directory), directory)
    try:
        run(hub.start())
        yield
    finally:
        run(hub.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def hub(founded: NodeWorld) -> Iterator[None]:
    with hub_running(founded.hub):
        yield


def diagnose(world: NodeWorld) -> dict[str, Check]:
    return {check.check: check for check in examine(world.node, {})}


def named(world: NodeWorld, check: str, state: str = "fault") -> str:
    found = diagnose(world)[check]
    assert found.state == state, found
    assert found.fix
    return found.what


def change_row(world: NodeWorld, sql: str, *values: object) -> None:
    database = sqlite3.connect(world.files.database)
    with database:
        database.execute(sql, values)
    database.close()


def change_settings(world: NodeWorld, **changes: object) -> None:
    lines = world.files.settings.read_text().splitlines()
    kept = [line for line in lines if line.partition(" ")[0] not in changes]
    kept += [f"{name} = {json.dumps(value)}" for name, value in changes.items()]
    world.files.settings.write_text("\n".join(kept) + "\n")


def test_a_healthy_node_is_clean(world: NodeWorld, hub: None) -> None:
    back_up(
        world.files,
        world.settings,
        database_source(world.files, world.settings),
        world.directory / "a.backup",
        clock=ManualClock(NOW),
    )
    checks = diagnose(world)
    assert {name for name, check in checks.items() if check.state != "ok"} == {"node"}
    assert checks["node"].what == "not running"
    assert checks.keys() >= {
        "python", "nats-server", "clock", "memory", "settings", "modes", "disk", "inodes",
        "writable", "alliance", "keys", "registry", "certificate", "authority", "http_port",
        "leaf_port", "database", "schema", "wal", "audit", "clock-history", "backup",
        "quarantine", "outbox", "peers", "gaps", "hub", "hub-line", "hub-streams", "clock-hub",
    }  # fmt: skip


def test_the_command_shows_it_and_exits_by_it(
    world: NodeWorld, hub: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(world.node), "--json"]) == exit_codes.OK
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert set(checks[0]) == {"check", "state", "what", "fix"}
    world.files.keys.chmod(0o640)
    assert main(["doctor", str(world.node)]) == exit_codes.CHECK_FAILED
    (line,) = [row for row in capsys.readouterr().out.splitlines() if " modes " in row]
    assert line.startswith("FAULT")
    assert "keys/node.json" in line


# --- files ---


@pytest.mark.parametrize(
    "name", ["keys/node.json", "keys/nats.seed", "hub/node.creds", "ringwall.db"]
)
def test_private_files_that_others_may_read(world: NodeWorld, name: str) -> None:
    (world.node / name).chmod(0o644)
    assert name in named(world, "modes")


def test_keys_that_are_missing(world: NodeWorld) -> None:
    world.files.keys.unlink()
    assert "node.json" in named(world, "keys")


def test_keys_of_another_node(world: NodeWorld) -> None:
    shutil.copy(world.directory / "bbb-1" / "keys" / "node.json", world.files.keys)
    assert "other keys" in named(world, "registry")


def test_a_transport_key_that_is_not_the_certificates(world: NodeWorld) -> None:
    shutil.copy(world.directory / "bbb-1" / "keys" / "tls.pem", world.node / "keys" / "tls.pem")
    assert "TLS key" in named(world, "certificate")


def test_credentials_that_are_missing(world: NodeWorld) -> None:
    (world.node / "hub" / "node.creds").unlink()
    assert "node.creds" in named(world, "certificate")


def test_another_description(world: NodeWorld) -> None:
    world.files.alliance.write_text(ALLIANCE.replace("Mutual", "Other"))
    assert "another alliance description" in named(world, "registry")


def test_a_registry_that_was_exchanged(world: NodeWorld) -> None:
    text = world.files.registry.read_text()
    world.files.registry.write_text(text.replace("A", "B", 1))
    assert named(world, "registry")


@pytest.mark.parametrize(("days", "state"), [(31, "warning"), (91, "fault")])
def test_an_old_registry(tmp_path: Path, days: int, state: str) -> None:
    old = NodeWorld(tmp_path, issued=NOW - timedelta(days=days))
    assert f"{days} days old" in named(old, "registry", state)
    change_settings(old, registry_warning_days=200, registry_stop_days=300)
    assert diagnose(old)["registry"].state == "ok"


def test_a_registry_from_the_future(tmp_path: Path) -> None:
    assert "future" in named(NodeWorld(tmp_path, issued=NOW + timedelta(days=2)), "registry")


def test_settings_that_cannot_be_read(world: NodeWorld) -> None:
    change_settings(world, no_such_setting=1)
    assert "no_such_setting" in named(world, "settings")


def test_an_expired_certificate_and_one_that_soon_will(
    world: NodeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringwall.enrolment import admit, read_introduction

    then = NOW - timedelta(days=365 * 30)
    create_hub(tmp_path / "old-hub", ALLIANCE, "hub1", now=then)
    introduction = read_introduction(world.node / "introduction.json")
    admission = admit(tmp_path / "old-hub", introduction, now=then)
    (world.node / "hub" / "certificate.pem").write_text(admission.certificate)
    (world.node / "hub" / "authority.pem").write_text(admission.authority)
    assert "expired" in named(world, "certificate")
    assert "expired" in named(world, "authority")


# --- machine ---


def test_too_little_space(world: NodeWorld) -> None:
    change_settings(world, reserve_bytes=2**60)
    assert "MiB free" in named(world, "disk")


def test_a_directory_that_cannot_be_written(
    world: NodeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", refuse)
    assert "Permission denied" in named(world, "writable")
    with pytest.raises(OSError, match="read-only"):
        machine._write(world.node, read_only=True)


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (check_inodes(10, 1000), "fault"),
        (check_inodes(500, 10**6), "warning"),
        (check_inodes(0, 0), "ok"),
        (check_memory(2**20), "fault"),
        (check_memory(200 * 2**20), "warning"),
        (check_memory(2**31), "ok"),
        (check_date(datetime(1999, 1, 1, tzinfo=UTC)), "fault"),
        (check_schema(SCHEMA + 1), "fault"),
        (check_schema(SCHEMA - 1), "warning"),
        (check_structure(["*** in database main ***"]), "fault"),
        (check_offset(format_timestamp(NOW - timedelta(minutes=3)), NOW), "fault"),
        (check_offset(format_timestamp(NOW + timedelta(minutes=3)), NOW), "fault"),
        (check_offset(format_timestamp(NOW), NOW), "ok"),
    ],
)
def test_judgements_at_their_bounds(check: Check, state: str) -> None:
    assert check.state == state
    assert bool(check.fix) == (state != "ok")


def test_memory_is_read_where_the_system_tells(tmp_path: Path) -> None:
    assert available_memory(tmp_path / "absent") is None
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemAvailable:  7 kB\n")
    assert available_memory(tmp_path / "meminfo") == 7 * 1024


def test_a_port_that_another_program_has(world: NodeWorld) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change_settings(world, http_port=taken.getsockname()[1])
        assert "used by another program" in named(world, "http_port")


def test_a_node_that_hangs_is_not_disturbed(world: NodeWorld, hub: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        change_settings(world, leaf_port=taken.getsockname()[1])
        assert "does not answer" in named(world, "node")
        assert "hub-line" not in diagnose(world)


def test_the_certificate_that_readers_see(world: NodeWorld) -> None:
    shutil.copy(world.node / "hub" / "certificate.pem", world.node / "edge.pem")
    change_settings(world, tls_certificate="edge.pem", tls_key="keys/tls.pem")
    checks = diagnose(world)
    assert checks["edge"].state in ("ok", "warning"), checks["edge"]
    assert "https_port" in checks
    assert "http_port" not in checks
    change_settings(world, tls_key="keys/node.json")
    assert "edge.pem" in named(world, "edge")


# --- database ---


def test_a_damaged_database(world: NodeWorld) -> None:
    with world.files.database.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xde\xad\xbe\xef" * 4096)
    assert "damaged" in named(world, "database")


def test_a_database_that_is_none(world: NodeWorld) -> None:
    world.files.database.write_bytes(b"not a database" * 1000)
    assert named(world, "database")


def test_a_database_of_a_newer_program(world: NodeWorld) -> None:
    change_row(world, f"PRAGMA user_version = {SCHEMA + 1}")
    assert f"schema {SCHEMA + 1}" in named(world, "schema")


def test_the_doctor_migrates_nothing(world: NodeWorld) -> None:
    change_row(world, f"PRAGMA user_version = {SCHEMA - 1}")
    assert diagnose(world)["schema"].state == "warning"
    database = sqlite3.connect(world.files.database)
    assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA - 1,)
    database.close()


def test_a_database_that_was_rolled_back(world: NodeWorld) -> None:
    old = world.files.database.read_bytes()
    world.state("later")
    world.files.database.write_bytes(old)
    assert "rolled back" in named(world, "audit")
    assert main(["mark-restored", str(world.node)]) == exit_codes.OK
    assert diagnose(world)["audit"].state == "ok"


def test_a_log_that_contradicts_its_checkpoint(world: NodeWorld) -> None:
    change_row(world, "UPDATE checkpoints SET root = zeroblob(32)")
    assert "contradicts its checkpoint" in named(world, "audit")


def test_a_clock_that_went_back(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from ringwall.operations import doctor

    monkeypatch.setattr(doctor, "SystemClock", lambda: ManualClock(NOW - timedelta(hours=3)))
    assert "in the future" in named(world, "clock-history")


def test_no_backup_and_an_old_one(world: NodeWorld) -> None:
    assert "never" in named(world, "backup", "warning")
    long_ago = ManualClock(NOW - timedelta(days=10))
    source = database_source(world.files, world.settings)
    back_up(world.files, world.settings, source, world.directory / "b", clock=long_ago)
    assert "10 days old" in named(world, "backup", "warning")


@pytest.mark.parametrize(
    ("rule", "state", "word"),
    [
        ("signature", "warning", "signature (1)"),
        ("registry-number", "fault", "newer registry"),
        ("receipt-position", "fault", "confirm more"),
    ],
)
def test_quarantine(world: NodeWorld, rule: str, state: str, word: str) -> None:
    store = world.open()
    place = {"at": "2026-01-01T00:00:00.000000Z", "hub": "hub1", "lane": "ROUTINE"}
    store.write(
        lambda tx: tx.quarantine(b"x", rule=rule, reason="r", stream_sequence=1, **place)
    ).result()
    store.close()
    assert word in named(world, "quarantine", state)


def test_an_outbox_that_is_stuck(world: NodeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    from ringwall.operations import doctor

    monkeypatch.setattr(doctor, "SystemClock", lambda: ManualClock(NOW + timedelta(hours=10)))
    assert "2 wait" in named(world, "outbox", "warning")
    monkeypatch.setattr(doctor, "readiness", lambda files, settings: "ready")
    assert "2 wait" in named(world, "outbox")


def test_peers_that_do_not_confirm_and_envelopes_that_are_missing(world: NodeWorld) -> None:
    hours_ago = format_timestamp(NOW - timedelta(hours=2))
    row = EnvelopeRow(
        id="e", lane="ROUTINE", kind="statement", message_id="m", data=b"x",
        recipients={"bbb-1": 1}, created_at=hours_ago,
    )  # fmt: skip
    store = world.open()
    store.write(lambda tx: tx.next_position("bbb-1", "ROUTINE")).result()
    store.write(lambda tx: tx.put_envelope(row)).result()
    store.write(lambda tx: tx.mark_published(["e"], "hub1", hours_ago)).result()
    store.write(lambda tx: tx.advance_position("bbb-1", "FLASH", 3)).result()
    store.close()
    assert "bbb-1" in named(world, "peers", "warning")
    assert "bbb-1 FLASH after 0" in named(world, "gaps", "warning")


def test_peers_that_do_not_know_of_a_restore(world: NodeWorld) -> None:
    store = world.open()
    at = format_timestamp(NOW)

    def job(tx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        import msgspec

        mark_restored(tx, taken_at=at, now=at)
        tx.set_meta(RESTORED, msgspec.json.encode(Restored(at, at, MARGIN)))
        tx.skip_positions("bbb-1", "FLASH", MARGIN)

    store.write(job).result()
    store.close()
    assert "restored: bbb-1" in named(world, "peers", "warning")


# --- the hub, with the node's own program ---


def test_a_hub_that_is_down(world: NodeWorld) -> None:
    text = (world.node / "hub" / "admission.json").read_text()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    admission = json.loads(text)
    admission["url"] = f"tls://127.0.0.1:{port}"
    (world.node / "hub" / "admission.json").write_text(json.dumps(admission))
    assert "refused" in named(world, "hub")


def test_a_hub_that_does_not_know_the_credentials(world: NodeWorld, hub: None) -> None:
    shutil.copy(world.directory / "bbb-1" / "hub" / "node.creds", world.node / "hub" / "node.creds")
    checks = diagnose(world)
    faults = {name for name, check in checks.items() if check.state == "fault"}
    assert faults & {"hub-credentials", "hub-streams", "hub-line"}, checks


def test_a_user_token_that_nobody_signed(world: NodeWorld, hub: None) -> None:
    path = world.node / "hub" / "node.creds"
    text = path.read_text()
    head, _, rest = text.partition(".")
    body, _, signature = rest.partition(".")
    changed = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    path.write_text(f"{head}.{body}.{changed}")
    assert "credentials" in named(world, "hub-credentials")


def test_a_hub_of_another_authority(world: NodeWorld, tmp_path: Path, hub: None) -> None:
    create_hub(tmp_path / "other", ALLIANCE, "hub1", now=NOW)
    authority = (tmp_path / "other" / "hub" / "authority.pem").read_bytes()
    (world.node / "hub" / "authority.pem").write_bytes(authority)
    checks = diagnose(world)
    assert checks["certificate"].state == "fault"
    assert checks["hub-tls"].state == "fault"


def test_a_program_that_is_no_hub(world: NodeWorld) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        path = world.node / "hub" / "admission.json"
        admission = json.loads(path.read_text())
        admission["url"] = f"tls://127.0.0.1:{other.getsockname()[1]}"
        path.write_text(json.dumps(admission))
        checks = diagnose(world)
    assert {name for name in ("hub-line", "hub-tls") if name in checks}


def test_streams_and_consumers_that_are_missing() -> None:
    at = format_timestamp(NOW)
    answers = [Answer("FLASH", at=at), Answer("BULK", error="consumer not found")]
    _, streams = judge("hub1", answers, "", NOW)
    assert (streams.check, streams.state) == ("hub-streams", "fault")
    assert "BULK: consumer not found" in streams.what
    lagging = judge("hub1", [Answer("FLASH", waiting=20_000, at=at)], "", NOW)
    assert (lagging[1].state, lagging[1].check) == ("warning", "hub-streams")


def test_the_doctor_hears_which_part_is_down_through_the_socket_behind_the_proxy(
    tmp_path: Path,
) -> None:
    made = World(tmp_path, behind_edge=True)
    files, path = Files(tmp_path), Files(tmp_path).edge / "node.sock"

    async def ask() -> str:
        serving = asyncio.create_task(serve_on_socket(build_app(made.context), path))
        try:
            while not path.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return await asyncio.to_thread(readiness, files, settings)
        finally:
            serving.cancel()
            await asyncio.wait({serving}, timeout=5)

    settings = NodeSettings(
        node="arden-1", hub="hub", tls_certificate="tls.pem", tls_key="tls-key.pem"
    )
    made.parts_work = False
    try:
        assert '"hub":"down"' in asyncio.run(ask())
    finally:
        made.close()
