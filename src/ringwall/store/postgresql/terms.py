"""Search terms: the words of a text as a ``tsvector``, and of a question as a ``tsquery``.

The words are those of SQLite's ``unicode61 remove_diacritics 2``: runs of letters and digits, in
lower case, without diacritics. They are made here and only cast by the server, so that every
server, whatever its dictionaries and locale, finds the same.
"""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]+")
_FOLD = bytes(
    ord(letter.lower()) if letter.isalnum() and letter.isascii() else ord(" ")
    for letter in map(chr, range(256))
)
_LONGEST = 500
"""Bytes of a word that count; a lexeme may have 2,046."""
_POSITIONS = 16_383
_REPEATS = 255
_PLACES = [b":%d " % at for at in range(1, _REPEATS + 1)]
_MOST_BYTES = 900_000
"""What one tsvector may hold is 1 MiB, positions included."""
_BEYOND = "'*'"
"""The lexeme of a text some of whose words have no position: there, parts may stand apart."""


def words(text: str) -> list[bytes]:
    """Return the words of a text, folded, in UTF-8 and in their order."""
    if text.isascii():
        return text.encode().translate(_FOLD).split()
    folded = _MARKS.sub("", unicodedata.normalize("NFD", text.casefold()))
    return [word.encode() for word in _WORD.findall(folded)]


def terms(text: str) -> bytes:
    """Return the tsvector of a text, in UTF-8: each word with its positions, from 1."""
    found = words(text)
    if len(found) > len(_PLACES) or max(map(len, found), default=0) > _LONGEST:
        return _long_terms(found)
    parts = [b""] * (2 * len(found))
    parts[::2] = found
    parts[1::2] = _PLACES[: len(found)]
    return b"".join(parts)


def _long_terms(found: list[bytes]) -> bytes:
    """Return the tsvector of a text that may be over a limit of PostgreSQL's."""
    places: dict[bytes, list[bytes]] = {}
    beyond = False
    for at, word in enumerate(found, 1):
        known = places.setdefault(_cut(word), [])
        if at <= _POSITIONS and len(known) < _REPEATS:
            known.append(b"%d" % at)
        else:
            beyond = True
    room = _MOST_BYTES
    parts: list[bytes] = []
    for word, known in places.items():
        part = word + b":" + b",".join(known) if known else word
        room -= len(word) + 2 * len(known) + 6
        if room < 0:
            beyond = True
            break
        parts.append(part)
    return b" ".join([*parts, _BEYOND.encode()] if beyond else parts)


def _cut(word: bytes) -> bytes:
    """Return what counts of a long word: whole letters."""
    return word[:_LONGEST].decode("utf-8", "ignore").encode() if len(word) > _LONGEST else word


def question(text: str) -> str:
    """Return the tsquery that finds every word of ``text``; "" if it has no word.

    What stands together in the question must stand together in the text ("c2.example.org"); the
    last word is a prefix.
    """
    asked = [found for found in map(words, text.split()) if found]
    groups: list[str] = []
    for number, found in enumerate(asked, 1):
        parts = [_cut(word).decode() for word in found]
        if number == len(asked):
            parts[-1] += ":*"
        groups.append(_together(parts))
    return " & ".join(groups)


def _together(parts: list[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return f"(({' <-> '.join(parts)}) | ({_BEYOND} & {' & '.join(parts)}))"
