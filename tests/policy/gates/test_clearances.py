"""Who is cleared for a classification: levels, tags, other wordings, equivalences."""

from typing import Any

import msgspec
import pytest

from ringwall.alliance import Clearance
from ringwall.labels import Category, label_from_document
from ringwall.policy.gates.clearances import shortfall
from tests.policy.world import WORLD, classified, member, reader, stated, tag, whole


def held(policy: str, level: str, **tags: list[str]) -> Clearance:
    categories = (Category(name, tuple(values)) for name, values in tags.items())
    return Clearance(policy, level, tuple(categories))


def rule(label: dict[str, Any], *clearances: Clearance) -> str:
    return shortfall(WORLD.policies, label_from_document(label), clearances)[0]


@pytest.mark.parametrize(
    ("level", "expected"),
    [("OPEN", "level"), ("RESTRICTED", "level"), ("SECRET", ""), ("TOP", ""), ("ATOMIC", "")],
)
def test_the_level_must_be_reached(level: str, expected: str) -> None:
    assert rule(classified("SECRET"), held("ARDEN", level)) == expected


def test_an_unknown_level_reaches_nothing() -> None:
    assert rule(classified("OPEN"), held("ARDEN", "HIGHEST")) == "level"
    assert rule(classified("OPEN")) == "policy"
    assert rule(classified("OPEN"), held("ZEMBLA", "TOP")) == "policy"


