"""One error tree, sorted by who is at fault.

RingwallError
├── CallerError          whoever asked: a client, an analyst, a tool
│   ├── InvalidInput         the input breaks a rule (names field and rule)
│   ├── TooLarge             the input is over a stated limit
│   ├── TooMany              asks too often, or for too much at once
│   ├── TooSlow              takes too long to send what it announced
│   ├── Unauthenticated      nobody is logged in, or the proof is wrong
│   ├── Forbidden            known, and not allowed to do this
│   ├── NotFound             absent, or withheld: the two must look the same
│   └── Conflict             contradicts what is already there
├── PeerError            another node or a hub sent something that must not be believed
│   ├── BadEnvelope          cannot be read, opened, or was not meant for us
│   ├── BadSignature         a signature is missing, wrong, or from a key that is not valid
│   └── BadRegistry          a registry document that does not follow from the one we trust
├── OperatorError        whoever runs this node
│   ├── BadConfiguration     settings, alliance description or key files are wrong
│   ├── StorageFull          no room to make anything durable (HTTP 507)
│   ├── Unavailable          a part that this needs is not running (HTTP 503)
│   └── IntegrityFailure     stored bytes no longer agree with their proofs
└── InternalFault        ourselves: an invariant of the program is broken
"""


class RingwallError(Exception):
    """Anything that Ringwall refuses or fails at; ``str()`` is one line for a person.

    ``field`` is where (a JSON pointer, a setting, a file, a statement id), ``rule`` is which rule
    it breaks, as a short stable token that programs may compare.
    """

    status = 500
    code = "error"

    def __init__(self, message: str, *, field: str = "", rule: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.rule = rule or self.code

    def diagnostics(self) -> dict[str, str]:
        """Return the error as a flat mapping: code, field, rule, message."""
        return {
            "code": self.code,
            "field": self.field,
            "rule": self.rule,
            "message": self.message,
        }


class CallerError(RingwallError):
    """Whoever asked is at fault."""

    status = 400
    code = "bad-request"


class InvalidInput(CallerError):
    """The input breaks a rule; ``field`` and ``rule`` say which."""

    status = 422
    code = "invalid"


class TooLarge(CallerError):
    """The input is over a stated limit."""

    status = 413
    code = "too-large"


class TooMany(CallerError):
    """Whoever asks does so too often, or for too much at once: later it will be answered."""

    status = 429
    code = "too-many"


class TooSlow(CallerError):
    """What was announced takes too long to arrive."""

    status = 408
    code = "too-slow"


class Unauthenticated(CallerError):
    """Nobody is logged in, or the proof of identity is wrong."""

    status = 401
    code = "unauthenticated"


class Forbidden(CallerError):
    """Known, and not allowed to do this."""

    status = 403
    code = "forbidden"


class NotFound(CallerError):
    """Absent, or withheld: an answer must not tell which."""

    status = 404
    code = "not-found"


class Conflict(CallerError):
    """The input contradicts what is already stored."""

    status = 409
    code = "conflict"


class PeerError(RingwallError):
    """Another node or a hub sent something that must not be believed."""

    status = 502
    code = "bad-peer"


class BadEnvelope(PeerError):
    """An envelope cannot be read or opened, or is not meant for this node."""

    code = "bad-envelope"


class BadSignature(PeerError):
    """A signature is missing, wrong, or made by a key that is not valid."""

    code = "bad-signature"


class BadRegistry(PeerError):
    """A registry document does not follow from the one that this node trusts."""

    code = "bad-registry"


class OperatorError(RingwallError):
    """Whoever runs this node has to act."""

    code = "operator"


class BadConfiguration(OperatorError):
    """Settings, an alliance description or key files are wrong."""

    code = "bad-configuration"


class StorageFull(OperatorError):
    """There is no room to make anything durable; nothing was written."""

    status = 507
    code = "storage-full"


class Unavailable(OperatorError):
    """A part that this request needs is not running."""

    status = 503
    code = "unavailable"


class IntegrityFailure(OperatorError):
    """Stored bytes no longer agree with their proofs."""

    code = "integrity"


class InternalFault(RingwallError):
    """An invariant of the program is broken: a defect of ours."""

    code = "internal"
