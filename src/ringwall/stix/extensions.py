"""Extensions (STIX 2.1, section 7.3), and those that the standard predefines for observables."""

from collections.abc import Mapping
from typing import Any

from ringwall.stix.checks import (
    PROPERTY_NAME,
    DataType,
    Notes,
    advised,
    between,
    boolean,
    dictionary,
    dictionary_of,
    hashes,
    hexadecimal,
    identifier,
    integer,
    list_of,
    number,
    one_at_least,
    one_of,
    open_vocabulary,
    reference_to,
    refuse,
    string,
    structure,
    timestamp,
)
from ringwall.stix.vocabularies import (
    EXTENSION_TYPE,
    SOCKET_ADDRESS_FAMILY,
    SOCKET_TYPE,
    WINDOWS_INTEGRITY_LEVEL,
    WINDOWS_PEBINARY_TYPE,
    WINDOWS_SERVICE_START_TYPE,
    WINDOWS_SERVICE_STATUS,
    WINDOWS_SERVICE_TYPE,
)

extension_type = one_of(*EXTENSION_TYPE)
_DEFINITION = "extension-definition--"


def extensions(predefined: Mapping[str, DataType]) -> DataType:
    """Return the type of ``extensions`` of an object for which the standard predefines some."""

    def extended(value: Any, path: str, notes: Notes) -> None:
        dictionary.check(value, path, notes)
        for name, item in value.items():
            place = f"{path}/{name}"
            if type(item) is not dict:
                refuse(place, "type", "must be an object")
            if "extension_type" in item:
                extension_type.check(item["extension_type"], f"{place}/extension_type", notes)
            if name.startswith(_DEFINITION):
                identifier.check(name, place, notes)
                _note_content(item, place, notes)
            elif name in predefined:
                predefined[name].check(item, place, notes)
            else:
                notes.append(f"{place}: no extension definition, nor predefined for this type")

    return DataType(check=extended)


def _note_content(item: dict[str, Any], path: str, notes: Notes) -> None:
    """Tell what section 7.3 says of an extension's content, which only its schema defines."""
    if "extension_type" not in item:
        notes.append(f"{path}/extension_type: should say what kind of extension it is")
    for name in item:
        if PROPERTY_NAME.fullmatch(name) is None:
            notes.append(f"{path}: {name[:80]!r} is no name of a property")
    note_empty(item, path, notes)


def note_empty(value: Any, path: str, notes: Notes) -> None:
    """Tell of every null and every empty list or object in a value that nobody defined here."""
    if value is None or value == [] or value == {}:
        notes.append(f"{path}: must not be empty: leave the property out")
    elif type(value) is dict:
        for name, item in value.items():
            note_empty(item, f"{path}/{name[:80]}", notes)
    elif type(value) is list:
        for index, item in enumerate(value):
            note_empty(item, f"{path}/{index}", notes)


def _some(properties: dict[str, DataType]) -> DataType:
    """Return the type of an extension that must have one of its properties."""
    return structure(properties, also=one_at_least(*properties))


_count = between(0, 2**53 - 1)
_strings = list_of(string)


def _check_string_or_integer(value: Any, path: str, _notes: Notes) -> None:
    if type(value) is not str and type(value) is not int:
        refuse(path, "type", "must be a string or an integer")


def _check_whole_second(value: Any, path: str, notes: Notes) -> None:
    timestamp.check(value, path, notes)
    if "." in value:
        notes.append(f"{path}: has whole seconds only (RFC 3339 without fraction)")


string_or_integer = DataType(check=_check_string_or_integer)
_whole_second = DataType(check=_check_whole_second)

_stream = structure({"name": string, "hashes": hashes, "size": _count}, ("name",))
_section = structure(
    {"name": string, "size": _count, "entropy": number, "hashes": hashes}, ("name",)
)
_OPTIONAL_HEADER: dict[str, DataType] = {
    "magic_hex": hexadecimal,
    "major_linker_version": integer,
    "minor_linker_version": integer,
    "size_of_code": _count,
    "size_of_initialized_data": _count,
    "size_of_uninitialized_data": _count,
    "address_of_entry_point": integer,
    "base_of_code": integer,
    "base_of_data": integer,
    "image_base": integer,
    "section_alignment": integer,
    "file_alignment": integer,
    "major_os_version": integer,
    "minor_os_version": integer,
    "major_image_version": integer,
    "minor_image_version": integer,
    "major_subsystem_version": integer,
    "minor_subsystem_version": integer,
    "win32_version_value_hex": hexadecimal,
    "size_of_image": _count,
    "size_of_headers": _count,
    "checksum_hex": hexadecimal,
    "dll_characteristics_hex": hexadecimal,
    "size_of_stack_reserve": _count,
    "size_of_stack_commit": _count,
    "size_of_heap_reserve": _count,
    "size_of_heap_commit": _count,
    "loader_flags_hex": hexadecimal,
    "number_of_rva_and_sizes": integer,
    "subsystem_hex": hexadecimal,
    "hashes": hashes,
}

_exif_tags = dictionary_of(string_or_integer)


def _check_exif_tags(value: Any, path: str, notes: Notes) -> None:
    """Tags of EXIF, whose names begin with a capital letter."""
    _exif_tags.check(value, path, notes)
    for name in value:
        if not "A" <= name[0] <= "Z":
            notes.append(f"{path}/{name}: is no tag of EXIF")


