"""A request and its answer: as they travel between two nodes, and as both keep them. Pure."""

import unicodedata
from typing import Annotated, Any, Literal

import msgspec

from ringwall.core import BadEnvelope, InvalidInput, parse_statement_id, parse_timestamp
from ringwall.sharing.entries import Entry

RequestKind = Literal["access", "downgrade", "release-further"]
AnswerState = Literal["granted", "partly", "refused"]
LONGEST_TEXT, LONGEST_LABEL, MOST_NAMES, MOST_STATEMENTS = 1000, 500, 64, 100

_Id = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
_Paragraph = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
_Names = Annotated[tuple[_Name, ...], msgspec.Meta(max_length=MOST_NAMES)]
_Statements = Annotated[tuple[_Subject, ...], msgspec.Meta(max_length=MOST_STATEMENTS)]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as it travels: who of the member asks is not told.

    ``subject``: an entry's own id for ``access``, else a statement. ``label`` is the one that is
    wished for, ``members`` to whom it is to be released further; ``by``: until when an answer is
    wished for, or "".
    """

    v: int
    id: _Id
    kind: RequestKind
    subject: _Subject
    purpose: _Name
    reason: _Paragraph
    label: Annotated[str, msgspec.Meta(max_length=LONGEST_LABEL)] = ""
    members: _Names = ()
    by: str = ""


class Answered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer as it travels; ``statements`` are those that were stated in answer."""

    v: int
    id: _Id
    state: AnswerState
    words: _Paragraph
    at: str
    statements: _Statements = ()


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request as a node keeps it: ``id`` names the asking node and its own id for it.

    ``node`` is the other one: at home the one that is asked, there the one that asks. ``reader``
    is who asked, at home only. ``entry`` is what an ``access`` is about, as it was then.
    """

    id: str
    node: str
    asked: Asked
    at: str
    reader: str = ""
    entry: Entry | None = None
    answer: Answered | None = None
    answered_by: str = ""
    """The release officer who answered, at that node only."""

    @property
    def state(self) -> str:
        """Return ``open`` or what was answered."""
        return "open" if self.answer is None else self.answer.state

    def is_overdue(self, now: str) -> bool:
        """Tell whether the answer was wished for by a moment that has passed."""
        return self.answer is None and bool(self.asked.by) and self.asked.by <= now


def read_asked(body: Any) -> Asked:
    """Read a request from a peer. Raises BadEnvelope (rule ``request``)."""
    try:
        asked = msgspec.convert(body, Asked)
        if asked.by:
            parse_timestamp(asked.by, field="by")
        check_paragraph(asked.reason, "reason")
        check_paragraph(asked.label or "none", "label")
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"request: {error}", field="request", rule="request") from error
    if asked.v != 1 or not _is_consistent(asked):
        raise BadEnvelope("request: contradicts its kind", field="request", rule="request")
    return asked


def read_answered(body: Any, sender: str) -> Answered:
    """Read an answer from the node ``sender``. Raises BadEnvelope (rule ``answer``)."""
    try:
        answer = msgspec.convert(body, Answered)
        parse_timestamp(answer.at, field="at")
        check_paragraph(answer.words, "words")
        origins = {parse_statement_id(each).origin for each in answer.statements}
    except (msgspec.ValidationError, InvalidInput) as error:
        raise BadEnvelope(f"answer: {error}", field="answer", rule="answer") from error
    if answer.v != 1 or not origins <= {sender}:
        raise BadEnvelope("answer: not this node's to give", field="answer", rule="answer")
    return answer


def _is_consistent(asked: Asked) -> bool:
    """Tell whether what is wished for belongs to the kind."""
    wishes = {
        "access": (False, False),
        "downgrade": (True, False),
        "release-further": (False, True),
    }
    return wishes[asked.kind] == (bool(asked.label), bool(asked.members))


def paragraph(text: str, field: str) -> str:
    """Return text of a person as one paragraph without invisible characters.

    Raises InvalidInput (rules ``empty``, ``size``).
    """
    shown = unicodedata.normalize("NFC", text[: 4 * LONGEST_TEXT])
    visible = (each if unicodedata.category(each)[0] not in "CZ" else " " for each in shown)
    cleaned = " ".join("".join(visible).split())
    if not cleaned:
        raise InvalidInput(f"{field}: say something", field=field, rule="empty")
    if len(cleaned) > LONGEST_TEXT or len(text) > 4 * LONGEST_TEXT:
        why = f"{field}: at most {LONGEST_TEXT} characters"
        raise InvalidInput(why, field=field, rule="size")
    return cleaned


def check_paragraph(text: str, field: str) -> None:
    """Raise InvalidInput (rule ``text``) unless a text is as :func:`paragraph` makes it."""
    if paragraph(text, field) != text:
        raise InvalidInput(f"{field}: not one clean paragraph", field=field, rule="text")
