"""Embargoes: what was kept back until a time is sent when the time has come.

At intake an embargo closes a statement to everybody else, so nothing waits in the outbox. Here the
moments that have come since the last look are worked off, and once more a while later: what was
being stated when the moment came had been decided before it, and is there only now. What moment was
last looked at is kept, so a node that was down catches up; if it lies ahead, a clock that was wrong
has written it, and everything is looked at again.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from ringwall.core import Clock, Precedence, format_timestamp, parse_timestamp
from ringwall.exchange.retrying import until_done
from ringwall.policy import Kernel, ReleaseClass, opening_moments
from ringwall.sharing.past import PastSender
from ringwall.store import Store

LOOKED = "embargoes-looked"
"""The node's named value: until which moment embargoes were worked off."""
LOOK_SECONDS = 5.0
LATE = timedelta(minutes=15)
"""After so long each moment is looked at again: longer than a submission takes."""
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Embargoes:
    """Sends what an embargo, or the beginning of an IEP, has kept back at one node."""

    def __init__(
        self,
        *,
        member: str,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        past: PastSender,
        wake: Callable[[Precedence], None],
        announce: Callable[[], None],
    ) -> None:
        """``wake``: the outbox has work; ``announce``: readers may see more than before."""
        self._member = member
        self._kernel = kernel
        self._store = store
        self._clock = clock
        self._past = past
        self._wake = wake
        self._announce = announce

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await until_done(partial(asyncio.to_thread, self.look), "embargoes")
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Send what has become free since the last look; blocks until it is queued durably."""
        now = self._clock.now()
        due = list(self._due(now))
        whole = True
        for number, release in due:
            seats = {
                seat.id for each in self._kernel.alliance.members.values() for seat in each.nodes
            }
            whole &= self._past.release(number, release, seats, "its embargo has ended")
        if due and whole:
            self._store.write(
                lambda tx: tx.set_meta(LOOKED, format_timestamp(now).encode()), essential=True
            ).result()
        if due:
            self._wake(Precedence.BULK)
            self._announce()

    def _due(self, now: datetime) -> Iterator[tuple[int, ReleaseClass]]:
        """Yield this member's classes that time has opened since the last look."""
        with self._store.read() as tx:
            raw, classes = tx.meta(LOOKED), tx.release_classes()
        since = parse_timestamp(raw.decode()) if raw else _BEGINNING
        if since > now:
            since = _BEGINNING
        for number, release in classes.items():
            if release.origin == self._member and any(
                since - lag < moment <= now - lag
                for moment in opening_moments(release)
                for lag in (timedelta(), LATE)
            ):
                yield number, release
