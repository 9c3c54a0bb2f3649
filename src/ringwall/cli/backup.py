"""Commands that back a node up and bring it back. Passphrases come from a file or a prompt."""

import argparse
import os
import sys
from pathlib import Path

import msgspec

from ringwall.cli import exit_codes
from ringwall.cli.output import print_json, progress
from ringwall.core import BadConfiguration, InvalidInput, SystemClock
from ringwall.core.settings import Files, load_node_settings
from ringwall.operations import back_up, database_source, mark_in_place, restore


def backup(options: argparse.Namespace) -> int:
    """Write a backup of a node, running or not."""
    files = Files(Path(options.directory))
    settings = load_node_settings(files.directory, os.environ)
    if options.passphrase_file and not options.with_keys:
        raise InvalidInput(
            "--passphrase-file is for --with-keys", field="--passphrase-file", rule="with-keys"
        )
    passphrase = _passphrase(options.passphrase_file, twice=True) if options.with_keys else ""
    target = Path(options.to)
    manifest = back_up(
        files,
        settings,
        database_source(files, settings),
        target,
        clock=SystemClock(),
        passphrase=passphrase,
    )
    if options.json:
        print_json({"file": str(target), **msgspec.to_builtins(manifest)})
    else:
        print(target)
    progress(f"{manifest.audit_size} audit entries, root {manifest.audit_root}")
    if not manifest.keys:
        progress("without the private keys: keep keys/ and hub/node.creds apart, offline")
    return exit_codes.OK


def bring_back(options: argparse.Namespace) -> int:
    """Make a new directory the node of a backup."""
    passphrase = ""
    if options.passphrase_file or options.with_keys:
        passphrase = _passphrase(options.passphrase_file, twice=False)
    directory = Path(options.to)
    restored = restore(
        Path(options.file),
        directory,
        clock=SystemClock(),
        passphrase=passphrase,
        check_all=options.verify,
        keep_tokens=options.keep_tokens,
        environment=os.environ,
    )
    manifest = restored.manifest
    if options.json:
        shown = msgspec.to_builtins(restored)
        print_json({"directory": str(directory), "verified": bool(options.verify), **shown})
    else:
        print(directory)
    progress(f"{manifest.node} of {manifest.alliance} as it was at {manifest.taken_at}")
    if restored.tokens_revoked:
        number = restored.tokens_revoked
        tokens = "1 token is" if number == 1 else f"{number} tokens are"
        progress(f"{tokens} revoked: create those that are needed")
    if not restored.keys:
        progress(f"put keys/ and hub/node.creds back into {directory} before you start it")
    progress("never start it beside the node that it replaces")
    return exit_codes.OK


def mark_restored(options: argparse.Namespace) -> int:
    """Say that a node's database was rolled back by other means than ``ringwall restore``."""
    files = Files(Path(options.directory))
    settings = load_node_settings(files.directory, os.environ)
    mark_in_place(files, settings, clock=SystemClock())
    progress("marked: at its next start the node passes over the numbers it may have used")
    return exit_codes.OK


def _passphrase(path: str | None, *, twice: bool) -> str:
    """Read a passphrase from the first line of a file, or ask for it on the terminal."""
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").split("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise BadConfiguration(
                f"passphrase file {path}: {error}", field="passphrase-file", rule="unreadable"
            ) from error
    if not sys.stdin.isatty():
        raise InvalidInput(
            "no terminal to ask on: give --passphrase-file",
            field="--passphrase-file",
            rule="passphrase",
        )
    from getpass import getpass

    passphrase = getpass("Passphrase of the keys: ")
    if twice and getpass("Again: ") != passphrase:
        raise InvalidInput("the two differ", field="passphrase", rule="passphrase")
    return passphrase
