"""One valid STIX 2.1 object of every standard type with every property that it may have."""

from typing import Any

from ringwall.stix.vocabularies import MALWARE_CAPABILITY
from tests.stix.examples import EXAMPLES, LATER, TIME, identifier

MARKING = identifier("marking-definition", 7)
_PHASES = [{"kill_chain_name": "mitre-attack", "phase_name": "initial-access"}]
_HASHES = {"MD5": "ab" * 16, "SHA-256": "cd" * 32}
_SEEN = {"first_seen": TIME, "last_seen": LATER}
_FILE_TIMES = {"ctime": TIME, "mtime": TIME, "atime": LATER}
_REFERENCES = [
    {"source_name": "report", "description": "A report", "url": "https://example.com/r",
     "hashes": {"SHA-256": "cd" * 32}, "external_id": "R-1"},
    {"source_name": "capec", "external_id": "CAPEC-163"},
    {"source_name": "cve", "external_id": "CVE-2026-12345"},
]  # fmt: skip
_MARKED = {
    "object_marking_refs": [MARKING],
    "granular_markings": [{"selectors": ["type"], "marking_ref": MARKING}],
    "extensions": {
        identifier("extension-definition"): {"extension_type": "property-extension", "rank": 5}
    },
}
_MADE = {
    **_MARKED,
    "created_by_ref": identifier("identity"),
    "external_references": _REFERENCES,
}
_COMMON = {**_MADE, "revoked": False, "labels": ["a", "b"], "confidence": 50, "lang": "en-GB"}
_PLACE = {
    "name": "Harbour", "description": "Where ships come in", "latitude": 52, "longitude": 5,
    "precision": 10, "region": "western-europe", "country": "nl",
    "administrative_area": "nl-ze", "city": "Vlissingen", "street_address": "Kade 1",
    "postal_code": "4381",
}  # fmt: skip
_ACTOR = {
    "description": "Writes to grid operators", "aliases": ["Ardea"], **_SEEN,
    "goals": ["to be paid"], "resource_level": "team", "primary_motivation": "personal-gain",
    "secondary_motivations": ["revenge"],
}  # fmt: skip

DOMAIN: dict[str, dict[str, Any]] = {
    "attack-pattern": {
        "description": "By mail", "aliases": ["phish"], "kill_chain_phases": _PHASES,
    },
    "campaign": {
        "description": "Mails", "aliases": ["CH"], **_SEEN, "objective": "to get in",
    },
    "course-of-action": {"description": "In the gateway"},
    "grouping": {"name": "What came together", "description": "So far"},
    "identity": {
        "description": "A national team", "roles": ["responder"], "identity_class": "organization",
        "sectors": ["energy"], "contact_information": "cert@example.com",
    },
    "incident": {"description": "Read by others"},
    "indicator": {
        "name": "Mail host", "description": "Sends", "indicator_types": ["malicious-activity"],
        "pattern_version": "2.1", "valid_until": LATER, "kill_chain_phases": _PHASES,
    },
    "infrastructure": {
        "description": "Rented", "infrastructure_types": ["command-and-control"],
        "aliases": ["relays"], "kill_chain_phases": _PHASES, **_SEEN,
    },
    "intrusion-set": _ACTOR,
    "location": _PLACE,
    "malware": {
        "name": "Loader", "description": "Loads", "malware_types": ["downloader"],
        "is_family": True, "aliases": ["ldr"], "kill_chain_phases": _PHASES, **_SEEN,
        "operating_system_refs": [identifier("software")],
        "architecture_execution_envs": ["x86-64"], "implementation_languages": ["c++"],
        "capabilities": [MALWARE_CAPABILITY[0]],
        "sample_refs": [identifier("file"), identifier("artifact")],
    },
    "malware-analysis": {
        "version": "1", "host_vm_ref": identifier("software"),
        "operating_system_ref": identifier("software"),
        "installed_software_refs": [identifier("software")], "configuration_version": "1",
        "modules": ["static"], "analysis_engine_version": "2",
        "analysis_definition_version": "3", "submitted": TIME, "analysis_started": TIME,
        "analysis_ended": LATER, "result_name": "Loader.A",
        "analysis_sco_refs": [identifier("file")], "sample_ref": identifier("file"),
    },
    "note": {"abstract": "Twice", "authors": ["Anna"]},
    "observed-data": {},
    "opinion": {"explanation": "Seen here too", "authors": ["Anna"]},
    "report": {"description": "Of the week", "report_types": ["campaign"]},
    "threat-actor": {
        **_ACTOR, "threat_actor_types": ["criminal"], "roles": ["director"],
        "sophistication": "expert", "personal_motivations": ["notoriety"],
    },
    "tool": {
        "description": "Scans", "tool_types": ["vulnerability-scanning"], "aliases": ["scn"],
        "kill_chain_phases": _PHASES, "tool_version": "1.2",
    },
    "vulnerability": {"description": "Of the parser"},
    "relationship": {"description": "As seen", "start_time": TIME, "stop_time": LATER},
    "sighting": {
        "description": "In the gateway", **_SEEN, "count": 3,
        "observed_data_refs": [identifier("observed-data")],
        "where_sighted_refs": [identifier("identity"), identifier("location")], "summary": False,
    },
    "language-content": {"object_modified": TIME},
    "extension-definition": {
        "description": "More", "extension_types": ["toplevel-property-extension"],
        "extension_properties": ["rank"],
    },
}  # fmt: skip

