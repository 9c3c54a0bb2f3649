"""What a member may say of its own people: never more than the alliance description lets it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance import (
    ROLES,
    Alliance,
    Assertions,
    ClassificationPolicy,
    Clearance,
    Level,
    Member,
    Reader,
    Tag,
    within_assertions,
)
from ringwall.alliance.assertions import cut_to_assertions, is_federated
from ringwall.labels import Category, Tlp

PERSON = "p-" + "0" * 32
SECRET = ClassificationPolicy(
    "national",
    "urn:oid:1.2.3",
    levels={name: Level(name, rank) for rank, name in enumerate(("OPEN", "SECRET", "TOP"))},
    tags={"SAP": Tag("SAP", "restrictive", frozenset({"A", "B"}))},
)


def cleared(level: str, *values: str, policy: str = "national") -> Clearance:
    return Clearance(policy, level, (Category("SAP", values),) if values else ())


CEILING = Assertions(
    roles=frozenset({"analyst", "auditor"}),
    tlp=Tlp.AMBER,
    nationalities=frozenset({"arden"}),
    communities=frozenset({"fusion"}),
    clearances=(cleared("SECRET", "A"),),
)


def alliance(ceiling: Assertions | None = CEILING, **readers: Reader) -> Alliance:
    members = {
        "arden": Member("arden", "Arden", "nation", assertions=ceiling),
        "borduria": Member("borduria", "Borduria", "nation"),
    }
    return Alliance("a", "A", "exercise", members, {}, (), {}, readers, "", {"national": SECRET})


def person(**given: object) -> Reader:
    asked = Reader(PERSON, "arden", "Somebody", frozenset({"analyst"}), Tlp.GREEN)
    return msgspec.structs.replace(asked, **given)


def test_a_person_within_the_ceiling_is_asserted() -> None:
    whole = person(
        tlp=Tlp.AMBER,
        nationality="arden",
        communities=frozenset({"fusion"}),
        clearances=(cleared("SECRET", "A"),),
    )
    assert within_assertions(alliance(), whole) == ""
    assert within_assertions(alliance(), person(clearances=(cleared("OPEN"),))) == ""
    assert cut_to_assertions(alliance(), whole).reader == whole


@pytest.mark.parametrize(
    ("given", "attribute"),
    [
        ({"roles": frozenset({"administrator"})}, "roles"),
        ({"roles": frozenset({"made-up"})}, "roles"),
        ({"tlp": Tlp.RED}, "tlp"),
        ({"nationality": "borduria"}, "nationality"),
        ({"communities": frozenset({"fusion", "inner"})}, "communities"),
        ({"clearances": (cleared("TOP"),)}, "clearances"),
        ({"clearances": (cleared("SECRET", "B"),)}, "clearances"),
        ({"clearances": (cleared("UNHEARD-OF"),)}, "clearances"),
        ({"clearances": (cleared("OPEN", policy="other"),)}, "clearances"),
        ({"member": "borduria"}, "assertions"),
        ({"member": "nowhere"}, "member"),
        ({"id": "analyst"}, "id"),
        ({"id": "p-" + "0" * 31}, "id"),
    ],
)
def test_what_is_beyond_is_named_and_taken_away(given: dict[str, object], attribute: str) -> None:
    asked = person(**given)
    assert within_assertions(alliance(), asked) == attribute
    cut = cut_to_assertions(alliance(), asked)
    if attribute in ("roles", "tlp", "nationality", "communities", "clearances"):
        assert {name for name, _ in cut.beyond} == {attribute}


def test_what_is_beyond_is_not_lowered_to_what_would_be_allowed() -> None:
    cut = cut_to_assertions(alliance(), person(tlp=Tlp.RED, clearances=(cleared("TOP"),)))
    assert (cut.reader.tlp, cut.reader.clearances) == (Tlp.CLEAR, ())
    assert cut.beyond == (("tlp", "RED"), ("clearances", "national TOP"))


def test_a_described_reader_is_never_an_asserted_one() -> None:
    assert within_assertions(alliance(**{PERSON: person()}), person()) == "id"


def test_operating_and_content_do_not_go_together_even_if_each_is_allowed() -> None:
    ceiling = Assertions(roles=ROLES)
    for other in ("analyst", "watch-officer", "release-officer", "submitter"):
        asked = person(roles=frozenset({"administrator", other}), tlp=Tlp.CLEAR)
        assert within_assertions(alliance(ceiling), asked) == "roles"
    asked = person(roles=frozenset({"administrator", "auditor"}), tlp=Tlp.CLEAR)
    assert within_assertions(alliance(ceiling), asked) == ""


def test_a_member_without_a_ceiling_asserts_nobody() -> None:
    assert within_assertions(alliance(None), person()) == "assertions"
    assert cut_to_assertions(alliance(None), person()).reader.roles == frozenset()


SETS = st.frozensets(st.sampled_from(sorted(ROLES)))
NAMES = st.frozensets(st.sampled_from(["fusion", "inner", "outer"]))
CLEARANCES = st.lists(
    st.builds(
        cleared,
        st.sampled_from(["OPEN", "SECRET", "TOP"]),
        st.sampled_from(["A", "B"]),
    ),
    max_size=1,
).map(tuple)


@given(
    ceiling=st.builds(
        Assertions,
        roles=SETS,
        tlp=st.sampled_from(Tlp),
        nationalities=st.frozensets(st.sampled_from(["arden", "borduria"])),
        communities=NAMES,
        clearances=CLEARANCES,
    ),
    asked=st.builds(
        person,
        roles=SETS,
        tlp=st.sampled_from(Tlp),
        nationality=st.sampled_from(["", "arden", "borduria"]),
        communities=NAMES,
        clearances=CLEARANCES,
    ),
)
def test_a_cut_is_within_the_ceiling_and_takes_nothing_else(
    ceiling: Assertions, asked: Reader
) -> None:
    cut = cut_to_assertions(alliance(ceiling), asked)
    assert within_assertions(alliance(ceiling), cut.reader) in ("", "roles")  # mixed duties
    assert cut_to_assertions(alliance(ceiling), cut.reader).beyond == ()
    assert (cut.reader == asked) == (cut.beyond == ())
    assert cut.reader.roles == asked.roles & ceiling.roles
    assert cut.reader.tlp.rank <= ceiling.tlp.rank


@pytest.mark.parametrize("name", ["p-" + "a" * 32, "p-" + "0123456789abcdef" * 2])
def test_the_form_of_a_federated_name(name: str) -> None:
    assert is_federated(name)
    for other in (name.upper(), name + "0", name[:-1], f"{name}\n", "x" + name[1:]):
        assert not is_federated(other)
