"""The age of the registry: an alarm first, then this node sends no more; it never stops reading.

A node that has not heard of a new registry for long may be cut off from the news that a member
left or a key was stolen. What it takes in is still checked against what it knows; what it gives
out cannot be taken back, so that is what ends. Source: design, "Words: registry".
"""

import logging
from datetime import datetime, timedelta
from typing import Literal

from ringwall.core import Clock, Unavailable, parse_timestamp
from ringwall.trust import Registry

State = Literal["ok", "old", "too-old"]

log = logging.getLogger("ringwall.registry")


class RegistryAge:
    """Judges the registry that a node runs with; also the gate that the outbox asks."""

    def __init__(
        self, registry: Registry, clock: Clock, *, warning_days: int, stop_days: int
    ) -> None:
        self._issued = parse_timestamp(registry.issued)
        self._number = registry.number
        self._clock = clock
        self._warning = timedelta(days=warning_days)
        self._stop = timedelta(days=stop_days)
        self._told: State = "ok"

    @property
    def issued(self) -> datetime:
        """When the registry was issued."""
        return self._issued

    @property
    def seconds(self) -> float:
        """The registry's age in seconds; negative if it is from the future."""
        return (self._clock.now() - self._issued).total_seconds()

    @property
    def state(self) -> State:
        """Return ``ok``, ``old`` from the warning age on, ``too-old`` from the last one on."""
        age = self._clock.now() - self._issued
        if age >= self._stop:
            return "too-old"
        return "old" if age >= self._warning else "ok"

    def check_sending(self) -> None:
        """Raise Unavailable (rule ``registry-age``) if nothing may be sent; log a new state once.

        Whoever asks tries again: nothing is dropped, and all goes out under a newer registry.
        """
        state = self.state
        if state != self._told:
            self._told = state
            self._tell(state)
        if state == "too-old":
            raise Unavailable(
                f"registry {self._number} is {self._days()} days old: nothing is sent",
                field="registry.json",
                rule="registry-age",
            )

    def _tell(self, state: State) -> None:
        if state == "too-old":
            log.error(
                "registry %d is %d days old: nothing is sent until there is a newer one",
                self._number,
                self._days(),
            )
        elif state == "old":
            log.warning("registry %d is %d days old", self._number, self._days())

    def _days(self) -> int:
        return (self._clock.now() - self._issued).days
