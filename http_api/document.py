"""The OpenAPI document: what the routes say of themselves, and the shapes of what passes."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from http_api.problems import ProblemDocument, ProblemKind
from http_api.routes import SCHEMA_REF, SHAPES
from ledger import __version__

DESCRIPTION = """The book of record of API keys: make keys and end them, ask whether one is valid, tell of
uses, read audits.

Callers present a key of their organization. What it may do its scopes say; `On-Behalf-Of` names the member
it is done for, a claim that is recorded beside the key. Errors are problem documents (RFC 9457) whose `type`
never changes."""


def document_of(app: FastAPI, key_header: str) -> dict[str, Any]:
    """The document of an application; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="keyledger",
            version=__version__,
            openapi_version="3.1.0",
            description=DESCRIPTION,
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        components["schemas"] = _schemas()
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the organization."},
            "header": {"type": "apiKey", "in": "header", "name": key_header, "description": "The same."},
        }
        components["parameters"] = {"OnBehalfOf": _ON_BEHALF_OF}
        app.openapi_schema = document
    return app.openapi_schema


_ON_BEHALF_OF = {
    "name": "On-Behalf-Of",
    "in": "header",
    "required": False,
    "description": "The member (his address, in UTF-8) it is done for: a claim, recorded beside the key.",
    "schema": {"type": "string", "maxLength": 254},
    "example": "ada@example.com",
}


def _schemas() -> dict[str, Any]:
    kinds = sorted(SHAPES, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components([*kinds, ProblemDocument], ref_template=SCHEMA_REF)
    schemas["Problem"] = _problem(schemas.pop(ProblemDocument.__name__))
    return schemas


def _problem(schema: dict[str, Any]) -> dict[str, Any]:
    schema["properties"]["type"]["enum"] = [kind.uri for kind in ProblemKind]
    schema["title"] = "Problem"
    return schema
