"""The OpenAPI 3.1 document of the REST interface, made from the table of routes.

Paths, methods and roles come from the table, parameters and documents from the declaration beside
each handler (`operations`), schemas from the very types that handlers encode. So there is nothing
to keep in step by hand; a REST route without a declaration is a fault of the program.
"""

import http
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from ringwall import __version__
from ringwall.core import InternalFault
from ringwall.server import events
from ringwall.server.access import Access
from ringwall.server.answers import PROBLEM, Answer, json_answer
from ringwall.server.context import Call
from ringwall.server.documents import Problem
from ringwall.server.endpoint import Route
from ringwall.server.negotiation import JSON
from ringwall.server.objects import STIX_ID
from ringwall.server.operations import Declared, Operation, Parameter, declare
from ringwall.server.statements import NAME

API = "/api/v1/"
_COMPONENT = "#/components/schemas/{name}"
_PATH_PARAMETERS = {
    "statement": ("a statement: `node:sequence`", f"^{NAME}:[1-9][0-9]{{0,15}}$"),
    "stix_id": ("a STIX identifier", f"^{STIX_ID}$"),
    "request": ("a request: `node.id`", rf"^{NAME}\.[0-9a-f]{{32}}$"),
    "release": ("what waits for a second person", f"^{NAME}:[1-9][0-9]{{0,15}}-{NAME}$"),
    "agreement": ("an agreement, by its digest", "^[0-9a-f]{64}$"),
    "set": ("the name of a reference set", f"^{NAME}$"),
    "token": ("the id of a token", "^[0-9a-f]{12}$"),
    "session": ("the id of a session", "^[0-9a-f]{16}$"),
    "passkey": ("the id of a passkey", "^[0-9a-f]{32}$"),
    "link": ("the id of a login link", "^[0-9a-f]{12}$"),
    "reader": ("a reader", f"^{NAME}$"),
    "search": ("the id of a saved search", "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
}
_ANY_ROUTE = (400, 406, 408, 414, 422, 429, 431, 500, 503, 507)
_RETRY_LATER = frozenset({429, 503, 507})
_RETRY = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
_CHALLENGE = {"description": "How to authenticate.", "schema": {"type": "string"}}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of a reader."},
    "basic": {"type": "http", "scheme": "basic", "description": "The token as the password."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ringwall",
        "description": "A browser's session; over TLS the cookie is called `__Host-ringwall`.",
    },
}


def handler(routes: Callable[[], Iterable[Route]]) -> Declared:
    """Return the handler that serves the document; ``routes`` gives the table when it is asked."""

    @declare({200: dict[str, Any]})
    def openapi(call: Call) -> Answer:
        """GET /openapi.json: This document.

        Open to everybody: it describes the program, which is public, and nothing that is in it.
        """
        del call
        return Answer(encoded(tuple(routes())))

    return openapi


@lru_cache(maxsize=1)
def encoded(routes: tuple[Route, ...]) -> bytes:
    """Return the document as JSON; made once."""
    return json_answer(build(routes)).body


def build(routes: Iterable[Route]) -> dict[str, Any]:
    """Build the document of the REST routes among ``routes``. Raises InternalFault."""
    rest = [route for route in routes if route.path.startswith(API)]
    operations = [(route, _operation(route)) for route in rest]
    shapes = [Problem]
    for _, operation in operations:
        shapes += _shapes(operation)
    schemas = _Schemas(shapes)
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in operations:
        path = re.sub(r":\w+}", "}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _described(route, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ringwall",
            "version": __version__,
            "summary": "The REST interface of one node.",
            "description": (
                "Withheld and missing answer alike. Every refusal is a problem document (RFC 9457)"
                " that names `field` and `rule`. Every route answers OPTIONS, and HEAD where it"
                " answers GET. TAXII 2.1 is served beside it, under /taxii2/."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in _SCHEMES],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SCHEMES},
    }


