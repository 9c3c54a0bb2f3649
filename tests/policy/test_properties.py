"""What must hold for any alliance, on the real code; tests/policy/proofs proves it of the model."""

from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings

from ringwall.alliance import Alliance, known_policies
from ringwall.labels import Iep, Label, Tlp, for_decision, join, label_from_document
from ringwall.labels.label import counted_tlp
from ringwall.policy import ReleaseClass, decide_member, decide_reader
from tests.policy.cases import (
    GROUPS,
    LEVELS,
    MEMBERS,
    Book,
    Case,
    cards,
    case,
    category,
    confidentiality,
    description,
    iep,
    label,
    moment,
    moment_text,
    randoms,
)
from tests.policy.read import read_book, read_card, read_case

Who = Callable[[ReleaseClass], set[str]]


class World:
    """A random alliance at a moment, and who of it may have what."""

    def __init__(self, rng: Random) -> None:
        self.book: Book = description(rng)
        self.alliance: Alliance = read_book(self.book)
        self.readers = {name: read_card(card) for name, card in cards(rng, self.book).items()}
        self.at = moment(rng)

    def recipients(self, release: ReleaseClass) -> set[str]:
        """The members and the readers who may have it."""
        members = {
            name for name in MEMBERS if decide_member(self.alliance, release, name, self.at).permit
        }
        return members | {
            name
            for name, reader in self.readers.items()
            if decide_reader(self.alliance, release, reader, self.at).permit
        }


def under(release: ReleaseClass, its_label: Label) -> ReleaseClass:
    return msgspec.structs.replace(release, label=for_decision(its_label))


def similar(rng: Random, document: dict[str, Any]) -> dict[str, Any]:
    """Another label that differs in a part or two: two wholly random ones share nobody."""
    changed, other = deepcopy(document), label(rng)
    for field in list(changed):
        if rng.random() < 0.3 and field in other:
            changed[field] = other[field]
        elif rng.random() < 0.1:
            del changed[field]
    stated = changed.get("confidentiality")
    if stated and rng.random() < 0.7:
        another = confidentiality(rng, stated["policy"])
        for field in ("classification", "categories"):
            if field in stated and rng.random() < 0.5:
                stated[field] = another[field]
    return changed


@settings(max_examples=20)
@given(randoms)
def test_no_product_exceeds_its_strictest_part(rng: Random) -> None:
    world = World(rng)
    known = known_policies(world.alliance)
    for _ in range(8):
        one: Case = case(rng)
        release = read_case(one)
        documents = [one["label"], similar(rng, one["label"]), similar(rng, one["label"])]
        labels = [label_from_document(each) for each in documents]
        for parts in (labels[:2], labels):
            product = world.recipients(under(release, join(parts, known)))
            for part in parts:
                assert product <= world.recipients(under(release, part))


@settings(max_examples=20)
@given(randoms)
def test_joins_of_an_alliance_are_commutative_associative_and_idempotent(rng: Random) -> None:
    alliance = read_book(description(rng))
    for known in (known_policies(alliance), None):
        for _ in range(12):
            first = label(rng)
            documents = [first, similar(rng, first), similar(rng, first)]
            one, two, three = (label_from_document(each) for each in documents)
            whole = join([one, two, three], known)
            assert join([one, one], known) == one
            assert join([two, one], known) == join([one, two], known)
            assert join([join([one, two], known), three], known) == whole
            assert join([one, join([two, three], known)], known) == whole
            assert join([whole, two], known) == whole


