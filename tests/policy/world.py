"""An alliance with two classification policies, for examples that people can follow."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ringwall.alliance import Alliance, Reader, load_alliance
from ringwall.labels import label_from_document, terms_from_document
from ringwall.policy import Decision, GateResult, ReleaseClass, decide_member, decide_reader
from ringwall.policy.release_class import release_class

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TEXT = """
alliance: {id: world, name: World, kind: exercise}
members:
  arden:
    name: Arden
    kind: nation
    codes: [ARD]
    clearances: {ARDEN: {classification: SECRET, categories: {CRYPTO: [A, B], DESK: [north]}}}
    nodes: {arden-1: {place: 1, assurance: 3, zone: red}}
  borduria:
    name: Borduria
    kind: nation
    codes: [BRD]
    clearances: {ARDEN: {classification: SECRET, categories: {CRYPTO: [A], DESK: [north, south]}}}
    nodes: {borduria-1: {place: 2, assurance: 3, zone: red}, borduria-2: {place: 3}}
  caledon:
    name: Caledon
    kind: nation
    codes: [CAL]
    clearances: {CALEDON: {classification: GEHEIM, categories: {KRYPTO: [A1], TISCH: [nord]}}}
    nodes: {caledon-1: {place: 4, assurance: 2, zone: blue}}
  dorne:
    name: Dorne
    kind: partner
    nodes: {dorne-1: {place: 5, post_quantum: false}}
  elbe:
    name: Elbe Power
    kind: company
    sponsor: arden
    clearances: {ARDEN: {classification: SECRET}}
    nodes: {elbe-1: {place: 6, assurance: 3, zone: red}}
groups:
  allies: [arden, borduria, caledon, elbe]
classification_policies:
  ARDEN:
    uri: urn:oid:1.2.3
    levels:
      OPEN: {rank: 0, excludes: [CRYPTO]}
      RESTRICTED: {rank: 1}
      SECRET: {rank: 2, assurance: 2}
      TOP: {rank: 3, assurance: 3, zones: [red]}
      ATOMIC: {rank: 4, obsolete: true}
    tags:
      CRYPTO: {kind: restrictive, values: [A, B, C, OLD], obsolete: [OLD]}
      DESK: {kind: permissive, values: [north, south], uri: "urn:desk"}
      MARK: {kind: informative, values: [draft]}
      REL: {kind: permissive, values: [ARD, BRD, CAL, ZEM, allies], releasable: true}
    equivalences:
    - other: CALEDON
      ours: SECRET
      theirs: GEHEIM
      categories:
      - {tag: CRYPTO, value: A, other_tag: KRYPTO, other_value: A1}
      - {tag: CRYPTO, value: B, other_tag: KRYPTO, other_value: B1}
      - {tag: DESK, value: north, other_tag: TISCH, other_value: nord}
  CALEDON:
    levels:
      OFFEN: {rank: 10}
      GEHEIM: {rank: 20}
    tags:
      KRYPTO: {kind: restrictive, values: [A1, B1]}
      TISCH: {kind: permissive, values: [nord, sued]}
    equivalences:
    - {other: ARDEN, ours: OFFEN, theirs: RESTRICTED}
agreements:
  mutual:
    title: Mutual exchange
    parties: [allies]
    purposes: [collective-defence]
    highest_tlp: RED
    highest_classification: {ARDEN: TOP, CALEDON: GEHEIM}
    handling: [no-copies, encrypt]
    obligations: [report, encrypt]
    valid_from: 2026-01-01
    valid_until: 2027-01-01
    clause: article 3
  one-way:
    title: Supply to Dorne
    parties: [arden, borduria, dorne]
    givers: [arden]
    receivers: [dorne]
    purposes: [collective-defence, exercise]
    object_types: [indicator]
    sectors: [energy, water]
    highest_tlp: AMBER
    highest_classification: {ARDEN: RESTRICTED}
    valid_from: 2026-01-01
    valid_until: 2027-01-01
    clause: annex D
readers:
  ana:
    member: arden
    name: Ana
    roles: [analyst, submitter]
    tlp: RED
    nationality: arden
    clearances: {ARDEN: {classification: SECRET, categories: {CRYPTO: [A, B], DESK: [north]}}}
  boris:
    member: borduria
    name: Boris
    roles: [analyst]
    tlp: AMBER
    nationality: borduria
    communities: [cert]
    clearances: {ARDEN: {classification: SECRET, categories: {CRYPTO: [A], DESK: [south]}}}
  carla:
    member: caledon
    name: Carla
    roles: [watch-officer]
    tlp: RED
    nationality: caledon
    clearances: {CALEDON: {classification: GEHEIM, categories: {KRYPTO: [A1], TISCH: [nord]}}}
  elsa:
    member: elbe
    name: Elsa
    roles: [release-officer]
    tlp: RED
    nationality: arden
    clearances: {ARDEN: {classification: SECRET}}
"""


WORLD = load_alliance(TEXT)


def changed(**more: Any) -> Alliance:
    return msgspec.structs.replace(WORLD, **more)


def stated(
    label: dict[str, Any],
    terms: dict[str, Any] | None = None,
    *,
    origin: str = "arden",
    object_type: str = "indicator",
    purpose: str = "collective-defence",
) -> ReleaseClass:
    """A release class from a label document and a terms document."""
    read, said = label_from_document(label), terms_from_document(terms or {})
    return release_class(origin, object_type, read, purpose, said)


def classified(
    level: str, *categories: dict[str, Any], policy: str = "ARDEN", **more: Any
) -> dict[str, Any]:
    """A label document that releases a classification to everybody who is there."""
    names = ["allies", "dorne"]
    confidentiality = {"policy": policy, "classification": level, "categories": list(categories)}
    return {"rel_to": names, "confidentiality": confidentiality, **more}


def tag(name: str, *values: str, **more: str) -> dict[str, Any]:
    return {"tag": name, "values": list(values), **more}


def member(
    asked: ReleaseClass, name: str, *, at: datetime = NOW, alliance: Alliance = WORLD
) -> Decision:
    return decide_member(alliance, asked, name, at)


def reader(
    asked: ReleaseClass, who: str | Reader, *, at: datetime = NOW, alliance: Alliance = WORLD
) -> Decision:
    known = alliance.readers[who] if isinstance(who, str) else who
    return decide_reader(alliance, asked, known, at)


def gate(decision: Decision, name: str) -> GateResult:
    (found,) = [result for result in decision.gates if result.gate == name]
    return found


def says(decision: Decision, name: str) -> tuple[str, str]:
    found = gate(decision, name)
    return found.outcome, found.rule


def whole(decision: Decision, name: str) -> tuple[str, str, str, str]:
    found = gate(decision, name)
    return found.outcome, found.rule, found.source, found.fact