FILE_EXTENSIONS = {
    "archive-ext": {"contains_refs": [identifier("file")], "comment": "zipped"},
    "ntfs-ext": {
        "sid": "S-1-5-21", "alternate_data_streams": [{"name": "s", "hashes": _HASHES, "size": 1}],
    },
    "pdf-ext": {
        "version": "1.7", "is_optimized": True, "document_info_dict": {"Title": "Invoice"},
        "pdfid0": "DFCE52BD827ECF765649852119D", "pdfid1": "57A1E0F9ED2AE523E313C",
    },
    "raster-image-ext": {
        "image_height": 1, "image_width": 2, "bits_per_pixel": 8,
        "exif_tags": {"Make": "Camera", "XResolution": 72},
    },
    "windows-pebinary-ext": {
        "pe_type": "exe", "imphash": "ab" * 16, "machine_hex": "014c", "number_of_sections": 1,
        "time_date_stamp": "2016-01-22T12:31:12Z", "pointer_to_symbol_table_hex": "74726144",
        "number_of_symbols": 1, "size_of_optional_header": 2, "characteristics_hex": "818f",
        "file_header_hashes": _HASHES,
        "optional_header": {"magic_hex": "010b", "major_linker_version": 2, "image_base": 4194304},
        "sections": [{"name": "CODE", "size": 1, "entropy": 0.5, "hashes": _HASHES}],
    },
}  # fmt: skip
TRAFFIC_EXTENSIONS = {
    "http-request-ext": {
        "request_method": "get", "request_value": "/a", "request_version": "http/1.1",
        "request_header": {"Accept": ["text/html", "text/plain"]}, "message_body_length": 1,
        "message_body_data_ref": identifier("artifact"),
    },
    "icmp-ext": {"icmp_type_hex": "08", "icmp_code_hex": "00"},
    "socket-ext": {
        "address_family": "AF_INET", "is_blocking": True, "is_listening": False,
        "options": {"SO_KEEPALIVE": 1}, "socket_type": "SOCK_STREAM", "socket_descriptor": 3,
        "socket_handle": 4,
    },
    "tcp-ext": {"src_flags_hex": "02", "dst_flags_hex": "12"},
}  # fmt: skip
PROCESS_EXTENSIONS = {
    "windows-process-ext": {
        "aslr_enabled": True, "dep_enabled": True, "priority": "HIGH_PRIORITY_CLASS",
        "owner_sid": "S-1-5-21", "window_title": "A", "startup_info": {"lpDesktop": "d", "cb": 1},
        "integrity_level": "low",
    },
    "windows-service-ext": {
        "service_name": "s", "descriptions": ["d"], "display_name": "S", "group_name": "g",
        "start_type": "SERVICE_AUTO_START", "service_dll_refs": [identifier("file")],
        "service_type": "SERVICE_WIN32_OWN_PROCESS", "service_status": "SERVICE_RUNNING",
    },
}  # fmt: skip
ACCOUNT_EXTENSIONS = {
    "unix-account-ext": {"gid": 100, "groups": ["wheel"], "home_dir": "/home/a", "shell": "/bin/sh"}
}

