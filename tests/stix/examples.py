"""One small valid STIX 2.1 object of every standard type."""

import uuid
from typing import Any

TIME = "2026-03-01T08:00:00.000Z"
LATER = "2026-03-02T08:00:00.000Z"


def identifier(kind: str, number: int = 1) -> str:
    """Return a well-formed identifier that is always the same."""
    return f"{kind}--{uuid.UUID(int=number, version=4)}"


def domain(kind: str, **own: Any) -> dict[str, Any]:
    """Return a domain or relationship object."""
    times = {"spec_version": "2.1", "created": TIME, "modified": TIME}
    return {"type": kind, "id": identifier(kind), **times, **own}


def observable(kind: str, **own: Any) -> dict[str, Any]:
    """Return a cyber-observable object."""
    return {"type": kind, "id": identifier(kind), **own}


_REFS = [identifier("indicator")]

DOMAIN = [
    domain("attack-pattern", name="Spear phishing"),
    domain("campaign", name="Cold Harbour"),
    domain("course-of-action", name="Block the sender"),
    domain("grouping", context="suspicious-activity", object_refs=_REFS),
    domain("identity", name="CERT Aardland"),
    domain("incident", name="Grid operator mailbox"),
    domain(
        "indicator",
        pattern="[domain-name:value = 'mail.example.com']",
        pattern_type="stix",
        valid_from=TIME,
    ),
    domain("infrastructure", name="Relay servers"),
    domain("intrusion-set", name="Grey Heron"),
    domain("location", region="northern-europe"),
    domain("malware", is_family=False),
    domain("malware-analysis", product="sandbox", result="malicious"),
    domain("note", content="Seen twice.", object_refs=_REFS),
    domain(
        "observed-data",
        first_observed=TIME,
        last_observed=TIME,
        number_observed=1,
        object_refs=[identifier("file")],
    ),
    domain("opinion", opinion="agree", object_refs=_REFS),
    domain("report", name="Weekly", published=TIME, object_refs=_REFS),
    domain("threat-actor", name="Heron"),
    domain("tool", name="scanner"),
    domain("vulnerability", name="CVE-2026-0001"),
]
RELATIONSHIPS = [
    domain(
        "relationship",
        relationship_type="uses",
        source_ref=identifier("campaign"),
        target_ref=identifier("malware"),
    ),
    domain("sighting", sighting_of_ref=identifier("indicator")),
]
OBSERVABLES = [
    observable("artifact", payload_bin="AAEC"),
    observable("autonomous-system", number=64496),
    observable("directory", path="/srv/x"),
    observable("domain-name", value="mail.example.com"),
    observable("email-addr", value="a@example.com"),
    observable("email-message", is_multipart=False),
    observable("file", name="invoice.pdf"),
    observable("ipv4-addr", value="192.0.2.1"),
    observable("ipv6-addr", value="2001:db8::1"),
    observable("mac-addr", value="00:00:5e:00:53:01"),
    observable("mutex", name="once"),
    observable("network-traffic", protocols=["tcp"], dst_ref=identifier("ipv4-addr")),
    observable("process", pid=1),
    observable("software", name="editor"),
    observable("url", value="https://example.com/a"),
    observable("user-account", user_id="1000"),
    observable("windows-registry-key", key="HKEY_LOCAL_MACHINE\\Software\\X"),
    observable("x509-certificate", serial_number="01"),
]
META = [
    {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": identifier("marking-definition"),
        "created": TIME,
        "definition_type": "statement",
        "definition": {"statement": "For members only"},
    },
    domain(
        "language-content",
        object_ref=identifier("campaign"),
        contents={"de": {"name": "Kalter Hafen"}},
    ),
    domain(
        "extension-definition",
        created_by_ref=identifier("identity"),
        name="more",
        schema="https://example.com/schema.json",
        version="1.0.0",
        extension_types=["property-extension"],
    ),
]
EXAMPLES = {obj["type"]: obj for obj in [*DOMAIN, *RELATIONSHIPS, *OBSERVABLES, *META]}


def bundle(*objects: Any, **own: Any) -> dict[str, Any]:
    """Return a bundle of ``objects``."""
    return {"type": "bundle", "id": identifier("bundle"), "objects": list(objects), **own}
