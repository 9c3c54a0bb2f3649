"""Start a program that must not outlive whoever started it; run as a script, imports nothing.

``python launcher.py PARENT_PID PROGRAM ARGUMENTS…`` asks Linux to kill this process when its
parent dies, makes sure that the parent has not died meanwhile, and becomes the program. Doing it
here and not between fork and exec keeps the parent, which has threads, out of it. Elsewhere than
on Linux only the pid file (see `child`) catches an orphan.
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
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent:
            sys.exit("the process that started this one is gone")
    os.execv(program, arguments[1:])  # noqa: S606 - the list was built by Child


if __name__ == "__main__":
    main(sys.argv[1:])
