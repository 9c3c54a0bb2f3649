"""Submitting, listing, searching, one statement with its proof, explanations, delivery."""

import json
import uuid

from ringwall.core import canonical_json
from ringwall.store import WriteTransaction
from tests.server.world import World, bundle, indicator

COMMON = {"spec_version", "created", "modified"}


def test_a_submission_answers_with_statements_recipients_and_reasons(world: World) -> None:
    thing = indicator("beacon")
    with world.http("tool") as http:
        answer = http.post(
            "/api/v1/submissions", params={"label": "warning"}, content=bundle(thing)
        )
    assert answer.status_code == 201
    (stated,) = answer.json()["submitted"]
    assert (stated["object"], stated["label"]) == (thing["id"], "TLP:GREEN")
    permits = {one["member"]: one["permit"] for one in stated["recipients"]}
    assert permits == {"borduria": True, "caledon": False}
    assert all(one["reason"] for one in stated["recipients"])


def test_what_is_refused_is_named_beside_what_was_taken(world: World) -> None:
    broken = indicator("broken")
    del broken["pattern"]
    with world.http("analyst") as http:
        some = http.post(
            "/api/v1/submissions?label=warning", content=bundle(indicator("fine"), broken)
        )
        none = http.post("/api/v1/submissions?label=warning", content=bundle(broken))
        unlabelled = http.post("/api/v1/submissions", content=bundle(indicator("bare")))
    assert some.status_code == 201
    assert len(some.json()["submitted"]) == 1
    assert some.json()["refused"][0]["field"].endswith("pattern")
    assert none.status_code == 422
    assert none.headers["content-type"] == "application/problem+json"
    assert none.json()["refused"][0]["object_id"] == broken["id"]
    assert (unlabelled.status_code, unlabelled.json()["rule"]) == (422, "unlabelled")


def test_a_dry_run_stores_nothing(world: World) -> None:
    thing = indicator("dry")
    with world.http("analyst") as http:
        query = {"label": "TLP:GREEN", "dry_run": "true"}
        answer = http.post("/api/v1/submissions", params=query, content=bundle(thing))
        missing = http.get(f"/api/v1/objects/{thing['id']}")
    assert answer.status_code == 200
    assert answer.json()["submitted"][0]["statement"] == ""
    assert missing.status_code == 404


def test_pages_follow_the_order_of_arrival_without_gaps(world: World) -> None:
    stated = world.submit(*(indicator(f"page {n}") for n in range(7)), label="TLP:GREEN")
    found: list[str] = []
    after, more = "0", True
    with world.http("analyst") as http:
        while more:
            page = http.get("/api/v1/statements", params={"after": after, "limit": 3}).json()
            assert len(page["statements"]) <= 3
            found += [row["statement"] for row in page["statements"]]
            after, more = page["next"], page["more"]
    assert found[-7:] == stated
    assert len(found) == len(set(found))


def test_search_finds_by_words_and_by_exact_value(world: World) -> None:
    (stated,) = world.submit(
        indicator("Zanzibar implant", value="198.51.100.77"), label="TLP:GREEN"
    )
    with world.http("analyst") as http:
        by_word = http.get("/api/v1/statements", params={"text": "zanzibar"}).json()
        by_value = http.get("/api/v1/statements", params={"value": "198.51.100.77"}).json()
        other_type = http.get(
            "/api/v1/statements", params={"text": "zanzibar", "type": "malware"}
        ).json()
    assert [row["statement"] for row in by_word["statements"]] == [stated]
    assert [row["statement"] for row in by_value["statements"]] == [stated]
    assert other_type["statements"] == []


def test_a_statement_comes_with_its_signed_bytes_and_a_proof_that_holds(world: World) -> None:
    thing = indicator("proven", x_float=1.5)
    (stated,) = world.submit(thing, label="TLP:AMBER")
    with world.http("analyst") as http:
        before = http.get(f"/api/v1/statements/{stated}").json()
        world.seal(stated)
        answer = http.get(f"/api/v1/statements/{stated}")
    assert before["provenance"]["proof"] is None
    assert before["provenance"]["verified"] is False
    assert answer.json()["provenance"]["verified"] is True
    assert canonical_json(thing) in answer.content
    assert answer.json()["provenance"]["sequence"] == int(stated.split(":")[1])


