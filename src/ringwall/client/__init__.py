"""client: the typed Python client of a node's HTTP interface; the command line and demo use it.

May touch: core and httpx (imported when the first request is made, so that commands which need no
server start quickly). It knows no other room: what it returns are the documents that the node
sends. It serves as the worked example for other programs.
"""

from ringwall.client.client import Client, Document
from ringwall.client.events import Event
from ringwall.client.failures import error_from

__all__ = ["Client", "Document", "Event", "error_from"]
