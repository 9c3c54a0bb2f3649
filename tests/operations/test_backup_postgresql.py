"""A node on a PostgreSQL server is saved and brought back as one on SQLite is."""

import threading
from pathlib import Path

import pytest

from ringwall.core import BadConfiguration, IntegrityFailure, SystemClock
from ringwall.core.settings import load_node_settings
from ringwall.exchange.resumption import RESTORED
from ringwall.operations.backup import back_up
from ringwall.operations.restore import restore
from ringwall.operations.sources import database_source, opened
from ringwall.store import verify_store
from tests.operations.node_world import NodeWorld
from tests.operations.test_doctor import change_settings
from tests.store.pg_server import PgServer

CLOCK = SystemClock()


@pytest.fixture
def on_server(world: NodeWorld, pg_server: PgServer) -> NodeWorld:
    """The founded node, with its statements in a fresh schema of the server."""
    change_settings(world, database_url=pg_server.fresh_schema())
    world.files.database.unlink()
    (world.node / "checkpoints.log").unlink()
    world.state("first", "second")
    return world


def save(world: NodeWorld, name: str = "node.backup") -> Path:
    target = world.directory / name
    source = database_source(world.files, world.settings)
    assert source.name == "postgresql"
    back_up(world.files, world.settings, source, target, clock=CLOCK)
    return target


def test_it_comes_back_whole_on_another_schema(
    on_server: NodeWorld, pg_server: PgServer, tmp_path: Path
) -> None:
    archive = save(on_server)
    environment = {"RINGWALL_DATABASE_URL": pg_server.fresh_schema()}
    directory = tmp_path / "back"
    restore(archive, directory, clock=CLOCK, check_all=True, environment=environment)
    from ringwall.core.settings import Files

    files = Files(directory)
    settings = load_node_settings(directory, environment)
    with opened(database_source(files, settings)) as store:
        assert verify_store(store, registry=on_server.registry(), node="aaa-1") == []
        with store.read() as tx:
            assert tx.last_order() == 2
            assert tx.meta(RESTORED) is not None
        # What numbers itself goes on: a row more of each kind, and no number comes twice.
        at = "2026-01-01T00:00:00.000000Z"
        store.write(lambda tx: tx.add_login_failure("x", at)).result()
        store.write(lambda tx: tx.append_audit("more", {})).result()
        assert verify_store(store, registry=on_server.registry(), node="aaa-1") == []


def test_nothing_is_restored_over_a_nodes_data(on_server: NodeWorld, tmp_path: Path) -> None:
    archive = save(on_server)
    with pytest.raises(BadConfiguration) as refused:
        restore(archive, tmp_path / "back", clock=CLOCK)
    assert refused.value.rule == "not-empty"
    assert not (tmp_path / "back").exists()
    with opened(database_source(on_server.files, on_server.settings)) as store:
        assert verify_store(store, registry=on_server.registry(), node="aaa-1") == []


def test_a_backup_goes_back_to_its_own_kind_of_database(
    world: NodeWorld, pg_server: PgServer, tmp_path: Path
) -> None:
    source = database_source(world.files, world.settings)
    archive = world.directory / "sqlite.backup"
    back_up(world.files, world.settings, source, archive, clock=CLOCK)
    environment = {"RINGWALL_DATABASE_URL": pg_server.fresh_schema()}
    with pytest.raises(BadConfiguration) as refused:
        restore(archive, tmp_path / "back", clock=CLOCK, environment=environment)
    assert refused.value.rule == "database"


def test_what_does_not_verify_leaves_the_database_empty(
    on_server: NodeWorld, pg_server: PgServer, tmp_path: Path
) -> None:
    import psycopg

    with psycopg.connect(on_server.settings.database_url, autocommit=True) as connection:
        connection.execute("UPDATE statements SET submitted_by = 'eve'")
    archive = save(on_server)
    url = pg_server.fresh_schema()
    for _ in range(2):  # empty again, so that the second try says the same
        with pytest.raises(IntegrityFailure) as refused:
            restore(
                archive,
                tmp_path / "back",
                clock=CLOCK,
                check_all=True,
                environment={"RINGWALL_DATABASE_URL": url},
            )
        assert refused.value.rule == "verify"


def test_the_node_keeps_writing_while_it_is_saved(
    on_server: NodeWorld, pg_server: PgServer, tmp_path: Path
) -> None:
    stop, written = threading.Event(), [0]

    def work() -> None:
        while not stop.is_set():
            on_server.state(f"busy {written[0]}")
            written[0] += 1

    worker = threading.Thread(target=work)
    worker.start()
    try:
        archives = [save(on_server, f"{number}.backup") for number in range(3)]
    finally:
        stop.set()
        worker.join()
    assert written[0] > 0
    for number, archive in enumerate(archives):
        environment = {"RINGWALL_DATABASE_URL": pg_server.fresh_schema()}
        back = tmp_path / f"back-{number}"
        restore(archive, back, clock=CLOCK, check_all=True, environment=environment)
