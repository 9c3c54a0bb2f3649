"""How other platforms let readers change what is not theirs, tried on every route that changes.

The numbers are those of the published weaknesses; what they are about stands with each test.
"""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ringwall.labels import label_document, label_from_document, parse_label
from ringwall.policy import release_class
from ringwall.server import ROUTES
from tests.server import canary
from tests.server.canary_world import CanaryWorld, thing
from tests.server.test_access import sample

WRITTEN = "application/taxii+json;version=2.1"
TAXII = "/taxii2/ringwall/collections"
NAMES = ("id", "reader", "agreement", "digest", "request", "statement", "object_id", "set", "token")
ALTERED: list[Any] = [None, "", [], {}, 0, 4, True, "PURPLE", "CLEAR", ["arden"], {"tlp": "CLEAR"}]
CHANGING = [route for route in ROUTES if route.method != "GET" and not route.access.open]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryWorld]:
    made = CanaryWorld(tmp_path_factory.mktemp("node"), frozenset({"red"}), canary.SECRET)
    yield made
    made.close()


def held(node: CanaryWorld) -> dict[str, Any]:
    """Return everything that a trespasser could have changed."""
    with node.store.read() as tx:
        classes = list(tx.release_classes())
        rows = tx.statements(classes, limit=1000)
        return {
            "statements": [(str(row.id), row.body, row.label, row.source) for row in rows],
            "tokens": {name: tx.tokens(name) for name in node.alliance.readers},
            "searches": tx.documents("saved-search", "analyst", "2026-01-01T00:00:00.000000Z"),
            "references": tx.counts().references,
        }


def path_of(node: CanaryWorld, path: str) -> str:
    """Fill a sample path with things of the analyst's where there are such."""
    for name, value in node.private.items():
        path = re.sub(rf"/{name}(?=/|$)", f"/{value}", path)
    return path


@pytest.mark.parametrize("reader", ["trainee", "tool", "submitting"])
def test_cve_2026_56424_a_body_that_names_another_object_changes_neither(
    node: CanaryWorld, reader: str
) -> None:
    """One object was authorised by its place in the path, and another changed by the body's id."""
    before = held(node)
    others = {name: node.private.get(name, node.stated["red"]) for name in NAMES}
    with node.browse(reader) as http:
        for route in CHANGING:
            if "{" not in route.path or "{set" in route.path:
                continue
            for name, value in others.items():
                body = json.dumps({name: value}).encode()
                media = WRITTEN if route.taxii else "application/json"
                answer = http.request(
                    route.method, sample(route), content=body, headers={"content-type": media}
                )
                assert answer.status_code // 100 == 4, (route.path, name)
    assert held(node) == before


def test_cve_2026_56424_what_a_body_says_of_its_own_id_counts_for_nothing(
    node: CanaryWorld,
) -> None:
    before = held(node)["searches"]
    with node.browse("trainee") as http:
        search = {"name": "mine", "text": "x", "id": node.private["search"]}
        made = http.post("/api/v1/searches", json=search).json()
        assert made["id"] != node.private["search"]
        assert http.delete(f"/api/v1/searches/{made['id']}").status_code == 204
        collection = f"{TAXII}/source-arden/objects"
        wrong = http.delete(f"{collection}/{thing('last')['id']}", params={"match[id]": "x"})
        assert wrong.status_code == 400
    assert held(node)["searches"] == before


def test_cve_2026_44730_nobody_edits_what_another_member_states(node: CanaryWorld) -> None:
    """Whoever submits the same object makes a statement of its own member, beside the other."""
    theirs = thing("parted", modified="2026-01-03T00:00:00.000Z")
    del theirs["description"]
    before = held(node)["statements"]
    with node.browse("analyst") as http:
        for change in (
            {"name": "changed"},
            {"name": "changed", "modified": "2026-03-01T00:00:00.000Z"},
            {"revoked": True, "modified": "2026-03-02T00:00:00.000Z"},
        ):
            sent = json.dumps(theirs | change)
            media = {"content-type": "application/json"}
            answer = http.post("/api/v1/submissions?label=TLP:GREEN", content=sent, headers=media)
            assert answer.status_code == 201, answer.text
        for collection in ("source-borduria", "all", "source-arden"):
            http.delete(f"{TAXII}/{collection}/objects/{theirs['id']}")
    after = held(node)["statements"]
    assert [row for row in after if row[0] == node.stated["parted"]] == [
        row for row in before if row[0] == node.stated["parted"]
    ]


def test_cve_2026_44730_a_reader_of_another_member_changes_nothing(node: CanaryWorld) -> None:
    before = held(node)
    with node.browse("stranger") as http:
        for route in CHANGING:
            answer = http.request(route.method, path_of(node, sample(route)), content=b"{}")
            assert answer.status_code in (401, 429), route.path
    assert held(node) == before


def test_cve_2026_21886_an_id_of_another_kind_names_nothing(node: CanaryWorld) -> None:
    """A deletion found any entity by its id, of whatever type the route was for."""
    before = held(node)
    ids = {
        **node.private,
        "statement": node.stated["last"],
        "object_id": thing("last")["id"],
        "uuid": thing("last")["id"].partition("--")[2],
        "type": f"malware--{thing('last')['id'].partition('--')[2]}",
    }
    routes = {
        "token": "/api/v1/tokens/{}",
        "session": "/api/v1/sessions/{}",
        "passkey": "/api/v1/passkeys/{}",
        "search": "/api/v1/searches/{}",
        "object_id": f"{TAXII}/source-arden/objects/{{}}",
    }
    with node.browse("analyst") as http:
        for kind, path in routes.items():
            for other, value in ids.items():
                if other != kind:
                    answer = http.delete(path.format(value))
                    assert answer.status_code in (400, 403, 404, 422), (kind, other)
    assert held(node) == before


@pytest.mark.parametrize("value", ["omitted", *ALTERED], ids=repr)
def test_cve_2026_85533_no_field_of_a_label_opens_by_being_left_out_or_altered(
    node: CanaryWorld, value: Any
) -> None:
    """A group was asked for only where another field had one of its values."""
    whole = label_document(parse_label("TLP:RED//CLASS pact:CLOSED//REL TO borduria//PAP:RED"))
    names = {"tlp", "rel_to", "policy", "classification", "pap", "unknown", "iep", *whole}
    word = f"opened{uuid.uuid4().hex}"
    for name in sorted(names):
        document = {key: each for key, each in whole.items() if key != name}
        if value != "omitted":
            document[name] = value
        decided = release_class("borduria", "indicator", label_from_document(document))
        stated = f"{word} {name}"
        node.take_in(stated, thing(stated), "borduria-1", decided)
    opened = release_class("borduria", "indicator", parse_label("TLP:GREEN"))
    node.take_in(f"{word} open", thing(f"{word} open"), "borduria-1", opened)
    for reader in ("trainee", "analyst"):
        with node.browse(reader) as http:
            found = http.get("/api/v1/statements", params={"text": word}).json()["statements"]
        assert [row["title"] for row in found] == [f"{word} open indicator"], reader
