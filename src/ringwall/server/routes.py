"""The one table of routes: method, path, handler and what it demands of the caller.

Adding a row is all it takes to answer a new path; a row without a demand does not type-check.
"""

from ringwall.alliance import CONTENT_ROLES
from ringwall.identity import Scope
from ringwall.server import (
    agreements,
    auditing,
    catalogue,
    credentials,
    federated,
    federation,
    graph,
    health,
    held,
    login,
    objects,
    openapi,
    pages,
    passkeys,
    people,
    receipts,
    references,
    relays,
    release,
    requests,
    searches,
    statements,
    taxii,
    taxii_intake,
    taxii_settings,
)
from ringwall.server.access import Access
from ringwall.server.endpoint import SMALL_BODY, Route

OPEN = Access(open=True)
HERE = Access(loopback=True)
READER = Access()
_READ, _SUBMIT = frozenset({Scope.READ}), frozenset({Scope.SUBMIT})
_OPERATE, _AUDIT = frozenset({Scope.OPERATE}), frozenset({Scope.AUDIT})
_DECIDE, _ACCOUNT = frozenset({Scope.DECIDE}), frozenset({Scope.ACCOUNT})
# Whoever may only submit by TAXII looks first at what it may write to.
COLLECTIONS = Access(scopes=_READ | _SUBMIT)
# A submitter reads what its own member stated (policy's role gate); the kernel sees to that.
CONTENT = Access(roles=CONTENT_ROLES | {"submitter"}, content=True, scopes=_READ)
ALL_CONTENT = Access(roles=CONTENT_ROLES, content=True, scopes=_READ)
SUBMIT = Access(roles=CONTENT_ROLES | {"submitter"}, scopes=_SUBMIT)
PREVIEW = Access(roles=CONTENT_ROLES | {"submitter", "policy-officer"}, scopes=_READ | _SUBMIT)
LOAD = Access(roles=frozenset({"release-officer", "submitter"}), scopes=_SUBMIT)
OPERATIONS = Access(roles=receipts.COUNTING, scopes=_OPERATE)
AGREEMENT_BODY = 1024 * 1024
AGREEMENTS = Access(roles=frozenset({"policy-officer", "release-officer", "auditor"}), scopes=_READ)
HELD = Access(roles=frozenset({"release-officer"}), content=True, scopes=_READ)
RELEASE = Access(roles=frozenset({"release-officer"}), content=True, scopes=_DECIDE)
POLICY = Access(roles=frozenset({"policy-officer"}), scopes=_DECIDE)
ASKING = Access(roles=frozenset({"analyst", "release-officer"}), scopes=_SUBMIT)
ANSWERING = Access(roles=frozenset({"release-officer"}), scopes=_DECIDE)
AUDIT = Access(roles=frozenset({"auditor"}), scopes=_AUDIT)
OWN = Access(scopes=_ACCOUNT)
PEOPLE = Access(roles=frozenset({"administrator", "policy-officer"}), scopes=_ACCOUNT)
LETTING_IN = Access(roles=frozenset({"administrator"}), scopes=_ACCOUNT)
SECOND_PERSON = Access(roles=frozenset({"policy-officer"}), scopes=_ACCOUNT)

