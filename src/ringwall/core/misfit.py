"""Where a document does not have the shape that it should: msgspec tells it in a sentence."""


def place_of(error: Exception) -> tuple[str, str]:
    """Return what is wrong, and where, as a JSON pointer (RFC 6901): "" is the whole document.

    msgspec does not name the keys of mappings, so neither does the pointer.
    """
    problem, _, place = str(error).partition(" - at `$")
    steps = place.rstrip("`").replace("[...]", "").replace("[", ".").replace("]", "")
    return problem, steps.replace(".", "/")
