"""Tables of the eighteen cyber-observable objects (STIX 2.1, section 6)."""

import ipaddress
import re
from typing import Any

import msgspec

from ringwall.stix.checks import (
    DataType,
    Notes,
    advised,
    between,
    binary,
    boolean,
    dictionary_of,
    hashes,
    hexadecimal,
    integer,
    language,
    list_of,
    one_at_least,
    one_of,
    open_vocabulary,
    reference_to,
    refuse,
    silently,
    string,
    structure,
    timestamp,
    uri,
)
from ringwall.stix.common import (
    OBSERVABLE_COMMON,
    Get,
    Rule,
    TypeTable,
    any_observable,
    at_least_one,
    in_order,
    is_given,
    needs,
    not_both,
    strings,
)
from ringwall.stix.deterministic import CONTRIBUTING, wrong_identifier
from ringwall.stix.extensions import (
    ACCOUNT_EXTENSIONS,
    FILE_EXTENSIONS,
    PROCESS_EXTENSIONS,
    TRAFFIC_EXTENSIONS,
    extensions,
    string_or_integer,
)
from ringwall.stix.vocabularies import (
    ACCOUNT_TYPE,
    ENCRYPTION_ALGORITHM,
    WINDOWS_REGISTRY_DATA_TYPE,
)

_size = between(0, 2**53 - 1)
_port = between(0, 65535)
_address = reference_to("email-addr")
_addresses = list_of(_address)
_file_times: dict[str, DataType] = {"ctime": timestamp, "mtime": timestamp, "atime": timestamp}


def _observable(required: tuple[str, ...], own: dict[str, DataType], *rules: Rule) -> TypeTable:
    """Return the table of a type with the common properties of observables (section 3.2)."""
    properties = {**OBSERVABLE_COMMON, "defanged": boolean, **own}
    return TypeTable(required=required, properties=properties, rules=rules)


def _identified(kind: str) -> Rule:
    """Return the rule for identifiers (section 2.9)."""
    contributing = CONTRIBUTING.get(kind, ())

    def has_right_identifier(get: Get, notes: Notes) -> None:
        identifier = get("id")
        if identifier[-22] == "5":
            parts = {name: value for name in contributing if is_given(value := get(name))}
            wrong = wrong_identifier(kind, identifier, parts)
            if wrong:
                notes.append(wrong)

    return has_right_identifier


def _check_mac_address(value: Any, path: str, notes: Notes) -> None:
    string.check(value, path, notes)
    if _MAC.fullmatch(value) is None:
        refuse(path, "mac-address", "must be six lower-case pairs joined by colons")


def _body_matches_parts(get: Get, _notes: Notes) -> None:
    is_multipart = get("is_multipart")
    unwanted = "body" if is_multipart else "body_multipart"
    if is_given(get(unwanted)):
        why = f"must not be there when is_multipart is {str(is_multipart).lower()}"
        refuse(f"/{unwanted}", "exclusive", why)


def _active_has_no_end(get: Get, _notes: Notes) -> None:
    if get("is_active") is True and is_given(get("end")):
        refuse("/end", "exclusive", "must not be there while is_active is true")


_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_mac_address = DataType(check=_check_mac_address, shape=str, pattern=_MAC.pattern)
_BODY_PART = structure(
    {
        "body": string,
        "body_raw_ref": reference_to("artifact", "file"),
        "content_type": string,
        "content_disposition": string,
    },
    also=one_at_least("body", "body_raw_ref"),
)
_CERTIFICATE_EXTENSIONS: dict[str, DataType] = {
    "basic_constraints": string,
    "name_constraints": string,
    "policy_constraints": string,
    "key_usage": string,
    "extended_key_usage": string,
    "subject_key_identifier": string,
    "authority_key_identifier": string,
    "subject_alternative_name": string,
    "issuer_alternative_name": string,
    "subject_directory_attributes": string,
    "crl_distribution_points": string,
    "inhibit_any_policy": string,
    "private_key_usage_period_not_before": timestamp,
    "private_key_usage_period_not_after": timestamp,
    "certificate_policies": string,
    "policy_mappings": string,
}
_IPFIX = dictionary_of(string_or_integer)
_ENDPOINT = reference_to("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")
_CHARACTER_SET = advised(r"[A-Za-z0-9/.+_:-]{2,250}", "is no name of a character set (IANA)")
_MEDIA_TYPE = advised(
    r"(?:application|audio|example|font|haptics|image|message|model|multipart|text|video)"
    r"/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(?:;[^\r\n]*)?",
    "is no media type (RFC 6838)",
)
_CPE = advised(r"cpe:2\.3:[aho*-](?::(?:[^:\s\\]|\\[^\s])+){10}", "is no CPE 2.3 name")
_REGISTRY_PATH = advised(
    r"(?![Hh][Kk](?:[Ll][Mm]|[Cc][CcRrUu]|[Uu])(?:\\|\Z))[^\r\n]*", "has an abbreviated hive"
)
_DOMAIN_NAME = advised(
    r"(?=[^\r\n]{1,254}\Z)(?:[^\s./:@\\\"<>]{1,63}\.)*[^\s./:@\\\"<>]{1,63}\.?",
    "is no domain name (RFC 1034, RFC 5890)",
)
_MAIL_ADDRESS = advised(
    r"(?:[^\s@<>\"]{1,64}|\"[^\r\n\"]{1,62}\")@[^\s@<>]{1,255}", "is no addr-spec (RFC 5322)"
)


