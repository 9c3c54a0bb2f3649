"""The exit codes of every command: part of the interface, so scripts may rely on them."""

OK = 0
CHECK_FAILED = 1
USAGE = 2
REFUSED = 3
NOT_FOUND = 4
NOT_ALLOWED = 5
UNAVAILABLE = 6
OPERATOR = 7
DEFECT = 8
INTERRUPTED = 130

MEANINGS: dict[int, str] = {
    OK: "done; every check that was asked for passed",
    CHECK_FAILED: "a check failed: something is not what it must be",
    USAGE: "the command line is wrong",
    REFUSED: "the input, or a part of it, was refused; nothing of that part was taken",
    NOT_FOUND: "absent, or withheld from this reader: the two look the same",
    NOT_ALLOWED: "not logged in, or not allowed",
    UNAVAILABLE: "a server, hub or peer is not running or cannot be reached",
    OPERATOR: "settings, keys, files, disk or ports of this installation need attention",
    DEFECT: "a defect of Ringwall",
    INTERRUPTED: "interrupted from the keyboard",
}


def exit_code_of(error: Exception) -> int:
    """Return the exit code for an error that ended a command."""
    from ringwall import core

    table: list[tuple[tuple[type[Exception], ...], int]] = [
        ((core.NotFound,), NOT_FOUND),
        ((core.Unauthenticated, core.Forbidden), NOT_ALLOWED),
        ((core.CallerError,), REFUSED),
        ((core.IntegrityFailure, core.PeerError), CHECK_FAILED),
        ((core.Unavailable,), UNAVAILABLE),
        ((core.OperatorError, OSError), OPERATOR),
    ]
    return next((code for kinds, code in table if isinstance(error, kinds)), DEFECT)


def exit_code_table() -> str:
    """Return the table that ``ringwall help exit-codes`` prints."""
    return "\n".join(f"{code:>3}  {meaning}" for code, meaning in MEANINGS.items())
