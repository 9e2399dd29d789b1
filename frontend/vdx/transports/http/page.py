"""The built pages `/` and `/operate`, their hashed files under `/assets/`, and what makes the page
an installed application; all held in memory."""

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from vdx.core.config import STARTER_LANGUAGE_MODEL as STARTER
from vdx.transports.http.operation import Host, open_operations

NOT_BUILT = "The page is not built. In the checkout run: make setup"
OPERATE = "operate.html"
MANIFEST = "manifest.webmanifest"
ICONS = ("icon-192.png", "icon-512.png")
MEDIA_TYPES = {".woff2": "font/woff2", ".webmanifest": "application/manifest+json"}
"""That not every system knows."""
FOR_EVER = "public, max-age=31536000, immutable"
"""Of files whose name changes with what is in them."""

api = open_operations()


class PageSettings(BaseModel):
    livekit: bool = Field(description="whether rooms are served")
    small_model: str = Field(description="the starter language model where it answers, else empty")


@api.get("/vdx/page")
async def page_settings(host: Host) -> PageSettings:
    """What the page must know before it asks for anything."""
    small = host.profiles.options("").responder.is_starter
    return PageSettings(livekit=bool(host.config.livekit.url), small_model=STARTER if small else "")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and the same compressed where that is worth it."""

    media_type: str
    plain: bytes
    gzipped: bytes | None

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        """The compressed form for whoever takes it."""
        body, sent = self.plain, dict(headers)
        if self.gzipped is not None:
            sent["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                body = self.gzipped
                sent["Content-Encoding"] = "gzip"
        return Response(body, media_type=self.media_type, headers=sent)


class Page:
    """What `frontend/web` was built into; a folder without a page answers so, in words."""

    def __init__(self, folder: Path, livekit_url: str = "") -> None:
        """Reads about 1 MB; `livekit_url` is where rooms are, for the content security policy."""
        self._files = {
            name: _read(folder / name) for name in ("index.html", OPERATE, MANIFEST, *ICONS)
        }
        assets = folder / "assets"
        found = sorted(assets.iterdir()) if assets.is_dir() else []
        self._assets = {path.name: _read(path) for path in found if path.suffix != ".gz"}
        self._headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": content_security_policy(livekit_url),
            "Permissions-Policy": "microphone=(self), speaker-selection=(self)",
            "Referrer-Policy": "no-referrer",
        }

    async def index(self, request: Request) -> Response:
        """The page to talk on."""
        return self._named(request, "index.html")

    async def operate(self, request: Request) -> Response:
        """The operator's page; what it shows needs a key."""
        return self._named(request, OPERATE)

    async def manifest(self, request: Request) -> Response:
        """What a browser must know to install the page as an application."""
        return self._named(request, MANIFEST)

    async def icon(self, request: Request) -> Response:
        """An icon that the manifest names."""
        return self._named(request, f"icon-{request.path_params['size']}.png")

    def _named(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            return PlainTextResponse(NOT_BUILT, status_code=503)
        return file.answer(request, self._headers)

    async def asset(self, request: Request) -> Response:
        """A script, style or font of the page."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return PlainTextResponse("no such file", status_code=404)
        return asset.answer(request, {"Cache-Control": FOR_EVER})


def content_security_policy(livekit_url: str = "") -> str:
    """Nothing from elsewhere, nothing inline, and no other page may frame this one."""
    connect = ["'self'", *_origins(livekit_url)]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "font-src 'self'",
            "img-src 'self'",
            "manifest-src 'self'",
            "media-src 'self' blob:",
            f"connect-src {' '.join(connect)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _origins(livekit_url: str) -> list[str]:
    """A LiveKit client opens a WebSocket, and asks over HTTP why one was refused."""
    if not livekit_url:
        return []
    where = urlsplit(livekit_url)
    is_secure = where.scheme in {"wss", "https"}
    schemes = ("wss", "https") if is_secure else ("ws", "http")
    return [f"{scheme}://{where.netloc}" for scheme in schemes]


def _read(path: Path) -> Asset | None:
    if not path.is_file():
        return None
    packed = path.with_name(path.name + ".gz")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    media_type = MEDIA_TYPES.get(path.suffix, media_type)
    return Asset(media_type, path.read_bytes(), packed.read_bytes() if packed.is_file() else None)
