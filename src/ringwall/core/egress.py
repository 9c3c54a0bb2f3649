"""Where a node may connect to of its own accord: an allow-list, empty at first; pure, no I/O.

What is fetched from outside (feeds, say) is named by people and by what others sent, so its
addresses are hostile input: a URL may point into the member's own network (server-side request
forgery), and a name may resolve to something else than yesterday. So a host must be listed, and
every address that it resolves to must be a public one, unless the list names its network.

An entry of the list is ``feeds.example.org`` (HTTPS on port 443), ``feeds.example.org:8443``,
``http://feeds.example.org`` (port 80, unencrypted), ``*.example.org`` (any host below it), or a
network, ``10.2.0.0/16``: addresses in it may be connected to although they are not public. A host
that is a bare address must be listed itself, too.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from msgspec import Struct

from ringwall.core.errors import BadConfiguration, Forbidden

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS = {"https": 443, "http": 80}
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_-]{1,63})*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Destination(Struct, frozen=True):
    """One host that may be connected to; ``host`` ``*.example.org`` means every host below it."""

    scheme: str
    host: str
    port: int

    def covers(self, scheme: str, host: str, port: int) -> bool:
        """Tell whether this entry allows a host, in lower case."""
        if (self.scheme, self.port) != (scheme, port):
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host


class EgressPolicy(Struct, frozen=True):
    """The allow-list: hosts, and networks that are reached although they are not public."""

    destinations: tuple[Destination, ...] = ()
    networks: tuple[Network, ...] = ()

    def check_host(self, scheme: str, host: str, port: int) -> None:
        """Refuse a host that is not listed. Raises Forbidden (rule ``egress-host``)."""
        name = host.lower().rstrip(".")
        if not any(entry.covers(scheme, name, port) for entry in self.destinations):
            raise Forbidden(
                f"{scheme}://{host}:{port} is not on the list of where this node may connect to",
                field="url",
                rule="egress-host",
            )

    def check_address(self, host: str, address: Address) -> None:
        """Refuse an address that is not public and not in a listed network.

        Raises Forbidden (rule ``egress-address``).
        """
        plain = embedded(address)
        if any(a.version == n.version and a in n for a in (address, plain) for n in self.networks):
            return
        if not (_is_public(address) and _is_public(plain)):
            raise Forbidden(
                f"{host} is at {address}, which is not a public address",
                field="url",
                rule="egress-address",
            )


def parse_egress(text: str) -> EgressPolicy:
    """Read an allow-list: entries separated by commas or spaces.

    Raises BadConfiguration (field ``egress_allow``, rule ``egress``) naming the entry.
    """
    destinations: list[Destination] = []
    networks: list[Network] = []
    for entry in text.replace(",", " ").split():
        if "/" in entry and "://" not in entry:
            networks.append(_network(entry))
        else:
            destinations.append(_destination(entry))
    return EgressPolicy(tuple(destinations), tuple(networks))


def embedded(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that only carries it, else ``address``."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        raise _refusal(entry, str(error)) from error


def _destination(entry: str) -> Destination:
    try:
        parts = urlsplit(entry if "://" in entry else f"https://{entry}")
        port = parts.port
    except ValueError as error:
        raise _refusal(entry, str(error)) from error
    if parts.scheme not in _PORTS:
        raise _refusal(entry, "only https and http are spoken")
    if parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment:
        raise _refusal(entry, "a host is named, not a page of it")
    host = (parts.hostname or "").rstrip(".")
    if not (_NAME.fullmatch(host) or _is_address(host)):
        raise _refusal(entry, "not the name of a host")
    return Destination(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refusal(entry: str, why: str) -> BadConfiguration:
    return BadConfiguration(f"egress_allow: {entry}: {why}", field="egress_allow", rule="egress")
