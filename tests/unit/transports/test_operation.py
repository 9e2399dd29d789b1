"""What every path operation has: who may ask, what is wrong with a request, HEAD."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict
from starlette.testclient import TestClient

from vdx.core.config import ServerConfig
from vdx.core.errors import VdxError
from vdx.transports.http.error_responses import refused
from vdx.transports.http.operation import open_operations, operations
from vdx.transports.security import Guard

KEY = "a-key-of-24-characters.."


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: int


def client() -> TestClient:
    keyed, free = operations(), open_operations()

    @keyed.post("/things/{number}")
    async def make(number: Annotated[int, Path(ge=1)], wanted: Wanted) -> Wanted:
        return Wanted(count=number * wanted.count)

    @free.get("/things")
    async def things(most: Annotated[int, Query(le=9)] = 1) -> Wanted:
        """How many there are.

        What a document says below the summary.
        """
        return Wanted(count=most)

    app = FastAPI(routes=[*keyed.routes, *free.routes], exception_handlers={VdxError: refused})
    app.state.guard = Guard(ServerConfig.model_validate({"api_keys": [KEY]}))
    return TestClient(app, "http://127.0.0.1:8080", headers={"Authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("get", "/things?most=many", None, "most"),
        ("get", "/things?most=10", None, "most"),
        ("post", "/things/0", {"count": 1}, "number"),
        ("post", "/things/1", {"count": "x"}, "count"),
        ("post", "/things/1", {"count": 1, "other": 1}, "other"),
        ("post", "/things/1", {}, "count"),
    ],
)
def test_what_is_wrong_is_told_in_the_shape_of_the_api(
    method: str, path: str, body: Any, param: str
) -> None:
    answer = client().request(method, path, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, "invalid_value")
    assert param in error["message"]


def test_what_is_right_is_answered() -> None:
    assert client().get("/things?most=9").json() == {"count": 9}
    assert client().post("/things/3", json={"count": 2}).json() == {"count": 6}


def test_a_key_is_asked_for_where_one_is_needed() -> None:
    wrong = {"Authorization": "Bearer wrong"}
    assert client().get("/things", headers=wrong).status_code == 200
    assert client().post("/things/1", headers=wrong).status_code == 401


def test_head_is_get_without_its_body() -> None:
    assert client().head("/things").status_code == 200
    assert client().head("/things/1").status_code == 405


def test_the_docstring_is_the_documents() -> None:
    told = client().app.openapi()["paths"]["/things"]["get"]  # type: ignore[attr-defined]
    assert told["summary"] == "How many there are."
    assert told["description"] == "What a document says below the summary."
    assert told["operationId"] == "things"
