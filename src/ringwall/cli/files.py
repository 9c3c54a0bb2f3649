"""Files that people name on the command line."""

from pathlib import Path

from ringwall.core import InvalidInput


def read_file(path: Path | str, field: str) -> bytes:
    """Read a file that ``field`` of the command line names.

    Raises InvalidInput (rule ``unreadable``).
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}", field=field, rule="unreadable") from error
