"""sharing: what members agree, ask and answer each other about statements, before any is sent.

Agreements are proposed, previewed, signed by every party, and in force on every path at once; they
travel as messages between nodes. So do the catalogue of what exists, as far as its owner's rules
tell of it, requests with their answers, and what one member passes on of another's. What opens is
decided in ``policy`` and nowhere here.
May touch: core, labels, alliance, policy, trust, store, exchange.
"""

from ringwall.sharing.agreements import Agreements, AgreementState
from ringwall.sharing.answering import Reply
from ringwall.sharing.asking import Wish
from ringwall.sharing.catalogue import Catalogue, Known, Wanted
from ringwall.sharing.discovery import NO_DISCOVERY, Discovery, load_discovery
from ringwall.sharing.embargoes import Embargoes
from ringwall.sharing.entries import Entry
from ringwall.sharing.passing_on import Onward
from ringwall.sharing.past import PastSender
from ringwall.sharing.preview import MemberChange, preview
from ringwall.sharing.relay_book import Gone
from ringwall.sharing.relays import Relays
from ringwall.sharing.request_documents import Request
from ringwall.sharing.requests import Requests

__all__ = [
    "NO_DISCOVERY",
    "AgreementState",
    "Agreements",
    "Catalogue",
    "Discovery",
    "Embargoes",
    "Entry",
    "Gone",
    "Known",
    "MemberChange",
    "Onward",
    "PastSender",
    "Relays",
    "Reply",
    "Request",
    "Requests",
    "Wanted",
    "Wish",
    "load_discovery",
    "preview",
]
