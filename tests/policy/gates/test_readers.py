"""Gates for a reader: clearance, nationality, role, and being a reader at all."""

from typing import Any

import msgspec
import pytest

from ringwall.alliance import Assertions, Reader
from ringwall.labels import Tlp
from tests.policy.world import (
    WORLD,
    changed,
    classified,
    reader,
    says,
    stated,
    tag,
    whole,
)

FEDERATED = "p-" + "0" * 32


def who(name: str, /, **more: Any) -> Reader:
    return msgspec.structs.replace(WORLD.readers[name], **more)


def entered(person: Reader) -> dict[str, Reader]:
    return WORLD.readers | {person.id: person}


def test_the_highest_tlp_of_a_reader() -> None:
    decision = reader(stated({"tlp": "AMBER+STRICT"}), "boris")
    fact = "boris may see up to TLP:AMBER and this is TLP:AMBER+STRICT"
    assert whole(decision, "clearance") == ("deny", "clearance", "reader boris", fact)
    decision = reader(stated({"tlp": "AMBER"}), "boris")
    fact = "boris is cleared for it"
    assert whole(decision, "clearance") == ("pass", "cleared", "reader boris", fact)
    decision = reader(stated({"rel_to": ["allies"]}), "boris")
    fact = "the label has neither a TLP nor a classification"
    assert whole(decision, "clearance") == ("deny", "no-tlp", "label.tlp", fact)


def test_both_tlp_and_classification_must_be_reached() -> None:
    assert says(reader(stated(classified("SECRET", tlp="RED")), "boris"), "clearance") == (
        *("deny", "clearance"),
    )
    decision = reader(stated(classified("TOP", tlp="CLEAR")), "boris")
    fact = "boris is not cleared: ARDEN:SECRET is below TOP"
    assert whole(decision, "clearance") == ("deny", "level", "reader boris", fact)
    assert reader(stated(classified("SECRET", tlp="CLEAR")), "boris").permit


def test_only_classified_content_asks_for_a_nationality() -> None:
    decision = reader(stated({"tlp": "AMBER"}), "boris")
    assert whole(decision, "nationality") == (
        "abstain",
        "none",
        "reader boris",
        "only classified content asks for a nationality",
    )


@pytest.mark.parametrize(
    ("nationality", "expected"),
    [("borduria", True), ("caledon", True), ("arden", True), ("dorne", False), ("", False)],
)
def test_people_of_nations_that_are_named_and_the_originators(
    nationality: str, expected: bool
) -> None:
    person = who("boris", nationality=nationality)
    alliance = changed(readers=entered(person))
    label = classified("SECRET", tag("REL", "BRD", "CAL"))
    del label["rel_to"]
    decision = reader(stated(label), person, alliance=alliance)
    assert decision.permit is expected
    outcome, rule, source, fact = whole(decision, "nationality")
    assert (outcome, rule) == (("pass", "named") if expected else ("deny", "nationality"))
    assert source == "reader boris"
    named = nationality or "no known nation"
    assert fact == f"boris is of {named}" + ("" if expected else ", which it is not for")


def test_a_nationality_must_stand_in_every_list() -> None:
    person = who("boris", nationality="caledon")
    alliance = changed(readers=entered(person))
    label = classified("SECRET", tag("REL", "BRD"))
    wide = {**label, "rel_to": ["borduria", "caledon"]}
    assert not reader(stated(wide), person, alliance=alliance).permit
    wide["confidentiality"]["categories"] = [tag("REL", "BRD", "CAL")]
    assert reader(stated(wide), person, alliance=alliance).permit


def test_staff_of_a_company_are_of_their_sponsors_nation() -> None:
    label = {**classified("SECRET"), "rel_to": ["borduria", "elbe"]}
    assert reader(stated(label, origin="borduria"), "elsa").permit
    stranger = who("elsa", nationality="caledon")
    alliance = changed(readers=entered(stranger))
    decision = reader(stated(label, origin="borduria"), stranger, alliance=alliance)
    assert says(decision, "nationality") == ("deny", "nationality")
    not_named = {**label, "rel_to": ["borduria"]}
    decision = reader(stated(not_named, origin="borduria"), "elsa")
    assert says(decision, "nationality") == ("deny", "nationality")


def test_the_originators_sponsor_counts_for_what_has_no_rel_to() -> None:
    label = classified("SECRET")
    del label["rel_to"]
    assert reader(stated(label, origin="elbe"), "elsa").permit
    assert says(reader(stated(label), "elsa"), "nationality") == ("pass", "named")
    foreign = who("ana", nationality="borduria")
    decision = reader(stated(label), foreign, alliance=changed(readers=entered(foreign)))
    assert says(decision, "nationality") == ("deny", "nationality")


