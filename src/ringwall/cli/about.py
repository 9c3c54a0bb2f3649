"""Commands about the program itself."""

import argparse

from ringwall.cli.exit_codes import exit_code_table


def version(options: argparse.Namespace) -> None:
    """Print the version."""
    from ringwall import __version__

    print(f"ringwall {__version__}")


def explain_topic(options: argparse.Namespace) -> None:
    """Print the help on one topic."""
    print(exit_code_table())


def completion(options: argparse.Namespace) -> None:
    """Print a completion script for a shell; InvalidInput (rule ``shell``) for an unknown one."""
    import shtab

    from ringwall.cli.parser import build_parser
    from ringwall.core import InvalidInput

    if options.shell not in shtab.SUPPORTED_SHELLS:
        known = ", ".join(shtab.SUPPORTED_SHELLS)
        raise InvalidInput(f"completion exists for {known}", field="shell", rule="shell")
    print(shtab.complete(build_parser(), shell=options.shell))
