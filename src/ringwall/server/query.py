"""Query parameters, read strictly: an unknown, doubled or malformed one is refused by name."""

from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl

from ringwall.core import InvalidInput

MOST_PARAMETERS = 64


class Query:
    """The query string of one request."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name in self._values:
                raise _refusal(name, "duplicate-parameter", "stands twice")
            self._values[name] = value

    def only(self, *names: str) -> None:
        """Refuse every parameter that is not among ``names``: a misspelt filter filters nothing."""
        for name in self._values:
            if name not in names:
                known = ", ".join(names) or "none"
                raise _refusal(name, "unknown-parameter", f"is not known here (known: {known})")

    def names(self) -> Collection[str]:
        """Return the names that were given."""
        return self._values.keys()

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as it is, or ``default``."""
        return self._values.get(name, default)

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return a whole number within [low, high]."""
        value = self._values.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 19):
            raise _refusal(name, "integer", f"{value[:40]!r} is not a whole number")
        number = int(value)
        if not low <= number <= high:
            raise _refusal(name, "range", f"must lie between {low} and {high}")
        return number

    def flag(self, name: str) -> bool:
        """Return whether a flag is set: ``true``, ``1`` or nothing after the name."""
        value = self._values.get(name)
        if value is None or value in ("false", "0"):
            return False
        if value in ("", "true", "1"):
            return True
        raise _refusal(name, "flag", f"{value[:40]!r} is neither true nor false")


def parse_query(text: str) -> Query:
    """Read the query string of a URL, percent-encoded UTF-8.

    Raises InvalidInput (rules ``utf-8``, ``too-many-parameters``, ``duplicate-parameter``).
    """
    if text.count("&") >= MOST_PARAMETERS:
        why = f"at most {MOST_PARAMETERS} parameters are read"
        raise InvalidInput(why, field="query", rule="too-many-parameters")
    try:
        return Query(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError as error:
        raise InvalidInput("the query is not UTF-8", field="query", rule="utf-8") from error


def _refusal(name: str, rule: str, why: str) -> InvalidInput:
    shown = name[:80]
    return InvalidInput(f"parameter {shown!r} {why}", field=shown, rule=rule)