def stricter(rng: Random, release: ReleaseClass, one: Case) -> list[ReleaseClass]:
    """The same with one more restriction each, written into the label or the terms."""
    document, terms = one["label"], release.terms
    its_label = label_from_document(document)
    changed = [
        msgspec.structs.replace(its_label, unknown=(*its_label.unknown, "pap")),
        msgspec.structs.replace(its_label, acs=('{"control_set":{"classification":"S"}}',)),
        msgspec.structs.replace(its_label, iep=(*its_label.iep, Iep(end="2026-01-01T00:09:00Z"))),
    ]
    if isinstance(document.get("iep", []), list):  # else a list would mend what is ill-formed
        more = [*document.get("iep", []), iep(rng)]
        changed.append(label_from_document({**document, "iep": more}))
    if "review" not in document:
        changed.append(label_from_document({**document, "review": moment_text(rng)}))
    if its_label.tlp is not None or its_label.confidentiality is not None:
        higher = [each for each in Tlp if its_label.tlp is None or each.rank > its_label.tlp.rank]
        changed += [msgspec.structs.replace(its_label, tlp=each) for each in higher]
    names = its_label.rel_to or ()
    for name in [each for each in names if each in MEMBERS + GROUPS][:1]:
        fewer = tuple(each for each in names if each != name)  # a stranger shuts: it must stay
        changed.append(msgspec.structs.replace(its_label, rel_to=fewer))
    unclassified = document.keys().isdisjoint({"confidentiality", "alternatives"})
    if its_label.tlp is not None and unclassified:
        classified = {**document, "confidentiality": confidentiality(rng, "ALFA")}
        classified["confidentiality"]["categories"] = []
        changed.append(label_from_document(classified))
    changed += more_categories(rng, document)
    found = [under(release, each) for each in changed]
    said = [msgspec.structs.replace(terms, unknown=("x",))]
    if not terms.embargo:
        said.append(msgspec.structs.replace(terms, embargo="2026-01-01T00:08:00.000000Z"))
    if len(terms.sectors) == 1:  # the first one opens what is about a sector, each more restricts
        said.append(msgspec.structs.replace(terms, sectors=("energy", "health")))
    return found + [msgspec.structs.replace(release, terms=each) for each in said]


def more_categories(rng: Random, document: dict[str, Any]) -> list[Label]:
    """One more category that restricts: a releasable one would name recipients, as REL TO does."""
    stated = document.get("confidentiality", {})
    found = []
    for tag in ("K", "P", "Q", "I"):
        if "classification" in stated and all(each["tag"] != tag for each in stated["categories"]):
            more = {**stated, "categories": [*stated["categories"], category(rng, tag)]}
            found.append(label_from_document({**document, "confidentiality": more}))
    return found


@settings(max_examples=20)
@given(randoms)
def test_adding_a_restriction_never_adds_a_recipient(rng: Random) -> None:
    world = World(rng)
    for _ in range(4):
        one = case(rng)
        release = read_case(one)
        before = world.recipients(release)
        for after in stricter(rng, release, one):
            assert world.recipients(after) <= before


@settings(max_examples=20)
@given(randoms)
def test_taking_an_agreement_away_never_adds_a_recipient(rng: Random) -> None:
    world = World(rng)
    agreements = world.alliance.agreements
    kept = tuple(each for each in agreements if rng.random() < 0.6)
    fewer = msgspec.structs.replace(world.alliance, agreements=kept)
    for _ in range(6):
        release = read_case(case(rng))
        before = world.recipients(release)
        world.alliance, whole = fewer, world.alliance
        assert world.recipients(release) <= before
        world.alliance = whole


@settings(max_examples=20)
@given(randoms)
def test_only_an_agreement_opens_anything(rng: Random) -> None:
    world = World(rng)
    world.alliance = msgspec.structs.replace(world.alliance, agreements=())
    for _ in range(8):
        release = read_case(case(rng))
        ours = {name for name in world.readers if world.readers[name].member == release.origin}
        assert world.recipients(release) <= {release.origin} | ours


UNKNOWN: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda document: {**document, "colour": "blue"},
    lambda document: {**document, "unknown": ["granular_markings"]},
    lambda document: {**document, "tlp": "PURPLE"},
    lambda document: {**document, "confidentiality": {"policy": "GAMMA", "classification": "R1"}},
    lambda document: {**document, "confidentiality": {"policy": "ALFA", "classification": "R9"}},
    lambda document: {**document, "confidentiality": {"policy": "ALFA", "classification": "OLD"}},
    lambda document: {**document, "confidentiality": "SECRET"},
    lambda document: {"rel_to": MEMBERS},
]


