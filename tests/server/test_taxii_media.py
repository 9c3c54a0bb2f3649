"""Media types: what is asked for and sent, on every endpoint and with every answer."""

import json

import httpx
import pytest

from tests.server.world import World, indicator

TAXII = "application/taxii+json;version=2.1"
ROOT = "/taxii2/ringwall"
ALL = f"{ROOT}/collections/all"
SUBMIT = f"{ROOT}/collections/submit-warning/objects/"
NOBODY = "indicator--00000000-0000-4000-8000-000000000000"
PATHS = (
    "/taxii2/", f"{ROOT}/", f"{ROOT}/collections/", f"{ALL}/", f"{ALL}/manifest/",
    f"{ALL}/objects/", f"{ALL}/objects/{NOBODY}/", f"{ALL}/objects/{NOBODY}/versions/",
    f"{ROOT}/status/7c8b1f0e-0000-4000-8000-000000000000/",
)  # fmt: skip
ACCEPTED = (
    TAXII, "application/taxii+json; version=2.1", 'application/taxii+json; version="2.1"',
    "application/taxii+json", "APPLICATION/TAXII+JSON;VERSION=2.1", "*/*", "application/*",
    "application/taxii+json;version=2.1;charset=utf-8", "application/json",
    "application/stix+json;version=2.1", "application/stix+json", "", "text/html, */*;q=0.1",
    "application/taxii+json;version=2.0, */*", "application/json, text/plain, */*",
    "application/taxii+json;version=2.1;q=0.5, application/taxii+json;version=2.0",
)  # fmt: skip
NOT_ACCEPTED = (
    "application/taxii+json;version=2.0", "application/vnd.oasis.taxii+json; version=2.0",
    "text/html", "application/xml", "application/taxii+json;version=3.0", "nonsense",
    "*/*;q=0", "application/taxii+json;version=2.1;q=0, */*",
)  # fmt: skip


def is_taxii(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].replace(" ", "") == TAXII


def test_every_endpoint_answers_in_the_versioned_media_type(world: World) -> None:
    world.submit(indicator("media"), label="TLP:GREEN")
    with world.http("analyst") as http:
        for path in PATHS:
            answer = http.get(path)
            assert answer.status_code in (200, 404), path
            assert is_taxii(answer), path


@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_client_that_takes_taxii_is_answered(world: World, accept: str) -> None:
    with world.http("analyst") as http:
        for path in PATHS:
            answer = http.get(path, headers={"accept": accept})
            assert answer.status_code in (200, 404), (accept, path)
            assert is_taxii(answer)


@pytest.mark.parametrize("accept", NOT_ACCEPTED)
def test_a_client_that_cannot_take_taxii_21_gets_406(world: World, accept: str) -> None:
    with world.http("analyst") as http:
        for path in PATHS:
            answer = http.get(path, headers={"accept": accept})
            assert answer.status_code == 406, (accept, path)
            assert is_taxii(answer)
            assert answer.json()["details"]["field"] == "accept"


@pytest.mark.parametrize(
    "sent",
    [
        TAXII,
        "application/taxii+json",
        "application/taxii+json; charset=utf-8",
        'application/taxii+json; version="2.1"; charset="UTF-8"',
    ],
)
def test_an_envelope_is_taken_in_every_form_of_its_media_type(world: World, sent: str) -> None:
    body = json.dumps({"objects": [indicator("sent")]})
    with world.http("analyst") as http:
        answer = http.post(SUBMIT, content=body, headers={"content-type": sent})
    assert (answer.status_code, answer.json()["success_count"]) == (202, 1)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "application/json",
        "application/xml",
        "application/stix+json;version=2.1",
        "application/taxii+json;version=2.0",
        "application/taxii+json;charset=latin-1",
        "application/x-www-form-urlencoded",
    ],
)
def test_any_other_body_gets_415(world: World, sent: str) -> None:
    body = json.dumps({"objects": [indicator("sent")]})
    with world.http("analyst") as http:
        answer = http.post(SUBMIT, content=body, headers={"content-type": sent})
    assert answer.status_code == 415
    assert is_taxii(answer)
    assert answer.json()["details"] == {
        "code": "invalid", "field": "content-type", "rule": "unsupported-media-type",
    }  # fmt: skip


def test_errors_are_taxii_errors_whatever_they_are(world: World) -> None:
    """401, 403, 404, 405, 406, 413, 415 and 400 carry an error body with a title (3.6.1)."""
    with world.http("analyst") as http, world.http() as stranger:
        answers = {
            401: stranger.get("/taxii2/"),
            403: http.get(f"{ROOT}/collections/submit/objects/"),
            404: http.get(f"{ROOT}/collections/none/"),
            405: http.delete("/taxii2/"),
            406: http.get("/taxii2/", headers={"accept": "text/html"}),
            415: http.post(SUBMIT, content=b"{}", headers={"content-type": "text/plain"}),
            400: http.get(f"{ALL}/objects/?limit=0"),
        }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert is_taxii(answer), status
        assert answer.json()["title"]
        assert answer.json()["http_status"] == str(status)
    assert "www-authenticate" in answers[401].headers


def test_head_answers_as_get_without_a_body(world: World) -> None:
    with world.http("analyst") as http:
        for path in PATHS:
            told, read = http.head(path), http.get(path)
            assert (told.status_code, told.content) == (read.status_code, b"")
            assert told.headers.get("content-type") == read.headers["content-type"]
