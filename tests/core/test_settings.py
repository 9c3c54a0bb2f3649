from pathlib import Path

import pytest

from ringwall.core import BadConfiguration
from ringwall.core.settings import (
    Files,
    HubSettings,
    NodeSettings,
    format_settings,
    load_hub_settings,
    load_node_settings,
    load_settings,
)

GUIDE = Path(__file__).parents[2] / "docs" / "operator-guide.md"


def write(directory: Path, text: str) -> Path:
    (directory / "ringwall.toml").write_text(text)
    return directory


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return write(tmp_path, 'kind = "node"\nnode = "arden-1"\nhub = "hub1"\nhttp_port = 7000\n')


def refused(directory: Path, **sources: dict[str, str]) -> BadConfiguration:
    with pytest.raises(BadConfiguration) as caught:
        load_settings(directory, sources.get("environment"), sources.get("flags"))
    return caught.value


def test_flags_win_over_the_environment_and_that_over_the_file(node: Path) -> None:
    environment = {"RINGWALL_HTTP_PORT": "7001", "RINGWALL_LOG_LEVEL": "debug"}
    assert load_node_settings(node).http_port == 7000
    assert load_node_settings(node, environment).http_port == 7001
    both = load_node_settings(node, environment, {"http_port": "7002"})
    assert (both.http_port, both.log_level, both.node) == (7002, "debug", "arden-1")


@pytest.mark.parametrize("settings", [
    NodeSettings(node="arden-1", hub="hub1", http_port=1, log_level="error"),
    HubSettings(hub="hub1", leaf_host='a "quoted" \\ host', max_age_hours=2),
])  # fmt: skip
def test_written_settings_read_back_the_same(
    tmp_path: Path, settings: NodeSettings | HubSettings
) -> None:
    assert load_settings(write(tmp_path, format_settings(settings))) == settings


def test_an_unknown_name_is_refused_by_name_wherever_it_stands(node: Path) -> None:
    assert refused(node, environment={"RINGWALL_HTPP_PORT": "1"}).field == "RINGWALL_HTPP_PORT"
    assert refused(node, flags={"htpp_port": "1"}).field == "htpp_port"
    write(node, 'kind = "node"\nnode = "a"\nhub = "h"\nhtpp_port = 1\n')
    error = refused(node)
    assert (error.field, error.rule) == ("htpp_port", "unknown-setting")


def test_a_hubs_variable_does_not_disturb_a_node_nor_do_the_clients_variables(node: Path) -> None:
    environment = {"RINGWALL_MONITOR_PORT": "1", "RINGWALL_URL": "x", "RINGWALL_TOKEN": "y"}
    assert load_settings(node, environment) == load_settings(node)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_port", "0"),
        ("http_port", "65536"),
        ("http_port", "many"),
        ("reserve_bytes", "-1"),
        ("receipt_interval_ms", "0"),
        ("log_level", "loud"),
    ],
)
def test_a_value_out_of_range_names_the_setting(node: Path, name: str, value: str) -> None:
    error = refused(node, flags={name: value})
    assert (error.field, error.rule) == (name, "setting")


def test_what_is_missing_or_unreadable_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path).rule == "missing"
    assert refused(write(tmp_path, "kind =")).rule == "toml"
    assert refused(write(tmp_path, 'kind = "submarine"')).field == "kind"
    assert "node" in str(refused(write(tmp_path, 'kind = "node"\nhub = "h"')))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ringwall:sesame@db/ringwall",
        "postgresql:///ringwall?password=sesame",
        "host=db password = sesame",
    ],
)
def test_a_password_in_a_flag_is_refused_and_not_repeated(node: Path, url: str) -> None:
    error = refused(node, flags={"database_url": url})
    assert (error.field, error.rule) == ("database_url", "secret-in-flag")
    assert "sesame" not in str(error)
    allowed = load_settings(node, {"RINGWALL_DATABASE_URL": url})
    assert isinstance(allowed, NodeSettings)
    assert allowed.database_url == url


@pytest.mark.parametrize("url", ["postgresql://ringwall@db:5432/ringwall?sslmode=require", ""])
def test_a_database_without_a_password_may_be_a_flag(node: Path, url: str) -> None:
    settings = load_settings(node, flags={"database_url": url})
    assert isinstance(settings, NodeSettings)
    assert settings.database_url == url


def test_a_hub_is_not_taken_for_a_node(node: Path, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="not a hub's"):
        load_hub_settings(node)
    with pytest.raises(BadConfiguration, match="not a node's"):
        load_node_settings(write(tmp_path, 'kind = "hub"\nhub = "hub1"\n'))


@pytest.mark.parametrize("kind", [NodeSettings, HubSettings])
def test_every_setting_stands_in_the_operator_guide_with_its_default(
    kind: type[NodeSettings | HubSettings],
) -> None:
    """A row per setting in the table of its kind: | `name` | default | meaning |."""
    title = "### Settings of a node" if kind is NodeSettings else "### Settings of a hub"
    table = GUIDE.read_text().split(title)[1].split("\n#")[0]
    documented = {
        cells[1].strip().strip("`"): cells[2].strip().strip("`")
        for cells in (line.split("|") for line in table.splitlines() if line.startswith("| `"))
    }
    required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    defaults = ["required"] * required + [
        str(value) or "empty" for value in kind.__struct_defaults__
    ]
    assert documented == dict(zip(kind.__struct_fields__, defaults, strict=True))


@pytest.mark.parametrize("name", [n for n in dir(Files) if isinstance(getattr(Files, n), property)])
def test_every_file_has_a_fixed_name_under_the_directory(name: str) -> None:
    files = Files(Path("somewhere"))
    assert getattr(files, name).is_relative_to("somewhere")
