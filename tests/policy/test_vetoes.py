"""A member's own vetoes: they forbid, they never open, and whatever goes wrong in them denies."""

import hashlib
from typing import Any

import msgspec
import pytest

from ringwall.core import BadConfiguration, ManualClock, canonical_json
from ringwall.labels import Label, Tlp
from ringwall.policy import (
    NO_VETOES,
    Kernel,
    Question,
    ReleaseClass,
    Vetoes,
    decide_member,
    decide_reader,
    veto_schema,
)
from tests.policy.world import NOW, WORLD, changed, classified, gate, stated, tag

RESTRICTED = stated(classified("RESTRICTED"))
GREEN = stated({"tlp": "GREEN"})


def veto(condition: str, *, name: str = "rule", head: str = "principal, action, resource") -> str:
    return f'@id("{name}")\nforbid({head}) when {{ {condition} }};'


def member_says(text: str, asked: ReleaseClass, name: str, at_home: str = "arden") -> str:
    decision = decide_member(WORLD, asked, name, NOW, Vetoes(at_home, text))
    return gate(decision, "veto").rule


@pytest.mark.parametrize(
    ("condition", "permitted"),
    [
        ('principal.kind == "company"', {"arden", "borduria", "caledon"}),
        ('principal.sponsor == "arden"', {"arden", "borduria", "caledon"}),
        ('principal in Group::"allies"', {"arden"}),
        ('principal == Member::"caledon"', {"arden", "borduria", "elbe"}),
        ('context.origin == Member::"arden"', {"arden"}),
        ('context.object_type == "indicator"', {"arden"}),
        ('context.purpose == "collective-defence"', {"arden"}),
        ('context.sectors.contains("energy")', {"arden"}),
        ('context.sectors.contains("water")', {"arden", "borduria", "caledon", "elbe"}),
        ("context.hops > 1", {"arden"}),
        ('context.tlp == "GREEN"', {"arden"}),
        ("context.tlp_rank >= 1", {"arden"}),
        ("context.tlp_rank >= 2", {"arden", "borduria", "caledon", "elbe"}),
        ('context.pap == "RED"', {"arden"}),
        ('context.rel_to.contains("allies")', {"arden"}),
        ('context.policy == "ARDEN"', {"arden"}),
        ('context.classification == "RESTRICTED"', {"arden"}),
        ("context.classification_rank == 1", {"arden"}),
        ('context.categories.contains("MARK=draft")', {"arden"}),
    ],
)
def test_what_a_veto_can_look_at(condition: str, permitted: set[str]) -> None:
    label = {**classified("RESTRICTED", tag("MARK", "draft")), "tlp": "GREEN", "pap": "RED"}
    terms = {"sectors": ["energy"], "onward_to": ["elbe"], "hops": 2}
    asked = stated(label, terms)
    vetoes = Vetoes("arden", veto(condition, head="principal is Member, action, resource"))
    found = {
        name for name in WORLD.members if decide_member(WORLD, asked, name, NOW, vetoes).permit
    }
    assert found == permitted


@pytest.mark.parametrize(
    "condition",
    [
        *('context.tlp == ""', "context.tlp_rank == -1", 'context.pap == ""'),
        *('context.policy == ""', 'context.classification == ""'),
        *("context.classification_rank == -1", "context.hops == 0"),
    ],
)
def test_what_a_label_does_not_say_is_empty(condition: str) -> None:
    asked = GREEN if "class" in condition or "pol" in condition else RESTRICTED
    assert member_says(veto(condition), asked, "borduria") == "veto"


def test_a_veto_is_named_and_its_holder_too() -> None:
    text = veto("true", name="no-one") + veto("true", name="also")
    decision = decide_member(WORLD, GREEN, "borduria", NOW, Vetoes("arden", text))
    found = gate(decision, "veto")
    assert (found.outcome, found.rule, found.source) == ("deny", "veto", "vetoes of arden")
    assert found.fact == "arden forbids it: also, no-one"
    assert not decision.permit
    assert decision.until is None
    assert decision.duties == ()


