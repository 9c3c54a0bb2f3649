"""exchange: from an accepted statement to the other members' stores, and the proof that it came.

Intake makes statements; the outbox seals and publishes; the inbox verifies and stores; receipts
come back. Transports carry envelopes: nothing is believed because of the way it came.
May touch: core, stix, labels, alliance, policy, trust, store; NATS in `hub*`, `leaf`, `nats_*`
and `tls` only.
"""

from ringwall.exchange.arrivals import Arrivals
from ringwall.exchange.confirming import SecondPerson
from ringwall.exchange.drafting import Recipient
from ringwall.exchange.holding import (
    HeldRelease,
    SecondWord,
    held_nodes,
    held_releases,
    second_words,
)
from ringwall.exchange.inbox import Inbox
from ringwall.exchange.intake import Intake
from ringwall.exchange.messages import Message, MessageHandler, Messages
from ringwall.exchange.naming import waiting_objects
from ringwall.exchange.outbox import Outbox, Sealer
from ringwall.exchange.outcome import SubmitResult, Submitted
from ringwall.exchange.permitting import SUBMITTING_ROLES
from ringwall.exchange.receipts import Receipts
from ringwall.exchange.redacting import FieldReason
from ringwall.exchange.telling import fields_told, told
from ringwall.exchange.transport import CONTROL, Batch, Delivery, StreamPosition, Transport
from ringwall.exchange.withdrawal import withdraw

__all__ = [
    "CONTROL",
    "SUBMITTING_ROLES",
    "Arrivals",
    "Batch",
    "Delivery",
    "FieldReason",
    "HeldRelease",
    "Inbox",
    "Intake",
    "Message",
    "MessageHandler",
    "Messages",
    "Outbox",
    "Receipts",
    "Recipient",
    "Sealer",
    "SecondPerson",
    "SecondWord",
    "StreamPosition",
    "SubmitResult",
    "Submitted",
    "Transport",
    "fields_told",
    "held_nodes",
    "held_releases",
    "second_words",
    "told",
    "waiting_objects",
    "withdraw",
]
