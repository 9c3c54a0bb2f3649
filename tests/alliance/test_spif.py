"""Security policy information files: what is read, and what is refused rather than dropped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.alliance.classification import ClassificationPolicy, Equivalence, Level, Tag
from ringwall.alliance.classifications import build_policies
from ringwall.alliance.labels import why_invalid
from ringwall.alliance.schema import check_schema
from ringwall.alliance.spif import read_spifs, spif_description
from ringwall.core import BadConfiguration
from ringwall.labels import Category, Confidentiality

NORTHERN = b"""<?xml version="1.0" encoding="UTF-8"?>
<p:SPIF xmlns:p="http://www.xmlspif.org/spif" schemaVersion="2.1" version="3"
    creationDate="20260301120000Z" originatorDN="CN=Registry of the North" keyIdentifier="00"
    privilegeId="2.25.77.9" rbacId="2.25.77.8">
  <p:securityPolicyId name="NORTHERN" id="2.25.77"/>
  <p:securityClassifications>
    <p:securityClassification name="GUARDED" lacv="7" hierarchy="30" color="red">
      <p:equivalentClassification policyRef="The South" lacv="2" applied="both"/>
      <p:markingData phrase="GUARDED"><p:code>pageTop</p:code></p:markingData>
    </p:securityClassification>
    <p:securityClassification name="OPEN" lacv="5" hierarchy="10">
      <p:equivalentClassification policyRef="The South" lacv="1" applied="encrypt"/>
      <p:equivalentClassification policyRef="The South" lacv="2" applied="decrypt"/>
    </p:securityClassification>
    <p:securityClassification name="SEALED" lacv="8" hierarchy="20" obsolete="true"/>
  </p:securityClassifications>
  <p:securityCategoryTagSets>
    <p:securityCategoryTagSet name="Handling" id="2.25.77.1">
      <p:securityCategoryTag name="Handling" tagType="restrictive" singleSelection="false">
        <p:tagCategory name="HARBOUR" lacv="1">
          <p:equivalentSecCategoryTag policyRef="The South" tagSetId="2.25.78.1"
              tagType="restrictive" lacv="4" applied="both"/>
          <p:excludedClass>OPEN</p:excludedClass>
        </p:tagCategory>
        <p:tagCategory name="LANTERN" lacv="2">
          <p:equivalentSecCategoryTag policyRef="The South" tagSetId="2.25.78.1"
              tagType="notApplicable" lacv="0" applied="encrypt" action="discard"/>
          <p:excludedClass> OPEN </p:excludedClass>
        </p:tagCategory>
        <p:tagCategory name="SEXTANT" lacv="3" obsolete="1"/>
        <p:markingQualifier markingCode="pageTop"><p:qualifier/></p:markingQualifier>
      </p:securityCategoryTag>
    </p:securityCategoryTagSet>
    <p:securityCategoryTagSet name="Released To" id="2.25.77.2">
      <p:securityCategoryTag tagType="enumerated" enumType="permissive">
        <p:tagCategory name="ARD" lacv="400"/>
        <p:tagCategory name="BRD" lacv="18446744073709551616"/>
      </p:securityCategoryTag>
      <p:securityCategoryTag tagType="permissive"><p:tagCategory name="CRD" lacv="400"/>
      </p:securityCategoryTag>
    </p:securityCategoryTagSet>
    <p:securityCategoryTagSet name="Office" id="2.25.77.3">
      <p:securityCategoryTag tagType="tagType7" tag7Encoding="securityAttributes">
        <p:tagCategory name="ARCHIVE" lacv="1"/>
      </p:securityCategoryTag>
    </p:securityCategoryTagSet>
  </p:securityCategoryTagSets>
  <p:privacyMarks><p:privacyMark name="Not before the harvest"/></p:privacyMarks>
  <p:equivalentPolicies>
    <p:equivalentPolicy name="The South" id="2.25.78"/>
    <p:equivalentPolicy name="The West" id="2.25.79"/>
  </p:equivalentPolicies>
</p:SPIF>
"""
SOUTHERN = b"""<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="3.0">
  <securityPolicyId name="SOUTHERN" id="2.25.78"/>
  <securityClassifications>
    <securityClassification name="FREE" lacv="1" hierarchy="1"/>
    <securityClassification name="CLOSED" lacv="2" hierarchy="2"/>
  </securityClassifications>
  <securityCategoryTagSets>
    <securityCategoryTagSet name="Care" id="2.25.78.1">
      <securityCategoryTag tagType="restrictive">
        <tagCategory name="PORT" lacv="4"/>
        <tagCategory name="QUAY" lacv="6"/>
      </securityCategoryTag>
    </securityCategoryTagSet>
  </securityCategoryTagSets>