def test_a_veto_that_does_not_apply_passes() -> None:
    decision = decide_member(WORLD, GREEN, "borduria", NOW, Vetoes("arden", veto("false")))
    found = gate(decision, "veto")
    assert (found.outcome, found.rule, found.source, found.fact) == (
        *("pass", "no-veto", "vetoes of arden", "no veto forbids it"),
    )
    assert decision.permit


def test_vetoes_are_not_asked_where_another_gate_denies() -> None:
    decision = decide_member(
        WORLD, stated({"tlp": "RED"}), "borduria", NOW, Vetoes("arden", veto("true"))
    )
    assert "veto" not in {result.gate for result in decision.gates}


def test_without_a_veto_the_gate_abstains() -> None:
    assert not NO_VETOES.any
    assert NO_VETOES.digest == ""
    blank = Vetoes("arden", " \n")
    assert (blank.any, blank.digest) == (False, "")
    found = NO_VETOES.gate(Question(WORLD, GREEN, "borduria", NOW))
    assert (found.gate, found.outcome, found.rule, found.source, found.fact) == (
        *("veto", "abstain", "none", "vetoes", "no veto is stated"),
    )
    decision = decide_member(WORLD, GREEN, "borduria", NOW)
    assert "veto" not in {result.gate for result in decision.gates}


def test_at_home_a_member_may_always_have_its_own_and_its_readers_not() -> None:
    vetoes = Vetoes("arden", veto("true"))
    assert decide_member(WORLD, GREEN, "arden", NOW, vetoes).permit
    assert not decide_reader(WORLD, GREEN, WORLD.readers["ana"], NOW, vetoes).permit


@pytest.mark.parametrize(
    ("action", "holder", "asked_of", "denied"),
    [
        ("release", "arden", "borduria", True),
        ("release", "borduria", "borduria", False),
        ("accept", "borduria", "borduria", True),
        ("accept", "arden", "borduria", False),
        ("read", "arden", "borduria", False),
    ],
)
def test_release_accept_and_read_are_told_apart(
    action: str, holder: str, asked_of: str, denied: bool
) -> None:
    text = veto("true", head=f'principal, action == Action::"{action}", resource')
    assert (member_says(text, GREEN, asked_of, holder) == "veto") is denied


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ('principal.roles.contains("analyst")', {"ana", "boris"}),
        ('principal.nationality == "arden"', {"ana", "elsa"}),
        ('principal.communities.contains("cert")', {"boris"}),
        ('principal in Member::"caledon"', {"carla"}),
        ('principal in Group::"allies"', {"ana", "boris", "carla", "elsa"}),
        ('principal == Reader::"elsa"', {"elsa"}),
    ],
)
def test_vetoes_about_readers(condition: str, denied: set[str]) -> None:
    text = veto(condition, head='principal is Reader, action == Action::"read", resource')
    vetoes = Vetoes("borduria", text)
    found = {
        name
        for name, reader in WORLD.readers.items()
        if not decide_reader(WORLD, GREEN, reader, NOW, vetoes).permit
    }
    assert found == denied


def test_a_reader_is_denied_what_its_member_is_denied() -> None:
    text = veto("true", head='principal, action == Action::"accept", resource')
    boris = WORLD.readers["boris"]
    decision = decide_reader(WORLD, GREEN, boris, NOW, Vetoes("borduria", text))
    assert gate(decision, "veto").rule == "veto"
    assert [result.gate for result in decision.gates].count("veto") == 1
    assert decide_reader(WORLD, GREEN, boris, NOW, Vetoes("arden", text)).permit


# The fail-open traps of the engine, each of them measured: facts of the engine, not of ours.


