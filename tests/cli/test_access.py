"""Tokens on the machine itself: narrowed, listed, revoked; links name the node as browsers do."""

import json
from pathlib import Path

import pytest

from ringwall.cli import exit_codes, main
from ringwall.cli.parser import LEVELS, SCOPES
from ringwall.core.settings import load_node_settings
from ringwall.identity import Scope
from ringwall.identity.tokens import find_bearer
from ringwall.labels import Tlp
from ringwall.node import Node
from ringwall.store import SqliteStore
from tests.cli.test_operator_guide import founded

__all__ = ["founded"]  # a fixture of the tests below

AT = "2026-01-01T00:00:00.000000Z"
CREATE = ["token", "create", "arden-1", "--reader", "arden-analyst"]


def listed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    assert main(["token", "list", "arden-1", "--json"]) == exit_codes.OK
    return list(json.loads(capsys.readouterr().out))


def test_a_narrowed_token_says_so_and_is_listed(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CREATE, "--scope", "read", "--tlp", "GREEN", "--note", "board"]) == exit_codes.OK
    token = capsys.readouterr().out.strip()
    (shown,) = listed(capsys)
    assert (shown["scopes"], shown["tlp"], shown["note"]) == ("read", "GREEN", "board")
    assert token.startswith("scoped-")
    assert token not in str(shown)
    store = SqliteStore(founded / "arden-1" / "ringwall.db")
    with store.read() as snapshot:
        bearer = find_bearer(snapshot, token, AT)
    store.close()
    assert bearer is not None
    assert bearer.grant is not None
    assert bearer.grant.scopes == {Scope.READ}


def test_tokens_are_revoked_by_id(founded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(CREATE) == exit_codes.OK
    capsys.readouterr()
    (shown,) = listed(capsys)
    assert (shown["scopes"], shown["tlp"]) == ("all", "")
    assert main(["token", "revoke", "arden-1", shown["id"]]) == exit_codes.OK
    assert listed(capsys) == []
    assert main(["token", "revoke", "arden-1", shown["id"]]) == exit_codes.NOT_FOUND
    assert main(["audit", "verify", "arden-1"]) == exit_codes.OK


def test_tokens_are_listed_under_headings(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CREATE, "--scope", "read", "--note", "board"]) == exit_codes.OK
    capsys.readouterr()
    assert main(["token", "list", "arden-1"]) == exit_codes.OK
    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["ID", "READER", "CREATED", "EXPIRES", "SCOPES", "TLP", "NOTE"]
    assert row[heads.index("SCOPES") :].split() == ["read", "RED", "board"]


@pytest.mark.parametrize("days", ["0", "-5", "3651", "00000000001", "many"])
def test_what_would_never_be_good_is_not_made(
    days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    login = ["login-code", "arden-1", "--reader", "arden-analyst", "--minutes"]
    for line in ([*CREATE, "--days", days], [*login, days.replace("3651", "10081")]):
        with pytest.raises(SystemExit) as refused:
            main(line)
        assert refused.value.code == exit_codes.USAGE
        assert f"argument {line[-2]}" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--tlp", "PINK"], ["--scope", "root"]])
def test_what_makes_no_sense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main([*CREATE, *wrong])
    assert refused.value.code == exit_codes.USAGE


def test_the_flags_know_every_scope_and_level() -> None:
    assert ([*Scope], [*Tlp]) == (SCOPES, LEVELS)


def test_a_link_names_the_node_as_browsers_do(
    founded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = ["login-code", "arden-1", "--reader", "arden-analyst"]
    assert main(link) == exit_codes.OK
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
    monkeypatch.setenv("RINGWALL_PUBLIC_URL", "https://node.arden.example:8443/")
    assert main(link) == exit_codes.OK
    assert capsys.readouterr().out.startswith("https://node.arden.example:8443/login?code=")
    monkeypatch.setenv("RINGWALL_PUBLIC_URL", "https://node.arden.example/path")
    assert main(link) == exit_codes.OPERATOR
    assert "[public-url]" in capsys.readouterr().err


RULES = """
provider: {issuer: "https://login.arden.example", client_id: ringwall}
rules: [{when: {groups: {contains: cti}}, give: {roles: [analyst]}}]
"""


def test_a_node_reads_the_rules_for_its_provider_before_it_starts(
    founded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = founded / "arden-1"
    (directory / "identity.yaml").write_text(RULES)
    node = Node(directory, load_node_settings(directory))
    try:
        assert node.federation is not None
        assert node.federation.rules.provider.client_id == "ringwall"
    finally:
        node.store.close()
    (directory / "identity.yaml").write_text(RULES.replace("analyst", "emperor"))
    assert main(["up", "arden-1"]) == exit_codes.OPERATOR
    error = capsys.readouterr().err
    assert "identity.yaml, /rules/0/give/roles" in error
    assert "[unknown-role]" in error
