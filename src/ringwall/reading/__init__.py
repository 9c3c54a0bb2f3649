"""reading: large submissions are read in a process of their own, beside the node.

What strangers sent is parsed where there are no keys and no database, and on another core than
the one that stores it. May touch: core, processes, stix, and its own child process.
"""

from ringwall.reading.process import ReadingProcess

__all__ = ["ReadingProcess"]
