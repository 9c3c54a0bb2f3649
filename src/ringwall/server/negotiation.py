"""Media types of requests and answers (RFC 9110, sections 8.3 and 12.5.1), preferences (RFC 7240).

What a client says here is compared, never guessed: a body that says it is a form is not read.
"""

from collections.abc import Iterable

JSON = "application/json"


def accepts(header: str, media_type: str) -> bool:
    """Tell whether an Accept header allows an answer of ``media_type`` (without parameters).

    The most specific range counts; a header without any readable range allows everything.
    """
    kind = media_type.partition("/")[0]
    weights: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if "/" in name:
            weights[name] = max(weights.get(name, 0.0), _weight(parameters))
    if not weights:
        return True
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in weights:
            return weights[name] > 0
    return False


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0


def is_one_of(header: str, media_types: Iterable[str]) -> bool:
    """Tell whether a Content-Type header names one of ``media_types``, in UTF-8 or without charset.

    A request without the header is taken for what the route expects.
    """
    if not header.strip():
        return True
    name, *parameters = (piece.strip().lower() for piece in header.split(";"))
    charsets = (text[len("charset=") :] for text in parameters if text.startswith("charset="))
    return name in media_types and all(one.strip('"') == "utf-8" for one in charsets)


def prefers_minimal(header: str) -> bool:
    """Tell whether a Prefer header asks for ``return=minimal``; the first ``return`` counts."""
    for preference in header.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "return":
            return value.strip().strip('"').lower() == "minimal"
    return False
