"""Who may touch the credentials of whom: nobody those of who stands above (CVE-2026-44380)."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given

from ringwall.alliance import RANKS, Reader, load_alliance
from ringwall.core import Forbidden
from ringwall.identity.people import check_rank
from ringwall.labels import Tlp
from ringwall.server import ROUTES
from tests.server.test_credentials import API, ROLE_OF, ROLE_SETS, entries, node, token_of
from tests.server.world import ALLIANCE, World

__all__ = ["node"]  # fixtures of the tests below


TOUCHING = [r for r in ROUTES if "/people/{reader" in r.path]
PAIRS = list(itertools.product(ROLE_OF, ROLE_OF))


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("ranked"))
    yield made
    made.close()


@pytest.mark.parametrize(("actor", "target"), PAIRS, ids=[f"{a}-{t}" for a, t in PAIRS])
def test_cve_2026_44380_nobody_touches_the_credentials_of_who_stands_above(
    ranked: World, actor: str, target: str
) -> None:
    assert len(TOUCHING) == 6
    for route in TOUCHING:
        path = route.path.replace("{reader:str}", target)
        for mark, value in {"token": "0" * 12, "passkey": "0" * 32, "session": "0" * 16}.items():
            path = path.replace(f"{{{mark}:str}}", value)
        with ranked.http(actor) as http:
            body = {"json": {}} if route.method == "POST" else {}
            answer = http.request(route.method, path, **body)
        may = ROLE_OF[actor] in route.access.roles
        above = RANKS[ROLE_OF[actor]] < RANKS[ROLE_OF[target]]
        if not may:
            assert (answer.status_code, answer.json()["rule"]) == (403, "role"), path
        elif above:
            assert (answer.status_code, answer.json()["rule"]) == (403, "rank"), path
        else:
            assert answer.status_code in (200, 201, 404), path


def test_cve_2026_44380_a_token_of_ones_own_is_no_way_to_anothers(node: World) -> None:
    token_of(node, "admin2")
    with node.http("admin2") as http:
        (name,) = [t["id"] for t in http.get(f"{API}/tokens").json()["tokens"] if t["tlp"]]
    with node.http("policy") as http:
        assert http.delete(f"{API}/tokens/{name}").status_code == 404
        assert http.delete(f"{API}/people/analyst/tokens/{name}").status_code == 404
        assert http.delete(f"{API}/people/admin2/tokens/{name}").json()["rule"] == "rank"
    with node.http("admin") as http:
        assert http.delete(f"{API}/people/admin2/tokens/{name}").status_code == 204
    (entry,) = entries(node, "token-revoked")
    assert (entry["reader"], entry["by"]) == ("admin2", "admin")


@given(one=ROLE_SETS, other=ROLE_SETS)
def test_cve_2026_44380_the_highest_role_decides(
    one: frozenset[str], other: frozenset[str]
) -> None:
    actor = Reader("a", "arden", "A", one, Tlp.CLEAR)
    target = Reader("b", "arden", "B", other, Tlp.CLEAR)
    if max(map(RANKS.get, one)) >= max(map(RANKS.get, other)):
        check_rank(actor, target)
    else:
        with pytest.raises(Forbidden):
            check_rank(actor, target)


def test_the_roles_of_this_world_are_all_there_are() -> None:
    readers = load_alliance(ALLIANCE).readers
    assert {name: readers[name].roles for name in ROLE_OF} == {
        name: {role} for name, role in ROLE_OF.items()
    }
    assert set(ROLE_OF.values()) == set(RANKS)
