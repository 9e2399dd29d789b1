"""The OpenAPI document says what the application does, and its page what the document says."""

from typing import Any, cast

from starlette.routing import Route

from vdx.core.config import Config
from vdx.transports.http.application import create_app
from vdx.transports.http.document import document, page
from vdx.transports.http.operations import OPERATIONS

PAGES = {"/", "/assets/{name}", "/openapi.json", "/docs"}


class FakeHost:
    config = Config()


def test_every_route_is_in_the_document() -> None:
    served = {
        (route.path.replace(":path", ""), method.lower())
        for route in create_app(cast(Any, FakeHost())).routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    told = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert {entry for entry in served if entry[0] not in PAGES} == told


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in document()["components"]["schemas"]}
    assert references(document()) <= known


def test_refusals_have_the_shape_of_the_api() -> None:
    for methods in document()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status != "200" and operation["operationId"] != "get /readyz":
                    (content,) = answer["content"].values()
                    assert content["schema"]["$ref"].endswith("/Failure")


def test_the_page_shows_every_operation_and_runs_nothing() -> None:
    shown = page("http://127.0.0.1:8080")
    assert all(operation.path in shown for operation in OPERATIONS)
    assert "curl http://127.0.0.1:8080/v1/audio/transcriptions -F model=whisper-1" in shown
    assert "<script" not in shown
    assert "http" not in shown.replace("http://127.0.0.1:8080", "").lower().replace("http api", "")