def _operation(route: Route) -> Operation:
    if route.handler is None:
        return events.OPERATION
    if not isinstance(route.handler, Declared):
        raise InternalFault(f"{route.method} {route.path} declares nothing", rule="openapi")
    return route.handler.operation


def _shapes(operation: Operation) -> list[Any]:
    """Return the types whose schemas an operation needs."""
    shapes = [one for shape in operation.answers.values() for one in _alternatives(shape)]
    if operation.body is not None and not isinstance(operation.body.shape, dict):
        shapes.append(operation.body.shape)
    return [one for one in shapes if one is not None and not isinstance(one, str)]


def _alternatives(shape: Any) -> Sequence[Any]:
    return shape if isinstance(shape, tuple) else (shape,)


class _Schemas:
    """The JSON schemas of the types that handlers encode, by reference."""

    def __init__(self, shapes: list[Any]) -> None:
        unique = list(dict.fromkeys(shapes))
        schemas, components = msgspec.json.schema_components(unique, ref_template=_COMPONENT)
        self._schemas = dict(zip(unique, schemas, strict=True))
        self.components = dict(sorted(components.items()))

    def of(self, shape: Any) -> dict[str, Any]:
        """Return the schema of a type, of one of several types, of text, or one that is given."""
        if isinstance(shape, dict):
            return shape
        if isinstance(shape, str):
            return {"type": "string"}
        if isinstance(shape, tuple):
            return {"anyOf": [self._schemas[one] for one in shape]}
        schema: dict[str, Any] = self._schemas[shape]
        return schema


def _described(route: Route, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    named = re.findall(r"{(\w+):", route.path)
    parameters = [*map(_in_path, named), *map(_parameter, operation.parameters)]
    said: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary.rstrip("."),
        "description": "\n\n".join(filter(None, (operation.description, _who(route.access)))),
        "parameters": parameters,
        "responses": _responses(route, operation, schemas),
    }
    if operation.body is not None:
        schema = schemas.of(operation.body.shape)
        said["requestBody"] = {
            "required": operation.body.required,
            "content": {media: {"schema": schema} for media in operation.body.media_types},
        }
    if route.access.open:
        said["security"] = []
    return said


def _who(access: Access) -> str:
    if access.open:
        return "Open to everybody."
    return f"Roles: {', '.join(sorted(access.roles))}." if access.roles else "Any reader."


def _in_path(name: str) -> dict[str, Any]:
    description, pattern = _PATH_PARAMETERS[name]
    schema = {"type": "string", "pattern": pattern}
    said = {"name": name, "in": "path", "required": True}
    return {**said, "description": description, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "schema": parameter.schema(),
    }
    if said["schema"].get("type") == "array":
        said |= {"style": "form", "explode": False}
    return said


def _responses(route: Route, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    headers = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    }
    answers = {
        str(status): _answer(status, shape, headers, schemas)
        for status, shape in operation.answers.items()
    }
    refusals = {*_ANY_ROUTE, *operation.refusals}
    refusals |= set() if route.access.open else {401, 403}
    refusals |= {413, 415} if operation.body is not None else set()
    # An empty last segment names the collection above, which may not know the method.
    refusals |= {405} if route.path.endswith("}") else set()
    return answers | {str(status): _refusal(status, schemas) for status in sorted(refusals)}


def _answer(status: int, shape: Any, headers: dict[str, Any], schemas: _Schemas) -> dict[str, Any]:
    said: dict[str, Any] = {"description": http.HTTPStatus(status).phrase}
    if headers:
        said["headers"] = headers
    if shape is not None:
        media_type = shape if isinstance(shape, str) else JSON
        said["content"] = {media_type: {"schema": schemas.of(shape)}}
    return said


def _refusal(status: int, schemas: _Schemas) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": http.HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": schemas.of(Problem)}},
    }
    if status in _RETRY_LATER:
        said["headers"] = {"Retry-After": _RETRY}
    if status == 401:
        said["headers"] = {"WWW-Authenticate": _CHALLENGE}
    return said
