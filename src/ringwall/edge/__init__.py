"""edge: what stands between a node and the network, in both directions.

Inward, Caddy terminates TLS 1.3 with X25519MLKEM768 and checks client certificates; it hands
requests to the node's own server over a Unix socket in the node's directory. Outward, one HTTP
client connects only to where the operator's allow-list says.

May touch: core and processes; files, sockets and the program Caddy. It knows nothing of readers,
statements or policy. `node.py` wires it.
"""

from ringwall.edge.address import address_of
from ringwall.edge.caddy import Edge, edge_of
from ringwall.edge.certificate import expiry_of, names_of
from ringwall.edge.configuration import EdgeSettings, caddy_configuration
from ringwall.edge.outgoing import open_client, read_limited

__all__ = [
    "Edge",
    "EdgeSettings",
    "address_of",
    "caddy_configuration",
    "edge_of",
    "expiry_of",
    "names_of",
    "open_client",
    "read_limited",
]