OBSERVABLES: dict[str, dict[str, Any]] = {
    "artifact": {
        "mime_type": "image/jpeg", "hashes": _HASHES, "encryption_algorithm": "AES-256-GCM",
        "decryption_key": "secret",
    },
    "autonomous-system": {"name": "Example", "rir": "RIPE"},
    "directory": {
        "path_enc": "UTF-8", **_FILE_TIMES, "contains_refs": [identifier("file")],
    },
    "domain-name": {"resolves_to_refs": [identifier("ipv4-addr")]},
    "email-addr": {"display_name": "A", "belongs_to_ref": identifier("user-account")},
    "email-message": {
        "is_multipart": True, "date": TIME, "content_type": "multipart/mixed",
        "from_ref": identifier("email-addr"), "sender_ref": identifier("email-addr"),
        "to_refs": [identifier("email-addr")], "cc_refs": [identifier("email-addr")],
        "bcc_refs": [identifier("email-addr")], "message_id": "<1@example.com>", "subject": "Hi",
        "received_lines": ["from a by b"],
        "additional_header_fields": {"X-Mailer": "m", "Reply-To": ["a@b", "c@d"]},
        "body_multipart": [
            {"body": "x", "content_type": "text/plain", "content_disposition": "inline"},
            {"body_raw_ref": identifier("artifact")},
        ],
        "raw_email_ref": identifier("artifact"),
    },
    "file": {
        "hashes": _HASHES, "size": 1, "name_enc": "UTF-8", "magic_number_hex": "89",
        "mime_type": "application/pdf", **_FILE_TIMES,
        "parent_directory_ref": identifier("directory"), "contains_refs": [identifier("url")],
        "content_ref": identifier("artifact"), "extensions": FILE_EXTENSIONS,
    },
    "ipv4-addr": {
        "resolves_to_refs": [identifier("mac-addr")],
        "belongs_to_refs": [identifier("autonomous-system")],
    },
    "ipv6-addr": {
        "resolves_to_refs": [identifier("mac-addr")],
        "belongs_to_refs": [identifier("autonomous-system")],
    },
    "mac-addr": {},
    "mutex": {},
    "network-traffic": {
        "start": TIME, "end": LATER, "is_active": False, "src_ref": identifier("ipv4-addr"),
        "src_port": 1, "dst_port": 443, "src_byte_count": 1, "dst_byte_count": 2,
        "src_packets": 1, "dst_packets": 2, "ipfix": {"minimumIpTotalLength": 32},
        "src_payload_ref": identifier("artifact"), "dst_payload_ref": identifier("artifact"),
        "encapsulates_refs": [identifier("network-traffic")],
        "encapsulated_by_ref": identifier("network-traffic"), "extensions": TRAFFIC_EXTENSIONS,
    },
    "process": {
        "is_hidden": False, "created_time": TIME, "cwd": "/", "command_line": "a -b",
        "environment_variables": {"PATH": "/bin"},
        "opened_connection_refs": [identifier("network-traffic")],
        "creator_user_ref": identifier("user-account"), "image_ref": identifier("file"),
        "parent_ref": identifier("process"), "child_refs": [identifier("process")],
        "extensions": PROCESS_EXTENSIONS,
    },
    "software": {
        "cpe": "cpe:2.3:a:vendor:editor:1.0:*:*:*:*:*:*:*", "swid": "s", "languages": ["en"],
        "vendor": "v", "version": "1.0",
    },
    "url": {},
    "user-account": {
        "credential": "c", "account_login": "a", "account_type": "unix", "display_name": "A",
        "is_service_account": False, "is_privileged": False, "can_escalate_privs": False,
        "is_disabled": False, "account_created": TIME, "account_expires": LATER,
        "credential_last_changed": TIME, "account_first_login": TIME,
        "account_last_login": LATER, "extensions": ACCOUNT_EXTENSIONS,
    },
    "windows-registry-key": {
        "values": [{"name": "n", "data": "d", "data_type": "REG_SZ"}], "modified_time": TIME,
        "creator_user_ref": identifier("user-account"), "number_of_subkeys": 1,
    },
    "x509-certificate": {
        "is_self_signed": False, "hashes": _HASHES, "version": "3", "signature_algorithm": "rsa",
        "issuer": "CN=a", "validity_not_before": TIME, "validity_not_after": LATER,
        "subject": "CN=b", "subject_public_key_algorithm": "rsa",
        "subject_public_key_modulus": "ab", "subject_public_key_exponent": 65537,
        "x509_v3_extensions": {"basic_constraints": "CA:FALSE", "key_usage": "sign",
                               "private_key_usage_period_not_before": TIME},
    },
}  # fmt: skip

COMPLETE: dict[str, dict[str, Any]] = {
    **{kind: {**_COMMON, **EXAMPLES[kind], **own} for kind, own in DOMAIN.items()},
    **{
        kind: {**_MARKED, "spec_version": "2.1", "defanged": False, **EXAMPLES[kind], **own}
        for kind, own in OBSERVABLES.items()
    },
    "marking-definition": {**_MADE, **EXAMPLES["marking-definition"], "name": "members"},
}
# Two properties that exclude others; the smallest examples have those.
LEFT_OUT = {("artifact", "url"), ("email-message", "body"), ("observed-data", "objects")}
