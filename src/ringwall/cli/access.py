"""Commands that let readers in. They work on the node's directory, so whoever may run them could
read the database anyway; what they hand out is printed once and stored only as a hash."""

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from ringwall.alliance import Alliance, load_alliance
from ringwall.cli.output import print_json, progress
from ringwall.core import InvalidInput, SystemClock, format_timestamp, new_secret
from ringwall.core.settings import Files, NodeSettings, load_node_settings
from ringwall.store import Store, TokenRow, WriteTransaction, open_store

_TOKEN_ID_LENGTH = 12


def token_create(options: argparse.Namespace) -> None:
    """Create a token for each ``--reader``; the token itself is shown here and never again."""
    with _node(options.directory) as (settings, alliance, store):
        _check_readers(options.reader, settings, alliance)
        secrets = {reader: new_secret() for reader in options.reader}
        store.write(_put_tokens(secrets, options)).result()
    _hand_out(secrets, options)


def login_code(options: argparse.Namespace) -> None:
    """Create a one-time login link for each ``--reader``."""
    with _node(options.directory) as (settings, alliance, store):
        _check_readers(options.reader, settings, alliance)
        codes = {reader: new_secret() for reader in options.reader}
        store.write(_put_codes(codes, options.minutes)).result()
    base = _address(settings, Path(options.directory)) + "/login?code="
    _hand_out({reader: base + code for reader, code in codes.items()}, options)
    progress(f"valid once, for {options.minutes} minutes")


def _address(settings: NodeSettings, directory: Path) -> str:
    """Return where a browser finds the node: by its certificate's first name, if it has one."""
    if not settings.tls_certificate:
        return f"http://{settings.http_host}:{settings.http_port}"
    from ringwall.edge import names_of

    host = (names_of(directory / settings.tls_certificate) or ["localhost"])[0]
    return f"https://{host}:{settings.https_port}"


@contextmanager
def _node(directory: str) -> Iterator[tuple[NodeSettings, Alliance, Store]]:
    """Open the store of a node, running or not: the database keeps the two processes apart."""
    files = Files(Path(directory))
    settings = load_node_settings(files.directory, os.environ)
    alliance = load_alliance(files.alliance.read_bytes())
    store = open_store(files, settings)
    try:
        yield settings, alliance, store
    finally:
        store.close()


def _check_readers(readers: list[str], settings: NodeSettings, alliance: Alliance) -> None:
    member = alliance.node(settings.node).member
    for name in readers:
        reader = alliance.readers.get(name)
        if reader is None or reader.member != member:
            raise InvalidInput(
                f"reader: {member} has no reader {name!r}", field="reader", rule="unknown-name"
            )


def _put_tokens(
    secrets: dict[str, str], options: argparse.Namespace
) -> Callable[[WriteTransaction], None]:
    now = SystemClock().now()
    created = format_timestamp(now)
    expires = format_timestamp(now + timedelta(days=options.days))

    def job(tx: WriteTransaction) -> None:
        for reader, secret in secrets.items():
            digest = _hash(secret)
            name = digest.hex()[:_TOKEN_ID_LENGTH]
            tx.put_token(TokenRow(name, digest, reader, options.note, created, expires))
            entry = {"token": name, "reader": reader, "expires": expires}
            tx.append_audit("token-created", {**entry, "sha256": digest.hex()})

    return job


def _put_codes(codes: dict[str, str], minutes: int) -> Callable[[WriteTransaction], None]:
    expires = format_timestamp(SystemClock().now() + timedelta(minutes=minutes))

    def job(tx: WriteTransaction) -> None:
        for reader, code in codes.items():
            tx.put_login_code(_hash(code), reader, expires)
            tx.append_audit("login-code-created", {"reader": reader, "expires": expires})

    return job


def _hand_out(secrets: dict[str, str], options: argparse.Namespace) -> None:
    """Print one secret bare, for ``> file``; several with their readers."""
    if options.json:
        print_json(secrets)
    elif len(secrets) == 1:
        print(*secrets.values())
    else:
        for reader, secret in secrets.items():
            print(reader, secret)


def _hash(secret: str) -> bytes:
    """Hash as the server does when it looks a credential up: SHA-256 of a 256-bit secret."""
    return hashlib.sha256(secret.encode()).digest()