def test_a_reader_of_no_known_member_is_no_reader() -> None:
    nobody = who("ana", id="nobody", member="zembla")
    decision = reader(stated(classified("SECRET")), nobody)
    assert says(decision, "nationality") == ("pass", "named")
    assert not decision.permit


@pytest.mark.parametrize("role", ["analyst", "watch-officer", "release-officer"])
def test_roles_that_read_content(role: str) -> None:
    person = who("boris", roles=frozenset({role, "auditor"}))
    alliance = changed(readers=entered(person))
    decision = reader(stated({"tlp": "GREEN"}), person, alliance=alliance)
    fact = "boris reads content"
    assert whole(decision, "role") == ("pass", "content-role", "reader boris", fact)


@pytest.mark.parametrize("role", ["policy-officer", "auditor", "administrator"])
def test_roles_that_read_none(role: str) -> None:
    person = who("ana", roles=frozenset({role}))
    alliance = changed(readers=entered(person))
    decision = reader(stated({"tlp": "GREEN"}), person, alliance=alliance)
    fact = f"the role {role} of ana does not read this content"
    assert whole(decision, "role") == ("deny", "no-content-role", "reader ana", fact)


def test_a_submitter_reads_what_its_member_stated() -> None:
    person = who("ana", roles=frozenset({"submitter"}))
    decision = reader(stated({"tlp": "GREEN"}), person)
    fact = "ana reads what arden stated"
    assert whole(decision, "role") == ("pass", "own-member", "reader ana", fact)
    decision = reader(stated({"tlp": "GREEN"}, origin="borduria"), person)
    fact = "the role submitter of ana does not read this content"
    assert whole(decision, "role") == ("deny", "no-content-role", "reader ana", fact)


def test_a_credential_without_roles_reads_nothing() -> None:
    decision = reader(stated({"tlp": "GREEN"}), who("ana", roles=frozenset()))
    fact = "the role none of ana does not read this content"
    assert whole(decision, "role") == ("deny", "no-content-role", "reader ana", fact)


@pytest.mark.parametrize(
    "change", [{"roles": frozenset({"analyst"})}, {"tlp": Tlp.GREEN}, {"name": "Another"}]
)
def test_a_narrower_credential_still_is_its_reader(change: dict[str, Any]) -> None:
    assert reader(stated({"tlp": "GREEN"}), who("ana", **change)).permit


@pytest.mark.parametrize(
    "change",
    [
        {"roles": frozenset({"analyst", "submitter", "auditor"})},
        {"tlp": Tlp.AMBER_STRICT},
        {"member": "arden"},
        {"nationality": "arden"},
        {"communities": frozenset()},
        {"clearances": ()},
        {"id": "somebody"},
        {"id": FEDERATED},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_reader_who_is_not_in_the_alliance_as_it_stands_reads_nothing(
    change: dict[str, Any],
) -> None:
    assert reader(stated({"tlp": "GREEN"}), "boris").permit
    person = who("boris", **change)
    decision = reader(stated({"tlp": "GREEN"}), person)
    fact = f"{person.id} is no reader of world as it stands now"
    assert whole(decision, "role") == ("deny", "unknown-reader", "alliance.readers", fact)
    assert not decision.permit


def test_a_federated_person_is_who_its_member_may_say() -> None:
    most = Assertions(roles=frozenset({"analyst"}), tlp=Tlp.AMBER)
    arden = msgspec.structs.replace(WORLD.members["arden"], assertions=most)
    alliance = changed(members=WORLD.members | {"arden": arden})
    person = Reader(FEDERATED, "arden", "Ana", frozenset({"analyst"}), Tlp.AMBER)
    assert reader(stated({"tlp": "AMBER"}), person, alliance=alliance).permit
    assert not reader(stated({"tlp": "AMBER"}), person).permit
    more = msgspec.structs.replace(person, tlp=Tlp.RED)
    assert not reader(stated({"tlp": "AMBER"}), more, alliance=alliance).permit


def test_a_decision_is_about_its_reader_and_names_every_role() -> None:
    person = who("ana", roles=frozenset({"submitter", "auditor"}))
    alliance = changed(readers=entered(person))
    decision = reader(stated({"tlp": "GREEN"}, origin="borduria"), person, alliance=alliance)
    assert decision.subject == "ana"
    assert decision.reason() == (
        "withheld from ana: the role auditor, submitter of ana does not read this content"
    )