def test_a_proof_that_does_not_fit_is_shown_as_such(own_world: World) -> None:
    first, second = own_world.submit(indicator("one"), indicator("two"), label="TLP:GREEN")
    own_world.seal(first)
    with own_world.store.read() as snapshot:
        rows = snapshot.statements(list(snapshot.release_classes()), limit=10)
        proof = snapshot.statement_by_id(rows[0].id)
    assert proof is not None
    assert proof.proof is not None
    shared, stolen = proof.proof
    own_world.store.write(lambda tx: tx.set_proofs(shared, [(rows[1].order, stolen)])).result()
    with own_world.http("analyst") as http:
        shown = http.get(f"/api/v1/statements/{second}").json()["provenance"]
    assert shown["verified"] is False
    assert "object" in shown["problem"]


def test_explanations_name_every_member_and_gate(world: World) -> None:
    (stated,) = world.submit(indicator("explained"), label="TLP:AMBER//REL TO borduria")
    with world.http("analyst") as http:
        whole = http.get(f"/api/v1/statements/{stated}/explanation").json()
        one = http.get(f"/api/v1/statements/{stated}/explanation?to=caledon").json()
        asked = {"label": "TLP:AMBER//REL TO borduria", "object_type": "indicator"}
        preview = http.post("/api/v1/explanations", json=asked).json()
        unknown = http.get(f"/api/v1/statements/{stated}/explanation?to=nowhere")
    verdicts = {m["member"]: m["permit"] for m in whole["members"]}
    assert verdicts == {"borduria": True, "caledon": False}
    assert preview["members"] == whole["members"]
    (caledon,) = one["members"]
    assert any(gate["outcome"] == "deny" for gate in caledon["gates"])
    assert caledon["reason"]
    assert unknown.json()["field"] == "to"


def test_explanations_say_who_is_described_and_has_not_enrolled(own_world: World) -> None:
    own_world.context.intake.recipients = frozenset({"caledon-1"})
    (stated,) = own_world.submit(indicator("explained"), label="TLP:AMBER//REL TO borduria")
    with own_world.http("analyst") as http:
        one = http.get(f"/api/v1/statements/{stated}/explanation?to=borduria").json()
        told = http.get(f"/api/v1/statements/{stated}/delivery").json()
    (borduria,) = one["members"]
    assert not borduria["permit"]
    (node,) = [gate for gate in borduria["gates"] if gate["outcome"] == "deny"]
    assert (node["gate"], node["rule"], node["source"]) == ("node", "not-enrolled", "registry")
    states = {each["member"]: (each["state"], each["reason"]) for each in told["members"]}
    assert states["borduria"] == (
        "withheld",
        "withheld from borduria: borduria has no node in the registry",
    )


def test_delivery_tells_queued_and_withheld_with_the_reason(world: World) -> None:
    (stated,) = world.submit(indicator("delivered"), label="TLP:GREEN")
    with world.http("watch") as http:
        document = http.get(f"/api/v1/statements/{stated}/delivery").json()
    states = {m["member"]: m["state"] for m in document["members"]}
    assert states == {"borduria": "queued", "caledon": "withheld"}
    assert all(m["reason"] for m in document["members"] if m["state"] == "withheld")


def test_delivery_tells_the_last_word_when_sealing_narrowed_the_release(world: World) -> None:
    (stated,) = world.submit(indicator("narrowed"), label="TLP:GREEN")
    with world.store.read() as snapshot:
        order = snapshot.last_order()
    reasons = [{"node": "borduria-1", "permit": False, "reason": "closed before it left"}]
    at = "2026-01-01T00:00:00.000000Z"

    def narrow(tx: WriteTransaction) -> None:
        tx.dequeue([order])
        tx.add_release(order, "another policy", [], reasons, at)

    world.store.write(narrow).result()
    with world.http("releaser") as http:
        document = http.get(f"/api/v1/statements/{stated}/delivery").json()
    borduria = document["members"][0]
    assert (borduria["state"], borduria["reason"]) == ("withheld", "closed before it left")
    assert document["policy_version"] == "another policy"


