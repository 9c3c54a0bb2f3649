"""Become a program that does not outlive whoever started it; run as a script, imports nothing.

``python tied.py PARENT_PID PROGRAM ARGUMENTS…`` asks Linux for a SIGTERM when the parent dies, so
that a demonstration whose terminal is closed or that is killed leaves no nodes behind. Elsewhere
it only starts the program.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    parent, program = int(arguments[0]), arguments[1]
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:
            sys.exit("the process that started this one is gone")
    os.execv(program, arguments[1:])  # noqa: S606 - the list was built by AllianceProcesses


if __name__ == "__main__":
    main(sys.argv[1:])