</SPIF>
"""
FILES = {"north.xml": NORTHERN, "south.xml": SOUTHERN}
SAME_VALUES = {("Handling", "HARBOUR"): ("Care", "PORT")}
POLICY = ClassificationPolicy(
    "NORTHERN",
    "urn:oid:2.25.77",
    {
        "OPEN": Level(
            "OPEN",
            10,
            excludes_values=frozenset({("Handling", "HARBOUR"), ("Handling", "LANTERN")}),
        ),
        "SEALED": Level("SEALED", 20, obsolete=True),
        "GUARDED": Level("GUARDED", 30),
    },
    {
        "Handling": Tag(
            "Handling",
            "restrictive",
            frozenset({"HARBOUR", "LANTERN", "SEXTANT"}),
            frozenset({"SEXTANT"}),
            uri="urn:oid:2.25.77.1",
        ),
        "Office": Tag("Office", "informative", frozenset({"ARCHIVE"}), uri="urn:oid:2.25.77.3"),
        "Released To": Tag(
            "Released To",
            "permissive",
            frozenset({"ARD", "BRD", "CRD"}),
            releasable=True,
            uri="urn:oid:2.25.77.2",
        ),
    },
    (
        Equivalence("SOUTHERN", "GUARDED", "CLOSED", SAME_VALUES),
        Equivalence("SOUTHERN", "OPEN", "FREE", SAME_VALUES),
    ),
)
RELEASABLE = [("NORTHERN", "Released To")]


def refused(files: dict[str, bytes]) -> BadConfiguration:
    with pytest.raises(BadConfiguration) as caught:
        read_spifs(files)
    return caught.value


def north(old: str, new: str) -> dict[str, bytes]:
    assert old.encode() in NORTHERN
    return FILES | {"north.xml": NORTHERN.replace(old.encode(), new.encode(), 1)}


def described(policies: dict[str, ClassificationPolicy]) -> dict[str, Any]:
    return {
        name: said for each in policies.values() for name, said in spif_description(each).items()
    }


def test_a_policy_is_read_with_its_equivalences() -> None:
    policies = read_spifs(FILES, releasable=RELEASABLE)
    assert list(policies) == ["NORTHERN", "SOUTHERN"]
    assert policies["NORTHERN"] == POLICY
    assert list(policies["NORTHERN"].levels) == ["OPEN", "SEALED", "GUARDED"]
    assert policies["SOUTHERN"].equivalences == ()


def test_the_description_holds_the_whole_policy() -> None:
    policies = read_spifs(FILES, releasable=RELEASABLE)
    entries = described(policies)
    assert build_policies(entries) == policies
    check_schema({"alliance": {"id": "test", "name": "Test", "kind": "exercise"},
                  "members": {"ard": {"name": "Arden", "kind": "nation"}},
                  "classification_policies": entries})  # fmt: skip


def test_the_form_of_the_description() -> None:
    assert spif_description(read_spifs({"south.xml": SOUTHERN})["SOUTHERN"]) == {
        "SOUTHERN": {
            "uri": "urn:oid:2.25.78",
            "levels": {"FREE": {"rank": 1}, "CLOSED": {"rank": 2}},
            "tags": {
                "Care": {
                    "kind": "restrictive",
                    "values": ["PORT", "QUAY"],
                    "uri": "urn:oid:2.25.78.1",
                }
            },
        }
    }
    said = spif_description(POLICY)["NORTHERN"]
    excluded = [{"tag": "Handling", "value": value} for value in ("HARBOUR", "LANTERN")]
    assert said["levels"]["OPEN"] == {"rank": 10, "excludes_values": excluded}
    assert said["levels"]["SEALED"] == {"rank": 20, "obsolete": True}
    assert said["tags"]["Released To"]["releasable"] is True
    assert said["tags"]["Handling"]["obsolete"] == ["SEXTANT"]
    assert said["equivalences"][0] == {
        "other": "SOUTHERN",
        "ours": "GUARDED",
        "theirs": "CLOSED",
        "categories": [
            {"tag": "Handling", "value": "HARBOUR", "other_tag": "Care", "other_value": "PORT"}
        ],
    }


CATEGORY = '<p:tagCategory name="ARD" lacv="400"/>'
INSIDE = '<p:tagCategory name="ARD" lacv="400">{}</p:tagCategory>'
IN_SET = "SPIF/securityCategoryTagSets/securityCategoryTagSet[Released To]/securityCategoryTag"
CLASSES = "SPIF/securityClassifications/securityClassification[SEALED]"
SECOND_VALUE = """lacv="4"/>
    <p:equivalentSecCategoryTag policyRef="2.25.78" tagSetId="2.25.78.1" lacv="6"/>"""
SEALED = 'lacv="8" hierarchy="20" obsolete="true"/>'


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (CATEGORY, INSIDE.format('<p:requiredCategory operation="all"/>'),
         f"{IN_SET}/tagCategory[ARD]/requiredCategory"),
        (CATEGORY, INSIDE.format('<p:excludedCategory tagSetRef="Handling" all="true"/>'),
         f"{IN_SET}/tagCategory[ARD]/excludedCategory"),
        (CATEGORY, INSIDE.format("<x xmlns='urn:other'/>"), f"{IN_SET}/tagCategory[ARD]/x"),
        ('"ARD" lacv="400"', '"ARD" lacv="400" requiredClass="GUARDED"',
         f"{IN_SET}/tagCategory[ARD]/@requiredClass"),
        ('"ARD" lacv="400"', '"ARD" lacv="400" notAfter="20270101000000Z"',
         f"{IN_SET}/tagCategory[ARD]/@notAfter"),
        ('"ARD" lacv="400"', '"ARD" lacv="400" userInput="true"',
         f"{IN_SET}/tagCategory[ARD]/@userInput"),
        ('enumType="permissive"', 'enumType="permissive" maxSelection="1"',
         f"{IN_SET}/@maxSelection"),
        ('enumType="permissive"', 'enumType="permissive" singleSelection="true"',
         f"{IN_SET}/@singleSelection"),
        ('enumType="permissive"', 'enumType="permissive" minSelection="1"',
         f"{IN_SET}/@minSelection"),
        (SEALED, f"{SEALED[:-2]}><p:requiredCategory/></p:securityClassification>",
         f"{CLASSES}/requiredCategory"),
        (SEALED, f'until="2027" {SEALED}', f"{CLASSES}/@until"),
        ('version="3"', 'version="3" notAfter="20270101000000Z"', "SPIF/@notAfter"),
        ("</p:SPIF>", "<p:extensions/></p:SPIF>", "SPIF/extensions"),
        ('<p:securityCategoryTag tagType="permissive">',
         '<p:securityCategoryTag tagType="restrictive">', "securityCategoryTagSet[Released To]"),
        ('id="2.25.79"/>', 'id="2.25.79"><p:requiredCategory/></p:equivalentPolicy>',
         "SPIF/equivalentPolicies/equivalentPolicy[The West]/requiredCategory"),
        ('lacv="2" applied="both"/>',
         'lacv="2"/><p:equivalentClassification policyRef="The South" lacv="1"/>',
         "securityClassification[GUARDED]"),
        ('lacv="4" applied="both"/>', SECOND_VALUE, "tagCategory[HARBOUR]"),
    ],
)  # fmt: skip
def test_what_restricts_and_cannot_be_held_is_refused_by_name(
    old: str, new: str, place: str
) -> None:
    error = refused(north(old, new))
    assert (error.rule, error.field) == ("not-expressible", f"north.xml: {place}")
    assert place.rpartition("/")[2].strip("@") in str(error)


def test_all_that_cannot_be_held_is_named_at_once() -> None:
    files = north(CATEGORY, INSIDE.format("<p:requiredCategory/><p:excludedCategory/>" * 6))
    message = refused(files).message
    assert "requiredCategory; SPIF" in message
    assert message.endswith("and 2 more")


def test_a_level_may_exclude_some_values_of_a_tag() -> None:
    files = north(CATEGORY, INSIDE.format("<p:excludedClass>GUARDED</p:excludedClass>"))
    policy = read_spifs(files, releasable=RELEASABLE)["NORTHERN"]
    assert policy.levels["GUARDED"].excludes_values == {("Released To", "ARD")}
    said = why_invalid(
        Confidentiality("NORTHERN", "GUARDED", (Category("Released To", ("ARD",)),)),
        {"NORTHERN": policy},
    )
    assert said == ("category", "GUARDED cannot have Released To=ARD")


@pytest.mark.parametrize(
    ("old", "new", "rule", "said"),
    [
        ("", "x", "xml", "north.xml"),
        ("<p:SPIF", "<!DOCTYPE a><p:SPIF", "doctype", "north.xml"),
        ("www.xmlspif.org", "www.xmlspif.example", "spif", "is no SPIF"),
        ('schemaVersion="2.1"', 'schemaVersion="9"', "spif", "schemaVersion"),
        ('schemaVersion="2.1"', "", "spif", "schemaVersion is missing"),
        ('<p:securityPolicyId name="NORTHERN" id="2.25.77"/>', "", "spif", "securityPolicyId"),
        ('name="NORTHERN"', "", "spif", "name is missing"),
        ('id="2.25.77"', 'id="north"', "spif", "no OID"),
        ('name="NORTHERN"', 'name="SOUTHERN"', "unique", "SOUTHERN"),
        ('id="2.25.77"', 'id="2.25.78"', "unique", "2.25.78"),
        ('name="SEALED"', 'name="GUARDED"', "unique", "a name"),
        ('lacv="5"', 'lacv="7"', "unique", "lacv"),
        ('hierarchy="10"', 'hierarchy="30"', "unique", "hierarchy"),
        ('hierarchy="10"', 'hierarchy="-1"', "spif", "no number"),
        ('lacv="5"', "", "spif", "lacv is missing"),
        ('obsolete="true"', 'obsolete="yes"', "spif", "obsolete"),
        ("restrictive", "notApplicable", "spif", "tagType"),
        ('enumType="permissive"', "", "spif", "enumType"),
        ('name="LANTERN"', 'name="HARBOUR"', "unique", "share a name"),
        ('name="LANTERN" lacv="2"', 'name="LANTERN" lacv="1"', "unique", "lacv"),
        ('name="Office"', 'name="Handling"', "unique", "name"),
        ("2.25.77.3", "2.25.77.1", "unique", "id"),
        ("<p:excludedClass>OPEN", "<p:excludedClass>HIDDEN", "unknown-name", "HIDDEN"),
        ('lacv="2" applied="both"', 'lacv="3" applied="both"', "unknown-name", "lacv 3"),
        ('lacv="4" applied="both"', 'lacv="5" applied="both"', "unknown-name", "lacv 5"),
        ('tagSetId="2.25.78.1"', 'tagSetId="2.25.78.2"', "unknown-name", "2.25.78.2"),
        ('policyRef="The South"', 'policyRef="The West"', "unknown-name", "The West"),
        ('policyRef="The South"', 'policyRef="NORTHERN"', "unknown-name", "NORTHERN"),
        ('applied="both"', 'applied="never"', "spif", "applied"),
        ('name="The West" id', 'name="The South" id', "unique", "two policies"),
        ('hierarchy="10"', 'hierarchy="40"', "contradiction", "order"),
    ],
)  # fmt: skip
def test_files_that_contradict_themselves_or_the_schema(
    old: str, new: str, rule: str, said: str
) -> None:
    error = refused(north(old, new))
    assert error.rule == rule
    assert said in str(error)


def test_a_policy_without_levels_is_none() -> None:
    empty = SOUTHERN.replace(b"<securityClassification ", b"<markingData ")
    assert refused({"south.xml": empty}).rule == "spif"


def test_two_levels_may_have_one_equivalent() -> None:
    files = north('lacv="1" applied="encrypt"', 'lacv="2" applied="encrypt"')
    equivalences = read_spifs(files)["NORTHERN"].equivalences
    assert [each.theirs for each in equivalences] == ["CLOSED", "CLOSED"]


def test_a_file_that_others_refer_to_must_be_there() -> None:
    error = refused({"north.xml": NORTHERN})
    assert error.rule == "unknown-name"
    assert "The South" in error.message


@pytest.mark.parametrize(
    "named", [("NORTHERN", "Released"), ("WESTERN", "Released To"), ("SOUTHERN", "Released To")]
)
def test_only_tags_that_exist_say_who_may_have_it(named: tuple[str, str]) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_spifs(FILES, releasable=[named])
    assert (caught.value.field, caught.value.rule) == ("releasable", "unknown-name")


def test_a_restrictive_tag_cannot_say_who_may_have_it() -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_spifs(FILES, releasable=[("NORTHERN", "Handling")])
    assert caught.value.rule == "contradiction"


@given(st.integers(0, len(NORTHERN) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_damage_is_refused_or_read_and_raises_nothing_else(
    place: int, instead: bytes, length: int
) -> None:
    damaged = NORTHERN[:place] + instead + NORTHERN[place + length :]
    try:
        policies = read_spifs(FILES | {"north.xml": damaged})
    except BadConfiguration:
        return
    assert build_policies(described(policies)) == policies


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (
            'name="GUARDED"',
            'name="A/B:C"',
            "/classification_policies/NORTHERN/equivalences/0/ours",
        ),
        (
            'hierarchy="30"',
            'hierarchy="3000000"',
            "/classification_policies/NORTHERN/levels/GUARDED/rank",
        ),
        ('name="NORTHERN"', 'name="A&#x202e;B"', "/classification_policies"),
    ],
)
def test_what_no_alliance_description_could_hold_is_refused(old: str, new: str, place: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_spifs(north(old, new))
    assert (caught.value.field, caught.value.rule) == (place, "schema")
    assert str(caught.value).isprintable()
