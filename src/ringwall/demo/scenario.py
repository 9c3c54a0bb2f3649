"""The written scenario and the statement, by hand, of what must be where afterwards."""

from importlib.resources import files
from typing import Any

import msgspec
import yaml


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One submission: who, when (``at``, seconds after the start), what, under which label."""

    id: str
    at: float
    member: str
    reader: str
    file: str
    label: str
    purpose: str
    precedence: str
    story: str

    def bundle(self) -> bytes:
        """Return the STIX bundle that is submitted."""
        return (files("ringwall.demo") / "scenario" / self.file).read_bytes()


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The steps in their order."""

    title: str
    steps: tuple[Step, ...]


class ObjectExpectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one stated object must be: members that have it, members that must not, and by which
    gate."""

    has: tuple[str, ...]
    withheld: dict[str, str] = msgspec.field(name="not")


class StepExpectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one step must lead to, by STIX id; ``origin`` is the member that states it."""

    origin: str
    objects: dict[str, ObjectExpectation]


class ReaderExpectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What readers see of what their member has: by the last part of the reader's name, and the
    steps that a reader of limited clearance sees."""

    everything: tuple[str, ...]
    own: tuple[str, ...]
    nothing: tuple[str, ...]
    steps: dict[str, tuple[str, ...]]


class Expectations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole statement; ``delivered`` and ``withheld`` count pairs of statement and member."""

    delivered: int
    withheld: int
    steps: dict[str, StepExpectation]
    readers: ReaderExpectation


def alliance_text() -> str:
    """Return the description of the demonstration alliance."""
    return (files("ringwall.demo") / "alliance.yaml").read_text(encoding="utf-8")


def load_scenario() -> Scenario:
    """Read ``scenario.yaml``."""
    return msgspec.convert(_yaml("scenario.yaml"), Scenario)


def load_expectations() -> Expectations:
    """Read ``expectations.yaml``."""
    return msgspec.convert(_yaml("expectations.yaml"), Expectations)


def _yaml(name: str) -> Any:
    return yaml.safe_load((files("ringwall.demo") / name).read_text(encoding="utf-8"))