def test_reference_sets_are_loaded_and_read(world: World) -> None:
    with world.http("tool") as tool, world.http("analyst") as http:
        loaded = tool.post("/api/v1/references/attack", content=bundle(indicator("reference")))
        sets = http.get("/api/v1/references").json()["sets"]
        page = http.get("/api/v1/references?set=attack").json()
        by_analyst = http.post("/api/v1/references/attack", content=bundle(indicator("no")))
    assert loaded.status_code == 201
    assert sets == {"attack": 1}
    assert page["objects"][0]["name"] == "reference"
    assert by_analyst.status_code == 403


def test_errors_name_field_and_rule(world: World) -> None:
    cases = {
        "/api/v1/statements?limt=5": ("limt", "unknown-parameter"),
        "/api/v1/statements?limit=0": ("limit", "range"),
        "/api/v1/statements?limit=x": ("limit", "integer"),
        "/api/v1/statements?limit=1&limit=2": ("limit", "duplicate-parameter"),
        "/api/v1/statements/17": ("statement", "statement-id"),
    }
    with world.http("analyst") as http:
        for path, (field, rule) in cases.items():
            answer = http.get(path)
            assert answer.status_code == 422
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.json()["field"], answer.json()["rule"]) == (field, rule)
        bad_label = http.post(
            "/api/v1/submissions?label=TLP:PURPLE", content=bundle(indicator("x"))
        )
        no_json = http.post("/api/v1/submissions?label=warning", content=b"{")
    assert bad_label.json()["field"] == "label"
    assert no_json.json()["rule"] == "json"


def test_the_alliance_and_the_reader_are_described(world: World) -> None:
    with world.http("admin") as http:
        me = http.get("/api/v1/me").json()
        alliance = http.get("/api/v1/alliance").json()
        peers = http.get("/api/v1/peers").json()
    assert (me["reader"], me["member"], me["alliance"]["kind"]) == ("admin", "arden", "exercise")
    assert alliance["groups"] == {"allies": ["arden", "borduria"]}
    assert json.dumps(alliance).find("analyst") == -1  # readers are the member's own affair
    assert peers["node"] == "arden-1"


def test_auditors_see_that_content_was_read(world: World) -> None:
    (stated,) = world.submit(indicator("watched"), label="TLP:GREEN")
    with world.http("analyst") as http:
        http.get(f"/api/v1/statements/{stated}")
    with world.http("auditor") as http:
        size = http.get("/api/v1/audit?limit=1").json()["size"]
        (last,) = http.get(f"/api/v1/audit?after={size - 1}").json()["entries"]
    assert last["entry"]["kind"] == "read"
    assert last["entry"]["reader"] == "analyst"
    assert last["entry"]["route"] == "/api/v1/statements/{statement:str}"


def test_what_another_member_stated_is_read_and_its_delivery_is_its_own_affair(
    world: World,
) -> None:
    received = world.receive(indicator("from abroad"), label="TLP:GREEN", sequence=1)
    with world.http("analyst") as http:
        shown = http.get(f"/api/v1/statements/{received}").json()
        delivery = http.get(f"/api/v1/statements/{received}/delivery")
    assert (shown["source"], shown["origin"]) == ("borduria", "borduria-1")
    assert shown["provenance"]["verified"] is False
    assert delivery.status_code == 404


def test_a_submitting_tool_reads_what_its_own_member_stated_and_no_more(world: World) -> None:
    (own,) = world.submit(indicator("own"), label="TLP:GREEN", reader="tool")
    foreign = world.receive(indicator("foreign"), label="TLP:GREEN", sequence=2)
    with world.http("tool") as http:
        assert http.get(f"/api/v1/statements/{own}").status_code == 200
        assert http.get(f"/api/v1/statements/{foreign}").status_code == 404
        rows = http.get("/api/v1/statements?limit=1000").json()["statements"]
    assert own in [row["statement"] for row in rows]
    assert {row["source"] for row in rows} == {"arden"}


def test_sources_that_state_the_same_object_keep_their_own_labels(world: World) -> None:
    thing = indicator("shared")
    (own,) = world.submit(thing, label="TLP:AMBER")
    theirs = world.receive(thing, label="TLP:GREEN", sequence=3)
    with world.http("analyst") as http, world.http("trainee") as trainee:
        both = http.get(f"/api/v1/objects/{thing['id']}/statements").json()["statements"]
        one = trainee.get(f"/api/v1/objects/{thing['id']}/statements").json()["statements"]
    assert {row["statement"]: row["label"] for row in both} == {
        own: "TLP:AMBER",
        theirs: "TLP:GREEN",
    }
    assert [row["statement"] for row in one] == [theirs]


