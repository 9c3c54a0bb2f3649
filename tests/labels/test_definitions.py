"""What one marking definition says, in every form that tools write."""

from typing import Any

import pytest

from ringwall.core import canonical_json
from ringwall.labels import Iep, Label, Pap, Tlp, acs_text
from ringwall.labels.acs import ACS_EXTENSION
from ringwall.labels.definitions import mark_of
from ringwall.labels.fixed_markings import PAP_EXTENSION, TLP2_EXTENSION
from ringwall.labels.iep_carriers import IEP_EXTENSION
from tests.labels.any_label import ACS_PROPERTIES

OTHER = "marking-definition--0d5f4c1e-55a5-4a0b-9a6c-3c7f0c1f9a11"
PAP_RED = "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e"
TLP_RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
OPENCTI = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
IEP = {"iep_id": "x", "tlp": "amber"}


def read(ref: str = OTHER, /, **content: Any) -> Label | None:
    base = {"type": "marking-definition", "spec_version": "2.1", "id": ref}
    return mark_of(ref, canonical_json(base | content))


def extended(**extensions: dict[str, Any]) -> dict[str, Any]:
    names = {
        "tlp": TLP2_EXTENSION,
        "pap": PAP_EXTENSION,
        "iep": IEP_EXTENSION,
        "acs": ACS_EXTENSION,
        "opencti": OPENCTI,
    }
    kind = {"extension_type": "property-extension"}
    return {"extensions": {names[name]: kind | held for name, held in extensions.items()}}


def notice(**more: Any) -> dict[str, Any]:
    return {"definition_type": "statement", "definition": {"statement": "custom"}} | more


@pytest.mark.parametrize(
    "content",
    [
        extended(pap={"pap": "red"}),
        extended(pap={"pap": "red"}, opencti={"id": "x", "order": 4, "color": "#c62828"}),
        notice(x_opencti_definition_type="PAP", x_opencti_definition="PAP:RED"),
        notice(
            x_opencti_definition_type="PAP",
            x_opencti_definition="PAP:RED",
            x_opencti_color="#c62828",
            **extended(pap={"pap": "red"}),
        ),
        {"definition_type": "PAP", "definition": {"PAP": "PAP:RED"}, "name": "PAP:RED"},
        {"definition_type": "pap", "definition": {"pap": "red"}},
    ],
)
def test_pap_in_every_form(content: dict[str, Any]) -> None:
    assert read(**content) == read(PAP_RED, **content) == Label(pap=Pap.RED)
    assert read(TLP_RED, **content) == Label(unknown=(TLP_RED,))


def test_pap_white_is_clear() -> None:
    assert read(**extended(pap={"pap": "white"})) == Label(pap=Pap.CLEAR)


def test_an_iep_brings_its_tlp() -> None:
    label = read(**extended(iep=IEP), name="Ours")
    assert label == Label(Tlp.AMBER, iep=(Iep(id="x", name="Ours", tlp="amber"),))


def test_an_acs_marking_is_kept_whole() -> None:
    strange = {**ACS_PROPERTIES, "x_house_rule": {"a": [1, None]}}
    assert read(**extended(acs=strange)) == Label(acs=(acs_text(strange),))


def test_an_acs_marking_that_no_peer_could_hold_denies() -> None:
    assert read(**extended(acs={"name": "x" * 17_000})) == Label(unknown=(OTHER,))


def test_several_statements_in_one_definition_all_apply() -> None:
    both = extended(tlp={"tlp_2_0": "red"}, pap={"pap": "green"}, acs={})
    assert read(**both) == Label(Tlp.RED, pap=Pap.GREEN, acs=("{}",))


