"""The client: one method for each route; a refusal comes back as the error the node raised."""

import secrets
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import msgspec

from ringwall.client.events import Event, read_events
from ringwall.client.failures import error_from
from ringwall.core import Conflict, Unavailable

if TYPE_CHECKING:
    import httpx

Document = dict[str, Any]
"""A JSON object as the node sent it; see docs/http-interface.md."""

STIX = "application/stix+json;version=2.1"
TAXII = "application/taxii+json;version=2.1"
YAML = "application/yaml"
TIMEOUT = 60.0
_EVENTS = "/api/v1/events"
_SUBMISSIONS = "/api/v1/submissions"
SILENCE = 40.0
"""An event stream without even a heartbeat for this long, in seconds, is dead."""
RETRIES = (0.5, 1.0, 2.0)
"""Pauses, in seconds, before a submission that got no answer is sent again under its key."""


class Client:
    """Speaks to one node as one reader. Not for several threads at once; close it or use `with`.

    Every method raises the RingwallError that the node answered with, and Unavailable (rule
    ``connection``) when the node cannot be reached.
    """

    def __init__(self, url: str, token: str, *, timeout: float = TIMEOUT) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._opened: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client opens new ones if it is used again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    # --- statements ---

    def submit(
        self,
        raw: bytes,
        *,
        label: str | None = None,
        purpose: str | None = None,
        sectors: Iterable[str] = (),
        embargo: str | None = None,
        onward_to: Iterable[str] = (),
        hops: int = 0,
        precedence: str | None = None,
        dry_run: bool = False,
        key: str | None = None,
        minimal: bool = False,
    ) -> Document:
        """Submit a STIX bundle or object: ``{submitted, refused, dry_run}``.

        Refused objects are listed, also when all are: only a submission that cannot be read at
        all raises. ``minimal``: numbers instead of lists. It goes out under an idempotency key
        (a fresh one, or ``key``), and without an answer again under the same: it is stated once.
        """
        terms = _given(
            sectors=",".join(sectors), embargo=embargo, onward_to=",".join(onward_to), hops=hops
        )
        query = terms | _given(label=label, purpose=purpose, precedence=precedence, dry_run=dry_run)
        headers = {"idempotency-key": key or secrets.token_urlsafe(18)}
        headers |= {"prefer": "return=minimal"} if minimal else {}
        for pause in RETRIES:
            try:
                return self._post(_SUBMISSIONS, raw, query, media_type=STIX, headers=headers)
            except (Conflict, Unavailable) as error:
                if isinstance(error, Conflict) and error.rule != "in-progress":
                    raise
                time.sleep(pause)
        return self._post(_SUBMISSIONS, raw, query, media_type=STIX, headers=headers)

    def statements(
        self,
        *,
        after: str | None = None,
        latest: int | None = None,
        limit: int | None = None,
        type: str | Iterable[str] | None = None,  # noqa: A002 - the name that the route has
        source: str | None = None,
        text: str | None = None,
        value: str | None = None,
        received_after: str | None = None,
        received_until: str | None = None,
    ) -> Document:
        """Return a page in order of arrival, or what ``text`` or ``value`` finds, newest first.

        ``{statements, more, next}``: hand ``next`` in as ``after`` while ``more`` holds. A search
        newest first has no ``next``: ``more`` says that it was cut short. With ``after`` ("0"
        to begin) a search comes in order of arrival, page by page.
        """
        query = _given(
            latest=latest,
            limit=limit,
            type=type if type is None or isinstance(type, str) else ",".join(type),
            source=source,
            text=text,
            value=value,
            received_after=received_after,
            received_until=received_until,
        )
        query |= {} if after is None else {"after": after}
        return self._get("/api/v1/statements", query)

    def every_statement(self, **filters: Any) -> Iterator[Document]:
        """Yield all that :meth:`statements` finds under ``filters``, in order of arrival."""
        after, more = "0", True
        while more:
            page = self.statements(**{"limit": 1000, **filters, "after": after})
            yield from page["statements"]
            after, more = page["next"], page["more"]

    def statement(self, statement: str) -> Document:
        """Return one statement with its object and its provenance."""
        return self._get(f"/api/v1/statements/{_part(statement)}")

    def object(self, stix_id: str) -> Document:
        """Return one object in its newest visible version: ``{object, label, sources, …}``."""
        return self._get(f"/api/v1/objects/{_part(stix_id)}")

    def statements_of(self, stix_id: str) -> Document:
        """Return every visible statement about one object: ``{statements}``, newest first."""
        return self._get(f"/api/v1/objects/{_part(stix_id)}/statements")

    def neighbourhood(
        self, stix_id: str, *, depth: int | None = None, limit: int | None = None
    ) -> Document:
        """Return the objects around one: ``{objects: [{distance, object}], edges, more}``."""
        query = _given(depth=depth, limit=limit)
        return self._get(f"/api/v1/objects/{_part(stix_id)}/neighbourhood", query)

    def delivery(self, statement: str) -> Document:
        """Return how far a statement of this node got, per member: ``{members, …}``."""
        return self._get(f"/api/v1/statements/{_part(statement)}/delivery")

    def receipt(self, statement: str) -> Document:
        """Return what each recipient signed for a statement of this node: ``{receipts}``."""
        return self._get(f"/api/v1/statements/{_part(statement)}/receipt")

    def explanation(self, statement: str, *, to: str | None = None) -> Document:
        """Return who may have a statement and why, or why not: ``{members, …}``."""
        return self._get(f"/api/v1/statements/{_part(statement)}/explanation", _given(to=to))

    def explain(
        self, *, label: str, object_type: str, purpose: str | None = None, to: str | None = None
    ) -> Document:
        """Return who would get something of this type under this label: ``{members, …}``."""
        asked = _given(label=label, object_type=object_type, purpose=purpose, to=to)
        return self._post("/api/v1/explanations", msgspec.json.encode(asked))

    def agreements(self) -> Document:
        """Return the agreements that the member has signed or is asked to: ``{agreements}``."""
        return self._get("/api/v1/agreements")

    def preview_agreement(self, raw: bytes) -> Document:
        """Return what an agreement would open and close: ``{members: [{member, opens, …}]}``."""
        return self._post("/api/v1/agreements/preview", raw, media_type=YAML)

    def preview_signature(self, digest: str) -> Document:
        """Return what a proposed agreement opens and closes once all have signed it."""
        return self._get(f"/api/v1/agreements/{_part(digest)}/preview")

    def preview_withdrawal(self, digest: str) -> Document:
        """Return what closes if the member withdraws from an agreement."""
        return self._get(f"/api/v1/agreements/{_part(digest)}/withdrawal")

    def propose_agreement(self, raw: bytes) -> Document:
        """Sign an agreement, in YAML or JSON, and send it to its parties; return its state."""
        return self._post("/api/v1/agreements", raw, media_type=YAML)

    def sign_agreement(self, digest: str, *, send_past: bool = False) -> Document:
        """Sign what another party proposed; return its state."""
        options = msgspec.json.encode({"send_past": send_past})
        return self._post(f"/api/v1/agreements/{_part(digest)}/signature", options)

    def withdraw_agreement(self, digest: str) -> Document:
        """Withdraw from an agreement; return its state."""
        return _document(self._request("DELETE", f"/api/v1/agreements/{_part(digest)}"))

    def catalogue(
        self,
        *,
        owner: str | None = None,
        type: str | None = None,  # noqa: A002
        sector: str | None = None,
        since: str | None = None,
    ) -> Iterator[Document]:
        """Yield what exists at other members, as far as they tell this reader, page by page."""
        query = _given(owner=owner, type=type, sector=sector, since=since, limit=1000)
        after = ""
        while True:
            page = self._get("/api/v1/catalogue", query | _given(after=after))
            yield from page["entries"]
            after = page["next"]
            if not after:
                return

    def pass_on(self, statement: str, to: Iterable[str], *, dry_run: bool = False) -> Document:
        """Pass on what another member stated: ``{statement, members}``, or what would become."""
        body = {"to": list(to), "dry_run": dry_run}
        raw = msgspec.json.encode(body)
        return self._post(f"/api/v1/statements/{_part(statement)}/relays", raw)

    def relays(self, statement: str) -> Document:
        """Return to whom a statement was passed on from here: ``{statement, relays}``."""
        return self._get(f"/api/v1/statements/{_part(statement)}/relays")

    def requests(
        self, *, direction: str = "out", state: str | None = None, limit: int | None = None
    ) -> Document:
        """Return what this member asks (``out``) or is asked (``in``): ``{requests}``."""
        return self._get("/api/v1/requests", _given(direction=direction, state=state, limit=limit))

    def request(self, request: str) -> Document:
        """Return one request and its answer."""
        return self._get(f"/api/v1/requests/{_part(request)}")

    def make_request(
        self,
        kind: str,
        subject: str,
        *,
        reason: str,
        purpose: str | None = None,
        label: str | None = None,
        members: Iterable[str] = (),
        by: str | None = None,
    ) -> Document:
        """Ask another member: ``access`` to an entry, ``downgrade`` or ``release-further``."""
        body = _given(
            kind=kind, subject=subject, reason=reason, purpose=purpose, label=label, by=by
        )
        raw = msgspec.json.encode(body | ({"members": list(members)} if members else {}))
        return self._post("/api/v1/requests", raw)

    def answer_request(
        self, request: str, state: str, *, words: str, statements: Iterable[str] = ()
    ) -> Document:
        """Answer another member's request: ``granted``, ``partly`` or ``refused``."""
        body = {"state": state, "words": words, "statements": list(statements)}
        path = f"/api/v1/requests/{_part(request)}/answer"
        return self._post(path, msgspec.json.encode(body))

    def events(self, *, after: str | None = None, timeout: float = SILENCE) -> Iterator[Event]:
        """Yield arrivals as they become readable, from now on or after an event's id.

        Raises Unauthenticated when the reader may no longer listen.
        """
        import httpx

        query = {} if after is None else {"after": after}
        waits = httpx.Timeout(self._timeout, read=timeout)
        try:
            with self._http().stream("GET", _EVENTS, params=query, timeout=waits) as answer:
                if not answer.is_success:
                    raise error_from(answer.status_code, answer.read())
                yield from _until_ended(read_events(answer.iter_lines()))
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error

    # --- the node ---

    def me(self) -> Document:
        """Return the reader that the token belongs to, the node and the alliance."""
        return self._get("/api/v1/me")

    def tokens(self) -> list[Document]:
        """Return the reader's own tokens that are good now."""
        found: list[Document] = self._get("/api/v1/tokens")["tokens"]
        return found

    def make_token(
        self,
        *,
        scopes: Iterable[str] | None = None,
        tlp: str | None = None,
        days: int = 90,
        note: str = "",
    ) -> Document:
        """Make a token of one's own: ``{id, token, expires}``.

        What is left out is as much as this client's own token has; nothing may be more.
        """
        asked = {"scopes": None if scopes is None else sorted(scopes), "tlp": tlp}
        wanted = {key: value for key, value in asked.items() if value is not None}
        body = msgspec.json.encode({**wanted, "days": days, "note": note})
        return self._post("/api/v1/tokens", body)

    def revoke_token(self, token: str) -> None:
        """Revoke a token of one's own by its id."""
        answer = self._request("DELETE", f"/api/v1/tokens/{_part(token)}")
        if not answer.is_success:
            raise error_from(answer.status_code, answer.content)

    def alliance(self) -> Document:
        """Return members, groups, agreements and named labels."""
        return self._get("/api/v1/alliance")

    def peers(self) -> Document:
        """Return per peer and lane what was sent and confirmed: ``{peers, inbound, parts}``."""
        return self._get("/api/v1/peers")

    def receipts(self) -> Document:
        """Return each node's last receipt per lane, with the digest of its evidence."""
        return self._get("/api/v1/receipts")

    def openapi(self) -> Document:
        """Return the OpenAPI 3.1 document of this interface."""
        return self._get("/api/v1/openapi.json")

    def references(
        self, set_name: str | None = None, *, after: str = "0", limit: int | None = None
    ) -> Document:
        """Return the reference sets with their sizes, or a page of one set's objects."""
        query = _given(set=set_name, after=after, limit=limit)
        return self._get("/api/v1/references", query)

    def load_reference(self, set_name: str, raw: bytes) -> Document:
        """Replace a reference set with a bundle: ``{set, objects, refused}``."""
        return self._post(f"/api/v1/references/{_part(set_name)}", raw, media_type=STIX)

    def audit(self, *, after: int = 0, limit: int | None = None) -> Document:
        """Return entries of the audit log from index ``after`` on: ``{entries, size, next}``."""
        return self._get("/api/v1/audit", _given(after=after, limit=limit))

    def checkpoint(self) -> Document:
        """Return the latest signed checkpoint of the audit log."""
        return self._get("/api/v1/audit/checkpoint")

    def ready(self) -> bool:
        """Tell whether the node says that it is ready; False too when it cannot be reached."""
        try:
            self._get("/readyz")
        except Unavailable:
            return False
        return True

    # --- TAXII ---

    def taxii_collections(self) -> list[Document]:
        """Return the TAXII collections."""
        found: list[Document] = self._taxii("/taxii2/ringwall/collections/", {})["collections"]
        return found

    def taxii_objects(
        self, collection: str, *, page: int = 1000, **filters: str
    ) -> Iterator[Document]:
        """Yield the objects of a collection (id or alias), page by page.

        ``filters`` are ``added_after`` and, without their brackets, ``match_type`` and the like.
        """
        query = {"limit": str(page)}
        for name, value in filters.items():
            kind, _, field = name.partition("_")
            query[f"match[{field}]" if kind == "match" else name] = value
        path = f"/taxii2/ringwall/collections/{_part(collection)}/objects/"
        envelope = self._taxii(path, query)
        yield from envelope["objects"]
        while envelope["more"]:
            envelope = self._taxii(path, {"limit": str(page), "next": envelope["next"]})
            yield from envelope["objects"]

    # --- inside ---

    def _http(self) -> "httpx.Client":
        if self._opened is None:
            import httpx

            self._opened = httpx.Client(
                base_url=self._url,
                headers={"authorization": f"Bearer {self._token}"},
                timeout=self._timeout,
                trust_env=False,  # a proxy from the environment must not see the token
            )
        return self._opened

    def _get(self, path: str, query: Document | None = None) -> Document:
        return _document(self._request("GET", path, params=query or {}))

    def _taxii(self, path: str, query: Document) -> Document:
        return _document(self._request("GET", path, params=query, headers={"accept": TAXII}))

    def _post(
        self,
        path: str,
        raw: bytes,
        query: Document | None = None,
        *,
        media_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Document:
        sent = {"content-type": media_type, **(headers or {})}
        return _document(self._request("POST", path, content=raw, params=query or {}, headers=sent))

    def _request(self, method: str, path: str, **options: Any) -> "httpx.Response":
        import httpx

        try:
            return self._http().request(method, path, **options)
        except httpx.TransportError as error:
            raise _unreachable(self._url, error) from error


def _until_ended(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        if event.name == "end":
            raise error_from(401, msgspec.json.encode(event.data))
        yield event


def _unreachable(url: str, error: Exception) -> Unavailable:
    why = str(error) or type(error).__name__
    return Unavailable(f"{url} cannot be reached: {why}", field="url", rule="connection")


def _document(answer: "httpx.Response") -> Document:
    """Read an answer; a refused submission is an answer too, for it lists what was refused."""
    if answer.is_success:
        return msgspec.json.decode(answer.content, type=Document)
    if answer.status_code == 422 and b'"refused"' in answer.content:
        return msgspec.json.decode(answer.content, type=Document)
    raise error_from(answer.status_code, answer.content)


def _given(**parameters: str | float | bool | None) -> Document:
    """Return the parameters that say something, as text."""
    said = {key: value for key, value in parameters.items() if value}
    return {key: "true" if value is True else str(value) for key, value in said.items()}


def _part(text: str) -> str:
    """Make one path segment of a text, whatever it holds."""
    return quote(text, safe="")
