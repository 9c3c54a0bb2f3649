"""What backends share of reading rows."""

from collections.abc import Callable, Iterator, Mapping

from ringwall.labels import Label
from ringwall.policy import ReleaseClass
from ringwall.store.rows import KnownClasses

CLASSES = {n: ReleaseClass("arden", f"x-{n}", Label(), "exercise") for n in range(1, 5)}


def several(*numbers: int) -> dict[int, ReleaseClass]:
    return {number: CLASSES[number] for number in numbers}


class Interrupted(Mapping[int, ReleaseClass]):
    """Classes whose reader loses the processor to another while it takes them in."""

    def __init__(self, classes: dict[int, ReleaseClass], meanwhile: Callable[[], object]) -> None:
        self._classes = classes
        self._meanwhile = meanwhile

    def __getitem__(self, number: int) -> ReleaseClass:
        return self._classes[number]

    def __len__(self) -> int:
        return len(self._classes)

    def __iter__(self) -> Iterator[int]:
        self._meanwhile()
        return iter(self._classes)


def test_no_class_is_lost_between_readers_of_different_snapshots() -> None:
    """A class that once fell between two readers was in nobody's sight until a restart."""
    known = KnownClasses()
    known.extended(several(1))
    seen: list[int] = []

    def later_snapshot() -> None:
        if not seen:
            known.extended(several(2, 3))
            seen.append(known.last)

    assert known.extended(Interrupted(several(2), later_snapshot)).keys() >= {1, 2}
    (last,) = seen
    assert known.last == last == 3
    assert known.extended(several(4)).keys() == {1, 2, 3, 4}
