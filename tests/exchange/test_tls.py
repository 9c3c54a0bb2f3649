"""The hub's authority: whom it names, and what it refuses to sign."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from ringwall.core import InvalidInput
from ringwall.exchange import tls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORITY = tls.new_authority("ring", "hub1", NOW)


def usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_a_node_certificate_names_its_node_and_is_for_clients_only() -> None:
    request, key = tls.new_request("ring", "aaa-1")
    pem = tls.issue_node(AUTHORITY, request, "ring", "aaa-1", NOW)
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == ["spiffe://ring/node/aaa-1"]
    assert usages(certificate) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=2)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not basic.ca
    tls.check_node_certificate(pem, AUTHORITY.certificate, key, "ring", "aaa-1")


def test_the_server_certificate_is_for_servers_only() -> None:
    server = tls.issue_server(AUTHORITY, "hub1", ["hub.example.org"], NOW)
    certificate = x509.load_pem_x509_certificate(server.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example.org", "localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert usages(certificate) == [ExtendedKeyUsageOID.SERVER_AUTH]


def csr(names: list[str], key: ec.EllipticCurvePrivateKey) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        uris = [x509.UniformResourceIdentifier(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(uris), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["spiffe://ring/node/bbb-1"],
        ["spiffe://other/node/aaa-1"],
        ["spiffe://ring/node/aaa-1", "spiffe://ring/node/bbb-1"],
    ],
)
def test_a_request_for_another_name_is_refused(names: list[str]) -> None:
    request = csr(names, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(InvalidInput) as caught:
        tls.issue_node(AUTHORITY, request, "ring", "aaa-1", NOW)
    assert caught.value.rule == "name"


def test_other_curves_and_broken_requests_are_refused() -> None:
    other = csr(["spiffe://ring/node/aaa-1"], ec.generate_private_key(ec.SECP384R1()))
    cases = {"key": other, "pem": b"nonsense"}
    for rule, request in cases.items():
        with pytest.raises(InvalidInput) as caught:
            tls.issue_node(AUTHORITY, request, "ring", "aaa-1", NOW)
        assert caught.value.rule == rule


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    request, _ = tls.new_request("ring", "aaa-1")
    der = bytearray(x509.load_pem_x509_csr(request).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(InvalidInput) as caught:
        tls.issue_node(AUTHORITY, broken, "ring", "aaa-1", NOW)
    assert caught.value.rule == "signature"


def test_a_certificate_that_is_not_ours_is_named() -> None:
    request, key = tls.new_request("ring", "aaa-1")
    pem = tls.issue_node(AUTHORITY, request, "ring", "aaa-1", NOW)
    other = tls.new_authority("ring", "hub1", NOW).certificate
    _, stranger = tls.new_request("ring", "aaa-1")
    cases = {
        "issuer": (pem, other, key, "aaa-1"),
        "key": (pem, AUTHORITY.certificate, stranger, "aaa-1"),
        "name": (pem, AUTHORITY.certificate, key, "bbb-1"),
        "pem": (b"x", AUTHORITY.certificate, key, "aaa-1"),
    }
    for rule, (certificate, authority, private, node) in cases.items():
        with pytest.raises(InvalidInput) as caught:
            tls.check_node_certificate(certificate, authority, private, "ring", node)
        assert caught.value.rule == rule