@pytest.mark.parametrize(
    ("values", "expected"), [([], "category"), (["A"], "category"), (["A", "B", "C"], "")]
)
def test_every_value_of_a_restrictive_tag_must_be_held(values: list[str], expected: str) -> None:
    label = classified("SECRET", tag("CRYPTO", "A", "B"))
    assert rule(label, held("ARDEN", "TOP", CRYPTO=values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"), [([], "category"), (["south"], ""), (["north", "south"], "")]
)
def test_one_value_of_a_permissive_tag_must_be_held(values: list[str], expected: str) -> None:
    label = classified("SECRET", tag("DESK", "north", "south"))
    assert rule(label, held("ARDEN", "TOP", DESK=values)) == expected


def test_a_permissive_tag_of_no_value_is_held_by_nobody() -> None:
    label = classified("SECRET", tag("DESK"))
    assert rule(label, held("ARDEN", "TOP", DESK=["north", "south"])) == "category"


def test_every_tag_must_be_met() -> None:
    label = classified("SECRET", tag("CRYPTO", "A"), tag("DESK", "north"), tag("MARK", "draft"))
    assert rule(label, held("ARDEN", "TOP", CRYPTO=["A"], DESK=["north"])) == ""
    assert rule(label, held("ARDEN", "TOP", CRYPTO=["A"])) == "category"
    assert rule(label, held("ARDEN", "TOP", DESK=["north"])) == "category"


def test_a_tag_that_informs_is_not_enforced() -> None:
    label = classified("SECRET", tag("MARK", "draft", kind="informative"))
    assert rule(label, held("ARDEN", "SECRET")) == ""


def test_reasons_name_what_is_missing() -> None:
    label = classified("SECRET", tag("CRYPTO", "A", "B"), tag("DESK", "north", "south"))

    def why(*clearances: Clearance) -> str:
        return shortfall(WORLD.policies, label_from_document(label), clearances)[1]

    assert why() == "nothing is held under ARDEN or an equivalent"
    assert why(held("ARDEN", "OPEN")) == "ARDEN:OPEN is below SECRET"
    assert why(held("ARDEN", "TOP", CRYPTO=["B"])) == "CRYPTO=A is not held"
    assert why(held("ARDEN", "TOP", CRYPTO=["A", "B"])) == "none of DESK=north, south is held"
    both = held("ARDEN", "TOP", CRYPTO=["A", "B"], DESK=["south"])
    assert why(both) == "ARDEN:TOP covers it"


def test_the_first_reason_is_kept_when_no_clearance_does() -> None:
    label = classified("SECRET", tag("CRYPTO", "A"))
    clearances = (held("ARDEN", "OPEN"), held("CALEDON", "GEHEIM"))
    assert rule(label, *clearances) == "level"


def test_an_equivalent_level_is_enough_and_a_lower_one_is_not() -> None:
    assert rule(classified("SECRET"), held("CALEDON", "GEHEIM")) == ""
    assert rule(classified("SECRET"), held("CALEDON", "OFFEN")) == "policy"


def test_an_equivalence_covers_what_is_below_and_nothing_above() -> None:
    """Else a product of both could be read by somebody who may not read the lower part."""
    assert rule(classified("RESTRICTED"), held("CALEDON", "GEHEIM")) == ""
    assert rule(classified("OPEN"), held("CALEDON", "GEHEIM")) == ""
    assert rule(classified("TOP"), held("CALEDON", "GEHEIM")) == "policy"


def test_an_equivalence_is_the_word_of_the_labels_own_policy() -> None:
    """CALEDON says that OFFEN is RESTRICTED, and says nothing of GEHEIM."""
    assert rule(classified("OFFEN", policy="CALEDON"), held("ARDEN", "RESTRICTED")) == ""
    assert rule(classified("OFFEN", policy="CALEDON"), held("ARDEN", "OPEN")) == "policy"
    assert rule(classified("GEHEIM", policy="CALEDON"), held("ARDEN", "TOP")) == "policy"


def test_categories_translate_or_are_not_held() -> None:
    both = classified("SECRET", tag("CRYPTO", "A", "B"))
    assert rule(both, held("CALEDON", "GEHEIM", KRYPTO=["A1", "B1"])) == ""
    assert rule(both, held("CALEDON", "GEHEIM", KRYPTO=["A1"])) == "category"
    without = classified("SECRET", tag("CRYPTO", "C"))
    assert rule(without, held("CALEDON", "GEHEIM", KRYPTO=["A1", "B1"])) == "category"


def test_one_permissive_value_that_translates_is_enough() -> None:
    """``south`` has no equivalent, which leaves ``north``: any of the two will do."""
    label = classified("SECRET", tag("DESK", "north", "south"))
    assert rule(label, held("CALEDON", "GEHEIM", TISCH=["nord"])) == ""
    assert rule(label, held("CALEDON", "GEHEIM", TISCH=["sued"])) == "category"


def test_how_an_equivalent_is_explained() -> None:
    decision = member(stated(classified("SECRET")), "caledon")
    assert whole(decision, "classification") == (
        "pass",
        "cleared",
        "members.caledon.clearances",
        "caledon is cleared: ARDEN:SECRET covers it, as ARDEN calls CALEDON:GEHEIM equivalent",
    )


def policies(**more: Any) -> dict[str, Any]:
    return WORLD.policies | {
        name: msgspec.structs.replace(WORLD.policies[name], **changes)
        for name, changes in more.items()
    }


def test_the_equivalence_of_the_nearest_level_is_the_one_that_is_quoted() -> None:
    """And were it not enough, its shortfall: the levels above ask for more than is needed."""
    (secret,) = WORLD.policies["ARDEN"].equivalences
    restricted = msgspec.structs.replace(secret, ours="RESTRICTED", theirs="OFFEN", categories={})
    changed = policies(ARDEN={"equivalences": (secret, restricted)})
    label = label_from_document(classified("RESTRICTED"))
    why = "covers it, as ARDEN calls CALEDON:GEHEIM equivalent"
    clearance = held("CALEDON", "GEHEIM")
    assert shortfall(changed, label, [clearance]) == ("", f"ARDEN:RESTRICTED {why}")
    label = label_from_document(classified("SECRET"))
    assert shortfall(changed, label, [clearance]) == ("", f"ARDEN:SECRET {why}")


def test_two_permissive_tags_that_share_an_equivalent_stay_two() -> None:
    """AND across tags: one value in the other policy's only tag must not stand for both."""
    arden = WORLD.policies["ARDEN"]
    sides = {"SIDE": msgspec.structs.replace(arden.tags["DESK"], name="SIDE")}
    (equivalence,) = arden.equivalences
    also = equivalence.categories | {("SIDE", "north"): ("TISCH", "sued")}
    changed = policies(
        ARDEN={
            "tags": arden.tags | sides,
            "equivalences": (msgspec.structs.replace(equivalence, categories=also),),
        }
    )
    label = label_from_document(classified("SECRET", tag("DESK", "north"), tag("SIDE", "north")))
    for values, expected in (
        (["nord"], "category"),
        (["sued"], "category"),
        (["nord", "sued"], ""),
    ):
        clearance = held("CALEDON", "GEHEIM", TISCH=values)
        assert shortfall(changed, label, [clearance])[0] == expected


def test_a_category_whose_equivalent_is_releasable_there_is_still_enforced() -> None:
    tags = WORLD.policies["CALEDON"].tags
    changed = policies(
        CALEDON={"tags": tags | {"TISCH": msgspec.structs.replace(tags["TISCH"], releasable=True)}}
    )
    label = label_from_document(classified("SECRET", tag("DESK", "north")))
    assert shortfall(changed, label, [held("CALEDON", "GEHEIM")])[0] == "category"


@pytest.mark.parametrize("obsolete", ["ours", "theirs", "value", "excluded", "gone"])
def test_an_equivalence_of_what_is_obsolete_opens_nothing(obsolete: str) -> None:
    arden, caledon = WORLD.policies["ARDEN"], WORLD.policies["CALEDON"]
    replace = msgspec.structs.replace
    levels, tags = caledon.levels, caledon.tags
    changes: dict[str, Any] = {}
    if obsolete == "ours":
        secret = replace(arden.levels["SECRET"], obsolete=True)
        changes["ARDEN"] = {"levels": arden.levels | {"SECRET": secret}}
    elif obsolete == "theirs":
        geheim = replace(levels["GEHEIM"], obsolete=True)
        changes["CALEDON"] = {"levels": levels | {"GEHEIM": geheim}}
    elif obsolete == "value":
        old = replace(tags["KRYPTO"], obsolete=frozenset({"A1"}))
        changes["CALEDON"] = {"tags": tags | {"KRYPTO": old}}
    elif obsolete == "gone":
        old = replace(tags["KRYPTO"], values=frozenset({"B1"}))
        changes["CALEDON"] = {"tags": tags | {"KRYPTO": old}}
    else:
        geheim = replace(levels["GEHEIM"], excludes=frozenset({"KRYPTO"}))
        changes["CALEDON"] = {"levels": levels | {"GEHEIM": geheim}}
    label = label_from_document(classified("RESTRICTED", tag("CRYPTO", "A")))
    clearance = held("CALEDON", "GEHEIM", KRYPTO=["A1"])
    assert shortfall(WORLD.policies, label, [clearance])[0] == ""
    assert shortfall(policies(**changes), label, [clearance])[0] != ""


def test_the_originators_own_other_wording_counts_where_it_is_valid() -> None:
    other = {"policy": "CALEDON", "classification": "GEHEIM"}
    label = classified("TOP", alternatives=[other])
    clearance = held("CALEDON", "GEHEIM")
    how = "CALEDON:GEHEIM covers it, as its originator labelled it too"
    assert shortfall(WORLD.policies, label_from_document(label), [clearance]) == ("", how)
    wrong = classified("TOP", alternatives=[{**other, "categories": [tag("NONE", "x")]}])
    assert rule(wrong, clearance) == "policy"
    assert rule(classified("TOP", alternatives=[{**other, "policy": "ZEMBLA"}]), clearance) != ""


def test_another_classification_under_the_same_policy_is_no_other_wording() -> None:
    label = classified("TOP", alternatives=[{"policy": "ARDEN", "classification": "OPEN"}])
    assert rule(label, held("ARDEN", "OPEN")) == "level"


def test_a_classification_that_is_not_valid_reaches_nobody() -> None:
    assert rule(classified("ATOMIC"), held("ARDEN", "TOP")) == "policy"
    assert rule({"tlp": "RED"}, held("ARDEN", "TOP")) == "policy"
    assert rule(classified("SECRET", tag("NONE", "x")), held("ARDEN", "TOP")) == "policy"


@pytest.mark.parametrize(
    ("label", "cleared"),
    [
        (classified("SECRET"), {"ana", "boris", "carla", "elsa"}),
        (classified("SECRET", tag("CRYPTO", "A")), {"ana", "boris", "carla"}),
        (classified("SECRET", tag("CRYPTO", "B")), {"ana"}),
        (classified("SECRET", tag("DESK", "south")), {"boris"}),
        (classified("SECRET", tag("DESK", "north")), {"ana", "carla"}),
        (classified("TOP"), set()),
        (classified("GEHEIM", policy="CALEDON"), {"carla"}),
    ],
)
def test_readers_are_cleared_by_the_same_rule(label: dict[str, Any], cleared: set[str]) -> None:
    found = {
        name
        for name in WORLD.readers
        if whole(reader(stated(label), name), "clearance")[0] == "pass"
    }
    assert found == cleared


def test_another_wording_counts_for_those_only_whom_its_own_releasable_category_names() -> None:
    worded = {"policy": "ARDEN", "classification": "SECRET", "categories": [tag("REL", "CAL")]}
    more = {"policy": "CALEDON", "rel_to": ["borduria", "caledon"], "alternatives": [worded]}
    label = classified("GEHEIM", **more)
    assert whole(member(stated(label), "borduria"), "classification")[:2] == ("deny", "policy")
    assert member(stated(label), "caledon").permit
    assert not reader(stated(label), "boris").permit
    for names, cleared in ((["BRD"], True), (["BRD", "ZEM"], False), ([], False)):
        worded["categories"] = [tag("REL", *names)]
        asked = stated(classified("GEHEIM", **more))
        assert (whole(member(asked, "borduria"), "classification")[0] == "pass") is cleared
        assert (whole(reader(asked, "boris"), "clearance")[0] == "pass") is cleared


def test_a_value_that_their_level_excludes_is_no_equivalent() -> None:
    caledon = WORLD.policies["CALEDON"]
    geheim = caledon.levels["GEHEIM"]
    barred = msgspec.structs.replace(geheim, excludes_values=frozenset({("KRYPTO", "A1")}))
    changed = policies(CALEDON={"levels": caledon.levels | {"GEHEIM": barred}})
    clearance = held("CALEDON", "GEHEIM", KRYPTO=["A1", "B1"])
    for value, expected in (("A", "category"), ("B", "")):
        label = label_from_document(classified("SECRET", tag("CRYPTO", value)))
        assert shortfall(WORLD.policies, label, [clearance])[0] == ""
        assert shortfall(changed, label, [clearance])[0] == expected
