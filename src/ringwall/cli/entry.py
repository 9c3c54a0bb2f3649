"""The way in: parse, import the one command that was asked for, run it, turn errors into codes."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ringwall.cli import exit_codes
from ringwall.cli.parser import build_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see ``exit_codes``); never shows a traceback.

    With ``RINGWALL_DEBUG=1`` in the environment an error is raised instead of summarised.
    """
    options = build_parser().parse_args(arguments)
    module, _, function = options.run.partition(":")
    try:
        code = getattr(import_module(f"ringwall.cli.{module}"), function)(options)
        sys.stdout.flush()
        return int(code or exit_codes.OK)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our stdout has gone (`| head`): not an error, and nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK
    except Exception as error:
        if os.environ.get("RINGWALL_DEBUG") == "1":
            raise
        print(f"ringwall: {_one_line(error)}", file=sys.stderr)
        return exit_codes.exit_code_of(error)


def _one_line(error: Exception) -> str:
    """Name the field and the rule, whatever kind of error it is."""
    from ringwall.core import RingwallError

    if not isinstance(error, RingwallError):
        return " ".join(f"{type(error).__name__}: {error}".split())
    text = " ".join(error.message.split())
    field = f"{error.field}: " if error.field and error.field not in text else ""
    return f"{field}{text} [{error.rule}]"
