"""core: what every other room stands on: errors, time, identifiers, canonical bytes, settings.

May touch: the standard library, msgspec and rfc8785. It knows no other room and does no I/O
apart from reading a settings file that it is told to read.
"""

from ringwall.core.canonical import canonical_json, join_fields, split_fields
from ringwall.core.clock import Clock, ManualClock, SystemClock, format_timestamp, parse_timestamp
from ringwall.core.errors import (
    BadConfiguration,
    BadEnvelope,
    BadRegistry,
    BadSignature,
    CallerError,
    Conflict,
    Forbidden,
    IntegrityFailure,
    InternalFault,
    InvalidInput,
    NotFound,
    OperatorError,
    PeerError,
    RingwallError,
    StorageFull,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unavailable,
)
from ringwall.core.ids import (
    StatementId,
    check_name,
    new_secret,
    parse_statement_id,
)
from ringwall.core.misfit import place_of
from ringwall.core.precedence import LANES, Precedence
from ringwall.core.strict_json import Limits, parse_json

__all__ = [
    "LANES",
    "BadConfiguration",
    "BadEnvelope",
    "BadRegistry",
    "BadSignature",
    "CallerError",
    "Clock",
    "Conflict",
    "Forbidden",
    "IntegrityFailure",
    "InternalFault",
    "InvalidInput",
    "Limits",
    "ManualClock",
    "NotFound",
    "OperatorError",
    "PeerError",
    "Precedence",
    "RingwallError",
    "StatementId",
    "StorageFull",
    "SystemClock",
    "TooLarge",
    "TooMany",
    "TooSlow",
    "Unauthenticated",
    "Unavailable",
    "canonical_json",
    "check_name",
    "format_timestamp",
    "join_fields",
    "new_secret",
    "parse_json",
    "parse_statement_id",
    "parse_timestamp",
    "place_of",
    "split_fields",
]
