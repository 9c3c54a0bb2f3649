"""Proofs, checked by two implementations: ours, and the verifier that shares no code with it."""

import base64
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ringwall.core import RingwallError, canonical_json
from ringwall.demo.environment import environment
from ringwall.demo.founding import Founded
from ringwall.trust import (
    Proof,
    Registry,
    Signature,
    decode_registry,
    read_registry,
    verify_proof,
)

_VERIFIER = Path(__file__).parents[3] / "verifier" / "ringwall_verify.py"
"""In the source tree; an installed package has none, and then only our own code checks."""


class Prover:
    """Checks the proof that a member shows for a statement against the alliance's registry."""

    def __init__(self, founded: Founded) -> None:
        text = founded.registry.read_text(encoding="utf-8")
        self._registry: Registry = read_registry(decode_registry(text).document)
        self._other = _load_verifier()
        self._chain: list[dict[str, Any]] = []
        if self._other:
            signed = [json.loads(text)]
            self._chain = self._other.check_registries(signed, self._registry.digest)

    @property
    def independent(self) -> bool:
        """Tell whether the independent verifier is here."""
        return self._other is not None

    def failures(self, document: dict[str, Any], statement: str) -> list[str]:
        """Return what is wrong with the proof in a statement's document, nothing if it holds."""
        provenance = document["provenance"]
        if provenance["proof"] is None:
            return ["has no proof"]
        body = canonical_json(document["object"])
        wrong = [] if provenance["verified"] else ["the node itself says: not verified"]
        wrong += self._ours(body, provenance, statement)
        wrong += self._theirs(body, provenance)
        return wrong

    def _ours(self, body: bytes, provenance: dict[str, Any], statement: str) -> list[str]:
        origin, sequence = provenance["origin"], provenance["sequence"]
        try:
            leaf = verify_proof(
                _proof(provenance["proof"]),
                body,
                _bytes(provenance["seed"]),
                self._registry.nodes[origin].keys,
                self._registry.alliance,
                disclosure=_bytes(provenance["disclosure"]),
            )
        except RingwallError as error:
            return [f"our check: {error}"]
        stated = f"{leaf['origin']}:{leaf['sequence']}"
        if stated != statement or stated != f"{origin}:{sequence}":
            return [f"the signed leaf is of {stated}"]
        return []

    def _theirs(self, body: bytes, provenance: dict[str, Any]) -> list[str]:
        if self._other is None:
            return []
        bundle = {
            "object": self._other.b64(body),
            "seed": provenance["seed"],
            "disclosure": provenance["disclosure"],
            "proof": provenance["proof"],
        }
        try:
            self._other.check_statement(bundle, self._chain)
        except self._other.Unverified as error:
            return [f"independent check: {error}"]
        return []


def audit_failures(founded: Founded) -> list[str]:
    """Run ``ringwall audit verify`` on every stopped node; return what it found."""
    program = [sys.executable, "-m", "ringwall", "audit", "verify"]
    running = {
        node: subprocess.Popen(
            [*program, str(founded.directory_of(node))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            text=True,
        )
        for node in founded.nodes.values()
    }
    failures = []
    for node, process in running.items():
        output, _ = process.communicate()
        if process.returncode != 0:
            failures.append(f"{node}: audit verify: {output.strip()}")
    return failures


def _proof(document: dict[str, Any]) -> Proof:
    """Read a proof as REST shows it."""
    return Proof(
        leaf=_bytes(document["leaf"]),
        salt=_bytes(document["salt"]),
        path=tuple(_bytes(step) for step in document["path"]),
        index=document["index"],
        size=document["size"],
        payload=_bytes(document["payload"]),
        signature=Signature(_bytes(document["ed25519"]), _bytes(document["ml_dsa_65"])),
        key_id=document["key_id"],
    )


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _load_verifier() -> ModuleType | None:
    """Import the verifier as its own command line does: with its folder on the path."""
    if not _VERIFIER.is_file():
        return None
    sys.path.insert(0, str(_VERIFIER.parent))
    try:
        return importlib.import_module(_VERIFIER.stem)
    finally:
        sys.path.remove(str(_VERIFIER.parent))
