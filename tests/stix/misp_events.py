"""Real MISP events as STIX 2.1 bundles, converted by misp-stix: for tests only.

The converter runs in a process of its own: what it imports leaves finders in ``sys.meta_path``
that Python 3.11 warns of at every later import, and warnings are errors in the tests.
"""

import functools
import json
import subprocess
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any


@functools.cache  # two tests want it, and it takes some nine seconds
def misp_bundles(folder: Path) -> tuple[tuple[str, bytes], ...]:
    """Return (file name, STIX 2.1 bundle) of every event in the folder."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, str(folder)], check=True, stdout=subprocess.PIPE
    )
    return tuple(
        (name, bundle.encode()) for name, bundle in map(json.loads, done.stdout.splitlines())
    )


def convert(folder: Path) -> None:
    """Write a line of JSON for every event: its file's name and its bundle."""
    from misp_stix_converter import MISPtoSTIX21Parser

    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_bytes())
        for event in document.get("response") or [document]:
            _name_clusters(event)
            parser = MISPtoSTIX21Parser()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parser.parse_misp_event(event)
                bundle = parser.bundle.serialize()
            sys.stdout.write(json.dumps([path.name, bundle]) + "\n")


def _name_clusters(event: Any) -> None:
    """Give galaxy clusters without a UUID one: the converter makes identifiers of them."""
    if isinstance(event, dict):
        if "tag_name" in event and not event.get("uuid"):
            event["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_URL, event["tag_name"]))
        for value in event.values():
            _name_clusters(value)
    elif isinstance(event, list):
        for value in event:
            _name_clusters(value)


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