def test_the_latest_are_counted_among_what_the_reader_may_see(own_world: World) -> None:
    """Neither the rows nor the cursor tell how much arrived that the reader may not see."""
    seen = own_world.submit(*(indicator(f"seen {n}") for n in range(5)), label="TLP:GREEN")
    with own_world.http("trainee") as http:
        urls = [f"/api/v1/statements?latest={n}" for n in (1, 2, 4, 5, 6, 1000)]
        before = [http.get(url).content for url in urls]
        rows = http.get(urls[2]).json()["statements"]
        own_world.submit(*(indicator(f"hidden {n}") for n in range(40)), label="TLP:RED")
        assert [http.get(url).content for url in urls] == before
    assert [row["statement"] for row in rows] == seen[1:]
    with own_world.http("tool") as http:  # who sees nothing at all is told nothing at all
        own_world.receive(indicator("foreign"), label="TLP:GREEN", sequence=1)
        foreign = http.get("/api/v1/statements?latest=10&source=borduria").json()
    assert foreign == {"statements": [], "more": False, "next": "0"}


def test_auditors_see_no_ids_of_objects(world: World) -> None:
    thing, foreign = indicator("red"), indicator("red from abroad")
    (stated,) = world.submit(thing, label="TLP:RED")
    world.receive(foreign, label="TLP:RED", sequence=77)
    with world.store.read() as snapshot:
        leaves = [row.leaf for row in snapshot.audit_entries(0, 1000)]
        digests = [row.hash.hex() for row in snapshot.audit_entries(0, 1000)]
    with world.http("auditor") as http:
        answer = http.get("/api/v1/audit?limit=1000")
    assert thing["id"].encode() in b"".join(leaves)  # the log itself holds it
    assert "indicator--" not in answer.text
    shown = answer.json()["entries"][: len(leaves)]
    assert [row["hash"] for row in shown] == digests
    entries = [row["entry"] for row in shown]
    (accepted,) = [entry for entry in entries if stated in entry.get("statements", ())]
    assert (accepted["kind"], accepted["at"][-1]) == ("accepted", "Z")


def test_a_reference_set_is_replaced_whole_or_not_at_all(world: World) -> None:
    broken = indicator("broken")
    del broken["pattern"]
    with world.http("tool") as tool, world.http("analyst") as http:
        tool.post("/api/v1/references/kept", content=bundle(indicator("before")))
        before = http.get("/api/v1/references?set=kept").json()
        for wrong in (bundle(indicator("fine"), broken), bundle(broken), bundle()):
            answer = tool.post("/api/v1/references/kept", content=wrong)
            assert answer.status_code == 422
        assert http.get("/api/v1/references?set=kept").json() == before


def test_an_object_comes_once_under_the_least_restrictive_label(world: World) -> None:
    thing = indicator("listed once")
    (own,) = world.submit(thing, label="TLP:AMBER")
    theirs = world.receive(thing, label="TLP:GREEN", sequence=101)
    newer = {**thing, "modified": "2026-02-01T00:00:00.000Z", "name": "newer"}
    path = f"/api/v1/objects/{thing['id']}"
    with world.http("analyst") as http, world.http("trainee") as trainee:
        both, one = http.get(path).json(), trainee.get(path).json()
        (later,) = world.submit(newer, label="TLP:RED")
        latest, still = http.get(path).json(), trainee.get(path).json()
        absent = http.get(f"/api/v1/objects/{indicator('x')['id']}")
    assert (both["label"], both["sources"]) == ("TLP:GREEN", ["arden", "borduria"])
    assert sorted(both["statements"]) == sorted([own, theirs])
    assert (one["label"], one["sources"], one["statements"]) == (
        "TLP:GREEN",
        ["borduria"],
        [theirs],
    )
    assert (latest["title"], latest["label"], latest["statements"]) == ("newer", "TLP:RED", [later])
    assert still == one
    assert absent.status_code == 404


