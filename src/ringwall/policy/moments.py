"""When time alone can change a decision: what opens and closes at a date."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from ringwall.alliance import Agreement
from ringwall.core import parse_timestamp
from ringwall.labels.acs_reading import read_controls
from ringwall.policy.gates import SKEW, boundaries
from ringwall.policy.release_class import ReleaseClass

TIMED = frozenset({"label", "embargo", "agreement", "iep"})
"""The gates that know time: if another one denies, no moment can change the answer."""


def next_change(
    release: ReleaseClass, covering: Iterable[Agreement], at: datetime
) -> datetime | None:
    """Return when label, terms or an agreement next opens or closes after ``at``; None: never."""
    moments = [*label_moments(release)]
    for each in covering:
        moments += boundaries(each)
    return min((moment for moment in moments if moment > at), default=None)


def label_moments(release: ReleaseClass) -> Iterator[datetime]:
    """Yield the moments at which the label itself or its terms open or close something."""
    yield from opening_moments(release)
    if release.label.review:
        yield parse_timestamp(release.label.review) - SKEW
    for text in release.label.acs:
        if disposed := read_controls(text).disposition:
            yield parse_timestamp(disposed) - SKEW
    for policy in release.label.iep:
        if policy.end:
            yield parse_timestamp(policy.end) - SKEW


def opening_moments(release: ReleaseClass) -> Iterator[datetime]:
    """Yield the moments at which an embargo ends or an IEP begins."""
    if release.terms.embargo:
        yield parse_timestamp(release.terms.embargo) + SKEW
    for policy in release.label.iep:
        if policy.start:
            yield parse_timestamp(policy.start) + SKEW
