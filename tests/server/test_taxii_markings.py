"""Every object leaves TAXII with a marking at least as strict as its statement's label."""

import json
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core import canonical_json
from ringwall.labels import TLP_MARKINGS, Label, Tlp
from ringwall.server.taxii_markings import bodies_for_tlp_1, marked_bodies
from ringwall.store import PageRow
from tests.server.world import World, indicator

ROOT = "/taxii2/ringwall/collections"
TLP_2 = {
    "CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "RED": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
WHITE = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
TLP_1 = {
    "CLEAR": WHITE,
    "GREEN": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "AMBER": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "AMBER+STRICT": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    "RED": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
NOTICE = "marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168"


def row(thing: dict[str, Any]) -> PageRow:
    body = canonical_json(thing)
    return PageRow(
        order=1, object_id=thing.get("id", "x"), object_type="indicator", version="",
        received_at="", release_class=7, marked=b'"object_marking_refs":[' in body,
        contested=False, digest=b"", body=body,
    )  # fmt: skip


def served(thing: dict[str, Any], tlp: Tlp | None) -> dict[str, Any]:
    (body,) = marked_bodies([row(thing)], {7: Label(tlp=tlp)})
    found: dict[str, Any] = json.loads(body)
    return found


def ranks(thing: dict[str, Any]) -> list[int]:
    return [TLP_MARKINGS[ref].rank for ref in thing["object_marking_refs"] if ref in TLP_MARKINGS]


@pytest.mark.parametrize("tlp", list(Tlp))
def test_what_shows_no_marking_gets_that_of_its_label(tlp: Tlp) -> None:
    thing = indicator("bare")
    assert served(thing, tlp) == {**thing, "object_marking_refs": [TLP_2[tlp]]}


def test_a_label_without_tlp_counts_as_red() -> None:
    assert served(indicator("bare"), None)["object_marking_refs"] == [TLP_2["RED"]]


def test_what_shows_its_label_goes_out_as_it_is_stored() -> None:
    for ref, tlp in TLP_MARKINGS.items():
        stored = row(indicator("marked", object_marking_refs=[ref]))
        assert marked_bodies([stored], {7: Label(tlp=tlp)}) == [stored.body]
        (body,) = marked_bodies([stored], {7: Label(tlp=tlp)})
        assert body is stored.body


def test_a_copyright_notice_is_no_tlp() -> None:
    thing = indicator("noticed", object_marking_refs=[NOTICE])
    assert served(thing, Tlp.AMBER)["object_marking_refs"] == [NOTICE, TLP_2["AMBER"]]
    both = indicator("both", object_marking_refs=[NOTICE, TLP_2["AMBER"]])
    assert served(both, Tlp.AMBER) == both


def test_a_marking_below_the_label_is_joined_by_the_labels() -> None:
    """A machine tag may be stricter than the marking beside it."""
    thing = indicator("tagged", object_marking_refs=[TLP_2["GREEN"]], labels=["tlp:red"])
    assert max(ranks(served(thing, Tlp.RED))) == Tlp.RED.rank


def test_a_marking_inside_something_else_is_not_the_objects_own() -> None:
    inner = {"object_marking_refs": [TLP_2["RED"]], "odd": "}"}
    for name in ("a_first", "x_last"):
        thing = indicator("nested", **{name: inner})
        assert served(thing, Tlp.GREEN)["object_marking_refs"] == [TLP_2["GREEN"]]
        own = indicator("nested", object_marking_refs=[NOTICE], **{name: inner})
        assert served(own, Tlp.GREEN)["object_marking_refs"] == [NOTICE, TLP_2["GREEN"]]
    # braces in a later text must not make up for those that close around the inner one
    deep = {"type": "indicator", "a_first": {"x": inner}, "name": "{{{"}
    assert served(deep, Tlp.GREEN)["object_marking_refs"] == [TLP_2["GREEN"]]


@given(
    refs=st.lists(st.sampled_from([*TLP_MARKINGS, NOTICE]), max_size=4, unique=True),
    tlp=st.sampled_from([*Tlp, None]),
    more=st.dictionaries(
        st.text("axz_", min_size=1, max_size=3).map("x_".__add__),
        st.recursive(
            st.text('{}"\\ab', max_size=6) | st.integers(-5, 5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner),
            max_leaves=6,
        ),
        max_size=3,
    ),
)
def test_nothing_leaves_less_restricted_than_its_label(
    refs: list[str], tlp: Tlp | None, more: dict[str, Any]
) -> None:
    thing = {**indicator("any"), **more} | ({"object_marking_refs": refs} if refs else {})
    wanted = (tlp or Tlp.RED).rank
    found = served(thing, tlp)
    assert max(ranks(found)) >= wanted
    assert {**found, "object_marking_refs": 0} == {**thing, "object_marking_refs": 0}
    assert found["object_marking_refs"][: len(refs)] == refs
    (old,) = bodies_for_tlp_1([row(thing)], {7: Label(tlp=tlp)})
    found = msgspec.json.decode(old)
    (level,) = [ref for ref in found["object_marking_refs"] if ref in TLP_MARKINGS]
    strictest = max([wanted, *(TLP_MARKINGS[r].rank for r in refs if r in TLP_MARKINGS)])
    assert level == TLP_1[[*Tlp][strictest]]


def test_a_named_label_leaves_as_its_marking(own_world: World) -> None:
    thing = indicator("bare")
    own_world.submit(thing, label="warning")
    with own_world.http("trainee") as http:
        (found,) = http.get(f"{ROOT}/all/objects/").json()["objects"]
        (one,) = http.get(f"{ROOT}/all/objects/{thing['id']}/").json()["objects"]
    assert found == one == {**thing, "object_marking_refs": [TLP_2["GREEN"]]}


def test_the_least_restrictive_visible_label_marks_what_is_stated_twice(own_world: World) -> None:
    thing = indicator("stated by two")
    own_world.submit(thing, label="TLP:AMBER")
    own_world.receive(thing, label="TLP:GREEN", sequence=1)
    own_world.submit(thing, label="TLP:RED")
    for collection, reader, tlp in (
        ("all", "analyst", "GREEN"), ("all", "trainee", "GREEN"),
        ("source-arden", "analyst", "AMBER"), ("source-borduria", "analyst", "GREEN"),
    ):  # fmt: skip
        with own_world.http(reader) as http:
            (found,) = http.get(f"{ROOT}/{collection}/objects/").json()["objects"]
        assert found["object_marking_refs"] == [TLP_2[tlp]], (collection, reader)


def test_a_version_that_becomes_freer_comes_again_with_the_freer_marking(own_world: World) -> None:
    thing = indicator("freed")
    own_world.submit(thing, indicator("other"), label="TLP:AMBER")
    with own_world.http("analyst") as http:
        before = http.get(f"{ROOT}/all/objects/")
        own_world.submit(thing, label="TLP:RED")  # stricter: nothing changes
        last = {"added_after": before.headers["x-taxii-date-added-last"]}
        assert http.get(f"{ROOT}/all/objects/", params=last).json()["objects"] == []
        own_world.submit(thing, label="TLP:CLEAR")
        (again,) = http.get(f"{ROOT}/all/objects/", params=last).json()["objects"]
        listed = http.get(f"{ROOT}/all/objects/").json()["objects"]
    assert (again["id"], again["object_marking_refs"]) == (thing["id"], [TLP_2["CLEAR"]])
    assert [one["name"] for one in listed] == ["other", "freed"]


def test_an_old_client_gets_tlp_1_by_a_setting_of_its_reader(own_world: World) -> None:
    own_world.submit(indicator("strict"), label="TLP:AMBER+STRICT")
    own_world.submit(indicator("clear", object_marking_refs=[TLP_2["CLEAR"]]), label="")
    own_world.intake.load_reference(
        own_world.alliance.readers["releaser"], "set", _bundle(indicator("reference"))
    )

    def refs(reader: str, collection: str = "all") -> list[list[str]]:
        with own_world.http(reader) as http:
            found = http.get(f"{ROOT}/{collection}/objects/").json()["objects"]
        return [one.get("object_marking_refs", []) for one in found]

    with own_world.http("watch") as http:
        assert http.get("/api/v1/taxii-settings").json() == {"tlp": "2.0"}
        wrong = http.post("/api/v1/taxii-settings", json={"tlp": "3.0"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "/tlp")
        assert http.post("/api/v1/taxii-settings", json={"tlp": "1.0"}).json() == {"tlp": "1.0"}
        assert http.get("/api/v1/taxii-settings").json() == {"tlp": "1.0"}
    assert refs("watch") == [[TLP_1["RED"]], [WHITE]]
    assert refs("watch", "reference") == [[WHITE]]
    assert refs("analyst") == [[TLP_2["AMBER+STRICT"]], [TLP_2["CLEAR"]]]
    assert refs("analyst", "reference") == [[]]


def _bundle(thing: dict[str, Any]) -> bytes:
    name = f"bundle--{uuid.uuid4()}"
    return json.dumps({"type": "bundle", "id": name, "objects": [thing]}).encode()
