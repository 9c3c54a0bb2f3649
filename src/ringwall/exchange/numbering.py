"""The numbers of statements: ascending, and telling nobody how many there are between two of them.

Whoever may have some statements of an origin sees their numbers. Were they dense, the gaps would
count what is withheld. So a number is the time at which it is given out, in microseconds, and the
numbers of each release class of a bundle begin at a random distance from those before: what shares
a class is withheld together.
"""

import secrets
from datetime import UTC, datetime

_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
LONGEST_GAP = 4096


def least_number(now: datetime) -> int:
    """Return the smallest number that may be given out at ``now``: microseconds since 2025."""
    return max(1, (now - _FIRST) // (datetime.resolution))


def random_gap() -> int:
    """Return how many numbers to pass over."""
    return secrets.randbelow(LONGEST_GAP)
