"""The OpenAPI 3.1 document, made from the table of endpoints and their types."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fileorg import __version__
from fileorg.serve.api import ENDPOINTS, V1
from fileorg.serve.shapes import array_schema, schema_of

if TYPE_CHECKING:
    from fileorg.serve.endpoints import Endpoint

_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "one sentence"},
        "code": {"type": "string", "description": "does not change"},
        "hint": {"type": ["string", "null"], "description": "a way out"},
    },
    "required": ["type", "title", "status", "detail", "code", "hint"],
}


def document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        path = V1 + endpoint.path.replace(":number", "")
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "fileorg serve", "version": __version__, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{"cookie": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "fileorg-PORT"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "parameters": [*_in_path(endpoint), *_in_query(endpoint)],
        "responses": {
            str(int(endpoint.status)): {
                "description": HTTPStatus(endpoint.status).phrase,
                "content": {endpoint.media_type: {"schema": endpoint.answer}},
            },
            "default": {
                "description": "a problem (RFC 9457)",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    if endpoint.body is not None:
        found["requestBody"] = {"content": {"application/json": {"schema": schema_of(endpoint.body)}}, "required": True}
    return found


def _in_path(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = []
    for part in endpoint.path.split("/"):
        if part.startswith("{"):
            name, _, kind = part[1:-1].partition(":")
            schema = {"type": "integer", "minimum": 1} if kind == "number" else {"type": "string"}
            found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _in_query(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "in": "query",
            "description": each.description,
            "schema": array_schema(each.schema) if each.several else each.schema,
        }
        for each in endpoint.query
    ]
