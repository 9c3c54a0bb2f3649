"""Commands that let readers in. They work on the node's directory, so whoever may run them could
read the database anyway; what they hand out is printed once and stored only as a hash."""

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ringwall.alliance import Alliance, Reader, load_alliance
from ringwall.cli.output import print_json, print_table, progress
from ringwall.core import Clock, InvalidInput, NotFound, SystemClock, format_timestamp, new_secret
from ringwall.core.settings import Files, NodeSettings, load_node_settings
from ringwall.store import Store, WriteTransaction, open_store

if TYPE_CHECKING:
    from ringwall.identity import Grant
    from ringwall.identity.tokens import TokenEntry


def token_create(options: argparse.Namespace) -> None:
    """Create a token for each ``--reader``; the token itself is shown here and never again."""
    from ringwall.identity.tokens import new_token

    with _node(options.directory) as (settings, alliance, store):
        readers = _readers(options.reader, settings, alliance)
        grants = {reader.id: _grant(reader, options) for reader in readers}
        secrets = {name: new_token(narrowed=grant is not None) for name, grant in grants.items()}
        store.write(_put_tokens(secrets, grants, options)).result()
    _hand_out(secrets, options)


def token_list(options: argparse.Namespace) -> None:
    """List the tokens of each ``--reader``, of all without one, that are good now."""
    from ringwall.identity.tokens import tokens_of

    at = format_timestamp(SystemClock().now())
    with _node(options.directory) as (_, _, store), store.read() as snapshot:
        names = options.reader or sorted({row.reader for row in snapshot.tokens()})
        found = [each for name in names for each in tokens_of(snapshot, name, at)]
    if options.json:
        print_json([_shown(each) for each in found])
        return
    heads = ("ID", "READER", "CREATED", "EXPIRES", "SCOPES", "TLP", "NOTE")
    print_table(heads, [tuple(_shown(each).values()) for each in found])


def token_revoke(options: argparse.Namespace) -> None:
    """Revoke tokens by their ids."""
    from ringwall.identity.tokens import drop_token

    at = format_timestamp(SystemClock().now())

    def revoke(tx: WriteTransaction) -> None:
        owners = {row.id: row.reader for row in tx.tokens()}
        for token in options.token:
            reader = owners.get(token)
            if reader is None or not drop_token(tx, reader, token, at):
                raise NotFound(f"no token {token!r} is good now", field="token")
            tx.append_audit("token-revoked", {"token": token, "reader": reader, "by": ""})

    with _node(options.directory) as (_, _, store):
        store.write(revoke).result()


def login_code(options: argparse.Namespace) -> None:
    """Create a one-time login link for each ``--reader``."""
    from ringwall.edge import address_of

    with _node(options.directory) as (settings, alliance, store):
        readers = _readers(options.reader, settings, alliance)
        codes = {reader.id: new_secret() for reader in readers}
        store.write(_put_codes(codes, options.minutes)).result()
    base = address_of(settings, Files(Path(options.directory))) + "/login?code="
    _hand_out({reader: base + code for reader, code in codes.items()}, options)
    progress(f"valid once, for {options.minutes} minutes")


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


def _readers(names: list[str], settings: NodeSettings, alliance: Alliance) -> list[Reader]:
    member = alliance.node(settings.node).member
    found = [alliance.readers.get(name) for name in names]
    for name, reader in zip(names, found, strict=True):
        if reader is None or reader.member != member:
            raise InvalidInput(
                f"reader: {member} has no reader {name!r}", field="reader", rule="unknown-name"
            )
    return [reader for reader in found if reader is not None]


def _grant(reader: Reader, options: argparse.Namespace) -> "Grant | None":
    """Return what a token is limited to, None if to nothing."""
    from ringwall.identity import EVERY_SCOPE, Grant, Scope
    from ringwall.labels import Tlp

    if not options.scope and not options.tlp:
        return None
    scopes = frozenset(map(Scope, options.scope)) or EVERY_SCOPE
    return Grant(scopes, reader.roles, Tlp(options.tlp) if options.tlp else reader.tlp)


def _put_tokens(
    secrets: dict[str, str], grants: "dict[str, Grant | None]", options: argparse.Namespace
) -> Callable[[WriteTransaction], None]:
    from ringwall.identity.tokens import NewToken, make_token

    created, expires = _span(SystemClock(), timedelta(days=options.days))

    def job(tx: WriteTransaction) -> None:
        for reader, secret in secrets.items():
            wanted = NewToken(reader, options.note, created, expires, grants[reader])
            make_token(tx, wanted, secret)

    return job


def _span(clock: Clock, length: timedelta) -> tuple[str, str]:
    now = clock.now()
    return format_timestamp(now), format_timestamp(now + length)


def _shown(token: "TokenEntry") -> dict[str, str]:
    grant = token.grant
    return {
        "id": token.id,
        "reader": token.reader,
        "created": token.created,
        "expires": token.expires,
        "scopes": ",".join(sorted(grant.scopes)) if grant else "all",
        "tlp": grant.tlp.value if grant else "",
        "note": token.note,
    }


def _put_codes(codes: dict[str, str], minutes: int) -> Callable[[WriteTransaction], None]:
    from ringwall.identity.secrets import hash_secret

    _, expires = _span(SystemClock(), timedelta(minutes=minutes))

    def job(tx: WriteTransaction) -> None:
        for reader, code in codes.items():
            tx.put_login_code(hash_secret(code), reader, expires)
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
