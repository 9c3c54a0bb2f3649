"""From raw cases to values of the code under test, by its own readers."""

from typing import Any

from ringwall.alliance import Alliance, Clearance, Reader, load_alliance
from ringwall.labels import Category, Label, Tlp, label_from_document, terms_from_document
from ringwall.policy import ReleaseClass, release_class
from tests.policy.cases import Book, Case, written


def read_book(book: Book) -> Alliance:
    return load_alliance(written(book))


def read_label(case: Case) -> Label:
    return label_from_document(case["label"])


def read_case(case: Case) -> ReleaseClass:
    return release_class(
        case["origin"],
        case["object_type"],
        read_label(case),
        case["purpose"],
        terms_from_document(case["terms"]),
        tuple(case.get("relayed", ())),
    )


def read_card(card: dict[str, Any]) -> Reader:
    return Reader(
        id=card["id"],
        member=card["member"],
        name="A reader",
        roles=frozenset(card["roles"]),
        tlp=Tlp(card["tlp"]),
        nationality=card["nationality"],
        communities=frozenset(card["communities"]),
        clearances=tuple(
            Clearance(policy, held["classification"], _held(held))
            for policy, held in sorted(card["clearances"].items())
        ),
    )


def _held(held: dict[str, Any]) -> tuple[Category, ...]:
    return tuple(
        Category(tag, tuple(sorted(values))) for tag, values in sorted(held["categories"].items())
    )
