"""TAXII 2.1 media types (section 1.6.8 and 3.2): what a client may ask for and may send.

406 and 415 are kept for what is certainly not meant for us: some clients take a 406 for "this
server speaks TAXII 2.0 only" and fall back to it.
"""

import msgspec

from ringwall.core import InvalidInput
from ringwall.server.answers import NOT_ACCEPTABLE, UNSUPPORTED_MEDIA
from ringwall.server.context import Call

STIX = "application/stix+json;version=2.1"
_VERSIONED = frozenset({"application/taxii+json", "application/stix+json"})
_SPECIFICITY = {"*/*": 0, "application/*": 1, "application/json": 2}


class _MediaType(msgspec.Struct, frozen=True):
    """A media type or range with its parameters; names in lower case, quotes taken off."""

    name: str
    parameters: dict[str, str]

    @property
    def of_this_version(self) -> bool:
        return self.parameters.get("version", "2.1") == "2.1"


def check_accept(call: Call) -> None:
    """Refuse (406) a client that accepts neither TAXII 2.1 nor anything.

    The most specific range that names us decides, and ``q=0`` says no (RFC 9110, section 12.5.1).
    """
    weights: dict[int, bool] = {}
    for part in (call.headers.get("accept", "") or "*/*").split(","):
        media = _read(part)
        if media.name in _VERSIONED and media.of_this_version:
            rank = 3 + ("version" in media.parameters)
        elif media.name in _SPECIFICITY:
            rank = _SPECIFICITY[media.name]
        else:
            continue
        weights[rank] = weights.get(rank, False) or _weight(media) > 0
    if not weights or not weights[max(weights)]:
        raise InvalidInput("this is TAXII 2.1 only", field="accept", rule=NOT_ACCEPTABLE)


def check_content_type(call: Call) -> None:
    """Refuse (415) a body that is not said to be TAXII 2.1 in UTF-8."""
    media = _read(call.headers.get("content-type", ""))
    encoded = media.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")
    if media.name != "application/taxii+json" or not media.of_this_version or not encoded:
        why = "content-type: an envelope is sent as application/taxii+json;version=2.1"
        raise InvalidInput(why, field="content-type", rule=UNSUPPORTED_MEDIA)


def _read(text: str) -> _MediaType:
    name, *rest = text.split(";")
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    return _MediaType(name.strip().lower(), parameters)


def _weight(media: _MediaType) -> float:
    try:
        return float(media.parameters.get("q", "1"))
    except ValueError:
        return 1.0
