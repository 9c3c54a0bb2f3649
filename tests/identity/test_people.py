"""The readers of a node: the description goes first, the provider's word ends."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import Alliance, Clearance, Reader, load_alliance
from ringwall.alliance.assertions import is_federated
from ringwall.identity import find_reader, find_readers
from ringwall.identity.people import Person, end_person, person_id, put_person
from ringwall.labels import Tlp
from ringwall.store import Store
from tests.identity.alliances import ALLIANCE

AT, UNTIL = "2026-01-01T00:00:00.000000Z", "2026-01-01T08:00:00.000000Z"
NAME = person_id("https://idp.example", "1")
ADA = Reader(
    NAME, "arden", "Ada", frozenset({"analyst"}), Tlp.AMBER, "arden", frozenset({"fusion"}),
    (Clearance("national", "OPEN"),),
)  # fmt: skip


@pytest.fixture
def alliance() -> Alliance:
    return load_alliance(ALLIANCE)


def keep(store: Store, reader: Reader) -> None:
    person = Person(reader, "https://idp.example", AT, UNTIL)
    store.write(lambda tx: put_person(tx, person)).result()


def found(store: Store, alliance: Alliance, name: str, at: str = AT) -> Reader | None:
    with store.read() as snapshot:
        return find_reader(alliance, "arden", snapshot, name, at)


def test_a_person_is_as_the_provider_said_until_its_word_ends(
    store: Store, alliance: Alliance
) -> None:
    assert found(store, alliance, NAME) is None
    keep(store, ADA)
    assert found(store, alliance, NAME) == ADA
    assert found(store, alliance, NAME, UNTIL) is None
    with store.read() as snapshot:
        assert find_reader(alliance, "borduria", snapshot, NAME, AT) is None
        listed = find_readers(alliance, "arden", snapshot, AT)
    assert [(reader.id, until) for reader, until in listed] == [("analyst", ""), (NAME, UNTIL)]


def test_readers_of_other_members_are_no_readers_here(store: Store, alliance: Alliance) -> None:
    assert found(store, alliance, "analyst") == alliance.readers["analyst"]
    assert found(store, alliance, "stranger") is None


def test_no_document_changes_whom_the_description_names(store: Store, alliance: Alliance) -> None:
    keep(store, msgspec.structs.replace(ADA, id="analyst", roles=frozenset({"auditor"})))
    assert found(store, alliance, "analyst") == alliance.readers["analyst"]
    keep(store, msgspec.structs.replace(ADA, id="once-described"))
    assert found(store, alliance, "once-described") is None


def test_a_lower_ceiling_ends_who_stands_above_it(store: Store, alliance: Alliance) -> None:
    keep(store, ADA)
    member = alliance.members["arden"]
    lower = msgspec.structs.replace(member.assertions, tlp=Tlp.GREEN)
    for ceiling in (lower, None):
        changed = msgspec.structs.replace(member, assertions=ceiling)
        members = {**alliance.members, "arden": changed}
        assert found(store, msgspec.structs.replace(alliance, members=members), NAME) is None


def test_a_person_is_ended(store: Store, alliance: Alliance) -> None:
    keep(store, ADA)
    assert store.write(lambda tx: end_person(tx, "arden", NAME)).result()
    assert not store.write(lambda tx: end_person(tx, "arden", NAME)).result()
    assert found(store, alliance, NAME) is None


@given(one=st.tuples(st.text(), st.text()), other=st.tuples(st.text(), st.text()))
def test_subjects_of_different_issuers_have_different_names(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (person_id(*one) == person_id(*other)) == (one == other)
    assert is_federated(person_id(*one))
