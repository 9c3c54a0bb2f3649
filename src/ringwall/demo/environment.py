"""The environment of the processes that the demonstration starts."""

import os


def environment() -> dict[str, str]:
    """Return our environment without Ringwall's settings: every process has its own file."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGWALL_")}
