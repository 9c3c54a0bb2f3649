"""The node's certificate, as it lies on disk: usable, for which names, until when."""

import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ringwall.core import BadConfiguration
from ringwall.edge.configuration import EdgeSettings

Stamp = tuple[tuple[int, int, int], ...]


def check_certificate(settings: EdgeSettings) -> None:
    """Check that certificate, key and authority can be used, and belong together.

    Raises BadConfiguration (fields ``tls_certificate``, ``client_ca``; rule ``certificate``).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password="")
    except OSError as error:  # ssl.SSLError is one
        why = f"{settings.certificate} with {settings.key}: {error.strerror or error}"
        raise BadConfiguration(why, field="tls_certificate", rule="certificate") from error
    if settings.client_authority is None:
        return
    try:
        context.load_verify_locations(settings.client_authority)
    except OSError as error:
        why = f"{settings.client_authority}: {error.strerror or error}"
        raise BadConfiguration(why, field="client_ca", rule="certificate") from error


def names_of(certificate: Path) -> list[str]:
    """Return the DNS names that a certificate (PEM) is for; the first is what readers use.

    Raises BadConfiguration (field ``tls_certificate``, rule ``certificate``).
    """
    try:
        names = _read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        why = f"{certificate} names no host"
        raise BadConfiguration(why, field="tls_certificate", rule="certificate") from error
    return names.value.get_values_for_type(x509.DNSName)


def expiry_of(certificate: Path) -> datetime:
    """Return when a certificate (PEM) ends, in UTC. Raises BadConfiguration as `names_of`."""
    return _read(certificate).not_valid_after_utc


def stamp_of(settings: EdgeSettings) -> Stamp:
    """Return what changes when one of the files is replaced or written to."""
    paths = [settings.certificate, settings.key]
    if settings.client_authority is not None:
        paths.append(settings.client_authority)
    return tuple(_stamp_of(path) for path in paths)


def _read(certificate: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError) as error:
        why = f"{certificate}: {error}"
        raise BadConfiguration(why, field="tls_certificate", rule="certificate") from error


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_size, status.st_mtime_ns)
