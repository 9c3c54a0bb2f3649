"""An even pace: an answer of nothing takes as long for what is withheld as for what is missing.

To find a row and to leave it out takes some microseconds more than to find none, and whoever may
ask often enough can tell by the average. So a read that shows nothing lasts a step, and if it took
longer, twice that, and so on: what is left of the time tells no more than how large the node is.
A step is far more than such a read takes by itself on a node that is not overloaded: one that
takes about a step ends now below and now above it, and a little more often above it if there was a
row to leave out.
"""

import time

IN_PROCESS, BY_SERVER = 0.002, 0.008
"""Steps in seconds: of a database in this process, and of one that a server is asked for."""
_AWAKE = 0.00025


def begin() -> float:
    """Return the moment at which a read begins, in seconds of a clock of its own."""
    return time.monotonic()


def even_out(began: float, step: float) -> None:
    """Wait until the next of 1, 2, 4, 8, … times ``step`` has passed since ``began``.

    Awake for the last of it: how late a sleeper wakes depends a little on how long it slept.
    """
    passed, whole = time.monotonic() - began, step
    while whole < passed:
        whole *= 2
    time.sleep(max(whole - passed - _AWAKE, 0.0))
    end = began + whole
    while time.monotonic() < end:
        pass
