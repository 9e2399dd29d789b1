"""The OpenAPI document at `/openapi.json`, and the same as a page at `/docs`.

The page is plain HTML, made here: FastAPI's own loads its scripts from elsewhere, and here nothing
is fetched from elsewhere and no script runs.
"""

import base64
import hashlib
import json
import mimetypes
import shlex
from html import escape
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from vdx.core.threads import in_thread
from vdx.transports.http.operation import Host, open_operations
from vdx.transports.http.uploads import FORM

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
  color-scheme: light dark; }
h2 { margin-top: 2.5rem; font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid #8884; } td:first-child { white-space: nowrap; }
"""

api = open_operations(listed=False)


@api.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The document; made in a thread, as the first time takes some 100 ms."""
    return JSONResponse(await in_thread(request.app.openapi))


@api.get("/docs")
async def docs(request: Request, host: Host) -> Response:
    """The document for people."""
    document = await in_thread(request.app.openapi)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    url = host.config.server.public_url or str(request.base_url).rstrip("/")
    return HTMLResponse(page(document, url), headers={"Content-Security-Policy": policy})


def page(document: dict[str, Any], base_url: str) -> str:
    """HTML of every operation with a line of curl, its parameters and its answers."""
    schemas = document["components"]["schemas"]
    parts = [
        _section(method, path, operation, schemas, base_url)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>vdx: HTTP API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>vdx: HTTP API</h1><p>{escape(document['info']['description'])}</p>"
        f'<p><a href="/openapi.json">OpenAPI {document["openapi"]} document</a></p>'
        f"{''.join(parts)}</html>"
    )


def _section(
    method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any], base_url: str
) -> str:
    responses = operation["responses"]
    media_type, body = _body(operation, schemas)
    url = base_url + path
    curl = _curl(url, media_type, body, responses) if body or method == "get" else f"-X POST {url}"
    fields = body.get("properties", {}) | {
        each["name"]: each["schema"] | {"description": each.get("description", "")}
        for each in operation.get("parameters", ())
    }
    rows = "".join(_row(name, field, schemas) for name, field in fields.items())
    table = f"<table><tr><th>field<th>values<th>default<th>{rows}</table>" if rows else ""
    return (
        f"<h2>{method.upper()} <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}</p><pre>{escape(f'curl {curl}')}</pre>{table}"
        f"<p>Answers {', '.join(sorted(responses))}: "
        f"{escape(', '.join(responses['200']['content']))}</p>"
    )


def _body(operation: dict[str, Any], schemas: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Media type and schema of what an operation reads; empty where it reads nothing."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        return media_type, _resolved(content["schema"], schemas)
    return "", {}


def _curl(url: str, media_type: str, body: dict[str, Any], responses: dict[str, Any]) -> str:
    """What follows `curl` in an example of a request."""
    example = next(iter(body.get("examples", [])), None)
    if example is None:
        return url
    if media_type == FORM:
        files = {name for name, at in body["properties"].items() if at.get("format") == "binary"}
        parts = [f"{key}={'@' if key in files else ''}{text}" for key, text in example.items()]
        return " ".join([url, *(f"-F {shlex.quote(part)}" for part in parts)])
    kind = next(iter(responses["200"]["content"]))
    out = f"-o hello{mimetypes.guess_extension(kind)} " if kind.startswith("audio/") else ""
    return f"{url} -H 'Content-Type: {media_type}' {out}-d {shlex.quote(json.dumps(example))}"


def _row(name: str, field: dict[str, Any], schemas: dict[str, Any]) -> str:
    default = json.dumps(field["default"]) if "default" in field else ""
    cells = (_values(field, schemas), default, field.get("description", ""))
    return f"<tr><td><code>{escape(name)}</code>" + "".join(f"<td>{escape(c)}" for c in cells)


def _values(field: dict[str, Any], schemas: dict[str, Any]) -> str:
    """What a field may hold, in a few words."""
    field = _resolved(field, schemas)
    if "anyOf" in field:
        return " or ".join(_values(branch, schemas) for branch in field["anyOf"])
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "items" in field:
        return f"list of {_values(field['items'], schemas)}"
    if field.get("format") == "binary":
        return "file"
    limits = [f"≥ {field['minimum']:g}"] if "minimum" in field else []
    limits += [f"≤ {field['maximum']:g}"] if "maximum" in field else []
    limits += [f"≤ {field['maxLength']} characters"] if "maxLength" in field else []
    return " ".join([str(field.get("type", "object")), *limits])


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to, or the schema itself."""
    found: dict[str, Any] = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    return found or schema
