"""Faults by which a reader learns of what is withheld without being shown it."""

from sabotage.fault import Fault

_CURSORS = "tests/server/test_cursors.py"

LEAKS: tuple[Fault, ...] = (
    Fault(
        name="cursor-of-anybody",
        file="src/ringwall/server/cursors.py",
        find="        self._order = order.encode()",
        replace='        self._order = order[:0].encode() or b"all"',
        test=f"{_CURSORS}::test_a_cursor_of_another_reader_is_refused_on_every_path",
        why="two readers compare their cursors, and count what one of them is not shown",
    ),
    Fault(
        name="place-in-the-clear",
        file="src/ringwall/server/cursors.py",
        find="        return self.seal(number.to_bytes(_NUMBER), kind) if number else BEGINNING",
        replace="        return str(number)",
        test=f"{_CURSORS}::test_a_place_comes_back_and_is_written_the_same_every_time",
        why="the gaps between two places tell how much is withheld",
    ),
    Fault(
        name="uneven-pace",
        file="src/ringwall/store/view.py",
        find="        if even and not found:",
        replace="        if False:",
        test=(
            "tests/server/test_timing.py::"
            "test_without_the_even_pace_a_withheld_statement_is_told_from_a_missing_one"
        ),
        why="who asks often enough learns from the time that a statement is there",
    ),
    Fault(
        name="an-analyst-counts-envelopes",
        file="src/ringwall/server/receipts.py",
        find="    return bool(COUNTING & call.reader.roles)",
        replace="    return True",
        test=("tests/server/test_receipts.py::test_an_analyst_is_not_told_how_much_was_sent"),
        why="a position counts everything that was sent to a member, also what is withheld here",
    ),
)