def test_a_forbid_that_errors_denies() -> None:
    """The engine skips it: without the check of its errors this would be permitted."""
    text = veto("9223372036854775807 + context.hops < 0")
    asked = stated({"tlp": "GREEN"}, {"onward_to": ["elbe"], "hops": 1})
    decision = decide_member(WORLD, asked, "borduria", NOW, Vetoes("arden", text))
    found = gate(decision, "veto")
    assert not decision.permit
    assert (found.outcome, found.rule) == ("deny", "error")
    assert found.fact.startswith("a veto failed: ")
    assert "overflow" in found.fact
    assert decide_member(WORLD, GREEN, "borduria", NOW, Vetoes("arden", text)).permit


def test_who_is_not_there_is_denied() -> None:
    """For the engine a missing entity is in no group, and no forbid fits it."""
    vetoes = Vetoes("arden", veto("false"))
    found = vetoes.gate(Question(WORLD, GREEN, "zembla", NOW))
    assert (found.outcome, found.rule) == ("deny", "unknown-member")
    assert found.fact == "zembla is no member"
    odd = vetoes.gate(Question(WORLD, GREEN, "\x1b[2J", NOW))
    assert odd.fact.isprintable()


def test_an_originator_that_is_not_there_is_no_error_and_no_opening() -> None:
    asked = ReleaseClass("zembla", "note", Label(tlp=Tlp.GREEN))
    found = Vetoes("arden", veto('context.origin in Group::"allies"')).gate(
        Question(WORLD, asked, "borduria", NOW)
    )
    assert found.outcome in ("pass", "deny")
    assert not decide_member(WORLD, asked, "borduria", NOW).permit


@pytest.mark.parametrize(
    ("object_type", "words"),
    [
        ("\ud800", "a veto failed: failed to build request: "),
        (b"note", "a veto could not be asked: Object of type bytes "),
    ],
)
def test_a_veto_that_cannot_be_asked_denies(object_type: Any, words: str) -> None:
    """A type that is no name: what the engine cannot read must not pass."""
    asked = ReleaseClass("arden", object_type, Label(tlp=Tlp.GREEN))
    found = Vetoes("arden", veto("false")).gate(Question(WORLD, asked, "borduria", NOW))
    assert (found.outcome, found.rule) == ("deny", "error")
    assert found.fact.startswith(words)
    assert found.fact.isprintable()


