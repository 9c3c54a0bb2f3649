"""Where a node may connect to: hosts by list, addresses only public or listed."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import BadConfiguration, Forbidden
from ringwall.core.egress import EgressPolicy, embedded, parse_egress

INSIDE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1",
    "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
)  # fmt: skip


def test_an_empty_list_allows_nothing() -> None:
    policy = parse_egress("")
    assert policy == EgressPolicy()
    with pytest.raises(Forbidden) as caught:
        policy.check_host("https", "feeds.example.org", 443)
    assert (caught.value.field, caught.value.rule) == ("url", "egress-host")


@pytest.mark.parametrize(("scheme", "host", "port", "allowed"), [
    ("https", "feeds.example.org", 443, True),
    ("https", "FEEDS.example.org.", 443, True),
    ("https", "feeds.example.org", 8443, False),
    ("http", "feeds.example.org", 443, False),
    ("http", "feeds.example.org", 80, False),
    ("https", "example.org", 443, False),
    ("https", "feeds.example.org.evil.example", 443, False),
    ("https", "evilfeeds.example.org", 443, False),
    ("https", "a.partner.example", 8443, True),
    ("https", "a.b.partner.example", 8443, True),
    ("https", "partner.example", 8443, False),
    ("https", "evilpartner.example", 8443, False),
    ("http", "old.example", 80, True),
    ("https", "old.example", 443, False),
    ("https", "192.0.2.7", 443, True),
])  # fmt: skip
def test_a_host_is_allowed_by_scheme_name_and_port(
    scheme: str, host: str, port: int, *, allowed: bool
) -> None:
    policy = parse_egress("feeds.example.org, *.partner.example:8443 http://old.example, 192.0.2.7")
    if allowed:
        policy.check_host(scheme, host, port)
        return
    with pytest.raises(Forbidden):
        policy.check_host(scheme, host, port)


@pytest.mark.parametrize("text", INSIDE)
def test_no_name_leads_to_an_address_that_is_not_public(text: str) -> None:
    with pytest.raises(Forbidden) as caught:
        parse_egress("feeds.example.org").check_address("x", ipaddress.ip_address(text))
    assert caught.value.rule == "egress-address"


def test_a_listed_network_is_reached_and_no_other() -> None:
    policy = parse_egress("10.2.0.0/16, fd00:1::/32")
    for text in ("10.2.3.4", "::ffff:10.2.3.4", "fd00:1::5", "9.9.9.9", "2620:fe::fe"):
        policy.check_address("x", ipaddress.ip_address(text))
    for text in ("10.3.0.1", "fd00:2::1", "::ffff:10.3.0.1"):
        with pytest.raises(Forbidden):
            policy.check_address("x", ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_address_is_the_same_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wrapped = (
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
    )
    policy = EgressPolicy()

    def allowed(one: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        try:
            policy.check_address("x", one)
        except Forbidden:
            return False
        return True

    for each in wrapped:
        assert embedded(each) == address
        assert not allowed(each) or allowed(address)


@pytest.mark.parametrize("entry", [
    "ftp://feeds.example.org", "https://feeds.example.org/path", "https://user:pw@host.example",
    "feeds.example.org?x", "*", "a.*.example", "10.0.0.0/33", "10.0.0.1/8", "host:99999", "-x.org",
    "host_with space/", "https://", "höst.example",
])  # fmt: skip
def test_an_entry_that_means_nothing_is_refused_by_name(entry: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse_egress(f"good.example, {entry}")
    assert (caught.value.field, caught.value.rule) == ("egress_allow", "egress")