@pytest.mark.parametrize(
    "content",
    [
        extended(pap={"pap": "purple"}),
        extended(pap={"pap": "red", "until": "x"}),
        extended(pap={"tlp_2_0": "red"}),
        extended(tlp={"tlp_2_0": "wh\u0131te"}),
        {"definition_type": "pap", "definition": {"pap": "wh\u0131te"}},
        extended(pap={"pap": "red"}) | {"x_house_rule": "own staff only"},
        extended(tlp={"tlp_2_0": "clear"}) | {"x_house_rule": "own staff only"},
        extended(tlp={"tlp_2_0": "clear"}) | {"granular_markings": []},
        extended(tlp={"tlp_2_0": "clear"}) | {"x_opencti_granted_refs": ["identity--x"]},
        extended(tlp={"tlp_2_0": "clear", "extension_type": "new-sdo"}),
        extended(tlp={"tlp_2_0": "red"}, iep=IEP),
        extended(opencti={"order": 1}),
        extended(tlp={"tlp_2_0": "clear"}, opencti={"granted_refs": ["identity--x"]}),
        extended(iep={**IEP, "tlp": "amber+strict"}),
        extended(tlp={"tlp_2_0": "clear"})
        | {"definition_type": "iep", "definition": {"iep": "red"}},
        {"definition_type": "pap", "definition": {"pap": "red"}, **extended(pap={"pap": "green"})},
        {"definition": {"pap": "red"}},
        {"definition_type": "pap"},
        {"definition_type": ["pap"], "definition": {"pap": "red"}},
        {"definition_type": "pap", "definition": {"tlp": "red"}},
        {"definition_type": "pap", "definition": {"pap": 1}},
        notice(x_opencti_definition_type="PAP"),
        notice(x_opencti_definition="PAP:RED"),
        notice(x_opencti_definition_type="CLASSIF", x_opencti_definition="DR"),
        notice(x_opencti_definition_type="PAP", x_opencti_definition="TLP:RED"),
        {"extensions": [TLP2_EXTENSION]},
        {"extensions": {TLP2_EXTENSION: "clear"}},
    ],
)
def test_whatever_is_not_understood_denies(content: dict[str, Any]) -> None:
    assert read(**content) == Label(unknown=(OTHER,))


@pytest.mark.parametrize("ref", [PAP_RED, TLP_RED])
def test_a_well_known_id_cannot_be_given_another_meaning(ref: str) -> None:
    assert read(ref, **extended(pap={"pap": "clear"})) == Label(unknown=(ref,))
    assert read(ref, **extended(acs={})) == Label(unknown=(ref,))
    known = mark_of(ref, None)
    assert known is not None
    assert read(ref, **notice()) == known
    assert not known.unknown


def test_a_notice_is_no_mark() -> None:
    assert read(**notice(x_mitre_attack_spec_version="3.2.0")) is None
    assert read(**notice(), **extended(opencti={"order": 1})) is None
    assert mark_of(OTHER, None) == Label(unknown=(OTHER,))


@pytest.mark.parametrize(
    ("text", "name", "label"),
    [
        ("TLP:RED", "", Label(Tlp.RED)),
        ("tlp:amber+strict", "", Label(Tlp.AMBER_STRICT)),
        ("PAP:RED", "TLP:GREEN", Label(Tlp.GREEN, pap=Pap.RED)),
        ("Do not forward", "TLP:RED", Label(Tlp.RED)),
        ("TLP:PURPLE", "", Label(unknown=("TLP:PURPLE",))),
        ('nato:classification="NS"', "", Label(unknown=('nato:classification="NS"',))),
    ],
)
def test_a_notice_that_spells_a_mark_is_that_mark(text: str, name: str, label: Label) -> None:
    content = {"definition_type": "statement", "definition": {"statement": text}}
    assert read(**content, **({"name": name} if name else {})) == label


def test_a_notice_whose_name_says_another_level_denies() -> None:
    content = {"definition_type": "statement", "definition": {"statement": "TLP:CLEAR"}}
    assert read(**content, name="TLP:RED") == Label(unknown=(OTHER,))