def test_a_classification_of_a_policy_that_is_not_known_has_no_rank() -> None:
    asked = stated(classified("SECRET", policy="ZEMBLA"))
    vetoes = Vetoes("arden", veto("context.classification_rank == -1"))
    found = vetoes.gate(Question(WORLD, asked, "borduria", NOW))
    assert (found.outcome, found.rule) == ("deny", "veto")


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("@id('x') forbid(principal, action, resource)", "cedar", ""),
        ("not cedar", "cedar", ""),
        ('@id("x") permit(principal, action, resource);', "permit", "a veto forbids"),
        ("forbid(principal, action, resource);", "id", "a veto needs a name"),
        ('@id("") forbid(principal, action, resource);', "id", "a veto needs a name"),
        (veto("context.tlp_color == 1"), "schema", "tlp_color"),
        (veto("principal.roles.contains(1)"), "schema", ""),
        (veto('principal.kind == 1 && principal.kind like "x"'), "schema", ""),
        (veto("context.hops"), "schema", ""),
        (veto("true", head='principal, action == Action::"publish", resource'), "schema", ""),
        (veto("true", head='principal == User::"eve", action, resource'), "schema", ""),
        (
            '@id("t") forbid(principal == ?principal, action, resource);',
            "cedar",
            "templates are not used here",
        ),
        (veto("true") + " " * (256 * 1024), "size", "over 262144 bytes"),
    ],
)
def test_what_is_refused_when_vetoes_are_read(text: str, rule: str, words: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        Vetoes("arden", text)
    assert (refused.value.field, refused.value.rule) == ("vetoes", rule)
    assert str(refused.value).startswith("vetoes: ")
    assert words in str(refused.value)


def test_what_the_engine_does_not_read_is_told_in_its_words() -> None:
    with pytest.raises(BadConfiguration) as refused:
        Vetoes("arden", '@id("x") forbid(principal, action, resource)')
    assert refused.value.message == "vetoes: unexpected end of input"


def test_mistakes_against_the_schema_are_told_until_there_are_too_many() -> None:
    with pytest.raises(BadConfiguration) as refused:
        Vetoes("arden", veto("context.colour == 1") + veto("context.shade == 1", name="second"))
    told = refused.value.message.removeprefix("vetoes: ")
    assert {each[:20] for each in told.split("; ")} == {
        "for policy `policy0`",
        "for policy `policy1`",
    }
    assert len(told) == 300


def test_one_bad_veto_among_good_ones_is_refused_by_name() -> None:
    text = veto("true") + '@id("open") permit(principal, action, resource);'
    with pytest.raises(BadConfiguration, match="policy1: a veto forbids"):
        Vetoes("arden", text)


def test_the_largest_text_is_still_read() -> None:
    text = veto("false")
    assert Vetoes("arden", text + " " * (256 * 1024 - len(text))).any


def test_the_schema_is_the_published_one() -> None:
    assert "action release, accept" in veto_schema()
    assert "tlp_rank: Long" in veto_schema()


def test_the_digest_is_of_the_text() -> None:
    text = veto("true")
    assert Vetoes("arden", text).digest == hashlib.sha256(text.encode()).hexdigest()


def test_the_kernel_asks_the_vetoes_on_every_path() -> None:
    forbids = veto('principal == Member::"caledon"') + veto(
        "true", name="boris", head='principal == Reader::"boris", action, resource'
    )
    kernel = Kernel(WORLD, ManualClock(NOW), Vetoes("arden", forbids))
    nodes = {"arden-1", "borduria-1", "caledon-1"}
    assert kernel.audience(GREEN, nodes=nodes) == ("borduria-1",)
    assert not kernel.may_receive(GREEN, "caledon")
    assert not kernel.may_read(GREEN, WORLD.readers["carla"])
    assert not kernel.may_read(GREEN, WORLD.readers["boris"])
    assert kernel.may_read(GREEN, WORLD.readers["elsa"])
    assert kernel.readable({7: GREEN}, WORLD.readers["boris"]) == frozenset()
    assert gate(kernel.decide(GREEN, "caledon", NOW), "veto").rule == "veto"
    assert gate(kernel.decide_reader(GREEN, WORLD.readers["boris"]), "veto").rule == "veto"
    explained: dict[str, Any] = dict(kernel.explain(GREEN))
    assert [name for name, each in explained.items() if each.permit] == ["borduria", "elbe"]
    kernel.adopt(changed(digest="another"))
    assert not kernel.may_receive(GREEN, "caledon")


def test_the_kernel_tells_what_is_forbidden_whatever_else_says() -> None:
    clock = ManualClock(NOW)
    kernel = Kernel(WORLD, clock, Vetoes("arden", veto('principal == Member::"caledon"')))
    red = stated({"tlp": "RED"})
    assert kernel.vetoed(GREEN, "caledon") == "arden forbids it: rule"
    assert kernel.vetoed(red, "caledon") == "arden forbids it: rule"
    assert kernel.vetoed(red, "borduria") == ""
    assert Kernel(WORLD, clock).vetoed(GREEN, "caledon") == ""


def test_a_veto_can_look_at_the_way_that_it_came() -> None:
    vetoes = Vetoes("arden", veto('context.relayed.contains("borduria")'))
    terms = {"onward_to": ["caledon"], "hops": 2}
    for first, rule in (("borduria", "veto"), ("elbe", "no-veto")):
        asked = msgspec.structs.replace(stated({"tlp": "GREEN"}, terms), relayed=(first, "caledon"))
        assert gate(decide_member(WORLD, asked, "caledon", NOW, vetoes), "veto").rule == rule


def test_the_version_names_vetoes_and_signed_agreements() -> None:
    clock = ManualClock(NOW)
    plain = Kernel(WORLD, clock)
    assert plain.version == WORLD.digest
    one, other = (Kernel(WORLD, clock, Vetoes("arden", veto(each))) for each in ("true", "false"))
    signed = [
        changed(agreements=(msgspec.structs.replace(WORLD.agreements[0], digest=each),))
        for each in ("aa", "bb")
    ]
    versions = [plain.version, one.version, other.version]
    versions += [Kernel(each, clock).version for each in signed]
    assert len(set(versions)) == len(versions)
    assert all(len(each) == 64 for each in versions[1:])
    both = tuple(each.agreements[0] for each in signed)
    assert (
        Kernel(changed(agreements=both), clock).version
        == Kernel(changed(agreements=both[::-1]), clock).version
    )


def test_the_version_is_the_digest_of_all_the_digests() -> None:
    signed = tuple(
        msgspec.structs.replace(WORLD.agreements[0], digest=each) for each in ("bb", "aa")
    )
    vetoes = Vetoes("arden", veto("true"))
    parts = {"alliance": WORLD.digest, "agreements": ["aa", "bb"], "vetoes": vetoes.digest}
    expected = hashlib.sha256(canonical_json(parts)).hexdigest()
    assert Kernel(changed(agreements=signed), ManualClock(NOW), vetoes).version == expected


def test_what_would_overrun_the_engines_stack_is_refused_before_it_gets_there() -> None:
    for before, after in (("(", ")"), ("[", "]"), ("{a: ", "}")):
        for deep in (65, 20_000):
            text = veto(f"{before * deep}true{after * deep}")
            assert refused_by(text) == ("size" if len(text) > 4096 else "depth")
    for endless in ("true && ", "1 + ", "if true then true else "):
        assert refused_by(veto(endless * 20_000 + "true")) == "size"
    assert refused_by(veto("context.origin" + ".kind" * 700 + ' == "x"')) == "depth"


def test_texts_and_comments_do_not_make_a_veto_too_long_or_too_deep() -> None:
    names = ", ".join(f'"{number:;>200}("' for number in range(100))
    text = f"// {'(' * 5000}\n" + veto(f"[{names}].contains(context.purpose)")
    assert Vetoes("arden", text).any
    assert Vetoes("arden", veto("(" * 60 + "true" + ")" * 60)).any


@pytest.mark.parametrize(
    ("text", "rule", "problem"),
    [
        (veto("(" * 64 + "true" + ")" * 64), "depth", "nested deeper than 64 brackets"),
        (
            veto("context.origin" + ".kind" * 700 + ' == "x"'),
            *("depth", "a veto is nested too deep: write several"),
        ),
        (
            veto(f"[{'1,' * 2006}{'1' * 16}].contains(context.hops)"),
            *("size", "a veto is longer than 4096 characters: write several"),
        ),
    ],
)
def test_what_is_too_deep_or_too_long_is_told_with_the_limit(
    text: str, rule: str, problem: str
) -> None:
    with pytest.raises(BadConfiguration) as refused:
        Vetoes("arden", text)
    assert (refused.value.rule, refused.value.message) == (rule, f"vetoes: {problem}")


def test_the_deepest_the_longest_and_many_short_vetoes_are_read() -> None:
    assert Vetoes("arden", veto("(" * 63 + "true" + ")" * 63)).any
    assert Vetoes("arden", veto(f"[{'1,' * 2006}{'1' * 15}].contains(context.hops)")).any
    assert Vetoes("arden", "".join(veto("true", name=f"rule {n}") for n in range(90))).any


def refused_by(text: str) -> str:
    with pytest.raises(BadConfiguration) as refused:
        Vetoes("arden", text)
    assert refused.value.field == "vetoes"
    return refused.value.rule


# What others passed on, and what others may pass on.


def passed_on(*way: str) -> ReleaseClass:
    asked = stated({"tlp": "GREEN"}, {"onward_to": ["allies"], "hops": 2})
    return msgspec.structs.replace(asked, relayed=way)


@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ('context.relayed.contains("borduria")', {("borduria", "caledon"), ("borduria", "elbe")}),
        ('context.relayed.contains("elbe")', {("borduria", "elbe"), ("elbe", "caledon")}),
        ('context.relayed == ["borduria", "caledon"]', {("borduria", "caledon")}),
        ('context.relayed.contains("dorne")', set()),
        (
            "!context.relayed.isEmpty()",
            {("borduria", "caledon"), ("borduria", "elbe"), ("elbe", "caledon")},
        ),
    ],
)
def test_a_veto_can_look_at_over_whom_it_came(condition: str, denied: set[tuple[str, str]]) -> None:
    ways = [("borduria", "caledon"), ("borduria", "elbe"), ("elbe", "caledon")]
    assert {
        way for way in ways if member_says(veto(condition), passed_on(*way), way[-1]) == "veto"
    } == denied
    assert member_says(veto(condition), passed_on(), "caledon") == "no-veto"


