"""A TLS client that knows X25519MLKEM768, which Python's own OpenSSL may not.

It drives the OpenSSL that `cryptography` brings with it, through the same binding that pyOpenSSL
uses, and can do what an ordinary client library would never do: choose the groups, leave out SNI,
name one host in the handshake and another in the request.
"""

import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.bindings.openssl.binding import Binding

_binding = Binding()
_lib: Any = _binding.lib
_ffi: Any = _binding.ffi
_PEM = 1


class HandshakeFailed(Exception):
    """The two sides did not agree."""


class TlsClient:
    """One connection to 127.0.0.1; closes with ``with``."""

    def __init__(
        self,
        port: int,
        *,
        authority: Path,
        groups: str = "X25519MLKEM768",
        server_name: str | None = "node.test",
        certificate: tuple[Path, Path] | None = None,
        tls12: bool = False,
        source: str = "127.0.0.1",
    ) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", port), timeout=10, source_address=(source, 0)
        )
        self._socket.settimeout(None)  # OpenSSL uses the descriptor, which must block
        self._context = _lib.SSL_CTX_new(_lib.TLS_client_method())
        _lib.SSL_CTX_set_verify(self._context, _lib.SSL_VERIFY_PEER, _ffi.NULL)
        self._check(_lib.SSL_CTX_load_verify_locations(
            self._context, str(authority).encode(), _ffi.NULL
        ))  # fmt: skip
        self._check(_lib.SSL_CTX_set1_curves_list(self._context, groups.encode()))
        if tls12:
            self._check(_lib.SSL_CTX_set_max_proto_version(self._context, 0x0303))
        if certificate is not None:
            chain, key = (str(path).encode() for path in certificate)
            self._check(_lib.SSL_CTX_use_certificate_chain_file(self._context, chain))
            self._check(_lib.SSL_CTX_use_PrivateKey_file(self._context, key, _PEM))
        self._ssl = _lib.SSL_new(self._context)
        if server_name is not None:
            _lib.SSL_set_tlsext_host_name(self._ssl, server_name.encode())
        self._check(_lib.SSL_set_fd(self._ssl, self._socket.fileno()))
        _lib.SSL_set_connect_state(self._ssl)
        if _lib.SSL_do_handshake(self._ssl) != 1:
            self.close()
            raise HandshakeFailed(_errors())

    @property
    def group(self) -> str:
        """Return the name of the key exchange that was agreed on."""
        return str(_ffi.string(_lib.SSL_get0_group_name(self._ssl)).decode()).lower()

    def ask(self, path: str = "/", *, host: str = "node.test", headers: str = "") -> bytes:
        """Send one GET and return the whole answer. Raises HandshakeFailed if it is cut off."""
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        return self.exchange(head.encode())

    def exchange(self, request: bytes) -> bytes:
        """Send bytes and return all that comes back until the other side closes."""
        return self.until(request, b"")

    def until(self, request: bytes, mark: bytes) -> bytes:
        """Send bytes and return what comes back, to ``mark`` or to the end."""
        if _lib.SSL_write(self._ssl, request, len(request)) <= 0:
            raise HandshakeFailed(_errors())
        received = b""
        buffer = _ffi.new("char[]", 65536)
        while (size := _lib.SSL_read(self._ssl, buffer, 65536)) > 0:
            received += _ffi.buffer(buffer, size)[:]
            if mark and mark in received:
                return received
        if not received:
            raise HandshakeFailed(_errors())  # TLS 1.3 refuses a certificate only now
        return received

    def peer_serial(self) -> int:
        """Return the serial number of the certificate that the server showed."""
        shown = _lib.SSL_get_peer_certificate(self._ssl)
        number = _lib.ASN1_INTEGER_to_BN(_lib.X509_get_serialNumber(shown), _ffi.NULL)
        return int(_ffi.string(_lib.BN_bn2hex(number)), 16)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self, result: int) -> None:
        if result != 1:
            self.close()
            raise RuntimeError(_errors())


def _errors() -> str:
    """Return what OpenSSL queued, and empty the queue."""
    told = []
    while code := _lib.ERR_get_error():
        reason = _lib.ERR_reason_error_string(code)
        told.append("system error" if reason == _ffi.NULL else _ffi.string(reason).decode())
    return "; ".join(told) or "the connection was closed"
