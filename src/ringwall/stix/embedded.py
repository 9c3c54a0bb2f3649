"""The objects inside observed-data of STIX 2.0, as STIX 2.1 observables of their own.

Identifiers are deterministic (STIX 2.1, section 2.9): UUIDv5 over the contributing properties.
"""

import uuid
from typing import Any

from ringwall.core import InvalidInput
from ringwall.stix.checks import refuse
from ringwall.stix.deterministic import CONTRIBUTING, deterministic_id

_RENAMED: dict[str, dict[str, str]] = {
    "directory": {"created": "ctime", "modified": "mtime", "accessed": "atime"},
    "file": {"created": "ctime", "modified": "mtime", "accessed": "atime"},
    "process": {"created": "created_time", "binary_ref": "image_ref"},
    "user-account": {"password_last_changed": "credential_last_changed"},
    "windows-registry-key": {"modified": "modified_time"},
}


def separate_observed(obj: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the observables and, last, the observed-data that refers to them.

    ``obj`` is valid observed-data, perhaps with ``objects``; an empty list comes back where the
    parts cannot be separated (references that lead nowhere or in a circle), and the embedded form
    has to stay.
    """
    parts = obj.get("objects")
    if type(parts) is not dict or not all(type(part) is dict for part in parts.values()):
        return []
    try:
        separated = _Separation(obj, parts).all()
    except (RecursionError, InvalidInput):
        return []
    ids = list(dict.fromkeys(part["id"] for part in separated))
    rest = {name: value for name, value in obj.items() if name != "objects"}
    return [*separated, {**rest, "object_refs": ids}]


class _Separation:
    """One observed-data object on its way to separate observables."""

    def __init__(self, owner: dict[str, Any], parts: dict[str, Any]) -> None:
        self._markings = owner.get("object_marking_refs")
        self._namespace = uuid.UUID(owner["id"][-36:])
        self._parts = parts
        self._ids: dict[str, str] = {}
        self._visiting: set[str] = set()

    def all(self) -> list[dict[str, Any]]:
        """Return every part with its identifier, references resolved."""
        return [self._separate(key) for key in self._parts]

    def _separate(self, key: str) -> dict[str, Any]:
        part = self._parts[key]
        names = _RENAMED.get(self._kind(key), {})
        moved = {names.get(name, name): value for name, value in part.items()}
        done = {name: self._resolve(name, value) for name, value in moved.items()}
        done |= {"id": self._id_of(key), "spec_version": "2.1"}
        if self._markings is not None:
            done["object_marking_refs"] = self._markings
        return done

    def _resolve(self, name: str, value: Any) -> Any:
        if name.endswith("_ref"):
            return self._id_of(value)
        if name.endswith("_refs") and type(value) is list:
            return [self._id_of(key) for key in value]
        if type(value) is dict:
            return {inner: self._resolve(inner, item) for inner, item in value.items()}
        if type(value) is list:
            return [self._resolve("", item) for item in value]
        return value

    def _kind(self, key: str) -> str:
        kind = self._parts[key].get("type")
        if type(kind) is not str:
            refuse(f"/objects/{key}/type", "type", "must be a string")
        return str(kind)

    def _id_of(self, key: Any) -> str:
        if type(key) is not str or key not in self._parts:
            refuse("/objects", "reference", f"nothing is called {key!r:.40}")
        if key not in self._ids:
            self._ids[key] = self._new_id(key)
        return self._ids[key]

    def _new_id(self, key: str) -> str:
        part, kind = self._parts[key], self._kind(key)
        if key in self._visiting:
            refuse(f"/objects/{key}", "reference", "its identifier would depend on itself")
        self._visiting.add(key)
        contributing = {
            name: self._resolve(name, part[name])
            for name in CONTRIBUTING.get(kind, ())
            if name in part
        }
        self._visiting.discard(key)
        if not contributing:
            return f"{kind}--{uuid.uuid5(self._namespace, key)}"
        return deterministic_id(kind, contributing)
