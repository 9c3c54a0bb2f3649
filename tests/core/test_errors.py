"""The error tree is what its drawing says."""

import inspect
import re

import pytest

from ringwall.core import InvalidInput, RingwallError, errors


def drawn_tree() -> dict[str, str]:
    """Return class name → parent as the module's docstring draws them."""
    parents: dict[str, str] = {}
    line_above: list[str] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines()[1:]:
        match = re.match(r"([│├└─ ]*)([A-Z]\w+)", line)
        if match is None:
            continue
        level = len(match[1]) // 4
        line_above[level:] = [match[2]]
        parents[match[2]] = line_above[level - 1] if level else "Exception"
    return parents


def real_tree() -> dict[str, str]:
    found: dict[str, str] = {}
    pending = [RingwallError]
    while pending:
        kind = pending.pop()
        (parent,) = kind.__bases__
        found[kind.__name__] = parent.__name__
        pending.extend(kind.__subclasses__())
    return found


def all_errors() -> list[type[RingwallError]]:
    return [getattr(errors, name) for name in real_tree()]


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree() == real_tree()


def test_all_errors_live_in_core() -> None:
    assert {kind.__module__ for kind in all_errors()} == {"ringwall.core.errors"}


def test_leaves_have_codes_of_their_own() -> None:
    codes = [kind.code for kind in all_errors() if not kind.__subclasses__()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_says_where_and_which_rule(kind: type[RingwallError]) -> None:
    error = kind("the label is missing", field="label", rule="no-label")
    assert str(error) == "the label is missing"
    assert error.diagnostics() == {
        "code": kind.code,
        "field": "label",
        "rule": "no-label",
        "message": "the label is missing",
    }
    assert 400 <= kind.status <= 599
    assert kind.__doc__


def test_a_rule_that_is_not_given_is_the_code() -> None:
    assert InvalidInput("x").rule == "invalid"
