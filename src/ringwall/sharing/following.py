"""Following: newer versions of what was passed on go on to the same members, without being asked.

Whoever holds an old version acts on it: a revocation that stops half way leaves an address blocked
that its originator has long cleared. Each version has terms of its own, and every gate is asked
anew.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from ringwall.core import CallerError, PeerError, StatementId
from ringwall.exchange import Arrivals
from ringwall.exchange.retrying import until_done
from ringwall.sharing.passing_on import PassingOn
from ringwall.sharing.relay_book import Followed, RelayBook
from ringwall.stix import version_order
from ringwall.store import ReadTransaction, Selection, Store, WriteTransaction

LOOKED = "relay-looked"
"""Up to which order of this node was looked for newer versions."""
AT_ONCE = 500
WAIT_SECONDS, PAUSE_SECONDS = 3600.0, 0.5
"""A feed rings with every commit: nobody waits for this so urgently."""

log = logging.getLogger("ringwall.sharing.following")


class Following:
    """Looks at what arrives for newer versions of what was passed on."""

    def __init__(
        self, *, store: Store, arrivals: Arrivals, passing: PassingOn, book: RelayBook
    ) -> None:
        self._store = store
        self._arrivals = arrivals
        self._passing = passing
        self._book = book

    async def run(self) -> None:
        """Look whenever something arrived, for ever."""
        seen = self._arrivals.count
        while True:
            await until_done(partial(asyncio.to_thread, self.look), "following")
            await asyncio.sleep(PAUSE_SECONDS)
            seen = await self._arrivals.wait(seen, WAIT_SECONDS)

    def look(self) -> None:
        """Pass on what is newer; blocks until that is durable."""
        with self._store.read() as tx:
            before, last = int(tx.meta(LOOKED) or b"0"), tx.last_order()
            followed = self._book.followed(tx)
            found = self._newer(tx, followed, before) if followed and last > before else []
        for name, one in found:
            self._follow(name, one)
        if last > before and followed:
            self._store.write(partial(_note, last)).result()

    def _newer(
        self, tx: ReadTransaction, followed: Sequence[Followed], after: int
    ) -> list[tuple[StatementId, Followed]]:
        wanted = frozenset(one.object_id for one in followed)
        selection, found = Selection(object_ids=wanted), []
        classes = tx.release_classes().keys()
        while rows := tx.statements(classes, after=after, limit=AT_ONCE, selection=selection):
            after = rows[-1].order
            found += [
                (row.id, one)
                for row in rows
                for one in followed
                if (row.object_id, row.id.origin) == (one.object_id, one.origin)
                and version_order(row.version) > version_order(one.version)
            ]
        return found

    def _follow(self, name: StatementId, one: Followed) -> None:
        """Pass one on; what cannot be is entered in the log, where an officer finds it."""
        try:
            onward = self._passing.follow(one.by, name, one.to)
            reason = onward.reason if onward.outcome == "withheld" else ""
        except (CallerError, PeerError) as error:  # PeerError: its proof was damaged here
            reason = str(error)
        if reason:
            log.warning("%s does not follow to %s: %s", name, one.to, reason)
            entry = {"statement": str(name), "member": one.to, "reason": reason[:500]}
            self._store.write(lambda tx: _append(entry, tx)).result()


def _append(entry: dict[str, str], tx: WriteTransaction) -> None:
    tx.append_audit("relay-not-followed", entry)


def _note(order: int, tx: WriteTransaction) -> None:
    tx.set_meta(LOOKED, str(order).encode())
