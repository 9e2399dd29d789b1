"""The OpenAPI 3.1 document of the HTTP API at `/openapi.json`, and its page at `/docs`.

The page is plain HTML, made here: nothing is fetched from elsewhere and no script runs.
"""

import base64
import hashlib
import json
from functools import lru_cache
from html import escape
from http import HTTPStatus
from typing import Any, Final

from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from vdx import __version__
from vdx.transports.http.operations import (
    EVENTS,
    FORM,
    JSON,
    MODELS,
    OPERATIONS,
    Content,
    Operation,
)

REFERENCE: Final = "#/components/schemas/{model}"
ABOUT: Final = (
    "Speech and transcripts for clients of the OpenAI API, and vdx's own operations. "
    "Conversations are a WebSocket, /v1/realtime, in the protocol of the OpenAI Realtime API."
)
ANYWHERE: Final = (401, 403)
"""Refusals of whatever is asked without a key, or by a foreign page."""
STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark; }
h2 { margin-top: 2.5rem; font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid #8884; } td:first-child { white-space: nowrap; }
"""


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The whole document."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in MODELS], ref_template=REFERENCE
    )
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "vdx", "version": __version__, "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        # A server on loopback may have no key: then none, or any, will do.
        "security": [{}, {"key": []}],
    }


def _operation(operation: Operation) -> dict[str, Any]:
    failing = {JSON: {"schema": {"$ref": REFERENCE.format(model="Failure")}}}
    answers: dict[str, Any] = {"200": {"description": "OK", "content": _content(operation.answers)}}
    refusals = operation.refusals + (ANYWHERE if not operation.open else (403,))
    for status in sorted(refusals):
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": failing}
    for status in operation.also:
        content = _content(operation.answers)
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    found: dict[str, Any] = {
        "operationId": f"{operation.method} {operation.path}",
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": answers,
    }
    if parameters := _parameters(operation):
        found["parameters"] = parameters
    if operation.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {operation.body_type: _body(operation)},
        }
    return found


def _content(content: Content) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for media_type, shapes in content.items():
        references = [{"$ref": REFERENCE.format(model=shape.__name__)} for shape in shapes]
        # An event of a stream is an object too, with its content as text in `data`.
        plain = {"type": "object" if media_type in (JSON, EVENTS) else "string"}
        found[media_type] = {"schema": {"anyOf": references} if references else plain}
    return found


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1}
    found = [
        {"name": name, "in": "query", "required": False, "schema": text} for name in operation.query
    ]
    if "{name}" in operation.path:
        found.append({"name": "name", "in": "path", "required": True, "schema": text})
    return found


def _body(operation: Operation) -> dict[str, Any]:
    if operation.body is None or operation.body_type != FORM:
        name = operation.body.__name__ if operation.body else ""
        return {"schema": {"$ref": REFERENCE.format(model=name)}}
    schema = operation.body.model_json_schema(ref_template=REFERENCE)
    file = {"type": "string", "format": "binary", "description": "the recording"}
    schema["properties"] = {"file": file, **schema["properties"]}
    return {"schema": schema | {"required": ["file"]}}


async def openapi(_request: Request) -> Response:
    """The document."""
    return JSONResponse(document())


async def docs(request: Request) -> Response:
    """The document for people."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    url = request.app.state.host.config.server.public_url or str(request.base_url).rstrip("/")
    return HTMLResponse(page(url), headers={"Content-Security-Policy": policy})


def page(base_url: str) -> str:
    """HTML of every operation with a line of curl, its parameters and its answers."""
    parts = [_section(operation, base_url) for operation in OPERATIONS]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>vdx: HTTP API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f'<h1>vdx: HTTP API</h1><p>{escape(ABOUT)}</p><p><a href="/openapi.json">OpenAPI 3.1 '
        f"document</a></p>{''.join(parts)}</html>"
    )


def _section(operation: Operation, base_url: str) -> str:
    post = "" if operation.example or operation.method == "get" else "-X POST "
    curl = f"curl {post}{base_url}{operation.path} {operation.example}".rstrip()
    answers = ", ".join(("200", *(str(s) for s in sorted(operation.refusals))))
    fields = operation.body.model_json_schema()["properties"] if operation.body else {}
    if operation.body_type == FORM:
        fields = {"file": {"description": "the recording", "type": "binary"}} | fields
    rows = "".join(_row(name, field) for name, field in fields.items())
    table = f"<table><tr><th>field<th>values<th>default<th>{rows}</table>" if rows else ""
    return (
        f"<h2>{operation.method.upper()} <code>{escape(operation.path)}</code></h2>"
        f"<p>{escape(operation.summary)}</p><pre>{escape(curl)}</pre>{table}"
        f"<p>Answers {answers}: {escape(', '.join(operation.answers))}</p>"
    )


def _row(name: str, field: dict[str, Any]) -> str:
    default = json.dumps(field["default"]) if "default" in field else ""
    cells = (_values(field), default, field.get("description", ""))
    return f"<tr><td><code>{escape(name)}</code>" + "".join(f"<td>{escape(c)}" for c in cells)


def _values(field: dict[str, Any]) -> str:
    """What a field may hold, in a few words."""
    if "anyOf" in field:
        return " or ".join(_values(branch) for branch in field["anyOf"])
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "items" in field:
        return f"list of {_values(field['items'])}"
    limits = [f"≥ {field['minimum']:g}"] if "minimum" in field else []
    limits += [f"≤ {field['maximum']:g}"] if "maximum" in field else []
    limits += [f"≤ {field['maxLength']} characters"] if "maxLength" in field else []
    return " ".join([str(field.get("type", "object")), *limits])
