"""``ringwall doctor``: every check with ok, warning or fault, and what to do."""

import argparse
import os
from pathlib import Path

import msgspec

from ringwall.cli import exit_codes
from ringwall.cli.output import print_json, print_table
from ringwall.operations import examine, has_faults


def doctor(options: argparse.Namespace) -> int:
    """Look at the machine and, with a directory, at the node or hub in it."""
    directory = Path(options.directory) if options.directory else None
    checks = list(examine(directory, os.environ))
    if options.json:
        print_json({"checks": msgspec.to_builtins(checks)})
    else:
        rows = [(c.state.upper(), c.check, c.what, c.fix) for c in checks]
        print_table(("", "CHECK", "FOUND", "WHAT TO DO"), rows)
    return exit_codes.CHECK_FAILED if has_faults(checks) else exit_codes.OK
