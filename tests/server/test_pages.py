"""The pages and their files: a strict policy, nothing inline, only routes that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.server import ROUTES, SECURITY_HEADERS
from tests.server.world import World

STATIC = Path(__file__).parents[2] / "src" / "ringwall" / "server" / "static"
PAGES = {"/": "index.html", "/account": "account.html", "/office": "office.html"}
PAGES |= {"/login": "login.html"}
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))
OFFICE = sorted(STATIC.glob("office*.js"))
CALL = re.compile(r'\b(?:read\(|(?:tell|send|end)\("(?P<method>[A-Z]+)", )\[(?P<parts>[^\]]+)\]')


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("node"))
    yield made
    made.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_served_under_the_policy_with_all_its_files(node: World, path: str) -> None:
    with node.http() as http:
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy == SECURITY_HEADERS["content-security-policy"]
        assert "unsafe" not in policy
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)
        assert {http.get(name).status_code for name in files} == {200}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_served_and_finds_what_it_imports(node: World, name: str) -> None:
    text = (STATIC / name).read_text()
    imported = re.findall(r'from "\./([^"]+)"', text)
    with node.http() as http:
        for each in (name, *imported):
            answer = http.get(f"/static/{each}")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", PAGES.values())
def test_no_page_has_inline_code_or_style(name: str) -> None:
    text = (STATIC / name).read_text()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:", text) == []
    assert text.count("<script") == text.count('<script type="module" src="/static/')


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_of_text_or_code_of_it(name: str) -> None:
    text = (STATIC / name).read_text()
    makers = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b"
    )
    assert re.findall(makers, text) == []


def test_every_field_of_the_office_has_a_label() -> None:
    text = (STATIC / "office.html").read_text()
    fields = re.findall(r"<(?:input|textarea|select)\b", text)
    inside = [
        len(re.findall(r"<(?:input|textarea|select)\b", label))
        for label in re.findall(r"<label\b.*?</label>", text, re.DOTALL)
    ]
    assert set(inside) == {1}
    assert len(inside) == len(fields)


def is_routed(method: str, parts: list[str]) -> bool:
    """Tell whether a route answers; a part that is not written out stands for any text."""
    for route in ROUTES:
        written = re.sub(r"\{[^}]*\}", "*", route.path).split("/")[3:]
        if route.method == method and route.path.startswith("/api/v1/"):
            pairs = list(zip(written, parts, strict=False))
            if len(written) == len(parts) and all(one == other for one, other in pairs):
                return True
    return False


def calls(text: str) -> list[tuple[str, list[str]]]:
    """Return the method and the parts of the path of every call to the node, "*" for a variable."""
    found = []
    for call in CALL.finditer(text):
        parts = [part.strip() for part in call["parts"].split(",")]
        named = [part.strip('"') if part.startswith('"') else "*" for part in parts]
        found.append((call["method"] or "GET", named))
    return found


def test_the_office_asks_only_for_routes_that_exist() -> None:
    asked = [call for path in OFFICE for call in calls(path.read_text())]
    assert [call for call in asked if not is_routed(*call)] == []
    rooms = {"submissions", "explanations", "held-releases", "agreements", "catalogue", "requests"}
    assert rooms <= {parts[0] for _, parts in asked}


@pytest.mark.parametrize("path", OFFICE, ids=lambda path: path.name)
def test_every_call_of_the_office_is_one_that_the_test_above_reads(path: Path) -> None:
    text = path.read_text()
    made = re.findall(r"(?<![.\w])(?:read|tell|send)\((?!method, parts)", text)
    ended = re.findall(r"(?<!\w)end\((?!method)", text)
    assert len(made) + len(ended) == len(calls(text))
    assert "fetch(" not in text
