"""Telling: recorded reasons, as one may hear them who did not submit the object.

A reason for a withheld property may speak of another object. To who may not read that one, nothing
is said of single properties: it would tell that the object is here, and for whom it is not.
"""

from typing import Any

import msgspec

from ringwall.alliance import Reader
from ringwall.exchange.redacting import FieldReason
from ringwall.policy import Kernel
from ringwall.store import ReadTransaction


def told(tx: ReadTransaction, kernel: Kernel, reader: Reader, said: dict[str, Any]) -> str:
    """Return the text of one recorded reason (an entry of ``Release.reasons``) for a reader."""
    reason = str(said["reason"])
    named = {each["source"] for each in said.get("withheld", ()) if each["rule"] == "reference"}
    if not named or may_read_of(tx, kernel, reader, named):
        return reason
    if not said["permit"]:
        return "withheld"
    return "" if reason.startswith("without ") else reason.partition("; without ")[0]


def fields_told(
    tx: ReadTransaction, kernel: Kernel, reader: Reader, said: dict[str, Any]
) -> tuple[FieldReason, ...]:
    """Return the withheld properties of a recorded reason that a reader may hear of."""
    fields = [msgspec.convert(each, FieldReason) for each in said.get("withheld", ())]
    return tuple(
        each
        for each in fields
        if each.rule != "reference" or may_read_of(tx, kernel, reader, {each.source})
    )


def may_read_of(tx: ReadTransaction, kernel: Kernel, reader: Reader, named: set[str]) -> bool:
    """Tell whether a reader may read a statement about each of the objects that are ``named``."""
    classes = tx.release_classes()
    readable = {
        reach.object_id
        for reach in tx.reaches(named)
        if kernel.may_read(classes[reach.release_class], reader)
    }
    return named <= readable
