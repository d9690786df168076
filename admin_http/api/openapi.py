"""The OpenAPI 3.1 document, made from the routes' own types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from admin_http.api.route import ROOT, Route
from admin_http.headers import DATA_AGE
from admin_http.identity import FOREIGN, NO_PROOF
from admin_http.problems import INTERNAL, INVALID, LOGIN_NEEDED, ProblemDetails
from admin_http.sessions import COOKIE
from asterisk_ext.domain.access import FORBIDDEN, OUT_OF_SCOPE
from asterisk_ext.domain.errors import Problem
from asterisk_ext.services.users import TOKEN_REFUSED

Json = dict[str, Any]


BINARY: Json = {"schema": {"type": "string", "format": "binary"}}


def document(routes: Sequence[Route], version: str) -> Json:
    """The whole document for ``routes``."""
    types = _types(routes)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "asterisk-ext",
            "version": version or "0",
            "description": "One console over a fleet of Asterisk nodes. Errors are RFC 9457 problem details. "
            f"{DATA_AGE}: seconds since the server's copy of the registry was last known to be current.",
            "license": {"name": "GPL-2.0-or-later", "identifier": "GPL-2.0-or-later"},
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": area} for area in sorted({route.area for route in routes})],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "The console's own session; changing requests also send X-CSRF-Token.",
                },
            },
        },
    }


def _types(routes: Sequence[Route]) -> list[Any]:
    types: list[Any] = [ProblemDetails]
    for route in routes:
        types += [kind for kind in (route.sent, route.query, route.answer) if kind is not None]
        types += [route.hints[place] for place in route.places]
    return list({_key(kind): kind for kind in types}.values())


def _key(kind: Any) -> str:
    return f"{getattr(kind, '__module__', '')}.{kind!r}"


def _operation(route: Route, schema_of: dict[str, Json], components: Json) -> Json:
    operation: Json = {
        "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', route.path).rstrip('_')}",
        "summary": route.summary,
        "tags": [route.area],
        "parameters": [
            {"name": place, "in": "path", "required": True, "schema": schema_of[_key(route.hints[place])]}
            for place in route.places
        ]
        + _query_parameters(route, schema_of, components),
        "responses": _responses(route, schema_of),
    }
    if route.act is not None:
        operation["x-act"] = str(route.act)
    if route.public:
        operation["security"] = []
    if route.sent is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": BINARY}
            if route.sent is bytes
            else {"application/json": {"schema": schema_of[_key(route.sent)]}},
        }
    return operation


def _query_parameters(route: Route, schema_of: dict[str, Json], components: Json) -> list[Json]:
    if route.query is None:
        return []
    schema = components[schema_of[_key(route.query)]["$ref"].rsplit("/", 1)[1]]
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": property_schema}
        for name, property_schema in schema["properties"].items()
    ]


def _responses(route: Route, schema_of: dict[str, Json]) -> Json:
    if route.answer is None:
        answers: Json = {"204": {"description": "Done."}}
    else:
        media = "text/event-stream" if route.events else route.media
        content = {media: BINARY if route.answer is bytes else {"schema": schema_of[_key(route.answer)]}}
        answers = {str(route.status): {"description": "As asked.", "content": content}}
    by_status: dict[int, list[Problem]] = {}
    for problem in problems_of(route):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in sorted(by_status.items()):
        answers[str(status)] = {
            "description": "\n".join(f"- `{problem.error_id}`: {problem.what}" for problem in problems),
            "content": {"application/problem+json": {"schema": schema_of[_key(ProblemDetails)]}},
        }
    return answers


def problems_of(route: Route) -> list[Problem]:
    """Every problem that the route can give, those of the way in included."""
    problems = list(route.problems)
    if not route.public:
        problems += [LOGIN_NEEDED, TOKEN_REFUSED]
        if route.method != "GET":
            problems += [FOREIGN, NO_PROOF]
    if route.act is not None:
        problems += [FORBIDDEN, OUT_OF_SCOPE]
    if route.sent is not None or route.query is not None or route.places:
        problems.append(INVALID)
    return [*problems, INTERNAL]
