"""What a second person keeps back is explained as kept back, to whoever may read it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringwall.client import Client
from tests.server.office_world import OfficeWorld
from tests.server.world import bundle, indicator


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OfficeWorld]:
    made = OfficeWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def analyst(node: OfficeWorld) -> Iterator[Client]:
    with node.client("analyst") as made:
        yield made


def stated(analyst: Client, document: Any, label: str) -> str:
    (one,) = analyst.submit(bundle(document), label=label)["submitted"]
    name: str = one["statement"]
    return name


def explained(client: Client, statement: str) -> Any:
    (told,) = client.explanation(statement, to="borduria")["members"]
    return told


def test_what_waits_and_what_was_refused_is_not_explained_as_released(
    node: OfficeWorld, analyst: Client
) -> None:
    one = stated(analyst, indicator("a"), "TLP:AMBER")
    told = explained(analyst, one)
    assert (told["permit"], told["gates"][-1]["gate"]) == (False, "second-person")
    assert (told["gates"][-1]["rule"], told["gates"][-1]["source"]) == ("waits", "rule amber")
    assert "standing order 4" in told["reason"]
    with node.http("releaser") as http:
        (held,) = http.get("/api/v1/held-releases").json()["held"]
        assert http.delete(f"/api/v1/held-releases/{held['id']}").status_code == 200
    told = explained(analyst, one)
    assert (told["permit"], told["gates"][-1]["rule"]) == (False, "refused")
    assert "a second person refused it (standing order 4)" in told["reason"]


def test_what_was_confirmed_is_explained_as_released(node: OfficeWorld, analyst: Client) -> None:
    one = stated(analyst, indicator("a"), "TLP:AMBER")
    with node.http("releaser") as http:
        (held,) = http.get("/api/v1/held-releases").json()["held"]
        path = f"/api/v1/held-releases/{held['id']}/confirmation"
        assert http.post(path).status_code == 200
    told = explained(analyst, one)
    assert told["permit"]
    assert "second-person" not in [gate["gate"] for gate in told["gates"]]


def test_what_only_names_what_waits_is_explained_without_saying_so(
    node: OfficeWorld, analyst: Client
) -> None:
    secret = indicator("a")
    stated(analyst, secret, "TLP:AMBER")
    one = stated(analyst, indicator("b", description=f"see {secret['id']}"), "TLP:GREEN")
    with node.client("trainee") as trainee:
        gate = explained(trainee, one)["gates"][-1]
    assert gate["gate"] == "second-person"
    assert "standing order" not in str(gate)
    assert "names" not in gate["fact"]


def test_the_delivery_of_what_waits_says_that_it_waits(node: OfficeWorld, analyst: Client) -> None:
    one = stated(analyst, indicator("a"), "TLP:AMBER")
    told = {each["member"]: each for each in analyst.delivery(one)["members"]}["borduria"]
    assert told["state"] == "withheld"
    assert told["reason"] == explained(analyst, one)["reason"]
    with node.http("releaser") as http:
        (held,) = http.get("/api/v1/held-releases").json()["held"]
        path = f"/api/v1/held-releases/{held['id']}/confirmation"
        assert http.post(path).status_code == 200
    told = {each["member"]: each for each in analyst.delivery(one)["members"]}["borduria"]
    assert told["state"] == "queued"
    assert "waits" not in told["reason"]
