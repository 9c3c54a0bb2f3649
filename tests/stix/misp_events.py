"""Real MISP events as STIX 2.1 bundles, converted by misp-stix: for tests only."""

import json
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def misp_bundles(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, STIX 2.1 bundle) of every event in the folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from misp_stix_converter import MISPtoSTIX21Parser
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_bytes())
        for event in document.get("response") or [document]:
            _name_clusters(event)
            parser = MISPtoSTIX21Parser()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parser.parse_misp_event(event)
                yield path.name, parser.bundle.serialize().encode()


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
