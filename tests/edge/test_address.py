"""The node's address as browsers know it: stated, or by the certificate, never from a request."""

from pathlib import Path

import pytest

from ringwall.core import BadConfiguration
from ringwall.core.settings import Files, NodeSettings
from ringwall.edge import address_of


def address(tmp_path: Path, **settings: object) -> str:
    stated = NodeSettings(node="arden-1", hub="hub1", **settings)  # type: ignore[arg-type]
    return address_of(stated, Files(tmp_path))


def test_what_is_stated_is_the_address(tmp_path: Path) -> None:
    assert address(tmp_path) == "http://127.0.0.1:8440"
    assert address(tmp_path, http_port=1234) == "http://127.0.0.1:1234"
    assert address(tmp_path, public_url="https://a.example") == "https://a.example"
    assert address(tmp_path, public_url="http://localhost:8440/") == "http://localhost:8440"


@pytest.mark.parametrize(
    "url",
    [
        "a.example", "ftp://a.example", "https://", "https://a.example/ringwall",
        "https://a.example?x=1", "https://a.example#x", "https://user@a.example",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        address(tmp_path, public_url=url)
    assert (refused.value.field, refused.value.rule) == ("public_url", "public-url")
