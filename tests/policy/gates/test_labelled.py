"""Gates that look at the label and the terms alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ringwall.policy import SKEW
from ringwall.policy.gates import shown
from tests.policy.world import NOW, WORLD, classified, member, says, stated, tag, whole

INSTANT = timedelta(microseconds=1)
MOMENT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
WRITTEN = NOW.strftime("%Y-%m-%dT%H:%M:%S.000000Z")


def outcomes(
    name: str, label: dict[str, Any], terms: dict[str, Any], *times: datetime
) -> list[str]:
    asked = stated(label, terms)
    return [says(member(asked, "borduria", at=at), name)[0] for at in times]


def test_a_label_that_is_understood_passes() -> None:
    decision = member(stated({"tlp": "GREEN"}), "borduria")
    assert whole(decision, "label") == ("pass", "understood", "label", "the label is understood")


@pytest.mark.parametrize(
    ("label", "terms", "source", "names"),
    [
        ({"tlp": "GREEN", "colour": 1}, {}, "label.unknown", "colour"),
        ({"tlp": "GREEN", "unknown": ["b", "a"]}, {"x": 1}, "label.unknown", "a, b, x"),
        ({"tlp": "GREEN"}, {"x": 1}, "terms.unknown", "x"),
    ],
)
def test_what_is_not_understood_denies_everybody(
    label: dict[str, Any], terms: dict[str, Any], source: str, names: str
) -> None:
    for name in WORLD.members:
        decision = member(stated(label, terms), name)
        assert not decision.permit
        fact = f"the label holds {names}, which is not understood"
        assert whole(decision, "label") == ("deny", "not-understood", source, fact)


def test_a_label_without_a_level_denies_everybody() -> None:
    fact = "the label has neither a TLP nor a classification"
    for name in WORLD.members:
        decision = member(stated({"rel_to": ["allies"]}), name)
        assert not decision.permit
        assert whole(decision, "label") == ("deny", "no-tlp", "label.tlp", fact)


@pytest.mark.parametrize(
    ("label", "rule", "why"),
    [
        (
            classified("SECRET", policy="ZEMBLA"),
            "classification",
            "the classification policy ZEMBLA is not known",
        ),
        (classified("HIGHEST"), "classification", "ARDEN:HIGHEST is not known"),
        (classified("ATOMIC"), "classification", "ARDEN:ATOMIC is obsolete"),
        (classified("SECRET", tag("EYES", "only")), "category", "ARDEN has no tag EYES"),
        (classified("SECRET", tag("CRYPTO", "Z")), "category", "CRYPTO has no value Z"),
        (classified("SECRET", tag("CRYPTO", "OLD")), "category", "CRYPTO has no value OLD"),
        (classified("OPEN", tag("CRYPTO", "A")), "category", "OPEN cannot have CRYPTO"),
        (
            classified("SECRET", tag("CRYPTO", "A", kind="permissive")),
            "category",
            "CRYPTO is restrictive and the label says permissive",
        ),
        (
            classified("SECRET", tag("CRYPTO", "A", kind="informative")),
            "category",
            "CRYPTO is restrictive and the label says informative",
        ),
        (
            classified("SECRET", tag("DESK", "north", uri="urn:other")),
            "category",
            "ARDEN has no tag DESK",
        ),
    ],
)
def test_a_classification_that_its_policy_does_not_know_denies_everybody(
    label: dict[str, Any], rule: str, why: str
) -> None:
    for name in WORLD.members:
        decision = member(stated(label), name)
        assert not decision.permit
        assert whole(decision, "label") == ("deny", rule, "label.confidentiality", why)


def test_a_policy_of_another_identifier_is_another_policy() -> None:
    label = classified("SECRET")
    label["confidentiality"]["policy_uri"] = "urn:oid:9.9"
    assert says(member(stated(label), "arden"), "label") == ("deny", "classification")
    label["confidentiality"]["policy_uri"] = "urn:oid:1.2.3"
    assert member(stated(label), "borduria").permit


def test_a_label_past_its_review_opens_to_its_originator_only() -> None:
    label = {"tlp": "GREEN", "review": MOMENT}
    end = NOW - SKEW
    assert outcomes("label", label, {}, end - INSTANT, end) == ["pass", "deny"]
    late = member(stated(label), "borduria", at=end)
    fact = f"the label was to be reviewed by {WRITTEN}"
    assert whole(late, "label") == ("deny", "review", "label.review", fact)
    assert member(stated(label), "arden", at=NOW + timedelta(days=900)).permit


def test_an_embargo_ends_late_by_the_skew_and_not_for_the_originator() -> None:
    end = NOW + SKEW
    terms = {"embargo": MOMENT}
    assert outcomes("embargo", {"tlp": "GREEN"}, terms, end - INSTANT, end) == ["deny", "pass"]
    asked = stated({"tlp": "GREEN"}, terms)
    early, late = (member(asked, "borduria", at=at) for at in (end - INSTANT, end))
    source = "terms.embargo"
    assert whole(early, "embargo") == (
        *("deny", "embargo", source, f"arden keeps it back until {WRITTEN}"),
    )
    assert whole(late, "embargo") == (
        *("pass", "ended", source, f"the embargo ended at {WRITTEN}"),
    )
    assert (early.permit, late.permit) == (False, True)
    none = ("abstain", "none", "terms", "there is no embargo")
    assert whole(member(asked, "arden", at=NOW), "embargo") == none
    assert whole(member(stated({"tlp": "GREEN"}), "borduria"), "embargo") == none
    assert member(asked, "arden", at=NOW).permit


def test_an_iep_begins_late_and_ends_early() -> None:
    begin, end = NOW + SKEW, NOW + timedelta(days=1) - SKEW
    last = (NOW + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    label = {"tlp": "GREEN", "iep": [{"start": MOMENT, "end": last}]}
    times = (begin - INSTANT, begin, end - INSTANT, end)
    assert outcomes("iep", label, {}, *times) == ["deny", "pass", "pass", "deny"]
    before, during, _, after = (member(stated(label), "borduria", at=at) for at in times)
    fact = f"its IEP begins at {WRITTEN}"
    assert whole(before, "iep") == ("deny", "not-begun", "label.iep.start", fact)
    fact = f"its IEP ended at {last.replace('Z', '.000000Z')}"
    assert whole(after, "iep") == ("deny", "ended", "label.iep.end", fact)
    fact = (
        "its IEP is in force and asks for iep:attribution:must-not, iep:encrypt-in-transit, "
        "iep:no-affected-party-notification, iep:no-unmodified-resale, iep:permitted-actions:none"
    )
    assert whole(during, "iep") == ("pass", "in-force", "label.iep", fact)
    assert member(stated(label), "arden", at=times[0]).permit


def test_every_iep_counts_and_without_one_the_gate_abstains() -> None:
    label = {"tlp": "GREEN", "iep": [{"name": "a"}, {"name": "b", "end": "2026-01-01T00:00:00Z"}]}
    assert says(member(stated(label), "borduria"), "iep") == ("deny", "ended")
    none = ("abstain", "none", "label.iep", "no IEP limits it")
    assert whole(member(stated({"tlp": "GREEN"}), "borduria"), "iep") == none
    assert whole(member(stated(label), "arden"), "iep") == none


def test_an_acs_marking_that_is_not_understood_leaves_the_originator_only() -> None:
    label = {"tlp": "GREEN", "acs": [{"control_set": {"classification": "S"}}]}
    assert says(member(stated(label), "borduria"), "acs")[0] == "deny"
    assert not member(stated(label), "borduria").permit
    assert member(stated(label), "arden").permit
    none = ("abstain", "none", "label.acs", "no ACS marking limits it")
    assert whole(member(stated({"tlp": "GREEN"}), "borduria"), "acs") == none


def marked(**control_set: Any) -> dict[str, Any]:
    reference = "urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault=deny"
    controls = {"classification": "U", **control_set}
    return {"tlp": "GREEN", "acs": [{"control_set": controls, "policy_reference": reference}]}


def test_an_acs_marking_permits_members_by_name_or_code() -> None:
    passed = ("pass", "permitted", "label.acs", "its ACS marking permits it")
    assert whole(member(stated(marked()), "borduria"), "acs") == passed
    asked = stated(marked(permitted_nationalities=["BRD", "caledon"]))
    assert whole(member(asked, "borduria"), "acs") == passed
    assert whole(member(asked, "caledon"), "acs") == passed
    fact = "ACS permitted_nationalities: BRD, caledon"
    denied = ("deny", "acs-permitted-nationalities", "label.acs", fact)
    assert whole(member(asked, "elbe"), "acs") == denied
    assert says(member(asked, "zembla"), "acs") == ("deny", "acs-permitted-nationalities")


def test_what_an_acs_marking_has_disposed_of_opens_to_its_originator_only() -> None:
    label = marked()
    label["acs"][0]["resource_disposition"] = {"disposition_date": MOMENT}
    end = NOW - SKEW
    assert outcomes("label", label, {}, end - INSTANT, end) == ["pass", "deny"]
    fact = f"its ACS marking has it disposed of at {WRITTEN}"
    late = member(stated(label), "borduria", at=end)
    assert whole(late, "label") == ("deny", "disposition", "label.acs", fact)
    assert member(stated(label), "arden", at=end).permit


def test_every_acs_marking_must_permit_it() -> None:
    wide, narrow = marked(), marked(permitted_nationalities=["BRD"])
    both = {**wide, "acs": [*wide["acs"], *narrow["acs"]]}
    assert says(member(stated(both), "borduria"), "acs") == ("pass", "permitted")
    assert says(member(stated(both), "caledon"), "acs")[0] == "deny"


def test_a_quotation_is_cut_after_two_hundred_characters() -> None:
    assert shown("x" * 200) == "x" * 200
    assert shown("x" * 201) == "x" * 200 + "…"
    assert shown("a\x1bb") == "'a\\x1bb'"


def test_a_wording_of_a_classification_that_is_not_there_denies_everybody() -> None:
    other = {"policy": "ARDEN", "classification": "TOP"}
    asked = stated({"tlp": "GREEN", "alternatives": [other]})
    for name in WORLD.members:
        fact = "the label has other wordings of a classification that it does not have"
        expected = ("deny", "not-understood", "label.alternatives", fact)
        assert whole(member(asked, name), "label") == expected
    both = stated({"tlp": "GREEN", "confidentiality": other, "alternatives": [other]})
    assert says(member(both, "borduria"), "label") == ("pass", "understood")


@pytest.mark.parametrize(("level", "rule"), [("RED", "red"), ("amber", "onward")])
def test_the_tlp_that_an_iep_states_is_the_labels(level: str, rule: str) -> None:
    asked = stated({"tlp": "GREEN", "iep": [{"tlp": level}]})
    assert says(member(asked, "borduria"), "tlp")[1] == rule
