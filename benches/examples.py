"""Objects that several benches measure on: generated, in documentation ranges, always the same."""

import json
import uuid
from typing import Any

NAMESPACE = uuid.UUID("6f3ad1b0-6f62-4c3b-9d3c-0c8d7a5f1e10")
WRITTEN = "2026-01-05T08:00:00.000Z"


def indicator(number: int) -> dict[str, Any]:
    """A STIX 2.1 indicator of about 600 bytes."""
    pattern = f"[ipv4-addr:value = '198.51.100.{number % 254 + 1}' OR url:value = 'u{number}']"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(NAMESPACE, str(number))}",
        "created_by_ref": f"identity--{uuid.uuid5(NAMESPACE, 'identity')}",
        "created": WRITTEN,
        "modified": WRITTEN,
        "name": f"Command server {number}",
        "description": "Seen as a command server in a phishing campaign against energy operators.",
        "indicator_types": ["malicious-activity"],
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": WRITTEN,
        "confidence": 80,
        "labels": ["phishing", "energy"],
        "external_references": [{"source_name": "report", "external_id": f"R-{number}"}],
    }


def bundle(count: int) -> bytes:
    """A bundle of `count` indicators, as a client would send it."""
    objects = [indicator(number) for number in range(count)]
    name = f"bundle--{uuid.uuid5(NAMESPACE, 'bundle')}"
    return json.dumps({"type": "bundle", "id": name, "objects": objects}).encode()