@settings(max_examples=20)
@given(randoms)
def test_whatever_is_not_known_denies_everybody(rng: Random) -> None:
    world = World(rng)
    one = case(rng)
    for change in UNKNOWN:
        unknown = {**one, "label": change(one["label"])}
        assert world.recipients(read_case(unknown)) == set()
    for terms in ({"colour": "blue"}, {"embargo": "soon"}, {"hops": -1}, {"unknown": ["x"]}):
        assert world.recipients(read_case({**one, "terms": terms})) == set()
    for origin in ("zz", ""):
        assert world.recipients(read_case({**one, "origin": origin})) == set()


@settings(max_examples=20)
@given(randoms)
def test_a_reader_sees_no_more_than_its_member_receives(rng: Random) -> None:
    world = World(rng)
    for _ in range(6):
        found = world.recipients(read_case(case(rng)))
        assert {world.readers[name].member for name in found - set(MEMBERS)} <= found


@settings(max_examples=20)
@given(randoms)
def test_a_lower_tlp_or_fewer_roles_never_show_a_reader_more(rng: Random) -> None:
    world = World(rng)
    releases = [read_case(case(rng)) for _ in range(6)]
    for reader in world.alliance.readers.values():
        lower = msgspec.structs.replace(reader, tlp=Tlp(LEVELS[rng.randint(0, reader.tlp.rank)]))
        fewer = msgspec.structs.replace(reader, roles=frozenset(sorted(reader.roles)[1:]))
        for release in releases:
            whole = decide_reader(world.alliance, release, reader, world.at).permit
            for less in (lower, fewer):
                assert whole >= decide_reader(world.alliance, release, less, world.at).permit


@settings(max_examples=20)
@given(randoms)
def test_what_a_decision_looks_at_is_all_that_counts(rng: Random) -> None:
    """The class of a statement leaves out what would make one of every object: nothing else."""
    world = World(rng)
    for _ in range(6):
        one = case(rng)
        release = read_case(one)
        its_label = label_from_document(one["label"])
        its_label = msgspec.structs.replace(its_label, tlp=counted_tlp(its_label))
        whole = msgspec.structs.replace(release, label=its_label)
        assert world.recipients(release) == world.recipients(whole)


GATES_OF_A_HOP = {"onward", "agreement"}


@settings(max_examples=20)
@given(randoms)
def test_what_is_passed_on_is_its_holders_and_by_its_label_it_could_be(rng: Random) -> None:
    """Whoever has it passes every gate that its originator's own release would ask, but for whom
    the two agree with: that is asked of the last hop.
    """
    world = World(rng)
    for _ in range(12):
        release = read_case(case(rng))
        if not release.relayed:
            continue
        holders = world.recipients(release) & set(MEMBERS)
        assert holders <= {release.origin, release.relayed[-1]}
        direct = msgspec.structs.replace(release, relayed=())
        for name in holders:
            decision = decide_member(world.alliance, direct, name, world.at)
            denied = {each.gate for each in decision.gates if each.outcome == "deny"}
            assert denied <= GATES_OF_A_HOP


@settings(max_examples=20)
@given(randoms)
def test_narrower_terms_never_let_more_be_passed_on(rng: Random) -> None:
    world = World(rng)
    for _ in range(12):
        release = read_case(case(rng))
        terms = release.terms
        fewer = msgspec.structs.replace(terms, onward_to=terms.onward_to[1:])
        shorter = msgspec.structs.replace(terms, hops=max(0, terms.hops - 1))
        before = world.recipients(release)
        for after in (fewer, shorter):
            assert world.recipients(msgspec.structs.replace(release, terms=after)) <= before