def _check_header_values(value: Any, path: str, notes: Notes) -> None:
    """A header that came several times has a list of its values (section 6.6)."""
    if type(value) is list:
        strings.check(value, path, notes)
        if len(value) == 1:
            notes.append(f"{path}: a list is for a header that came several times")
    else:
        string.check(value, path, notes)


def _addresses_of(version: int) -> DataType:
    """Return the type of addresses in CIDR notation (sections 6.8 and 6.9)."""
    parse = ipaddress.IPv4Interface if version == 4 else ipaddress.IPv6Interface

    def addressed(value: Any, path: str, notes: Notes) -> None:
        string.check(value, path, notes)
        try:
            parse(value)
        except ValueError:
            notes.append(f"{path}: {value[:80]!r} is no IPv{version} address")

    return DataType(check=addressed, shape=str, rest=silently(addressed))


_ACCOUNT: dict[str, DataType] = {
    "user_id": string,
    "credential": string,
    "account_login": string,
    "account_type": open_vocabulary("account-type-ov", ACCOUNT_TYPE),
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
    "extensions": extensions(ACCOUNT_EXTENSIONS),
}
_CERTIFICATE: dict[str, DataType] = {
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
    "x509_v3_extensions": structure(
        _CERTIFICATE_EXTENSIONS, also=one_at_least(*_CERTIFICATE_EXTENSIONS)
    ),
}
_PROCESS: dict[str, DataType] = {
    "is_hidden": boolean,
    "pid": integer,
    "created_time": timestamp,
    "cwd": string,
    "command_line": string,
    "environment_variables": dictionary_of(string),
    "opened_connection_refs": list_of(reference_to("network-traffic")),
    "creator_user_ref": reference_to("user-account"),
    "image_ref": reference_to("file"),
    "parent_ref": reference_to("process"),
    "child_refs": list_of(reference_to("process")),
    "extensions": extensions(PROCESS_EXTENSIONS),
}
_REGISTRY_KEY: dict[str, DataType] = {
    "key": _REGISTRY_PATH,
    "values": list_of(
        structure(
            {"name": string, "data": string, "data_type": one_of(*WINDOWS_REGISTRY_DATA_TYPE)},
            also=one_at_least("name", "data", "data_type"),
        )
    ),
    "modified_time": timestamp,
    "creator_user_ref": reference_to("user-account"),
    "number_of_subkeys": integer,
}
_TABLES: dict[str, TypeTable] = {
    "artifact": _observable(
        (),
        {
            "mime_type": _MEDIA_TYPE,
            "payload_bin": binary,
            "url": uri,
            "hashes": hashes,
            "encryption_algorithm": one_of(*ENCRYPTION_ALGORITHM),
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
            "path_enc": _CHARACTER_SET,
            **_file_times,
            "contains_refs": list_of(reference_to("file", "directory")),
        },
    ),
    "domain-name": _observable(
        ("value",),
        {
            "value": _DOMAIN_NAME,
            "resolves_to_refs": list_of(reference_to("ipv4-addr", "ipv6-addr", "domain-name")),
        },
    ),
    "email-addr": _observable(
        ("value",),
        {
            "value": _MAIL_ADDRESS,
            "display_name": string,
            "belongs_to_ref": reference_to("user-account"),
        },
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
            "additional_header_fields": dictionary_of(DataType(check=_check_header_values)),
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
            "name_enc": _CHARACTER_SET,
            "magic_number_hex": hexadecimal,
            "mime_type": _MEDIA_TYPE,
            **_file_times,
            "parent_directory_ref": reference_to("directory"),
            "contains_refs": list_of(any_observable),
            "content_ref": reference_to("artifact"),
            "extensions": extensions(FILE_EXTENSIONS),
        },
        at_least_one("hashes", "name"),
    ),
    "ipv4-addr": _observable(
        ("value",),
        {
            "value": _addresses_of(4),
            "resolves_to_refs": list_of(reference_to("mac-addr")),
            "belongs_to_refs": list_of(reference_to("autonomous-system")),
        },
    ),
    "ipv6-addr": _observable(
        ("value",),
        {
            "value": _addresses_of(6),
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
            "src_ref": _ENDPOINT,
            "dst_ref": _ENDPOINT,
            "src_port": _port,
            "dst_port": _port,
            "protocols": strings,
            "src_byte_count": _size,
            "dst_byte_count": _size,
            "src_packets": _size,
            "dst_packets": _size,
            "ipfix": _IPFIX,
            "src_payload_ref": reference_to("artifact"),
            "dst_payload_ref": reference_to("artifact"),
            "encapsulates_refs": list_of(reference_to("network-traffic")),
            "encapsulated_by_ref": reference_to("network-traffic"),
            "extensions": extensions(TRAFFIC_EXTENSIONS),
        },
        at_least_one("src_ref", "dst_ref"),
        in_order("start", "end"),
        _active_has_no_end,
    ),
    "process": _observable((), _PROCESS, at_least_one(*_PROCESS)),
    "software": _observable(
        ("name",),
        {
            "name": string,
            "cpe": _CPE,
            "swid": string,
            "languages": list_of(language),
            "vendor": string,
            "version": string,
        },
    ),
    "url": _observable(("value",), {"value": uri}),
    "user-account": _observable((), _ACCOUNT, at_least_one(*_ACCOUNT)),
    "windows-registry-key": _observable(
        (), _REGISTRY_KEY, at_least_one(*_REGISTRY_KEY, "extensions")
    ),
    "x509-certificate": _observable((), _CERTIFICATE, at_least_one(*_CERTIFICATE)),
}

OBSERVABLE_TABLES: dict[str, TypeTable] = {
    kind: msgspec.structs.replace(table, rules=(*table.rules, _identified(kind)))
    for kind, table in _TABLES.items()
}
