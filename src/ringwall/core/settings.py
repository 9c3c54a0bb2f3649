"""Settings: one small TOML file, environment variables over it, flags over both.

``ringwall.toml`` stands in the directory of a node or a hub; its key ``kind`` says which of the
two it is. Every key may be overridden by ``RINGWALL_<KEY>`` in the environment and by a flag of
the same name. A name that nobody knows is refused, because a misspelt setting that is silently
ignored is a setting that is not set. Everything else lies under fixed names (:class:`Files`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import msgspec

from ringwall.core.errors import BadConfiguration

SETTINGS_FILE = "ringwall.toml"
PREFIX = "RINGWALL_"
CLIENT_VARIABLES = frozenset(
    {"RINGWALL_URL", "RINGWALL_TOKEN", "RINGWALL_TOKEN_FILE", "RINGWALL_DEBUG", "RINGWALL_DATA"}
)
"""Variables with our prefix that are not settings of a node or a hub."""

_PASSWORD = re.compile(r"://[^/?#@]*:[^/?#@]+@|\bpassword\s*=", re.IGNORECASE)
"""Where the URL of a database, or libpq's list of parameters, holds a password."""

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class NodeSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="node"
):
    """What a node needs to know beside its files; ports are TCP ports, sizes bytes."""

    node: str
    hub: str
    http_host: str = "127.0.0.1"
    http_port: Port = 8440
    leaf_port: Port = 4440
    database_url: str = ""
    reserve_bytes: Annotated[int, msgspec.Meta(ge=0)] = 64 * 1024 * 1024
    receipt_interval_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1000
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"
    registry_warning_days: Days = 30
    registry_stop_days: Days = 90
    otel_endpoint: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_classical: bool = False
    https_host: str = ""
    https_port: Port = 8443
    http3: bool = False
    public_url: str = ""
    client_certificates: Literal["none", "request", "require"] = "none"
    client_ca: str = ""
    egress_allow: str = ""
    body_max_bytes: Count = 100 * 1024 * 1024
    body_spool_bytes: Count = 8 * 1024 * 1024
    body_memory_bytes: Count = 64 * 1024 * 1024
    body_pause_seconds: Seconds = 15.0
    body_grace_seconds: Seconds = 10.0
    body_least_rate: Count = 4096
    url_max_bytes: Count = 8192
    header_max_bytes: Annotated[int, msgspec.Meta(ge=1, le=128 * 1024)] = 16 * 1024
    header_max_count: Annotated[int, msgspec.Meta(ge=1, le=90)] = 64
    reader_rate: Rate = 1000.0
    reader_burst: Count = 2000
    source_rate: Rate = 100.0
    source_burst: Count = 400
    reader_requests: Count = 64
    reader_threads: Annotated[int, msgspec.Meta(ge=1, le=16)] = 12
    reader_streams: Count = 16
    all_requests: Count = 512
    all_streams: Count = 512
    read_seconds: Seconds = 30.0
    answer_pause_seconds: Seconds = 30.0


class HubSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="hub"
):
    """What a hub needs to know beside its files; ports are TCP ports, sizes bytes."""

    hub: str
    leaf_host: str = "127.0.0.1"
    leaf_port: Port = 7440
    client_port: Port = 4340
    monitor_port: Port = 8340
    max_age_hours: Annotated[int, msgspec.Meta(ge=1)] = 168
    stream_max_bytes: Annotated[int, msgspec.Meta(ge=1024 * 1024)] = 1024 * 1024 * 1024
    log_level: LogLevel = "info"
    log_format: LogFormat = "text"


class Files(msgspec.Struct, frozen=True):
    """Where things lie in the directory of a node or a hub: fixed names, nothing to configure."""

    directory: Path

    @property
    def settings(self) -> Path:
        """Return the path of the settings."""
        return self.directory / SETTINGS_FILE

    @property
    def alliance(self) -> Path:
        """Return the path of the alliance description."""
        return self.directory / "alliance.yaml"

    @property
    def registry(self) -> Path:
        """Return the path of the signed registry."""
        return self.directory / "registry.json"

    @property
    def keys(self) -> Path:
        """Return the path of the node's private keys (mode 0600)."""
        return self.directory / "keys" / "node.json"

    @property
    def database(self) -> Path:
        """Return the path of the node's database."""
        return self.directory / "ringwall.db"

    @property
    def edge(self) -> Path:
        """Return the private folder of the TLS proxy, its socket to the node included."""
        return self.directory / "edge"

    @property
    def identity(self) -> Path:
        """Return the path of the rules for the member's identity provider, if it has one."""
        return self.directory / "identity.yaml"

    @property
    def vetoes(self) -> Path:
        """Return the path of the member's own vetoes (Cedar), if it has any."""
        return self.directory / "vetoes.cedar"

    @property
    def redactions(self) -> Path:
        """Return the path of the member's own redaction rules, if it has any."""
        return self.directory / "redactions.yaml"

    @property
    def release_rules(self) -> Path:
        """Return the path of the member's rules for two-person release, if it has any."""
        return self.directory / "release.yaml"

    @property
    def discovery(self) -> Path:
        """Return the path of the member's rules for what others may know of, if it has any."""
        return self.directory / "discovery.yaml"

    @property
    def spool(self) -> Path:
        """Return the private folder where large request bodies wait, in files without a name."""
        return self.directory / "spool"

    @property
    def hub(self) -> Path:
        """Return the folder of what the hub gave this node, or of the hub's own material."""
        return self.directory / "hub"


