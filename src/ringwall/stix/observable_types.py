"""Tables of the eighteen cyber-observable objects (STIX 2.1, section 6)."""

import re
from typing import Any

from ringwall.stix.checks import (
    Check,
    between,
    binary,
    boolean,
    dictionary,
    hashes,
    hexadecimal,
    identifier,
    integer,
    list_of,
    one_of,
    reference_to,
    refuse,
    string,
    structure,
    timestamp,
)
from ringwall.stix.common import (
    OBSERVABLE_COMMON,
    Rule,
    TypeTable,
    at_least_one,
    in_order,
    needs,
    not_both,
    strings,
)

_size = between(0, 2**53 - 1)
_port = between(0, 65535)
_address = reference_to("email-addr")
_addresses = list_of(_address)
_file_times: dict[str, Check] = {"ctime": timestamp, "mtime": timestamp, "atime": timestamp}
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)


def _observable(required: tuple[str, ...], own: dict[str, Check], *rules: Rule) -> TypeTable:
    """Return the table of a type with the common properties of observables (section 3.2)."""
    properties = {**OBSERVABLE_COMMON, "defanged": boolean, **own}
    return TypeTable(required=required, properties=properties, rules=rules)


def _mac_address(value: Any, path: str) -> None:
    string(value, path)
    if _MAC.fullmatch(value) is None:
        refuse(path, "mac-address", "must be six lower-case pairs joined by colons")


def _body_matches_parts(obj: dict[str, Any]) -> None:
    unwanted = "body" if obj["is_multipart"] else "body_multipart"
    if unwanted in obj:
        why = f"must not be there when is_multipart is {str(obj['is_multipart']).lower()}"
        refuse(f"/{unwanted}", "exclusive", why)


def _active_has_no_end(obj: dict[str, Any]) -> None:
    if obj.get("is_active") and "end" in obj:
        refuse("/end", "exclusive", "must not be there while is_active is true")


_ACCOUNT: dict[str, Check] = {
    "user_id": string,
    "credential": string,
    "account_login": string,
    "account_type": string,
    "display_name": string,
    "is_service_account": boolean,
    "is_privileged": boolean,
    "can_escalate_privs": boolean,
    "is_disabled": boolean,
    "account_created": timestamp,
    "account_expires": timestamp,
    "credential_last_changed": timestamp,
    "account_first_login": timestamp,
    "account_last_login": timestamp,
}
_CERTIFICATE: dict[str, Check] = {
    "is_self_signed": boolean,
    "hashes": hashes,
    "version": string,
    "serial_number": string,
    "signature_algorithm": string,
    "issuer": string,
    "validity_not_before": timestamp,
    "validity_not_after": timestamp,
    "subject": string,
    "subject_public_key_algorithm": string,
    "subject_public_key_modulus": string,
    "subject_public_key_exponent": integer,
    "x509_v3_extensions": dictionary,
}
_PROCESS: dict[str, Check] = {
    "is_hidden": boolean,
    "pid": integer,
    "created_time": timestamp,
    "cwd": string,
    "command_line": string,
    "environment_variables": dictionary,
    "opened_connection_refs": list_of(reference_to("network-traffic")),
    "creator_user_ref": reference_to("user-account"),
    "image_ref": reference_to("file"),
    "parent_ref": reference_to("process"),
    "child_refs": list_of(reference_to("process")),
}
_REGISTRY_DATA_TYPES = (
    "REG_NONE",
    "REG_SZ",
    "REG_EXPAND_SZ",
    "REG_BINARY",
    "REG_DWORD",
    "REG_DWORD_BIG_ENDIAN",
    "REG_DWORD_LITTLE_ENDIAN",
    "REG_LINK",
    "REG_MULTI_SZ",
    "REG_RESOURCE_LIST",
    "REG_FULL_RESOURCE_DESCRIPTION",
    "REG_RESOURCE_REQUIREMENTS_LIST",
    "REG_QWORD",
    "REG_INVALID_TYPE",
)
_REGISTRY_KEY: dict[str, Check] = {
    "key": string,
    "values": list_of(
        structure((), {"name": string, "data": string, "data_type": one_of(*_REGISTRY_DATA_TYPES)})
    ),
    "modified_time": timestamp,
    "creator_user_ref": reference_to("user-account"),
    "number_of_subkeys": integer,
}
_BODY_PART = structure(
    (),
    {
        "body": string,
        "body_raw_ref": reference_to("artifact", "file"),
        "content_type": string,
        "content_disposition": string,
    },
)

