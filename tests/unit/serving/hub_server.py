"""A server that speaks the Hugging Face hub's API as its client library expects it.

Repository facts, the paged tree with git and LFS digests, HEAD and GET of `resolve` with ETag,
X-Repo-Commit, the redirect to where large files lie, byte ranges, and the hub's error codes.
"""

import contextlib
import hashlib
import json
import re
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 3
"""Entries in one answer about a tree; the hub sends 1000, and nothing here has as many."""


@dataclass
class Repository:
    """`files` maps paths to contents; those in `large` are kept by LFS."""

    files: dict[str, bytes]
    large: set[str] = field(default_factory=set)
    licence: str | list[str] | None = "mit"
    gated: bool = False

    @property
    def commit(self) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        for path in sorted(self.files):
            digest.update(path.encode() + self.files[path])
        return digest.hexdigest()

    def tree(self, folder: str) -> list[dict[str, Any]]:
        inside = [p for p in sorted(self.files) if p.startswith(f"{folder}/" if folder else "")]
        folders = {"/".join(p.split("/")[:n]) for p in inside for n in range(1, p.count("/") + 1)}
        rows: list[dict[str, Any]] = [
            {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}
            for path in sorted(folders)
        ]
        for path in inside:
            raw = self.files[path]
            row = {"type": "file", "path": path, "size": len(raw), "oid": blob_id(raw)}
            if path in self.large:
                row["lfs"] = {"oid": sha256(raw), "size": len(raw), "pointerSize": 134}
            rows.append(row)
        return rows


@dataclass
class FakeHub:
    """`cut` and `spoilt` say what goes wrong with a path; `asked` is what was asked for."""

    repositories: dict[str, Repository]
    cut: dict[str, list[int]] = field(default_factory=dict)
    """Path -> after how many bytes each of the next answers breaks off."""
    spoilt: set[str] = field(default_factory=set)
    stalled: set[str] = field(default_factory=set)
    """Paths of which half is sent, and then nothing."""
    stalling: threading.Event = field(default_factory=threading.Event)
    down: bool = False
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def count(self, method: str) -> int:
        return Counter(each for each, _ in self.asked)[method]


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def blob_id(raw: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


@contextlib.contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves `hub` on a free port of loopback and sets its `url`."""

    class Handler(_Handler):
        fake = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(address.path)
        self.fake.asked.append((self.command, path))
        if self.fake.down:
            return self._json({"error": "out of order"}, 503)
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            return self._facts(match[1], match[2])
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", path):
            return self._tree(match[1], match[2], match[3], address.query)
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(match[1], match[2], match[3])
        if match := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            return self._content(self.fake.repositories[match[1]].files[match[2]], match[2], {})
        return self._json({"error": "no such page"}, 404)

    def _found(self, name: str, revision: str | None) -> Repository | None:
        repository = self.fake.repositories.get(name)
        if repository is None:
            self._json({"error": "Repository not found"}, 401, {"X-Error-Code": "RepoNotFound"})
        elif repository.gated:
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
            self._json({"error": "Access is restricted"}, 403, headers)
            return None
        elif revision not in {None, "main", repository.commit}:
            headers = {"X-Error-Code": "RevisionNotFound"}
            self._json({"error": "Invalid rev id"}, 404, headers)
            return None
        return repository

    def _facts(self, name: str, revision: str | None) -> None:
        if (repository := self._found(name, revision)) is not None:
            card = {} if repository.licence is None else {"license": repository.licence}
            self._json(
                {
                    "_id": "1",
                    "id": name,
                    "modelId": name,
                    "sha": repository.commit,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                    "cardData": card,
                    "siblings": [{"rfilename": path} for path in repository.files],
                }
            )

    def _tree(self, name: str, revision: str, folder: str, query: str) -> None:
        if (repository := self._found(name, revision)) is None:
            return
        options = urllib.parse.parse_qs(query)
        rows = repository.tree(folder)
        if folder and not rows:
            self._json({"error": "no such folder"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        start = int(options.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(rows):
            plain = urllib.parse.urlsplit(self.path).path
            more = f"{self.fake.url}{plain}?recursive=True&cursor={start + PAGE}"
            headers["Link"] = f'<{more}>; rel="next"'
        self._json(rows[start : start + PAGE], 200, headers)

    def _resolve(self, name: str, revision: str, path: str) -> None:
        if (repository := self._found(name, revision)) is None:
            return
        headers = {"X-Repo-Commit": repository.commit}
        if path not in repository.files:
            self._json({"error": "not found"}, 404, headers | {"X-Error-Code": "EntryNotFound"})
            return
        raw = repository.files[path]
        if path not in repository.large:
            self._content(raw, path, headers | {"ETag": f'"{blob_id(raw)}"'})
            return
        self.send_response(302)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("X-Linked-Size", str(len(raw)))
        self.send_header("X-Linked-Etag", f'"{sha256(raw)}"')
        # Large files lie on another host, which says nothing of repositories.
        elsewhere = self.fake.url.replace("127.0.0.1", "localhost")
        self.send_header("Location", f"{elsewhere}/cdn/{name}/{urllib.parse.quote(path)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _content(self, raw: bytes, path: str, headers: dict[str, str]) -> None:
        if path in self.fake.spoilt:
            raw = raw[:-1] + bytes([raw[-1] ^ 1])
        start, status = 0, 200
        if asked := self.headers.get("Range"):
            self.fake.ranges.append(asked)
            start, status = int(asked.removeprefix("bytes=").partition("-")[0]), 206
            headers = headers | {"Content-Range": f"bytes {start}-{len(raw) - 1}/{len(raw)}"}
        body = raw[start:]
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if path in self.fake.stalled:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.fake.stalling.set()
            while path in self.fake.stalled:
                time.sleep(0.02)
            self.close_connection = True
            return
        cuts = self.fake.cut.get(path, [])
        if cuts:
            self.wfile.write(body[: cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)

    def _json(self, content: object, status: int = 200, headers: Any = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
