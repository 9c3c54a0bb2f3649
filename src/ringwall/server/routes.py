"""The one table of routes: method, path, handler and what it demands of the caller.

Adding a row is all it takes to answer a new path; a row without a demand does not type-check.
"""

from ringwall.alliance import CONTENT_ROLES
from ringwall.server import (
    auditing,
    federation,
    graph,
    health,
    login,
    objects,
    openapi,
    pages,
    receipts,
    references,
    release,
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
# A submitter reads what its own member stated (policy's role gate); the kernel sees to that.
CONTENT = Access(roles=CONTENT_ROLES | {"submitter"}, content=True)
ALL_CONTENT = Access(roles=CONTENT_ROLES, content=True)
SUBMIT = Access(roles=CONTENT_ROLES | {"submitter"})
PREVIEW = Access(roles=CONTENT_ROLES | {"submitter", "policy-officer"})
LOAD = Access(roles=frozenset({"release-officer", "submitter"}))
OPERATIONS = Access(roles=CONTENT_ROLES | {"policy-officer", "auditor", "administrator"})
AUDIT = Access(roles=frozenset({"auditor"}))

_API = "/api/v1"
_ONE = f"{_API}/statements/{{statement:str}}"
_STIX = f"{_API}/objects/{{stix_id:str}}"
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
    Route("GET", f"{_API}/openapi.json", openapi.handler(lambda: ROUTES), OPEN),
    Route("POST", f"{_API}/login", login.login, OPEN),
    Route("POST", f"{_API}/logout", login.logout, READER, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/me", federation.me, READER),
    Route("GET", f"{_API}/alliance", federation.alliance, READER),
    Route("GET", f"{_API}/peers", federation.peers, OPERATIONS),
    Route("GET", f"{_API}/receipts", receipts.listing, OPERATIONS),
    Route("POST", f"{_API}/submissions", statements.submit, SUBMIT),
    Route("GET", f"{_API}/statements", statements.list_statements, CONTENT),
    Route("GET", _ONE, statements.one_statement, CONTENT),
    Route("GET", f"{_ONE}/delivery", release.delivery, ALL_CONTENT),
    Route("GET", f"{_ONE}/receipt", receipts.of_statement, ALL_CONTENT),
    Route("GET", f"{_ONE}/explanation", release.explain_statement, CONTENT),
    Route("GET", _STIX, objects.one_object, CONTENT),
    Route("GET", f"{_STIX}/statements", objects.statements_of, CONTENT),
    Route("GET", f"{_STIX}/neighbourhood", graph.neighbourhood, CONTENT),
    Route("POST", f"{_API}/explanations", release.preview, PREVIEW, body_limit=SMALL_BODY),
    Route("GET", f"{_API}/references", references.listing, ALL_CONTENT),
    Route("POST", f"{_API}/references/{{set:str}}", references.load, LOAD),
    Route("GET", f"{_API}/events", None, CONTENT),
    Route("GET", f"{_API}/audit", auditing.entries, AUDIT),
    Route("GET", f"{_API}/audit/checkpoint", auditing.checkpoint, AUDIT),
    Route("GET", f"{_API}/searches", searches.listing, CONTENT),
    Route("POST", f"{_API}/searches", searches.keep, CONTENT, body_limit=SMALL_BODY),
    Route("DELETE", f"{_API}/searches/{{search:str}}", searches.drop, CONTENT),
    Route("GET", f"{_API}/taxii-settings", taxii_settings.show, READER),
    Route("POST", f"{_API}/taxii-settings", taxii_settings.change, READER, body_limit=SMALL_BODY),
    Route("GET", "/taxii2", taxii.discovery, READER, taxii=True),
    Route("GET", _ROOT, taxii.api_root, READER, taxii=True),
    Route("GET", f"{_ROOT}/status/{{status:str}}", taxii_intake.status, READER, taxii=True),
    Route("GET", f"{_ROOT}/collections", taxii.collections, READER, taxii=True),
    Route("GET", _COLLECTION, taxii.collection, READER, taxii=True),
    Route("GET", f"{_COLLECTION}/objects", taxii.objects, CONTENT, taxii=True),
    Route("POST", f"{_COLLECTION}/objects", taxii_intake.add_objects, SUBMIT, taxii=True),
    Route("GET", f"{_COLLECTION}/manifest", taxii.manifest, CONTENT, taxii=True),
    Route("GET", _OBJECT, taxii.one_object, CONTENT, taxii=True),
    Route("DELETE", _OBJECT, taxii_intake.delete_object, SUBMIT, taxii=True),
    Route("GET", f"{_OBJECT}/versions", taxii.versions, CONTENT, taxii=True),
)