def test_what_comes_from_its_originator_was_relayed_by_nobody() -> None:
    assert member_says(veto("context.relayed.isEmpty()"), passed_on(), "caledon") == "veto"
    asked = passed_on("borduria", "caledon")
    assert member_says(veto("context.relayed.isEmpty()"), asked, "caledon") == "no-veto"


def test_relayed_is_in_the_published_schema() -> None:
    assert "relayed: Set<String>" in veto_schema()
    with pytest.raises(BadConfiguration):
        Vetoes("arden", veto("context.relayed == 1"))


def test_the_kernel_asks_vetoes_of_what_was_passed_on() -> None:
    text = veto('context.relayed.contains("elbe")')
    kernel = Kernel(WORLD, ManualClock(NOW), Vetoes("caledon", text))
    carla, nodes = WORLD.readers["carla"], ["caledon-1"]
    by_elbe, by_borduria = passed_on("elbe", "caledon"), passed_on("borduria", "caledon")
    assert not kernel.may_receive(by_elbe, "caledon")
    assert not kernel.may_read(by_elbe, carla)
    assert kernel.audience(by_elbe, nodes=nodes) == ()
    assert kernel.may_receive(by_borduria, "caledon")
    assert kernel.may_read(by_borduria, carla)
    assert kernel.audience(by_borduria, nodes=nodes) == ("caledon-1",)


