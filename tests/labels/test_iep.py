"""IEP 2.0: what a recipient must heed, and that the strictest stands where nothing was said."""

from hypothesis import given
from msgspec.structs import asdict, replace

from ringwall.labels import Iep, obligations
from ringwall.labels.iep import Actions, Attribution, Encryption, Permission, for_decision
from tests.labels.any_label import policies

FREEST = Iep(
    encryption=Encryption.MAY,
    actions=Actions.EXTERNAL_DIRECT,
    notifications=Permission.MAY,
    attribution=Attribution.MAY,
    resale=Permission.MAY,
)


def test_what_is_not_said_is_forbidden() -> None:
    assert obligations(Iep()) == (
        "iep:permitted-actions:none",
        "iep:encrypt-in-transit",
        "iep:no-affected-party-notification",
        "iep:attribution:must-not",
        "iep:no-unmodified-resale",
    )


def test_the_freest_policy_still_says_which_actions() -> None:
    assert obligations(FREEST) == ("iep:permitted-actions:externally-visible-direct-actions",)


def test_each_statement_has_a_duty_of_its_own() -> None:
    for stricter, duty in [
        (replace(FREEST, encryption=Encryption.MUST), "iep:encrypt-in-transit"),
        (
            replace(FREEST, notifications=Permission.MUST_NOT),
            "iep:no-affected-party-notification",
        ),
        (replace(FREEST, attribution=Attribution.MUST), "iep:attribution:must"),
        (replace(FREEST, resale=Permission.MUST_NOT), "iep:no-unmodified-resale"),
    ]:
        assert set(obligations(stricter)) - set(obligations(FREEST)) == {duty}


@given(policies)
def test_the_part_for_decisions_keeps_dates_and_duties_and_no_name(policy: Iep) -> None:
    part = for_decision(policy)
    assert obligations(part) == obligations(policy)
    assert (part.start, part.end) == (policy.start, policy.end)
    named = {"id", "name", "version", "description", "reference", "tlp"}
    assert {field for field, said in asdict(part).items() if not said} >= named
    assert for_decision(part) == part
