"""A submission that is being stated, slice after slice."""

import mmap
from collections.abc import Callable
from functools import partial

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Precedence
from ringwall.exchange.drafting import Drafter
from ringwall.exchange.outcome import Conclude
from ringwall.stix import SubmissionReader

SLICE = 256
"""Objects in one transaction, and in one audit entry."""


class Work(msgspec.Struct, frozen=True):
    """A submission that is being stated; ``name`` is "" if it goes in one slice."""

    reader: Reader
    drafter: Drafter
    submission: SubmissionReader
    lane: Precedence
    conclude: Conclude | None
    forget: Callable[[], None]
    """Gives back the memory of what was read so far."""
    name: str

    def places(self) -> dict[tuple[str, str], int]:
        """Read again where each object stands."""
        return {
            (item.id, item.version): place
            for part in self.submission.slices(SLICE)
            for place, item in zip(part.places, part.objects, strict=True)
        }


def forgetting(raw: bytes | memoryview | mmap.mmap) -> Callable[[], None]:
    """Return what gives back the memory of a mapped file that was read: the file keeps it."""
    if isinstance(raw, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        return partial(raw.madvise, mmap.MADV_DONTNEED)
    return lambda: None
