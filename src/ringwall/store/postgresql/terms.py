"""Search terms: the words of a text as a ``tsvector``, and of a question as a ``tsquery``.

The words are those of SQLite's ``unicode61 remove_diacritics 2``: runs of letters and digits, in
lower case, without diacritics. They are made here and only cast by the server, so that every
server, whatever its dictionaries and locale, finds the same.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]+")
_LONGEST = 500
"""Letters of a word that count; a lexeme may have 2,046 bytes."""
_POSITIONS = 16_383
_REPEATS = 255
_MOST_BYTES = 900_000
"""What one tsvector may hold is 1 MiB, positions included."""
_BEYOND = "'*'"
"""The lexeme of a text some of whose words have no position: there, parts may stand apart."""


def words(text: str) -> list[str]:
    """Return the words of a text, folded, in their order."""
    folded = text.casefold()
    if not folded.isascii():
        folded = _MARKS.sub("", unicodedata.normalize("NFD", folded))
    return _WORD.findall(folded)


def terms(text: str) -> str:
    """Return the tsvector of a text: each word with its positions, from 1."""
    found = words(text)
    if len(found) <= _REPEATS and len(text) <= _LONGEST:
        return " ".join([f"{word}:{at}" for at, word in enumerate(found, 1)])
    return _long_terms(found)


def _long_terms(found: list[str]) -> str:
    """Return the tsvector of a text that may be over a limit of PostgreSQL's."""
    places: dict[str, list[str]] = {}
    beyond = False
    for at, word in enumerate(found, 1):
        known = places.setdefault(word[:_LONGEST], [])
        if at <= _POSITIONS and len(known) < _REPEATS:
            known.append(str(at))
        else:
            beyond = True
    room = _MOST_BYTES
    parts: list[str] = []
    for word, known in places.items():
        part = f"{word}:{','.join(known)}" if known else word
        room -= len(word.encode()) + 2 * len(known) + 6
        if room < 0:
            beyond = True
            break
        parts.append(part)
    return " ".join([*parts, _BEYOND] if beyond else parts)


def question(text: str) -> str:
    """Return the tsquery that finds every word of ``text``; "" if it has no word.

    What stands together in the question must stand together in the text ("c2.example.org"); the
    last word is a prefix.
    """
    asked = [found for found in map(words, text.split()) if found]
    groups: list[str] = []
    for number, found in enumerate(asked, 1):
        parts = [word[:_LONGEST] for word in found]
        if number == len(asked):
            parts[-1] += ":*"
        groups.append(_together(parts))
    return " & ".join(groups)


def _together(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"(({' <-> '.join(parts)}) | ({_BEYOND} & {' & '.join(parts)}))"
