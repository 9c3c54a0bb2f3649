"""What a handler takes and answers, declared beside it: enforced here, published by `openapi`.

A declaration is the only description of a route's parameters: what is not declared is refused,
what is declared is read through its declaration, and the OpenAPI document says exactly that.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from ringwall.core import InvalidInput, format_timestamp, parse_timestamp
from ringwall.server.answers import NOT_ACCEPTABLE, UNSUPPORTED_MEDIA, Answer
from ringwall.server.context import Call
from ringwall.server.cursors import BEGINNING, PLACE, PLACES
from ringwall.server.negotiation import JSON, accepts, is_one_of


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a query; each kind reads itself from a call and knows its JSON schema."""

    name: str
    description: str
    place: ClassVar[str] = "query"

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema (2020-12) of the value."""
        raise NotImplementedError


class Integer(Parameter, frozen=True, kw_only=True):
    """A whole number within [low, high]."""

    low: int
    high: int
    default: int | None = None

    def of(self, call: Call) -> int:
        """Return the number. Raises InvalidInput (rules ``integer``, ``range``)."""
        return call.query.integer(self.name, self.default or 0, low=self.low, high=self.high)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        said = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return said if self.default is None else {**said, "default": self.default}


class Text(Parameter, frozen=True, kw_only=True):
    """Text: of a form (``pattern``, of the whole) or one of ``choices``; never empty if given."""

    longest: int = 1000
    pattern: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    rule: str = "text"

    def of(self, call: Call) -> str:
        """Return the text, ``default`` if it is absent. Raises InvalidInput (``rule``)."""
        if self.name not in call.query.names():
            return self.default
        return self.check(call.query.text(self.name))

    def check(self, text: str) -> str:
        """Return ``text`` if it is what was declared."""
        known = not self.choices or text in self.choices
        formed = not self.pattern or re.fullmatch(self.pattern, text, re.ASCII) is not None
        if not (known and formed and 0 < len(text) <= self.longest) or "\x00" in text:
            allowed = ", ".join(self.choices) or self.description
            raise InvalidInput(
                f"{self.name}: {text[:40]!r} is not allowed ({allowed})",
                field=self.name,
                rule=self.rule,
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        said: dict[str, Any] = {"type": "string"}
        if self.choices:
            return {**said, "enum": list(self.choices)}
        said |= {"minLength": 1, "maxLength": self.longest}
        said |= (
            {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {"pattern": "^[^\\u0000]*$"}
        )
        return {**said, "default": self.default} if self.default else said


class Header(Text, frozen=True, kw_only=True):
    """A header of the request that has a meaning of its own on this route."""

    place: ClassVar[str] = "header"

    def of(self, call: Call) -> str:
        """Return the header's text, "" if it is absent. Raises InvalidInput (``rule``)."""
        given = call.headers.get(self.name.lower())
        return "" if given is None else self.check(given)


class Listed(Text, frozen=True, kw_only=True):
    """Several texts of one form, parted by commas."""

    most: int = 50

    def several(self, call: Call) -> frozenset[str] | None:
        """Return the texts, None if the parameter is absent. Raises InvalidInput."""
        if self.name not in call.query.names():
            return None
        items = call.query.text(self.name).split(",")
        if len(items) > self.most:
            raise InvalidInput(
                f"{self.name}: at most {self.most}", field=self.name, rule="too-many"
            )
        return frozenset(map(self.check, items))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {"type": "array", "items": Text.schema(self), "minItems": 1, "maxItems": self.most}