def test_statements_of_an_object_come_newest_first_or_page_by_page(world: World) -> None:
    thing = indicator("versions")
    ids = [
        world.submit({**thing, "modified": f"2026-01-0{day}T00:00:00.000Z"}, label="TLP:GREEN")[0]
        for day in range(1, 6)
    ]
    path = f"/api/v1/objects/{thing['id']}/statements"
    found: list[str] = []
    after, more = "0", True
    with world.http("analyst") as http:
        newest = http.get(path, params={"limit": 2}).json()
        while more:
            page = http.get(path, params={"limit": 2, "after": after}).json()
            found += [row["statement"] for row in page["statements"]]
            after, more = page["next"], page["more"]
        beyond = http.get(path, params={"after": after}).json()
    assert [row["statement"] for row in newest["statements"]] == ids[:-3:-1]
    assert (newest["more"], newest["next"]) == (True, None)
    assert found == ids
    assert beyond == {"statements": [], "more": False, "next": after}


def test_searches_are_narrowed_and_paged(own_world: World) -> None:
    kinds = ("malware", "tool", "campaign")
    things = [
        {"type": kind, "id": f"{kind}--{uuid.uuid4()}", "name": f"quokka {number}"}
        for number in range(3)
        for kind in kinds
    ]
    common = {key: value for key, value in indicator("x").items() if key in COMMON}
    family = [
        {**common, **thing} | ({"is_family": False} if thing["type"] == "malware" else {})
        for thing in things
    ]
    stated = [own_world.submit(one, label="TLP:GREEN")[0] for one in family]
    foreign = own_world.receive(indicator("quokka abroad"), label="TLP:GREEN", sequence=9)
    with own_world.http("analyst") as http:

        def ask(**query: object) -> list[str]:
            rows = http.get("/api/v1/statements", params=query).json()["statements"]
            return [row["statement"] for row in rows]

        assert ask(text="quokka") == [foreign, *stated[::-1]]
        assert ask(text="quokka", after="0", limit=4) == stated[:4]
        assert (
            ask(text="quokka", type="malware,tool")
            == [
                one
                for one, thing in zip(stated, things, strict=True)
                if thing["type"] != "campaign"
            ][::-1]
        )
        assert ask(text="quokka", source="borduria") == [foreign]
        assert ask(after="0", text="quokka", type="malware", limit=2) == [stated[0], stated[3]]
        assert ask(text="quokka", latest=3) == [*stated[-2:], foreign]
        assert ask(text="quokka", value="192.0.2.1") == [foreign]
        page = http.get("/api/v1/statements?text=quokka&after=0&limit=9").json()
        rest = http.get(f"/api/v1/statements?text=quokka&after={page['next']}").json()
    assert page["more"] is True
    assert [row["statement"] for row in rest["statements"]] == [foreign]


def test_listings_are_cut_at_times_of_arrival(own_world: World) -> None:
    (early,) = own_world.submit(indicator("early"), label="TLP:GREEN")
    with own_world.http("analyst") as http:
        moment = http.get(f"/api/v1/statements/{early}").json()["received_at"]
        (late,) = own_world.submit(indicator("late"), label="TLP:GREEN")

        def ask(query: str) -> list[str]:
            rows = http.get(f"/api/v1/statements?{query}").json()["statements"]
            return [row["statement"] for row in rows]

        assert ask(f"received_after={moment}") == [late]
        assert ask(f"received_until={moment}") == [early]
        assert ask(f"received_after={moment}&received_until={moment}") == []
        assert ask(f"text=early&received_until={moment}") == [early]
        assert ask(f"text=late&received_until={moment}") == []
        assert ask(f"received_until={moment}&latest=5") == [early]
        wrong = http.get("/api/v1/statements?received_after=yesterday")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "received_after")


def test_auditors_are_not_told_what_a_refusal_repeats(own_world: World) -> None:
    echo = "indicator--00000000-0000-4000-8000-000000000001: name: 'a secret name' is too long"
    for kind in ("quarantined", "message-refused"):
        entry = {"rule": "size", "reason": echo}
        own_world.store.write(lambda tx, k=kind, e=entry: tx.append_audit(k, e)).result()
    with own_world.http("auditor") as http:
        answer = http.get("/api/v1/audit?limit=1000")
    assert "secret name" not in answer.text
    shown = [each["entry"] for each in answer.json()["entries"]]
    assert [each["rule"] for each in shown if each.get("rule")] == ["size", "size"]
