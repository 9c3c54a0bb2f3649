"""What one caller, and all callers together, may ask of a node: rate, number at once, sizes, time.

A request is counted to the reader whose credential it carries, once that credential has been good;
until then to its source. So a flood from strangers costs the strangers. The accounting decides
nothing about access: every request is still admitted by its credential (`access`).

Everything here runs in the event loop, in microseconds, and takes no lock. Two bounds work
together: how many requests may be under way (over it: 429 for a caller, 503 for the node), and how
many of those may occupy a worker thread; callers wait for a thread in turn, so that one with many
requests cannot starve one with few. What was begun is finished: only what is new is refused.
"""

import asyncio
import hashlib
import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import msgspec

from ringwall.core import TooMany, Unavailable

CALLERS_REMEMBERED = 10_000
"""Credentials, rates and sources that are kept in mind; then the oldest are forgotten."""


class RequestLimits(msgspec.Struct, frozen=True):
    """What requests may be at most; a setting of a node has the same name and meaning.

    Sizes are bytes, rates a second. A rate allows ``*_burst`` requests at once, after which as
    many follow as the rate says. ``body_least_rate`` is what a body must bring on average once
    ``body_grace_seconds`` have passed. Bodies above ``body_spool_bytes``, and what does not fit
    into ``body_memory_bytes`` together with the others, wait in a file.
    """

    body_max_bytes: int = 100 * 1024 * 1024
    body_spool_bytes: int = 8 * 1024 * 1024
    body_memory_bytes: int = 64 * 1024 * 1024
    body_pause_seconds: float = 15.0
    body_grace_seconds: float = 10.0
    body_least_rate: int = 4096
    url_max_bytes: int = 8192
    header_max_bytes: int = 16 * 1024
    header_max_count: int = 64
    reader_rate: float = 1000.0
    reader_burst: int = 2000
    source_rate: float = 100.0
    source_burst: int = 400
    reader_requests: int = 64
    reader_threads: int = 12
    reader_streams: int = 16
    all_requests: int = 512
    all_streams: int = 512
    read_seconds: float = 30.0
    answer_pause_seconds: float = 30.0


DEFAULT_LIMITS = RequestLimits()


def network_of(source: str) -> str:
    """Return what counts as one source: an IPv4 address, or an IPv6 network of 64 bits."""
    if ":" not in source:
        return source
    try:
        address = ipaddress.IPv6Address(source.partition("%")[0])
    except ValueError:
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def account_of_reader(reader: str) -> str:
    """Return the account that a reader's requests are counted to."""
    return f"reader:{reader}"


def credential_key(authorization: str, cookie: str) -> bytes:
    """Return what stands for the credential of a request, b"" without any; never the secret."""
    if not authorization and not cookie:
        return b""
    return hashlib.sha256(f"{authorization}\n{cookie}".encode("latin-1", "replace")).digest()


class KnownCallers:
    """Which reader a credential proved to be, for accounting only; any thread may call this."""

    def __init__(self) -> None:
        self._readers: OrderedDict[bytes, str] = OrderedDict()

    def account_of(self, credential: bytes, source: str) -> str:
        """Return whom to count a request to: ``reader:…``, or ``source:…`` while unknown."""
        reader = self._readers.get(credential) if credential else None
        return f"source:{network_of(source)}" if reader is None else account_of_reader(reader)

    def learn(self, credential: bytes, reader: str) -> None:
        """Remember whose credential this is; it has just been checked."""
        if self._readers.get(credential) == reader:
            return
        self._readers[credential] = reader
        if len(self._readers) > CALLERS_REMEMBERED:
            self._readers.popitem(last=False)

    def forget(self, credential: bytes) -> None:
        """Forget a credential that is no longer good: whoever has it is a stranger now."""
        self._readers.pop(credential, None)


