"""Commands about the audit log of a node."""

import argparse
import json
import os
from pathlib import Path

from ringwall.cli import exit_codes
from ringwall.cli.connection import connect
from ringwall.cli.output import print_json, print_table


def verify(options: argparse.Namespace) -> int:
    """Check a node's log, statements and proofs offline; CHECK_FAILED names what was tampered."""
    import msgspec

    from ringwall.core import BadConfiguration
    from ringwall.core.settings import Files, load_node_settings
    from ringwall.store import database_is_there, open_store, verify_store
    from ringwall.trust import decode_registry, read_registry

    files = Files(Path(options.directory))
    settings = load_node_settings(files.directory, os.environ)
    if not database_is_there(files, settings):
        raise BadConfiguration(f"{files.database} is missing", field="database", rule="missing")
    registry = read_registry(decode_registry(files.registry.read_bytes()).document)
    store = open_store(files, settings)
    try:
        findings = verify_store(store, registry=registry, node=settings.node)
        with store.read() as snapshot:
            entries = snapshot.audit_size()
    finally:
        store.close()
    if options.json:
        shown = msgspec.to_builtins(findings)
        print_json({"ok": not findings, "entries": entries, "findings": shown})
    elif findings:
        rows = [(finding.table, finding.id, finding.check, finding.message) for finding in findings]
        print_table(("TABLE", "ID", "CHECK", "WHAT IS WRONG"), rows)
    else:
        print(f"{settings.node}: {entries} audit entries, all agree with statements and proofs")
    return exit_codes.CHECK_FAILED if findings else exit_codes.OK


def show(options: argparse.Namespace) -> None:
    """Show entries of the log through the node, for auditors."""
    with connect(options) as client:
        answer = client.audit(after=options.after, limit=options.limit)
    if options.json:
        print_json(answer)
        return
    rows = []
    for row in answer["entries"]:
        entry = dict(row["entry"])
        kind, at = entry.pop("kind", "?"), entry.pop("at", "")
        rows.append((row["index"], at, kind, json.dumps(entry, ensure_ascii=False)))
    print_table(("INDEX", "AT", "KIND", "ENTRY"), rows)