class Flag(Parameter, frozen=True, kw_only=True):
    """Set by ``true``, ``1`` or nothing after the name."""

    def of(self, call: Call) -> bool:
        """Return whether it is set. Raises InvalidInput (rule ``flag``)."""
        return call.query.flag(self.name)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema: the texts that are understood."""
        return {"type": "string", "enum": ["true", "1", "", "false", "0"], "default": "false"}


class Moment(Parameter, frozen=True, kw_only=True):
    """A time, RFC 3339 in UTC."""

    def of(self, call: Call) -> str:
        """Return the time with six decimals, "" if it is absent. Raises InvalidInput."""
        if self.name not in call.query.names():
            return ""
        return format_timestamp(parse_timestamp(call.query.text(self.name), field=self.name))

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {"type": "string", "format": "date-time", "pattern": "Z$"}


class Place(Text, frozen=True, kw_only=True):
    """A cursor that the reader was given; absent or `BEGINNING`: from the beginning."""

    kind: str = PLACES
    longest: int = 32
    pattern: str = PLACE
    default: str = BEGINNING
    rule: str = "cursor"

    def number(self, call: Call) -> int:
        """Return the place that it stands for. Raises InvalidInput (rule ``cursor``)."""
        return call.cursors.number(self.of(call), self.kind, field=self.name)


AFTER = Place(
    name="after",
    description="go on after this place: the `next` of the page before, or an event's id",
)


class Body(msgspec.Struct, frozen=True):
    """The body of a request: its media types and what JSON it holds (a type, or a schema)."""

    media_types: tuple[str, ...]
    shape: Any
    required: bool = True


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A route as clients see it.

    ``answers``: status → the type of the document, None for an answer without a body, text for
    a media type that is no JSON. ``refusals``: statuses of problem documents beside those that
    every route may answer. ``headers``: of the answers, name → what it says.
    """

    id: str
    summary: str
    description: str = ""
    answers: Mapping[int, Any]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    refusals: tuple[int, ...] = ()
    headers: Mapping[str, str] = {}

    def check(self, call: Call) -> None:
        """Refuse unknown parameters, a body of another type, and who takes no answer of ours.

        Raises InvalidInput (rules ``unknown-parameter``, ``unsupported-media``,
        ``not-acceptable``).
        """
        call.query.only(*(one.name for one in self.parameters if one.place == "query"))
        kind = call.headers.get("content-type", "")
        if self.body is not None and not is_one_of(kind, self.body.media_types):
            wanted = ", ".join(self.body.media_types)
            raise InvalidInput(
                f"content-type: {kind[:80]!r} is none of {wanted}",
                field="content-type",
                rule=UNSUPPORTED_MEDIA,
            )
        accept = call.headers.get("accept", "")
        if accept and not any(accepts(accept, one) for one in self.media_types()):
            raise InvalidInput(
                f"accept: the answer is {', '.join(self.media_types())}",
                field="accept",
                rule=NOT_ACCEPTABLE,
            )

    def media_types(self) -> list[str]:
        """Return the media types of the answers, problems aside."""
        shapes = self.answers.values()
        return sorted({shape if isinstance(shape, str) else JSON for shape in shapes})


class Declared:
    """A handler with its declaration, which is checked before it runs."""

    def __init__(self, handler: Callable[[Call], Answer], operation: Operation) -> None:
        self.handler = handler
        self.operation = operation

    def __call__(self, call: Call) -> Answer:
        """Answer a call that is what was declared."""
        self.operation.check(call)
        return self.handler(call)


def declare(
    answers: Mapping[int, Any],
    *parameters: Parameter,
    body: Body | None = None,
    refusals: tuple[int, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Callable[[Callable[[Call], Answer]], Declared]:
    """Declare what a handler takes and answers; its docstring is the rest of the description."""

    def with_handler(handler: Callable[[Call], Answer]) -> Declared:
        summary, description = described(handler.__doc__ or "")
        operation = Operation(
            id=f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}",
            summary=summary,
            description=description,
            answers=answers,
            parameters=parameters,
            body=body,
            refusals=refusals,
            headers=headers or {},
        )
        return Declared(handler, operation)

    return with_handler


def described(docstring: str) -> tuple[str, str]:
    """Part ``METHOD /path: summary`` and the paragraphs after it."""
    first, _, rest = docstring.strip().partition("\n\n")
    summary = " ".join(first.partition(": ")[2].split()) or " ".join(first.split())
    paragraphs = (" ".join(one.split()) for one in rest.split("\n\n"))
    return summary, "\n\n".join(filter(None, paragraphs))