def load_settings(
    directory: Path,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
) -> NodeSettings | HubSettings:
    """Read the settings of the node or hub in ``directory``: flags > environment > file.

    ``flags`` are keyed by setting name. Raises BadConfiguration (rules ``missing``, ``toml``,
    ``unknown-setting``, ``setting``) naming the setting and where it was set.
    """
    values = _read_file(directory / SETTINGS_FILE)
    kind = values.get("kind")
    known = settings_of(kind) if isinstance(kind, str) else None
    if known is None:
        _refuse("kind", "setting", f"{SETTINGS_FILE}: kind must be node or hub, not {kind!r}")
    for name in values:
        if name != "kind" and name not in known:
            _refuse(name, "unknown-setting", f"{SETTINGS_FILE}: no setting is called {name!r}")
    values |= _from_environment(environment or {}, known)
    values |= _from_flags(flags or {}, known)
    return _convert(values)


def load_node_settings(
    directory: Path,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
) -> NodeSettings:
    """Read the settings of a node; BadConfiguration (rule ``kind``) if ``directory`` is a hub's."""
    settings = load_settings(directory, environment, flags)
    if not isinstance(settings, NodeSettings):
        _refuse("kind", "kind", f"{directory} is a hub's directory, not a node's")
    return settings


def load_hub_settings(
    directory: Path,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
) -> HubSettings:
    """Read the settings of a hub; BadConfiguration (rule ``kind``) if ``directory`` is a node's."""
    settings = load_settings(directory, environment, flags)
    if not isinstance(settings, HubSettings):
        _refuse("kind", "kind", f"{directory} is a node's directory, not a hub's")
    return settings


def format_settings(settings: NodeSettings | HubSettings) -> str:
    """Write settings as the TOML text of ``ringwall.toml``, every key stated."""
    document = msgspec.to_builtins(settings)
    return "".join(f"{name} = {_toml(value)}\n" for name, value in document.items())


def settings_of(kind: str) -> frozenset[str] | None:
    """Return the names of the settings of a ``node`` or a ``hub``; None for anything else."""
    types = {"node": NodeSettings, "hub": HubSettings}
    return frozenset(types[kind].__struct_fields__) if kind in types else None


def _read_file(path: Path) -> dict[str, Any]:
    import tomllib  # only commands that work on a directory pay for it

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        _refuse(str(path), "missing", f"{path} is missing: no node or hub lives there")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        _refuse(str(path), "toml", f"{path}: {error}")
    except OSError as error:
        _refuse(str(path), "unreadable", f"{path}: {error.strerror}")


def _from_environment(environment: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """Pick this kind's settings; those of the other kind may stand there, unknown ones not."""
    every = NodeSettings.__struct_fields__ + HubSettings.__struct_fields__
    picked: dict[str, str] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in CLIENT_VARIABLES:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in every:
            _refuse(variable, "unknown-setting", f"environment: {variable} names no setting")
        if name in known:
            picked[name] = text
    return picked


def _from_flags(flags: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    for name in flags:
        if name not in known:
            _refuse(name, "unknown-setting", f"flags: no setting is called {name!r}")
    if _PASSWORD.search(flags.get("database_url", "")):
        _refuse(
            "database_url",
            "secret-in-flag",
            "flags: other users of the machine can see a password there; use a password file",
        )
    return dict(flags)


def _convert(values: dict[str, Any]) -> NodeSettings | HubSettings:
    """Check types and ranges; text from environment and flags may stand for a number."""
    try:
        return msgspec.convert(values, NodeSettings | HubSettings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        place = where.strip("`").removeprefix("$.") or "settings"
        _refuse(place, "setting", f"setting {place}: {what}")


def _toml(value: str | float | bool) -> str:
    """Write one value; TOML's basic strings escape as JSON's do."""
    return msgspec.json.encode(value).decode()


def _refuse(field: str, rule: str, message: str) -> NoReturn:
    raise BadConfiguration(message, field=field, rule=rule)
