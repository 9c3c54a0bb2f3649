"""TLS material of one hub: its authority, its server certificate, its nodes' certificates.

Keys are ECDSA P-256: Go, and so nats-server, has no ML-DSA certificates. What protects against a
later quantum computer here is the X25519MLKEM768 key exchange; what authenticates content is the
hybrid signature of the envelope (docs/decisions).

A node is named by a SPIFFE id, ``spiffe://<alliance>/node/<node>``, as its only subject name.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from ringwall.core import BadConfiguration, InvalidInput

AUTHORITY_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=398)
NODE_LIFETIME = timedelta(days=398)
SKEW = timedelta(minutes=2)
"""Clocks may differ by this much (design, decision 12): certificates start that much earlier."""


class Credential(Struct, frozen=True):
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


def node_spiffe_id(alliance: str, node: str) -> str:
    """Return the SPIFFE id of a node."""
    return f"spiffe://{alliance}/node/{node}"


def new_authority(alliance: str, hub: str, now: datetime) -> Credential:
    """Make the authority that signs the certificates of ``hub`` and of its nodes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"{alliance} {hub} authority")
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _credential(certificate, key)


def issue_server(
    authority: Credential, hub: str, hosts: Sequence[str], now: datetime
) -> Credential:
    """Make the hub's server certificate for ``hosts`` (names or addresses) and this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = list(dict.fromkeys([*hosts, "localhost", "127.0.0.1"]))
    alternative = x509.SubjectAlternativeName([_general_name(host) for host in names])
    certificate = _issue(
        authority,
        _builder(_name(hub), _subject(authority), key.public_key(), now, SERVER_LIFETIME),
        alternative,
        ExtendedKeyUsageOID.SERVER_AUTH,
    )
    return _credential(certificate, key)


def new_request(alliance: str, node: str) -> tuple[bytes, bytes]:
    """Make a node's TLS key and its certificate signing request: (CSR, key), both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.UniformResourceIdentifier(node_spiffe_id(alliance, node))
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM), _key_pem(key)


def issue_node(
    authority: Credential, request: bytes, alliance: str, node: str, now: datetime
) -> bytes:
    """Answer a node's CSR (PEM) with a client certificate (PEM) for exactly that node.

    Only the public key is taken from the request, after its signature proved possession; the name
    must be the SPIFFE id expected. Raises InvalidInput (field ``csr``; rules ``pem``,
    ``signature``, ``key``, ``name``).
    """
    csr = _read_request(request)
    wanted = node_spiffe_id(alliance, node)
    if _request_names(csr) != [x509.UniformResourceIdentifier(wanted)]:
        raise InvalidInput(f"csr: must name {wanted} and nothing else", field="csr", rule="name")
    public = csr.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise InvalidInput("csr: the key must be ECDSA P-256", field="csr", rule="key")
    certificate = _issue(
        authority,
        _builder(x509.Name([]), _subject(authority), public, now, NODE_LIFETIME),
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(wanted)]),
        ExtendedKeyUsageOID.CLIENT_AUTH,
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def check_node_certificate(
    certificate: bytes, authority: bytes, key: bytes, alliance: str, node: str
) -> None:
    """Check that a node's certificate is for its key and name and comes from ``authority``.

    All are PEM. Raises InvalidInput (field ``certificate``; rules ``pem``, ``key``, ``name``,
    ``issuer``).
    """
    try:
        own = x509.load_pem_x509_certificate(certificate)
        issuer = x509.load_pem_x509_certificate(authority)
        private = serialization.load_pem_private_key(key, password=None)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, UnsupportedAlgorithm) as error:
        _refuse_certificate("pem", str(error))
    if own.public_key() != private.public_key():
        _refuse_certificate("key", "is not for this node's TLS key")
    wanted = node_spiffe_id(alliance, node)
    if list(names) != [x509.UniformResourceIdentifier(wanted)]:
        _refuse_certificate("name", f"does not name {wanted}")
    try:
        own.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise InvalidInput(
            "certificate: was not issued by the hub's authority",
            field="certificate",
            rule="issuer",
        ) from error


def expiry(certificate: bytes) -> datetime:
    """Return when a certificate (PEM) ends, in UTC. Raises InvalidInput (rule ``pem``)."""
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError as error:
        raise InvalidInput(f"certificate: {error}", field="certificate", rule="pem") from error


def _read_request(request: bytes) -> x509.CertificateSigningRequest:
    try:
        csr = x509.load_pem_x509_csr(request)
        genuine = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"csr: {error}", field="csr", rule="pem") from error
    if not genuine:
        raise InvalidInput(
            "csr: its signature is not by the key it names", field="csr", rule="signature"
        )
    return csr


def _request_names(csr: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    try:
        return list(csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, ValueError):
        return []


def _issue(
    authority: Credential,
    builder: x509.CertificateBuilder,
    names: x509.SubjectAlternativeName,
    usage: x509.ObjectIdentifier,
) -> x509.Certificate:
    signer = serialization.load_pem_private_key(authority.key, password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise BadConfiguration("the hub's authority key is not ECDSA", rule="key")
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(issuer, critical=False)
        .sign(signer, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(authority: Credential) -> x509.Name:
    return x509.load_pem_x509_certificate(authority.certificate).subject


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _credential(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Credential:
    return Credential(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _refuse_certificate(rule: str, why: str) -> NoReturn:
    raise InvalidInput(f"certificate: {why}", field="certificate", rule=rule)