def test_the_kernel_says_which_veto_forbids_a_release_that_other_gates_close_too() -> None:
    text = veto('principal == Member::"dorne"', name="no-dorne")
    kernel = Kernel(WORLD, ManualClock(NOW), Vetoes("arden", text))
    red = stated({"tlp": "RED", "rel_to": []})
    assert "veto" not in {each.gate for each in kernel.decide(red, "dorne", NOW).gates}
    assert kernel.vetoed(red, "dorne") == "arden forbids it: no-dorne"
    assert kernel.vetoed(red, "borduria") == ""
    assert kernel.vetoed(red, "arden") == ""


def test_the_kernel_names_no_veto_where_there_is_none() -> None:
    kernel = Kernel(WORLD, ManualClock(NOW))
    assert kernel.vetoed(GREEN, "borduria") == kernel.vetoed(GREEN, "zembla") == ""


def test_a_veto_that_fails_and_a_member_that_is_not_there_count_as_forbidden() -> None:
    text = veto("9223372036854775807 + context.hops < 0")
    kernel = Kernel(WORLD, ManualClock(NOW), Vetoes("arden", text))
    asked = passed_on()
    assert kernel.vetoed(asked, "borduria").startswith("a veto failed: ")
    assert kernel.vetoed(asked, "zembla") == "zembla is no member"
    kernel.adopt(changed(members={}))
    assert kernel.vetoed(asked, "borduria") == "borduria is no member"
