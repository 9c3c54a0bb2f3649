"""STIX data types (STIX 2.1, section 2), each told twice from one place.

``check`` takes the value, its JSON pointer and a list for warnings; it raises InvalidInput with
that pointer and a rule, and decides alone what is valid. ``shape`` is the part of it that msgspec
decides while it decodes, and ``rest`` what the shape leaves open: together they never accept what
``check`` refuses or warns of (tests/stix/test_fast.py), but they may leave it to ``check``.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ringwall.core import InvalidInput, parse_timestamp


class Notes(list[str]):
    """Warnings, lines for a person; only so many are kept, for anybody can cause millions."""

    MOST = 100

    def append(self, line: str) -> None:
        """Add a line, if there is room."""
        if len(self) < self.MOST:
            super().append(line)


Check = Callable[[Any, str, Notes], None]

SAFE_INTEGER = 2**53 - 1
PROPERTY_NAME = re.compile(r"[a-z0-9_]{3,250}|id")
"""What properties are called (STIX 2.1, section 3.1)."""
IDENTIFIER = re.compile(
    r"(?=.{,288}\Z)([a-z0-9]+(?:-[a-z0-9]+)*)--"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
    re.ASCII,
)
# Surely a time: what this leaves out (29 February, leap seconds) goes to parse_timestamp.
_PLAIN_TIME = (
    r"[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
)
_PLAIN_TIMESTAMP = re.compile(_PLAIN_TIME + r"(?:\.[0-9]{1,9})?Z")
_PRECISE_TIMESTAMP = re.compile(_PLAIN_TIME + r"\.[0-9]{3,9}Z")
_PLAIN_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_PLAIN_IDENTIFIER = f"[a-z0-9]{{1,60}}(?:-[a-z0-9]{{1,60}}){{0,2}}--{_PLAIN_UUID}"
_DICTIONARY_KEY = re.compile(r"[A-Za-z0-9_-]{1,250}", re.ASCII)
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+", re.ASCII)
_HASH_DIGITS = {
    "MD5": 32,
    "SHA-1": 40,
    "SHA-256": 64,
    "SHA-512": 128,
    "SHA3-256": 64,
    "SHA3-512": 128,
}
_FUZZY_HASHES = {
    "SSDEEP": re.compile(r"[0-9]+:[A-Za-z0-9/+]*:[A-Za-z0-9/+]*"),
    "TLSH": re.compile(r"(?:T1)?[0-9a-fA-F]{70}"),
}


class DataType(msgspec.Struct, frozen=True, kw_only=True):
    """How values of one kind are checked; without ``shape`` always by ``check``."""

    check: Check
    shape: Any = None
    rest: Callable[[Any], object] | None = None
    """Takes a value that has the shape; what it returns is true if the value is valid."""
    pattern: str = ""
    """Instead of ``rest``: a regular expression, without groups, that the whole string matches."""


def refuse(field: str, rule: str, why: str) -> NoReturn:
    """Raise InvalidInput for the value at JSON pointer ``field``."""
    raise InvalidInput(f"{field or 'object'}: {why}", field=field, rule=rule)


def silently(check: Check) -> Callable[[Any], bool]:
    """Return a ``rest`` that is true where ``check`` has nothing to say."""

    def is_fine(value: Any) -> bool:
        notes = Notes()
        try:
            check(value, "", notes)
        except InvalidInput:
            return False
        return not notes

    return is_fine


def of_shape(shape: Any, why: str) -> Check:
    """Return a check for exactly one type of Python."""

    def shaped(value: Any, path: str, _notes: Notes) -> None:
        if type(value) is not shape:
            refuse(path, "type", why)

    return shaped


check_string = of_shape(str, "must be a string")
check_object = of_shape(dict, "must be an object")
check_list = of_shape(list, "must be a list")
_check_integer = of_shape(int, "must be an integer")
_integer_shape = Annotated[int, Meta(ge=-SAFE_INTEGER, le=SAFE_INTEGER)]

string = DataType(check=check_string, shape=str)
boolean = DataType(check=of_shape(bool, "must be true or false"), shape=bool)
integer = DataType(check=_check_integer, shape=_integer_shape)


def _check_number(value: Any, path: str, _notes: Notes) -> None:
    if type(value) is not int and type(value) is not float:
        refuse(path, "type", "must be a number")


number = DataType(check=_check_number, shape=_integer_shape)  # floats are written by rfc8785 alone


def _check_timestamp(value: Any, path: str, notes: Notes) -> None:
    check_string(value, path, notes)
    if _PLAIN_TIMESTAMP.fullmatch(value) is None:
        parse_timestamp(value, field=path)


def _check_precise_timestamp(value: Any, path: str, notes: Notes) -> None:
    _check_timestamp(value, path, notes)
    if len(value) < len("2026-01-01T00:00:00.000Z"):
        notes.append(f"{path}: must be precise to the millisecond (three decimals)")


timestamp = DataType(check=_check_timestamp, shape=str, pattern=_PLAIN_TIMESTAMP.pattern)
precise_timestamp = DataType(
    check=_check_precise_timestamp, shape=str, pattern=_PRECISE_TIMESTAMP.pattern
)


def between(low: float, high: float, of: DataType = integer) -> DataType:
    """Return the type of a number from ``low`` to ``high``, both included."""

    def bounded(value: Any, path: str, notes: Notes) -> None:
        of.check(value, path, notes)
        if not low <= value <= high:
            refuse(path, "range", f"must lie between {low} and {high}")

    return DataType(check=bounded, shape=Annotated[int, Meta(ge=int(low), le=int(high))])


def one_of(*values: str) -> DataType:
    """Return the type of a closed enumeration (``enum``)."""
    known = frozenset(values)

    def enumerated(value: Any, path: str, notes: Notes) -> None:
        check_string(value, path, notes)
        if value not in known:
            refuse(path, "enumeration", f"must be one of {', '.join(values)}")

    return DataType(check=enumerated, shape=Literal[values])


def open_vocabulary(name: str, values: tuple[str, ...]) -> DataType:
    """Return the type of a string that should come from a list (``open-vocab``)."""
    known = frozenset(values)

    def suggested(value: Any, path: str, notes: Notes) -> None:
        check_string(value, path, notes)
        if value not in known:
            notes.append(f"{path}: {value[:80]!r} is not in the vocabulary {name}")

    return DataType(check=suggested, shape=Literal[values])


def advised(pattern: str, advice: str, of: DataType = string) -> DataType:
    """Return the type of a string that should match a regular expression; if not, it is told.

    The expression has no groups and does not match line ends.
    """
    expected = re.compile(pattern)

    def expecting(value: Any, path: str, notes: Notes) -> None:
        of.check(value, path, notes)
        if expected.fullmatch(value) is None:
            notes.append(f"{path}: {value[:80]!r} {advice}")

    return DataType(check=expecting, shape=str, pattern=pattern)


def list_of(item: DataType) -> DataType:
    """Return the type of a list with at least one item (``list``: none may be empty)."""
    check = item.check

    def listed(value: Any, path: str, notes: Notes) -> None:
        check_list(value, path, notes)
        if not value:
            refuse(path, "empty-list", "must not be an empty list: leave the property out")
        for index, each in enumerate(value):
            check(each, f"{path}/{index}", notes)

    if item.shape is None:
        return DataType(check=listed)
    rest = rest_of(item)
    return DataType(
        check=listed,
        shape=Annotated[list[item.shape], Meta(min_length=1)],  # type: ignore[name-defined]
        rest=None if rest is None else lambda value: all(map(rest, value)),
    )


def rest_of(kind: DataType) -> Callable[[Any], object] | None:
    """Return what is left to check of a value that has the shape, as one function."""
    return re.compile(kind.pattern).fullmatch if kind.pattern else kind.rest


def _check_dictionary(value: Any, path: str, notes: Notes) -> None:
    check_object(value, path, notes)
    if not value:
        refuse(path, "empty-dictionary", "must not be empty: leave the property out")
    for key in value:
        if _DICTIONARY_KEY.fullmatch(key) is None:
            refuse(path, "dictionary-key", f"the key {key[:40]!r} is not allowed in a dictionary")


dictionary = DataType(check=_check_dictionary)


def dictionary_of(item: DataType) -> DataType:
    """Return the type of a dictionary whose values all have one type."""

    def collected(value: Any, path: str, notes: Notes) -> None:
        _check_dictionary(value, path, notes)
        for key, each in value.items():
            item.check(each, f"{path}/{key}", notes)

    if item.shape is None:
        return DataType(check=collected)
    return DataType(check=collected, shape=dict[str, item.shape], rest=silently(collected))  # type: ignore[name-defined]


def structure(
    properties: dict[str, DataType],
    required: Sequence[str] = (),
    *,
    also: Check | None = None,
    shape_name: str = "",
    rest: Callable[[Any], object] | None = None,
) -> DataType:
    """Return the type of an object with known properties; others are kept with a warning.

    ``also`` checks what concerns several properties. With a ``shape_name`` the fast lane takes the
    object, if it has only properties with a shape; then ``rest`` says the same as ``also`` of its
    shape, whose absent properties are UNSET.
    """

    def structured(value: Any, path: str, notes: Notes) -> None:
        check_object(value, path, notes)
        for wanted in required:
            if wanted not in value:
                refuse(f"{path}/{wanted}", "required", "is required")
        for key, each in value.items():
            kind = properties.get(key)
            if kind is None:
                notes.append(f"{path}: {key[:80]!r} is a custom property")
            else:
                kind.check(each, f"{path}/{key}", notes)
        if also is not None:
            also(value, path, notes)

    if not shape_name:
        return DataType(check=structured)
    shape = shape_of(shape_name, required, properties)
    return DataType(check=structured, shape=shape, rest=_rest_of_structure(properties, rest))


def one_at_least(*names: str) -> Check:
    """Return a check that an object has one of the properties."""

    def present(value: Any, path: str, _notes: Notes) -> None:
        if not any(name in value for name in names):
            refuse(path, "at-least-one", f"needs at least one of {', '.join(names)}")

    return present


def _rest_of_structure(
    properties: dict[str, DataType], also: Callable[[Any], object] | None
) -> Callable[[Any], object] | None:
    rests = [(name, rest) for name, kind in properties.items() if (rest := rest_of(kind))]
    if not rests:
        return also

    def is_fine(value: Any) -> bool:
        for name, rest in rests:
            item = getattr(value, name, UNSET)
            if item is not UNSET and not rest(item):
                return False
        return also is None or bool(also(value))

    return is_fine


def shape_of(name: str, required: Sequence[str], properties: dict[str, DataType]) -> Any:
    """Return the msgspec type that takes exactly the properties that have a shape.

    The others are attributes that are None, so that rules may ask for them.
    """
    absent = {key: None for key, kind in properties.items() if kind.shape is None}
    shapes = {key: kind.shape for key, kind in properties.items() if kind.shape is not None}
    fields: list[Any] = [(key, shapes[key]) for key in required if key in shapes]
    fields += [
        (key, shape | UnsetType, UNSET) for key, shape in shapes.items() if key not in required
    ]
    return msgspec.defstruct(
        name.title().replace("-", ""),
        fields,
        namespace=absent,
        forbid_unknown_fields=True,
        gc=False,
    )


def _check_identifier(value: Any, path: str, notes: Notes) -> None:
    check_string(value, path, notes)
    if IDENTIFIER.fullmatch(value) is None:
        refuse(path, "identifier", f"must have the form type--UUID, not {value[:80]!r}")


identifier = DataType(
    check=_check_identifier,
    shape=str,
    pattern=_PLAIN_IDENTIFIER,
)


def reference_to(*types: str) -> DataType:
    """Return the type of a reference to an object of one of ``types``, or of a custom type."""
    known = frozenset(types)

    def referring(value: Any, path: str, notes: Notes) -> None:
        _check_identifier(value, path, notes)
        kind = value[:-38]
        if kind not in known and not kind.startswith("x-"):
            refuse(path, "reference-type", f"must refer to {' or '.join(types)}, not to {kind}")

    names = types[0] if len(types) == 1 else f"(?:{'|'.join(types)})"
    return DataType(check=referring, shape=str, pattern=f"{names}--{_PLAIN_UUID}")


def reference_to_none_of(*types: str) -> DataType:
    """Return the type of a reference to any object but one of ``types``."""
    excluded = frozenset(types)

    def referring(value: Any, path: str, notes: Notes) -> None:
        _check_identifier(value, path, notes)
        if value[:-38] in excluded:
            refuse(path, "reference-type", f"must not refer to a {value[:-38]}")

    names = "|".join(types)
    return DataType(check=referring, shape=str, pattern=f"(?!(?:{names})--){_PLAIN_IDENTIFIER}")


def own_identifier(kind: str) -> DataType:
    """Return the type of the ``id`` of an object of type ``kind``."""
    return DataType(check=_check_identifier, shape=str, pattern=f"{kind}--{_PLAIN_UUID}")


def _check_hexadecimal(value: Any, path: str, notes: Notes) -> None:
    check_string(value, path, notes)
    if _HEX.fullmatch(value) is None:
        refuse(path, "hexadecimal", "must be an even number of hexadecimal digits")


hexadecimal = DataType(check=_check_hexadecimal, shape=str, pattern=r"(?:[0-9a-fA-F]{2})++")


def _check_binary(value: Any, path: str, notes: Notes) -> None:
    check_string(value, path, notes)
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        refuse(path, "base64", "must be base64")
    if not value:
        notes.append(f"{path}: has no bytes")


binary = DataType(check=_check_binary, shape=str, rest=silently(_check_binary))


def _check_hashes(value: Any, path: str, notes: Notes) -> None:
    _check_dictionary(value, path, notes)
    for algorithm, digest in value.items():
        place = f"{path}/{algorithm}"
        check_string(digest, place, notes)
        digits = _HASH_DIGITS.get(algorithm)
        if digits is not None:
            if len(digest) != digits or _HEX.fullmatch(digest) is None:
                refuse(place, "hash", f"must be {digits} hexadecimal digits")
        elif algorithm not in _FUZZY_HASHES:
            notes.append(f"{place}: not in the vocabulary hash-algorithm-ov")
        elif _FUZZY_HASHES[algorithm].fullmatch(digest) is None:
            notes.append(f"{place}: does not look like {algorithm}")


hashes = DataType(check=_check_hashes, shape=dict[str, str], rest=silently(_check_hashes))


# RFC 5646, section 2.1: well formed; whether a subtag is registered is not looked up.
_LANGUAGE = (
    r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})(?:-[A-Za-z]{4})?"
    r"(?:-(?:[A-Za-z]{2}|[0-9]{3}))?(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    r"(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*(?:-[xX](?:-[A-Za-z0-9]{1,8})+)?"
    r"|[xX](?:-[A-Za-z0-9]{1,8})+|[iI]-[A-Za-z]{3,8}"
)
is_language = re.compile(_LANGUAGE).fullmatch
language = advised(_LANGUAGE, "is no language tag (RFC 5646)")
uri = advised(r"[A-Za-z][A-Za-z0-9+.-]*+:[^\s<>\"{}|\\^`]*+", "is no URI (RFC 3986)")