OBSERVABLE_TABLES: dict[str, TypeTable] = {
    "artifact": _observable(
        (),
        {
            "mime_type": string,
            "payload_bin": binary,
            "url": string,
            "hashes": hashes,
            "encryption_algorithm": one_of(
                "AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"
            ),
            "decryption_key": string,
        },
        at_least_one("payload_bin", "url"),
        not_both("payload_bin", "url"),
        needs("url", "hashes"),
        needs("decryption_key", "encryption_algorithm"),
    ),
    "autonomous-system": _observable(
        ("number",), {"number": integer, "name": string, "rir": string}
    ),
    "directory": _observable(
        ("path",),
        {
            "path": string,
            "path_enc": string,
            **_file_times,
            "contains_refs": list_of(reference_to("file", "directory")),
        },
    ),
    "domain-name": _observable(
        ("value",),
        {
            "value": string,
            "resolves_to_refs": list_of(reference_to("ipv4-addr", "ipv6-addr", "domain-name")),
        },
    ),
    "email-addr": _observable(
        ("value",),
        {"value": string, "display_name": string, "belongs_to_ref": reference_to("user-account")},
    ),
    "email-message": _observable(
        ("is_multipart",),
        {
            "is_multipart": boolean,
            "date": timestamp,
            "content_type": string,
            "from_ref": _address,
            "sender_ref": _address,
            "to_refs": _addresses,
            "cc_refs": _addresses,
            "bcc_refs": _addresses,
            "message_id": string,
            "subject": string,
            "received_lines": strings,
            "additional_header_fields": dictionary,
            "body": string,
            "body_multipart": list_of(_BODY_PART),
            "raw_email_ref": reference_to("artifact"),
        },
        _body_matches_parts,
    ),
    "file": _observable(
        (),
        {
            "hashes": hashes,
            "size": _size,
            "name": string,
            "name_enc": string,
            "magic_number_hex": hexadecimal,
            "mime_type": string,
            **_file_times,
            "parent_directory_ref": reference_to("directory"),
            "contains_refs": list_of(identifier),
            "content_ref": reference_to("artifact"),
        },
        at_least_one("hashes", "name"),
    ),
    "ipv4-addr": _observable(
        ("value",),
        {
            "value": string,
            "resolves_to_refs": list_of(reference_to("mac-addr")),
            "belongs_to_refs": list_of(reference_to("autonomous-system")),
        },
    ),
    "ipv6-addr": _observable(
        ("value",),
        {
            "value": string,
            "resolves_to_refs": list_of(reference_to("mac-addr")),
            "belongs_to_refs": list_of(reference_to("autonomous-system")),
        },
    ),
    "mac-addr": _observable(("value",), {"value": _mac_address}),
    "mutex": _observable(("name",), {"name": string}),
    "network-traffic": _observable(
        ("protocols",),
        {
            "start": timestamp,
            "end": timestamp,
            "is_active": boolean,
            "src_ref": identifier,
            "dst_ref": identifier,
            "src_port": _port,
            "dst_port": _port,
            "protocols": strings,
            "src_byte_count": _size,
            "dst_byte_count": _size,
            "src_packets": _size,
            "dst_packets": _size,
            "ipfix": dictionary,
            "src_payload_ref": reference_to("artifact"),
            "dst_payload_ref": reference_to("artifact"),
            "encapsulates_refs": list_of(reference_to("network-traffic")),
            "encapsulated_by_ref": reference_to("network-traffic"),
        },
        at_least_one("src_ref", "dst_ref"),
        in_order("start", "end"),
        _active_has_no_end,
    ),
    "process": _observable((), _PROCESS, at_least_one(*_PROCESS, "extensions")),
    "software": _observable(
        ("name",),
        {
            "name": string,
            "cpe": string,
            "swid": string,
            "languages": strings,
            "vendor": string,
            "version": string,
        },
    ),
    "url": _observable(("value",), {"value": string}),
    "user-account": _observable((), _ACCOUNT, at_least_one(*_ACCOUNT, "extensions")),
    "windows-registry-key": _observable(
        (), _REGISTRY_KEY, at_least_one(*_REGISTRY_KEY, "extensions")
    ),
    "x509-certificate": _observable((), _CERTIFICATE, at_least_one(*_CERTIFICATE)),
}
