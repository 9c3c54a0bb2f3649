"""Fifty labels of the demonstration alliance; Arden's trainee may see every second one."""

from itertools import combinations

_OTHERS = ("borduria", "caledon", "dorne", "elbe-power", "allies", "energy")
_COUNT = 50
_LEVELS = ("GREEN", "AMBER", "CLEAR", "RED")
"""A trainee is cleared for GREEN, so the odd ones are hidden from one."""


def _make() -> tuple[str, ...]:
    names = [
        ", ".join(("arden", *chosen))
        for number in range(len(_OTHERS))
        for chosen in combinations(_OTHERS, number)
    ]
    return tuple(
        f"TLP:{_LEVELS[number % len(_LEVELS)]}//REL TO {names[number // len(_LEVELS)]}"
        for number in range(_COUNT)
    )


LABELS = _make()