FILE_EXTENSIONS: dict[str, DataType] = {
    "archive-ext": structure(
        {"contains_refs": list_of(reference_to("file", "directory")), "comment": string},
        ("contains_refs",),
    ),
    "ntfs-ext": _some({"sid": string, "alternate_data_streams": list_of(_stream)}),
    "pdf-ext": _some(
        {
            "version": string,
            "is_optimized": boolean,
            "document_info_dict": dictionary_of(string),
            "pdfid0": string,
            "pdfid1": string,
        }
    ),
    "raster-image-ext": _some(
        {
            "image_height": integer,
            "image_width": integer,
            "bits_per_pixel": integer,
            "exif_tags": DataType(check=_check_exif_tags),
        }
    ),
    "windows-pebinary-ext": structure(
        {
            "pe_type": open_vocabulary("windows-pebinary-type-ov", WINDOWS_PEBINARY_TYPE),
            "imphash": string,
            "machine_hex": hexadecimal,
            "number_of_sections": _count,
            "time_date_stamp": _whole_second,
            "pointer_to_symbol_table_hex": hexadecimal,
            "number_of_symbols": _count,
            "size_of_optional_header": _count,
            "characteristics_hex": hexadecimal,
            "file_header_hashes": hashes,
            "optional_header": _some(_OPTIONAL_HEADER),
            "sections": list_of(_section),
        },
        ("pe_type",),
    ),
}
"""Section 6.7.2 to 6.7.6."""


def _check_header_fields(value: Any, path: str, notes: Notes) -> None:
    """Header name → a list of values (section 6.12.2); older versions had one string."""
    dictionary.check(value, path, notes)
    for name, item in value.items():
        if type(item) is str:
            notes.append(f"{path}/{name}: must be a list of strings")
        else:
            _strings.check(item, f"{path}/{name}", notes)


_option_name = advised(
    r"(?:SO|ICMP|ICMP6|IP|IPV6|MCAST|TCP|IRLMP)(?:_[A-Z0-9]+)+", "is no socket option"
)


def _check_options(value: Any, path: str, notes: Notes) -> None:
    dictionary.check(value, path, notes)
    for name, item in value.items():
        _option_name.check(name, path, notes)
        integer.check(item, f"{path}/{name}", notes)


TRAFFIC_EXTENSIONS: dict[str, DataType] = {
    "http-request-ext": structure(
        {
            "request_method": string,
            "request_value": string,
            "request_version": string,
            "request_header": DataType(check=_check_header_fields),
            "message_body_length": integer,
            "message_body_data_ref": reference_to("artifact"),
        },
        ("request_method", "request_value"),
    ),
    "icmp-ext": structure(
        {"icmp_type_hex": hexadecimal, "icmp_code_hex": hexadecimal},
        ("icmp_type_hex", "icmp_code_hex"),
    ),
    "socket-ext": structure(
        {
            "address_family": one_of(*SOCKET_ADDRESS_FAMILY),
            "is_blocking": boolean,
            "is_listening": boolean,
            "options": DataType(check=_check_options),
            "socket_type": one_of(*SOCKET_TYPE),
            "socket_descriptor": _count,
            "socket_handle": integer,
        },
        ("address_family",),
    ),
    "tcp-ext": _some({"src_flags_hex": hexadecimal, "dst_flags_hex": hexadecimal}),
}
"""Sections 6.12.2 to 6.12.5."""


def _check_startup_info(value: Any, path: str, notes: Notes) -> None:
    """Members of the STARTUPINFO structure of Windows; their names tell their types."""
    dictionary.check(value, path, notes)
    for name, item in value.items():
        place = f"{path}/{name}"
        if item is None:
            notes.append(f"{place}: must not be empty: leave the property out")
        elif type(item) is not int:
            string.check(item, place, notes)
            if name.startswith(("dw", "cb")):
                notes.append(f"{place}: should be an integer")
        elif name.startswith("lp"):
            notes.append(f"{place}: should be a string")
        if not name.startswith(("lp", "dw", "cb", "w", "h")):
            notes.append(f"{place}: is no member of STARTUPINFO")


PROCESS_EXTENSIONS: dict[str, DataType] = {
    "windows-process-ext": _some(
        {
            "aslr_enabled": boolean,
            "dep_enabled": boolean,
            "priority": advised(r"[^\r\n]*_CLASS", "should end in _CLASS"),
            "owner_sid": string,
            "window_title": string,
            "startup_info": DataType(check=_check_startup_info),
            "integrity_level": one_of(*WINDOWS_INTEGRITY_LEVEL),
        }
    ),
    "windows-service-ext": _some(
        {
            "service_name": string,
            "descriptions": _strings,
            "display_name": string,
            "group_name": string,
            "start_type": one_of(*WINDOWS_SERVICE_START_TYPE),
            "service_dll_refs": list_of(reference_to("file")),
            "service_type": one_of(*WINDOWS_SERVICE_TYPE),
            "service_status": one_of(*WINDOWS_SERVICE_STATUS),
        }
    ),
}
"""Sections 6.13.2 and 6.13.3."""

ACCOUNT_EXTENSIONS: dict[str, DataType] = {
    "unix-account-ext": _some(
        {"gid": integer, "groups": _strings, "home_dir": string, "shell": string}
    ),
}
"""Section 6.16.2."""

PREDEFINED: dict[str, dict[str, DataType]] = {
    "file": FILE_EXTENSIONS,
    "network-traffic": TRAFFIC_EXTENSIONS,
    "process": PROCESS_EXTENSIONS,
    "user-account": ACCOUNT_EXTENSIONS,
}
"""Observable type → the extensions that the standard predefines for it."""
