"""What every handler is given: the parts of a running node, and one request.

The composition root builds one `ServerContext`; nothing here is global.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import msgspec

from ringwall.alliance import Alliance, Reader
from ringwall.core import Clock, Forbidden, format_timestamp
from ringwall.exchange import Arrivals, Intake, SecondPerson
from ringwall.identity import EVERY_SCOPE, Federation, Scope
from ringwall.identity.sealed import SealedState
from ringwall.policy import Kernel
from ringwall.server.bodies import Body
from ringwall.server.cursors import CursorKey, Cursors
from ringwall.server.in_progress import InProgress
from ringwall.server.limits import DEFAULT_LIMITS, RequestLimits
from ringwall.server.query import Query
from ringwall.sharing import Agreements, Catalogue, Relays, Requests
from ringwall.store import ReaderView, Store
from ringwall.trust import PublicKeys

P = ParamSpec("P")
T = TypeVar("T")
WORKERS = 16
"""Threads that answer requests: most of them wait for a commit together, so a few suffice."""


class Remembered:
    """An answer that is asked for again only when it is a second old, by one thread at a time.

    So what anybody may ask for costs at most one durable write per second.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answer = ""
        self._until = 0.0

    def get(self, ask: Callable[[], str]) -> str:
        """Return the answer, which ``ask`` finds if there is none that is fresh."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = ask()
                self._until = time.monotonic() + self._seconds
            return self._answer


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The parts of a node that answer requests.

    ``public_keys`` finds a node's keys in the registry (None: unknown). ``probes`` are the parts
    whose state decides readiness (name → true when it works); each is asked in a worker thread.
    ``metrics`` renders the Prometheus text; ``alarms`` says what needs the operator although all
    works.
    ``secure_cookies`` is on when readers arrive over TLS, ``behind_edge`` when all of them come
    through our own proxy, which then says where from. ``spool`` is the folder for large bodies,
    which leave ``reserve_bytes`` of the disk free. ``closing`` ends the event streams.
    ``address`` is the node's origin as browsers know it (``https://host:port``, never taken from a
    request); ``federation`` its identity provider, if it has one; ``agreements`` those that its
    member is a party of; ``catalogue`` and ``requests`` what members may know of existing, and what
    they ask each other about it; ``relays`` what is passed on.
    """

    node: str
    member: str
    alliance: Alliance
    kernel: Kernel
    store: Store
    intake: Intake
    clock: Clock
    arrivals: Arrivals
    public_keys: Callable[[str], PublicKeys | None]
    probes: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    secure_cookies: bool = False
    behind_edge: bool = False
    limits: RequestLimits = DEFAULT_LIMITS
    spool: Path | None = None
    reserve_bytes: int = 0
    metrics: Callable[[], bytes] = bytes
    alarms: Callable[[], list[str]] = list
    database_state: Remembered = field(default_factory=Remembered)
    in_progress: InProgress = field(default_factory=InProgress)
    workers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(WORKERS, thread_name_prefix="http")
    )
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""
    federation: Federation | None = None
    agreements: Agreements | None = None
    second_person: SecondPerson | None = None
    catalogue: Catalogue | None = None
    requests: Requests | None = None
    relays: Relays | None = None
    sealed: SealedState = field(default_factory=SealedState)
    cursor_key: CursorKey = field(default_factory=CursorKey)

    def member_of(self, node: str) -> str:
        """Return the member of a node, "" if it is in the alliance no more."""
        members = self.alliance.members.values()
        seats = ((seat.id, member.id) for member in members for seat in member.nodes)
        return dict(seats).get(node, "")

    def close_streams(self) -> None:
        """Let every event stream end now: a server waits for its open answers before it stops."""
        self.closing.set()
        self.arrivals.published()

    def start(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Start what may block in one of the server's own threads."""
        loop = asyncio.get_running_loop()
        call = partial(copy_context().run, function)  # the request's id goes with it
        return loop.run_in_executor(self.workers, partial(call, *args, **kwargs))

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what may block in one of the server's own threads."""
        return await self.start(function, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Caller:
    """A reader who proved who they are; ``session`` tells that a browser's cookie was the proof.

    A narrowed token shows its reader with fewer rights; ``places`` then names the order of arrival
    under those ("": the reader's own).
    """

    reader: Reader
    session: bool
    scopes: frozenset[Scope] = EVERY_SCOPE
    places: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as a handler sees it: ``route`` is the table's path, ``source`` an address.

    ``body`` is bytes, or the pages of a file when it is large: slices of both are bytes.
    """

    context: ServerContext
    route: str
    caller: Caller | None
    path: Mapping[str, Any]
    query: Query
    headers: Mapping[str, str]
    source: str
    body: Body = b""

    @property
    def document(self) -> bytes:
        """The body in memory, for routes whose row in the table keeps it small."""
        return self.body if isinstance(self.body, bytes) else self.body[:]

    @property
    def certificate(self) -> str:
        """SHA-256 of the client's TLS certificate, in hex; "" if it showed none to our proxy."""
        return self.headers.get("x-ringwall-certificate", "")

    @property
    def reader(self) -> Reader:
        """The reader who asks. Raises Forbidden where a route let nobody in particular through."""
        return self._known.reader

    @property
    def _known(self) -> Caller:
        if self.caller is None:
            raise Forbidden("this needs a reader", rule="reader")
        return self.caller

    @property
    def is_narrowed(self) -> bool:
        """Whether the credential is a narrowed token. Raises Forbidden as `reader` does."""
        return bool(self._known.places)

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the credential is for. Raises Forbidden as `reader` does."""
        return self._known.scopes

    @property
    def at(self) -> str:
        """The present moment, as `format_timestamp` writes it."""
        return format_timestamp(self.context.clock.now())

    @property
    def reading(self) -> Reader:
        """The reader as far as this credential reads: one not for reading has no roles."""
        caller = self._known
        if Scope.READ in caller.scopes:
            return caller.reader
        return msgspec.structs.replace(caller.reader, roles=frozenset())

    @property
    def standing(self) -> str:
        """The name of the reader with the rights of this credential: a narrowed token's differs."""
        caller = self._known
        return caller.places or caller.reader.id

    @property
    def cursors(self) -> Cursors:
        """The cursors of this credential's order of arrival: nobody else's can be read."""
        return Cursors(self.context.cursor_key.of(self.context.store), self.standing)

    @property
    def view(self) -> ReaderView:
        """What this reader may see: the only way to content. A token not for reading sees none."""
        return ReaderView(
            self.context.store,
            self.context.kernel,
            self.reading,
            route=self.route,
            places=self._known.places,
        )
