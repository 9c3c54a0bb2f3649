"""What a check finds: one fact, how bad it is, and what to do about it."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from ringwall.core import RingwallError

State = Literal["ok", "warning", "fault"]


class Check(msgspec.Struct, frozen=True):
    """One finding: ``what`` is the fact, ``fix`` says what to do unless ``state`` is ok."""

    check: str
    state: State
    what: str
    fix: str = ""


def ok(check: str, what: str) -> Check:
    """Say that all is in order."""
    return Check(check, "ok", what)


def warning(check: str, what: str, fix: str) -> Check:
    """Say what will become a fault, or may be one."""
    return Check(check, "warning", what, fix)


def fault(check: str, what: str, fix: str) -> Check:
    """Say what is wrong."""
    return Check(check, "fault", what, fix)


def guarded(check: str, fix: str, look: Callable[[], Check | str]) -> Check:
    """Run one look: text is a fact that is in order, an error is a fault with its reason."""
    try:
        found = look()
    except (RingwallError, OSError) as error:
        return fault(check, " ".join(str(error).split()), fix)
    return found if isinstance(found, Check) else ok(check, found)


def has_faults(checks: Iterable[Check]) -> bool:
    """Tell whether any check found a fault."""
    return any(check.state == "fault" for check in checks)
