"""Pages bounded by count and by bytes, so that a thousand large objects are not one answer."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

PAGE_BYTES = 8 * 1000 * 1000
"""What the bodies of one page come to at most, in bytes; one object always comes."""
_FIRST = 8
_LEAST = 2


class Row(Protocol):
    """What a page is made of: an order to go on after, and the bytes that count."""

    @property
    def order(self) -> int:
        """The cursor."""
        ...

    @property
    def body(self) -> bytes:
        """The object."""
        ...


T = TypeVar("T", bound=Row)


def read_page(read: Callable[[int, int], list[T]], after: int, limit: int) -> list[T]:
    """Read what `split` needs for a page of ``limit``: the page and one row more if there is one.

    ``read`` takes an order to start after and a number of rows. It is asked for few rows at a
    time, the fewer the larger they are: what cannot be on the page is hardly ever loaded.
    """
    rows: list[T] = []
    held, ask = 0, _FIRST
    while len(rows) <= limit and (held <= PAGE_BYTES or len(rows) < 2):
        ask = min(ask, limit + 1 - len(rows))
        found = read(rows[-1].order if rows else after, ask)
        rows += found
        if len(found) < ask:
            break
        held += sum(len(row.body) for row in found)
        ask = max(_LEAST, (PAGE_BYTES - held) * len(rows) // max(held, 1))
    page, _ = split(rows, limit)
    return rows[: len(page) + 1]


def split(rows: Sequence[T], limit: int) -> tuple[list[T], bool]:
    """Return the page, at most ``limit`` rows and `PAGE_BYTES` but one row always; is there more.

    ``rows`` are in the order of the page, with one more than fits if there is one.
    """
    held = 0
    for number, row in enumerate(rows[:limit]):
        held += len(row.body)
        if number and held > PAGE_BYTES:
            return list(rows[:number]), True
    return list(rows[:limit]), len(rows) > limit
