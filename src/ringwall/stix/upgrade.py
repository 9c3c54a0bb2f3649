"""STIX 2.0 objects as STIX 2.1 (the differences: STIX 2.1, appendix "Revision History")."""

from typing import Any

_LABELS_BECAME = {
    "indicator": "indicator_types",
    "malware": "malware_types",
    "report": "report_types",
    "threat-actor": "threat_actor_types",
    "tool": "tool_types",
}


def upgrade_20(obj: dict[str, Any]) -> dict[str, Any]:
    """Return a STIX 2.0 object as STIX 2.1; the object that is handed in is not changed.

    Labels that were a type's vocabulary move to its ``…_types``; machine tags (with a colon) stay
    labels. A malware object of 2.0 describes a family. Custom properties are kept as they are, and
    so are the objects inside observed-data, whose form section 4.14 still allows.
    """
    kind = obj.get("type")
    upgraded = {**obj, "spec_version": "2.1"}
    if isinstance(kind, str) and kind in _LABELS_BECAME:
        _move_labels(upgraded, _LABELS_BECAME[kind])
    if kind == "indicator":
        upgraded.setdefault("pattern_type", "stix")
    if kind == "malware":
        upgraded.setdefault("is_family", True)
    return upgraded


def _move_labels(obj: dict[str, Any], target: str) -> None:
    labels = obj.get("labels")
    if type(labels) is not list or target in obj or not all(type(x) is str for x in labels):
        return
    kinds = [label for label in labels if ":" not in label]
    tags = [label for label in labels if ":" in label]
    if kinds:
        obj[target] = kinds
    if tags:
        obj["labels"] = tags
    elif kinds:
        del obj["labels"]
