"""Relays: what other members stated and this one passes on, and what others pass on to it.

    an officer asks → every gate, every agreement of the way → a countersigned hop, sealed to each
    node → the recipient checks the whole way and stores it → the sender hears what became of it

The originator's terms, signed with the statement, say to whom and over how many hops it may go;
its proof and its addressees travel with it, so that every hop checks them anew.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ringwall.alliance import Reader
from ringwall.core import Clock, Forbidden, StatementId, split_fields
from ringwall.exchange import Arrivals, Message, Messages, fields_told
from ringwall.exchange.redacting import Redactor
from ringwall.policy import NO_HOLDS, NO_REDACTIONS, HoldRules, Kernel, RedactionRules
from ringwall.sharing.following import Following
from ringwall.sharing.passing_on import OFFICER, Onward, PassingOn
from ringwall.sharing.relay_book import Gone, RelayBook
from ringwall.sharing.relaying import ANSWER, RELAY, Relaying
from ringwall.store import ReaderView, ReadTransaction, Store, WriteTransaction
from ringwall.trust import NodeKeys, Registry


class Relays:
    """The relays of one node, in both directions."""

    def __init__(
        self,
        *,
        node: str,
        member: str,
        registry: Registry,
        keys: NodeKeys,
        kernel: Kernel,
        store: Store,
        clock: Clock,
        messages: Messages,
        arrivals: Arrivals,
        redactions: RedactionRules = NO_REDACTIONS,
        holds: HoldRules = NO_HOLDS,
    ) -> None:
        """``arrivals`` tells readers that something came, and this room of newer versions."""
        self._member = member
        self._kernel = kernel
        self._store = store
        self._registry = registry
        self._arrivals = arrivals
        self._messages = messages
        self._book = RelayBook(member, clock)
        self._relaying = Relaying(
            node=node,
            member=member,
            registry=registry,
            kernel=kernel,
            clock=clock,
            messages=messages,
            book=self._book,
        )
        self._passing = PassingOn(
            node=node,
            member=member,
            registry=registry,
            keys=keys,
            kernel=kernel,
            store=store,
            clock=clock,
            messages=messages,
            book=self._book,
            redactor=Redactor(kernel, registry.standing, redactions),
            holds=holds,
        )
        self._following = Following(
            store=store, arrivals=arrivals, passing=self._passing, book=self._book
        )
        messages.register(RELAY, self, self._may_leave, self._relaying.closed)
        messages.register(ANSWER, self)

    def preview(
        self, officer: Reader, view: ReaderView, name: StatementId, members: Iterable[str]
    ) -> list[Onward]:
        """Say what would become of passing a statement on; see :meth:`PassingOn.preview`."""
        return self._passing.preview(officer, view, name, members)

    def pass_on(
        self, officer: Reader, view: ReaderView, name: StatementId, members: Iterable[str]
    ) -> list[Onward]:
        """Pass a statement on; see :meth:`PassingOn.pass_on`."""
        return self._passing.pass_on(officer, view, name, members)

    def listing(self, officer: Reader, view: ReaderView, name: StatementId) -> list[Gone]:
        """Return the nodes to which a statement was passed on from here, sorted.

        Of what was withheld it names only what the officer may see, for reasons that it may hear.
        Raises Forbidden, NotFound (absent, or not for this officer).
        """
        if OFFICER not in officer.roles or officer.member != self._member:
            raise Forbidden(f"this needs the role {OFFICER}", field="role", rule="role")
        shown = {field for field, _ in split_fields(view.statement(name).body)}
        with self._store.read() as tx:
            found = (self._book.gone(tx, node, name) for node in sorted(self._registry.nodes))
            return [self._told(tx, officer, each, shown) for each in found if each is not None]

    def _told(self, tx: ReadTransaction, officer: Reader, gone: Gone, shown: set[str]) -> Gone:
        said = {"withheld": msgspec.to_builtins(gone.reasons)}
        told = fields_told(tx, self._kernel, officer, said)
        names = tuple(each.field for each in told if each.field in shown)
        return msgspec.structs.replace(gone, withheld=names, reasons=told)

    def _may_leave(self, node: str, body: Mapping[str, Any]) -> bool:
        return self._relaying.may_leave(node, body) and not self._passing.shows_too_much(node, body)

    async def run(self) -> None:
        """Pass on newer versions of what was passed on, for ever."""
        await self._following.run()

    def take(self, tx: WriteTransaction, message: Message) -> None:
        """Take a relay, or what became of one of ours; see MessageHandler."""
        if message.kind == RELAY:
            self._relaying.take_relay(tx, message)
        else:
            self._relaying.take_answer(tx, message)

    def changed(self) -> None:
        """Tell readers that something came, and send what is answered; see MessageHandler."""
        self._arrivals.published()
        self._messages.wake()
