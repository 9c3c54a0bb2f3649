"""cli: the command line, noun-verb. Data goes to stdout, progress and complaints to stderr.

May touch: whatever a command needs, imported inside the command's function and nowhere else, so
that commands which need no server start at once. It decides nothing: it asks the rooms.
"""

from ringwall.cli.entry import main

__all__ = ["main"]
