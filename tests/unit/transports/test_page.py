"""The page as it is served: cached or not, compressed or not, and what it may connect to."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.unit.test_app import hosted
from vdx.core.config import STARTER_LANGUAGE_MODEL
from vdx.transports.http.page import NOT_BUILT, Page, content_security_policy, page_settings

SCRIPT = "console.log('hello')"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>vdx</title>")
    script = tmp_path / "assets" / "index-abc.js"
    script.write_text(SCRIPT)
    (tmp_path / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (tmp_path / "assets" / "inter.woff2").write_bytes(b"font")
    (tmp_path / "secret").write_text("not for the world")
    (tmp_path / "operate.html").write_text("<!doctype html><title>operator</title>")
    (tmp_path / "manifest.webmanifest").write_text('{"name": "vdx"}')
    (tmp_path / "icon-192.png").write_bytes(b"image")
    return tmp_path


def client(folder: Path) -> TestClient:
    page = Page(folder)
    routes = [
        Route("/", page.index),
        Route("/operate", page.operate),
        Route("/manifest.webmanifest", page.manifest),
        Route("/icon-{size}.png", page.icon),
        Route("/assets/{name}", page.asset),
    ]
    return TestClient(Starlette(routes=routes))


def test_the_page_is_asked_for_anew_and_its_files_never(built: Path) -> None:
    browser = client(built)
    page = browser.get("/")
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["content-type"].startswith("text/html")
    script = browser.get("/assets/index-abc.js")
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")
    assert browser.get("/assets/inter.woff2").headers["content-type"] == "font/woff2"


def test_it_can_be_installed_and_operators_have_a_page_of_their_own(built: Path) -> None:
    browser = client(built)
    manifest = browser.get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert manifest.json() == {"name": "vdx"}
    assert browser.get("/icon-192.png").headers["content-type"] == "image/png"
    assert browser.get("/icon-..%2f1.png").status_code in (404, 503)
    operate = browser.get("/operate")
    assert "operator" in operate.text
    assert "manifest-src 'self'" in operate.headers["content-security-policy"]


def test_it_is_compressed_for_whoever_takes_that(built: Path) -> None:
    browser = client(built)
    packed = browser.get("/assets/index-abc.js")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == SCRIPT
    plain = browser.get("/assets/index-abc.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == SCRIPT
    assert plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["index-abc.js.gz", "..%2fsecret", "nothing.js", "%00"])
def test_nothing_else_is_served(built: Path, name: str) -> None:
    assert client(built).get(f"/assets/{name}").status_code == 404


def test_a_checkout_without_a_page_says_how_to_build_it(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/")
    assert (answer.status_code, answer.text) == (503, NOT_BUILT)


@pytest.mark.parametrize(
    ("url", "connect"),
    [
        ("", "connect-src 'self'"),
        ("ws://127.0.0.1:7880", "connect-src 'self' ws://127.0.0.1:7880 http://127.0.0.1:7880"),
        ("wss://rooms.example/x", "connect-src 'self' wss://rooms.example https://rooms.example"),
    ],
)
def test_it_connects_to_its_server_and_its_rooms_alone(url: str, connect: str) -> None:
    policy = content_security_policy(url).split("; ")
    assert connect in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in " ".join(policy)


STARTER: dict[str, Any] = {"kind": "local"}
REPEAT: dict[str, Any] = {"kind": "repeat"}
STARTED = {"kind": "local", "local": {"socket": "/run/m.sock", "model": STARTER_LANGUAGE_MODEL}}
FOREIGN = {"kind": "local", "local": {"socket": "/run/m.sock"}}
OWN = {"kind": "local", "local": {"path": "/models/own.gguf"}}


@pytest.mark.parametrize(
    ("config", "is_starter"),
    [
        ({"responder": STARTER}, True),
        ({"responder": STARTED}, True),
        ({"responder": FOREIGN}, False),
        ({"responder": OWN}, False),
        ({"responder": STARTER, "profiles": {"vdx": {"responder": REPEAT}}}, False),
        ({"responder": REPEAT, "profiles": {"vdx": {"responder": STARTER}}}, True),
        ({"responder": REPEAT, "profiles": {"vdx": {}, "x": {"responder": STARTER}}}, False),
    ],
)
async def test_it_names_the_starter_where_that_answers_in_the_default_profile(
    config: dict[str, Any], is_starter: bool
) -> None:
    _, host = hosted(**config)
    told = await page_settings(host)
    assert told.small_model == (STARTER_LANGUAGE_MODEL if is_starter else "")
