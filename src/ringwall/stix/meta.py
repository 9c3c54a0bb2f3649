"""Tables of marking definitions, language content, extension definitions (STIX 2.1, section 7)."""

from typing import Any

from ringwall.stix.checks import (
    dictionary,
    identifier,
    list_of,
    refuse,
    string,
    timestamp,
)
from ringwall.stix.common import MARKING_COMMON, TypeTable, domain_object, extension_type, strings


def _marking_defines_something(obj: dict[str, Any]) -> None:
    if "extensions" in obj and "definition" not in obj and "definition_type" not in obj:
        return
    for name in ("definition_type", "definition"):
        if name not in obj:
            refuse(f"/{name}", "required", "is required without extensions")
    kind = obj["definition_type"]
    if kind in {"statement", "tlp"}:
        if kind not in obj["definition"]:
            refuse(f"/definition/{kind}", "required", f"is required for a {kind} marking")
        string(obj["definition"][kind], f"/definition/{kind}")


def _language(value: Any, path: str) -> None:
    dictionary(value, path)
    for tag, translations in value.items():
        dictionary(translations, f"{path}/{tag}")


META_TABLES: dict[str, TypeTable] = {
    "marking-definition": TypeTable(
        required=("spec_version", "created"),
        properties={
            **MARKING_COMMON,
            "name": string,
            "definition_type": string,
            "definition": dictionary,
        },
        rules=(_marking_defines_something,),
    ),
    "language-content": domain_object(
        ("object_ref", "contents"),
        {"object_ref": identifier, "object_modified": timestamp, "contents": _language},
    ),
    "extension-definition": domain_object(
        ("created_by_ref", "name", "schema", "version", "extension_types"),
        {
            "name": string,
            "description": string,
            "schema": string,
            "version": string,
            "extension_types": list_of(extension_type),
            "extension_properties": strings,
        },
    ),
}
