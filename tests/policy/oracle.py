"""A naive second opinion on every decision, written from the rules and sharing no code.

It works on the raw YAML description and on label text, in the order in which a careful clerk
would ask. It imports nothing of ringwall.
"""

from datetime import datetime, timedelta
from typing import Any

LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]


def may_receive(
    book: dict[str, Any],
    label: str,
    origin: str,
    object_type: str,
    purpose: str,
    member: str,
    at: datetime,
) -> bool:
    marks = label.split("//")
    level = marks[0].removeprefix("TLP:")
    if level not in LEVELS or len(marks) > 2:
        return False
    if member not in book["members"] or not book["members"][member].get("nodes"):
        return False
    if member == origin:
        return True
    named = marks[1].removeprefix("REL TO ").split(", ") if len(marks) == 2 else []
    if len(marks) == 2 and not is_named(book, named, member):
        return False
    if level == "RED" and member not in named:
        return False
    for agreement in book["agreements"].values():
        if opens(book, agreement, level, origin, object_type, purpose, member, at):
            return True
    return False


def is_named(book: dict[str, Any], named: list[str], member: str) -> bool:
    people = set()
    for name in named:
        if name in book["members"]:
            people.add(name)
        elif name in book["groups"]:
            people.update(book["groups"][name])
        else:  # a stranger, or NONE
            return False
    return member in people


def opens(
    book: dict[str, Any],
    agreement: dict[str, Any],
    level: str,
    origin: str,
    object_type: str,
    purpose: str,
    member: str,
    at: datetime,
) -> bool:
    parties = set()
    for party in agreement["parties"]:
        parties.update(book["groups"].get(party, [party]))
    if origin not in parties or member not in parties:
        return False
    if purpose not in agreement["purposes"]:
        return False
    if "object_types" in agreement and object_type not in agreement["object_types"]:
        return False
    if LEVELS.index(level) > LEVELS.index(agreement["highest_tlp"]):
        return False
    skew = timedelta(seconds=120)
    start = moment(agreement["valid_from"]) + skew
    end = moment(agreement["valid_until"]) - skew
    return start <= at and at < end


def moment(value: Any) -> datetime:
    text = str(value)
    if len(text) == 10:
        text += "T00:00:00Z"
    return datetime.fromisoformat(text)


def may_read(
    book: dict[str, Any],
    label: str,
    origin: str,
    object_type: str,
    purpose: str,
    reader: str,
    at: datetime,
) -> bool:
    if reader not in book["readers"]:
        return False
    card = book["readers"][reader]
    if not may_receive(book, label, origin, object_type, purpose, card["member"], at):
        return False
    level = label.split("//")[0].removeprefix("TLP:")
    if LEVELS.index(level) > LEVELS.index(card.get("tlp", "CLEAR")):
        return False
    for role in card["roles"]:
        if role in ("analyst", "watch-officer", "release-officer"):
            return True
        if role == "submitter" and card["member"] == origin:
            return True
    return False
