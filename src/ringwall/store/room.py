"""Room on the disk beside a database."""

import os
from pathlib import Path

from ringwall.core import Unavailable


def free_bytes(directory: Path) -> int:
    """Return the bytes that this process may still write in a folder.

    Raises Unavailable if it is gone.
    """
    try:
        room = os.statvfs(directory)
    except OSError as error:
        raise Unavailable(f"{directory}: {error.strerror}", field="database") from error
    return room.f_bavail * room.f_frsize