_API = "/api/v1"
_ONE = f"{_API}/statements/{{statement:str}}"
_STIX = f"{_API}/objects/{{stix_id:str}}"
_PERSON = f"{_API}/people/{{reader:str}}"
_LINK = f"{_API}/login-links/{{link:str}}"
_AGREEMENT = f"{_API}/agreements/{{agreement:str}}"
_REQUEST = f"{_API}/requests/{{request:str}}"
_HELD = f"{_API}/held-releases/{{release:str}}"
_ROOT = "/taxii2/ringwall"
_COLLECTION = f"{_ROOT}/collections/{{collection:str}}"
_OBJECT = f"{_COLLECTION}/objects/{{object_id:str}}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/healthz", health.alive, OPEN),
    Route("GET", "/readyz", health.ready, OPEN),
    Route("GET", "/metrics", health.metrics, HERE),
    Route("GET", "/", pages.index, OPEN),
    Route("GET", "/static/{name:str}", pages.static, OPEN),
    Route("GET", "/login", login.page, OPEN),
    Route("POST", "/login", login.submit_form, OPEN),
    Route("GET", "/login/oidc", federated.start, OPEN),
    Route("GET", "/login/oidc/callback", federated.callback, OPEN),
    Route("GET", "/login/oidc/logout", federated.leave, OPEN),
    Route("GET", "/account", pages.account, OPEN),
    Route("GET", "/office", pages.office, OPEN),
    Route("GET", f"{_API}/openapi.json", openapi.handler(lambda: ROUTES), OPEN),
    Route("POST", f"{_API}/login", login.login, OPEN),
    Route("GET", f"{_API}/login/passkey", passkeys.ask, OPEN),
    Route("POST", f"{_API}/login/passkey", passkeys.login, OPEN),
    Route("POST", f"{_API}/logout", login.logout, READER, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/me", federation.me, READER),
    Route("GET", f"{_API}/tokens", credentials.tokens, OWN),
    Route("POST", f"{_API}/tokens", credentials.create, OWN, body_limit=SMALL_BODY),
    Route("DELETE", f"{_API}/tokens/{{token:str}}", credentials.revoke, OWN),
    Route("GET", f"{_API}/sessions", credentials.sessions, OWN),
    Route("DELETE", f"{_API}/sessions/{{session:str}}", credentials.end, OWN),
    Route("GET", f"{_API}/passkeys", passkeys.listing, OWN),
    Route("POST", f"{_API}/passkeys/options", passkeys.begin, OWN, body_limit=SMALL_BODY),
    Route("POST", f"{_API}/passkeys", passkeys.finish, OWN, body_limit=SMALL_BODY),
    Route("DELETE", f"{_API}/passkeys/{{passkey:str}}", passkeys.drop, OWN),
    Route("GET", f"{_API}/people", people.listing, PEOPLE),
    Route("GET", _PERSON, people.one, PEOPLE),
    Route("DELETE", _PERSON, people.end, PEOPLE),
    Route("DELETE", f"{_PERSON}/tokens/{{token:str}}", people.revoke_token, PEOPLE),
    Route("DELETE", f"{_PERSON}/passkeys/{{passkey:str}}", people.revoke_passkey, PEOPLE),
    Route("DELETE", f"{_PERSON}/sessions/{{session:str}}", people.end_session, PEOPLE),
    Route("POST", f"{_PERSON}/login-link", people.link, LETTING_IN, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/login-links", people.links, PEOPLE),
    Route("DELETE", _LINK, people.withdraw, PEOPLE),
    Route("POST", f"{_LINK}/confirmation", people.confirm, SECOND_PERSON, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/alliance", federation.alliance, READER),
    Route("GET", f"{_API}/peers", federation.peers, OPERATIONS),
    Route("GET", f"{_API}/receipts", receipts.listing, OPERATIONS),
    Route("POST", f"{_API}/submissions", statements.submit, SUBMIT),
    Route("GET", f"{_API}/statements", statements.list_statements, CONTENT),
    Route("GET", _ONE, statements.one_statement, CONTENT),
    Route("GET", f"{_ONE}/delivery", release.delivery, ALL_CONTENT),
    Route("GET", f"{_ONE}/receipt", receipts.of_statement, ALL_CONTENT),
    Route("GET", f"{_ONE}/explanation", release.explain_statement, CONTENT),
    Route("GET", f"{_ONE}/relays", relays.listing, HELD),
    Route("POST", f"{_ONE}/relays", relays.pass_on, RELEASE, body_limit=SMALL_BODY),
    Route("GET", _STIX, objects.one_object, CONTENT),
    Route("GET", f"{_STIX}/statements", objects.statements_of, CONTENT),
    Route("GET", f"{_STIX}/neighbourhood", graph.neighbourhood, CONTENT),
    Route("POST", f"{_API}/explanations", release.preview, PREVIEW, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/agreements", agreements.listing, AGREEMENTS),
    Route("POST", f"{_API}/agreements", agreements.propose, POLICY, body_limit=AGREEMENT_BODY),
    Route(
        "POST", f"{_API}/agreements/preview", agreements.preview, POLICY, body_limit=AGREEMENT_BODY
    ),
    Route("GET", _AGREEMENT, agreements.show, AGREEMENTS),
    Route("DELETE", _AGREEMENT, agreements.withdraw, POLICY),
    Route("GET", f"{_AGREEMENT}/preview", agreements.preview_signature, POLICY),
    Route("POST", f"{_AGREEMENT}/signature", agreements.sign, POLICY, body_limit=SMALL_BODY),
    Route("GET", f"{_AGREEMENT}/withdrawal", agreements.preview_withdrawal, POLICY),
    Route("GET", f"{_API}/catalogue", catalogue.listing, ALL_CONTENT),
    Route("GET", f"{_API}/requests", requests.listing, ALL_CONTENT),
    Route("POST", f"{_API}/requests", requests.make, ASKING, body_limit=SMALL_BODY),
    Route("GET", _REQUEST, requests.show, ALL_CONTENT),
    Route("POST", f"{_REQUEST}/answer", requests.answer, ANSWERING, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/held-releases", held.listing, HELD),
    Route("POST", f"{_HELD}/confirmation", held.confirm, RELEASE, body_limit=SMALL_BODY),
    Route("DELETE", _HELD, held.refuse, RELEASE),
    Route("GET", f"{_API}/references", references.listing, ALL_CONTENT),
    Route("POST", f"{_API}/references/{{set:str}}", references.load, LOAD),
    Route("GET", f"{_API}/events", None, CONTENT),
    Route("GET", f"{_API}/audit", auditing.entries, AUDIT),
    Route("GET", f"{_API}/audit/checkpoint", auditing.checkpoint, AUDIT),
    Route("GET", f"{_API}/searches", searches.listing, CONTENT),
    Route("POST", f"{_API}/searches", searches.keep, CONTENT, body_limit=SMALL_BODY),
    Route("DELETE", f"{_API}/searches/{{search:str}}", searches.drop, CONTENT),
    Route("GET", f"{_API}/taxii-settings", taxii_settings.show, OWN),
    Route("POST", f"{_API}/taxii-settings", taxii_settings.change, OWN, body_limit=SMALL_BODY),
    Route("GET", "/taxii2", taxii.discovery, READER, taxii=True),
    Route("GET", _ROOT, taxii.api_root, READER, taxii=True),
    Route("GET", f"{_ROOT}/status/{{status:str}}", taxii_intake.status, COLLECTIONS, taxii=True),
    Route("GET", f"{_ROOT}/collections", taxii.collections, COLLECTIONS, taxii=True),
    Route("GET", _COLLECTION, taxii.collection, COLLECTIONS, taxii=True),
    Route("GET", f"{_COLLECTION}/objects", taxii.objects, CONTENT, taxii=True),
    Route("POST", f"{_COLLECTION}/objects", taxii_intake.add_objects, SUBMIT, taxii=True),
    Route("GET", f"{_COLLECTION}/manifest", taxii.manifest, CONTENT, taxii=True),
    Route("GET", _OBJECT, taxii.one_object, CONTENT, taxii=True),
    Route("DELETE", _OBJECT, taxii_intake.delete_object, SUBMIT, taxii=True),
    Route("GET", f"{_OBJECT}/versions", taxii.versions, CONTENT, taxii=True),
)
