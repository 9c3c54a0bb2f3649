"""Commands that bind a label to any file, as other nations' tools read it, and check bindings.

The label travels as STANAG 4774 in a binding after STANAG 4778; a second file beside it holds the
node's signatures over the binding.
"""

import argparse
import os
from pathlib import Path

from ringwall.cli import exit_codes
from ringwall.cli.files import read_file
from ringwall.cli.output import print_json

BINDING, SIGNATURE = ".bdo.xml", ".bdo.sig.json"


def bind(options: argparse.Namespace) -> None:
    """Bind a classification label to a file, signed by a node of this machine."""
    import msgspec

    from ringwall.alliance import load_alliance, resolve_label
    from ringwall.core import SystemClock, format_timestamp
    from ringwall.core.settings import Files, load_node_settings
    from ringwall.labels.stanag4778 import referred, write_binding
    from ringwall.trust import NodeKeys, sign_binding

    files, path = Files(Path(options.directory)), Path(options.file)
    node = load_node_settings(files.directory, os.environ).node
    alliance = load_alliance(read_file(files.alliance, "directory"))
    label = resolve_label(alliance, options.label)
    dated = msgspec.structs.replace(label, created=format_timestamp(SystemClock().now()))
    raw = write_binding(dated, [referred(path.name, read_file(path, "file"))])
    keys = NodeKeys.load(files.keys)
    signature = sign_binding(keys, alliance.id, node, raw)
    for suffix, content in ((BINDING, raw), (SIGNATURE, signature)):
        target = path.with_name(path.name + suffix)
        target.write_bytes(content)
        print(target)


def check(options: argparse.Namespace) -> int:
    """Say which label is bound to a file and who signed it; CHECK_FAILED if it does not hold."""
    from ringwall.alliance import load_alliance, why_invalid
    from ringwall.core import IntegrityFailure, InvalidInput, SystemClock, parse_timestamp
    from ringwall.core.settings import Files
    from ringwall.labels import format_label, label_document
    from ringwall.labels.stanag4778 import bound_label, read_bindings
    from ringwall.trust import decode_registry, read_registry, verify_binding

    files, path = Files(Path(options.directory)), Path(options.file)
    registry = read_registry(decode_registry(read_file(files.registry, "directory")).document)
    raw = read_file(path.with_name(path.name + BINDING), "file")
    signature = read_file(path.with_name(path.name + SIGNATURE), "file")
    node = verify_binding(raw, signature, registry)
    try:
        label = bound_label(read_bindings(raw), path.name, read_file(path, "file"))
    except InvalidInput as error:
        raise IntegrityFailure(str(error), field=error.field, rule=error.rule) from error
    alliance = load_alliance(read_file(files.alliance, "directory"))
    _, problem = ("", "no classification")
    if label.confidentiality is not None:
        _, problem = why_invalid(label.confidentiality, alliance.policies)
    if label.review and parse_timestamp(label.review) <= SystemClock().now():
        problem = f"it was to be reviewed by {label.review}"
    problem = ", ".join(label.unknown) or problem
    if options.json:
        print_json({"node": node, "label": label_document(label), "problem": problem})
    else:
        print(f"{path.name}: {format_label(label)}, by {node}")
        if problem:
            print(f"opens nothing here: {problem}")
    return exit_codes.CHECK_FAILED if problem else exit_codes.OK
