"""Commands that run something: a node, a hub, the demonstration alliance."""

import argparse
import os
from pathlib import Path

from ringwall.cli import exit_codes


def up(options: argparse.Namespace) -> int:
    """Run the node or hub that lives in a directory until SIGTERM or Ctrl-C."""
    from ringwall.core.settings import load_settings
    from ringwall.node import run

    directory = Path(options.directory)
    settings = load_settings(directory, os.environ, _overrides(options.set))
    run(directory, settings)
    return exit_codes.OK


def demo(options: argparse.Namespace) -> int:
    """Found and run the demonstration alliance; with ``--check`` verify it and stop."""
    from ringwall.demo import run_demo

    return run_demo(
        directory=Path(options.dir) if options.dir else None,
        check=options.check,
        json=options.json,
        keep=options.keep,
        port_base=options.port_base,
    )


def _overrides(texts: list[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` flags. Raises InvalidInput (rule ``setting``)."""
    from ringwall.core import InvalidInput

    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals:
            raise InvalidInput(f"--set {name}: NAME=VALUE is needed", field="--set", rule="setting")
    return {name: value for name, _, value in pairs}
