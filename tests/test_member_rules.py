"""What a member writes for its own node: read whole or not at all."""

from pathlib import Path

import pytest

from ringwall.alliance import load_alliance
from ringwall.core import BadConfiguration
from ringwall.core.settings import Files
from ringwall.member_rules import MemberRules, read_member_rules
from ringwall.policy import NO_HOLDS, NO_REDACTIONS
from ringwall.sharing import NO_DISCOVERY

EXAMPLE = load_alliance((Path(__file__).parent / "alliance/example.yaml").read_bytes())
WRITTEN = {
    "vetoes": '@id("quiet") forbid(principal, action, resource);',
    "redactions": "redactions: {r: {to: [dorne], fields: [description], clause: order 1}}",
    "release_rules": "two_person: [{name: partner, clause: order 4, to: [dorne]}]",
    "discovery": None,
}


def read(folder: Path) -> MemberRules:
    return read_member_rules(Files(folder), "arden", EXAMPLE)


def test_every_file_may_be_absent(tmp_path: Path) -> None:
    rules = read(tmp_path)
    assert not rules.vetoes.any
    assert rules.redactions is NO_REDACTIONS
    assert rules.holds is NO_HOLDS
    assert rules.discovery is NO_DISCOVERY


def test_what_is_written_counts(tmp_path: Path) -> None:
    for name, text in WRITTEN.items():
        if text is not None:
            getattr(Files(tmp_path), name).write_text(text, encoding="utf-8")
    rules = read(tmp_path)
    assert rules.vetoes.any
    assert [rule.name for rule in rules.redactions.rules] == ["r"]
    assert [rule.name for rule in rules.holds.two_person] == ["partner"]


@pytest.mark.parametrize("name", sorted(WRITTEN))
@pytest.mark.parametrize("kind", ["link to nowhere", "folder", "no text"])
def test_a_file_that_cannot_be_read_is_no_absent_file(tmp_path: Path, name: str, kind: str) -> None:
    path: Path = getattr(Files(tmp_path), name)
    if kind == "link to nowhere":
        path.symlink_to(tmp_path / "not-mounted")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(BadConfiguration) as caught:
        read(tmp_path)
    assert (caught.value.field, caught.value.rule) == (path.name, "file")
    assert caught.value.message.startswith(f"{path.name}: cannot be read: ")
