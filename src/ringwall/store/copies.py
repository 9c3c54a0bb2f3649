"""What a copy of a node's database holds, whichever backend made it."""

import msgspec


class DatabaseCopy(msgspec.Struct, frozen=True):
    """What a copy holds: schema version, and size and RFC 9162 root (32 bytes) of the audit log."""

    schema: int
    audit_size: int
    audit_root: bytes