class Rates:
    """Token buckets, one for each account: full at first, refilled with time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, account: str, rate: float, burst: int) -> float:
        """Take one token; return 0, or the seconds until there will be one."""
        now = self._clock()
        left, then = self._buckets.get(account, (float(burst), now))
        left = min(float(burst), left + (now - then) * rate)
        if left < 1.0:
            self._keep(account, left, now)
            return (1.0 - left) / rate
        self._keep(account, left - 1.0, now)
        return 0.0

    def _keep(self, account: str, left: float, now: float) -> None:
        self._buckets[account] = (left, now)
        self._buckets.move_to_end(account)
        if len(self._buckets) > CALLERS_REMEMBERED:
            self._buckets.popitem(last=False)


class _Account:
    """What one caller has under way."""

    __slots__ = ("begun", "streams", "threads", "waiting")

    def __init__(self) -> None:
        self.begun = 0
        self.streams = 0
        self.threads = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    def idle(self) -> bool:
        return not (self.begun or self.streams or self.threads or self.waiting)


class Gate:
    """Lets requests in, and into the worker threads, by turns."""

    def __init__(
        self, limits: RequestLimits, threads: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._free = threads
        self._rates = Rates(clock)
        self._accounts: dict[str, _Account] = {}
        self._turn: deque[str] = deque()
        self._begun = 0
        self._streams = 0

    @property
    def begun(self) -> int:
        """Return how many requests are under way."""
        return self._begun

    def begin(self, account: str) -> None:
        """Let one more request of a caller begin; `end` must follow.

        Raises TooMany (rules ``rate``, ``concurrency``) and Unavailable (rule ``overload``).
        """
        self._check_rate(account)
        if self._begun >= self._limits.all_requests:
            raise Unavailable("the node is busy: ask again in a moment", rule="overload")
        state = self._accounts.setdefault(account, _Account())
        if state.begun >= self._limits.reader_requests:
            raise TooMany(
                f"at most {self._limits.reader_requests} requests at once are taken from a caller",
                rule="concurrency",
            )
        state.begun += 1
        self._begun += 1

    def end(self, account: str) -> None:
        """Note that a request that began is answered."""
        state = self._accounts[account]
        state.begun -= 1
        self._begun -= 1
        self._tidy(account, state)

    def open_stream(self, account: str) -> None:
        """Let a caller open one more event stream; `close_stream` must follow.

        Raises TooMany (rule ``streams``) and Unavailable (rule ``overload``).
        """
        if self._streams >= self._limits.all_streams:
            raise Unavailable("the node has too many listeners", rule="overload")
        state = self._accounts.setdefault(account, _Account())
        if state.streams >= self._limits.reader_streams:
            self._tidy(account, state)
            raise TooMany(
                f"at most {self._limits.reader_streams} event streams are open for a caller",
                rule="streams",
            )
        state.streams += 1
        self._streams += 1

    def close_stream(self, account: str) -> None:
        """Note that an event stream has ended."""
        state = self._accounts[account]
        state.streams -= 1
        self._streams -= 1
        self._tidy(account, state)

    async def enter(self, account: str) -> None:
        """Wait until this caller may occupy a thread; `leave` must follow. It never refuses."""
        state = self._accounts.setdefault(account, _Account())
        if self._free and not state.waiting and state.threads < self._limits.reader_threads:
            self._free -= 1
            state.threads += 1
            return
        mine = asyncio.get_running_loop().create_future()
        if not state.waiting:
            self._turn.append(account)
        state.waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.leave(account)  # the thread was handed over in the same moment
            raise

    def leave(self, account: str) -> None:
        """Give the thread back; whoever is next in turn gets it."""
        state = self._accounts[account]
        state.threads -= 1
        self._free += 1
        self._tidy(account, state)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give free threads to those who wait, one each in turn, none beyond their own bound."""
        for _ in range(len(self._turn)):
            if not self._free:
                return
            account = self._turn.popleft()
            state = self._accounts[account]
            while state.waiting and state.waiting[0].done():
                state.waiting.popleft()
            if not state.waiting:
                self._tidy(account, state)
                continue
            if state.threads < self._limits.reader_threads:
                self._free -= 1
                state.threads += 1
                state.waiting.popleft().set_result(None)
            if state.waiting:
                self._turn.append(account)

    def _check_rate(self, account: str) -> None:
        limits = self._limits
        if account.startswith("reader:"):
            wait = self._rates.take(account, limits.reader_rate, limits.reader_burst)
        else:
            wait = self._rates.take(account, limits.source_rate, limits.source_burst)
        if wait:
            raise TooMany("too many requests: wait", rule="rate")

    def _tidy(self, account: str, state: _Account) -> None:
        if state.idle():
            self._accounts.pop(account, None)
