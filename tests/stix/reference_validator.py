"""The validator of the standard's authors (`stix2-validator` 3.2.0), in a process of its own.

What it imports warns, reaches for modules that Python 3.11 deprecates, and looks for the network.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def reference_errors(objects: Iterable[dict[str, Any]]) -> list[list[str]]:
    """Return, for each object, what the validator says it violates of the standard's MUSTs."""
    lines = "".join(json.dumps(obj) + "\n" for obj in objects)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__],
        input=lines.encode(),
        check=True,
        stdout=subprocess.PIPE,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def main(lines: Iterable[str]) -> None:
    """Write a line of JSON, a list of errors, for every object."""
    from stix2validator import ValidationOptions, validate_parsed_json

    options = ValidationOptions(version="2.1", disabled="all")
    for line in lines:
        try:
            result = validate_parsed_json(json.loads(line), options)
            errors: Sequence[Any] = result.errors or [] if not result.is_valid else []
            told = [str(error) for error in errors]
            if not result.is_valid and not told:
                told = ["invalid"]
        except Exception as error:
            told = [f"crash: {type(error).__name__}: {error}"]
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.stdin)
