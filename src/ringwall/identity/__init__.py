"""identity: who a reader is and how it proves it: a provider's word, passkeys, tokens, links.

The member's own rules turn what its OpenID provider says into a reader, never beyond what the
alliance allows the member to assert. What is kept lies in documents of the store, secrets as
hashes. May touch: core, labels, alliance, store's documents and access through its port, httpx
(a client that it is given), joserfc, webauthn and cryptography. Neither policy nor exchange: what
a reader may see is not decided here.

Its modules are its surface, one for each kind of proof: ``people`` and ``scopes`` (who a reader
is, and as which credential it comes), ``tokens``, ``sessions``, ``links``, ``passkeys``,
``provider`` with ``rules`` and ``federated`` (single sign-on), ``sealed`` (a login under way),
``forgetting`` (after a restore).
"""

from ringwall.identity.federated import Federation
from ringwall.identity.people import find_reader, find_readers
from ringwall.identity.scopes import EVERY_SCOPE, Grant, Scope, narrow

__all__ = [
    "EVERY_SCOPE",
    "Federation",
    "Grant",
    "Scope",
    "find_reader",
    "find_readers",
    "narrow",
]
