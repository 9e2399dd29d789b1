"""The Hugging Face hub: what a repository holds, and its files, each checked against its digest."""

import contextlib
import errno
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from vdx.core.errors import (
    HubError,
    InvalidInput,
    InvalidVoicepack,
    SetupError,
    UnknownName,
    VdxError,
)
from vdx.serving.voicepacks import identify
from vdx.serving.voicepacks.files import LARGEST_JSON, digest_inside, git_blob_id
from vdx.serving.voicepacks.metadata import check_path
from vdx.serving.voicepacks.model_files import Parts, limit_of, one_line

MOST_LISTED = 20_000
PART = ".part"
"""Ending of a file that is not whole yet."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository; `sha256` is empty for small files, which git itself keeps."""

    path: str
    size: int
    sha256: str
    blob_id: str


@dataclass(frozen=True, slots=True)
class Order:
    """One model of a repository at one commit, to be fetched."""

    repo: str
    commit: str
    parts: Parts
    files: tuple[RemoteFile, ...]
    licence: str

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.size for file in self.files)


class Hub:
    """A client of the hub at `endpoint`; every call blocks on the network.

    Raises, from every method: HubError when the hub does not answer or fails, UnknownName for
    what it does not have, InvalidInput for a name it cannot have.
    """

    def __init__(self, endpoint: str = "") -> None:
        self._given = endpoint or None
        self._silent = False

    @property
    def endpoint(self) -> str:
        """The address in use."""
        from huggingface_hub import constants

        return self._given or constants.ENDPOINT

    def answers(self, repo: str, revision: str, within_s: float) -> bool:
        """Whether it tells of a repository within a time, in seconds.

        One that said nothing in that time is not waited for again.
        """
        if self._silent:
            return False

        def ask() -> None:
            with contextlib.suppress(VdxError), _told(self.endpoint, repo):
                api.model_info(repo, revision=revision, timeout=within_s)
                found.set()

        found = threading.Event()
        api = self._api()  # before the time counts: the import of its library is not the hub's
        # A name that is not resolved takes as long as the resolver likes.
        asking = threading.Thread(target=ask, daemon=True)
        began = time.monotonic()
        asking.start()
        asking.join(within_s)
        self._silent = not found.is_set() and time.monotonic() - began > within_s / 2
        return found.is_set()

    def order(
        self,
        repo: str,
        *,
        revision: str = "",
        only: str = "",
        name: str = "",
        named: Collection[str] = (),
    ) -> Order:
        """Looks a model up; `only` is one of its files where the repository holds several.

        `named` are all of its files, where there is more that looks like it.

        Raises:
            InvalidVoicepack: the repository holds no model that vdx takes, or several.
        """
        with _told(self.endpoint, repo):
            api = self._api()
            info = api.model_info(repo, revision=revision or None)
            folder = str(PurePosixPath(only).parent) if "/" in only else ""
            files = self._listed(api, repo, str(info.sha), folder)
        where = f"{self.endpoint}/{repo}"
        if missing := set(named).difference(files):
            raise UnknownName(f"{where} has no {min(missing)}", param="name")
        files = {path: files[path] for path in named or files}
        parts = identify.pick(files, only, where)
        wanted = tuple(files[path] for path in parts.files)
        for file in wanted:
            if file.size > limit_of(file.path):
                raise InvalidVoicepack(
                    f"{where}: {file.path} has {file.size} bytes, and vdx takes "
                    f"{limit_of(file.path)} at most"
                )
        name = name or parts.name or repo.rpartition("/")[2]
        licence = one_line(str((info.card_data or {}).get("license") or ""))
        return Order(repo, str(info.sha), replace(parts, name=name), wanted, licence)

    def _listed(self, api: Any, repo: str, commit: str, folder: str) -> dict[str, RemoteFile]:
        from huggingface_hub.hf_api import RepoFile

        found: dict[str, RemoteFile] = {}
        tree = api.list_repo_tree(repo, folder or None, recursive=True, revision=commit)
        for number, entry in enumerate(tree):
            if number >= MOST_LISTED:
                raise InvalidVoicepack(f"{repo} holds more than {MOST_LISTED} files")
            if isinstance(entry, RepoFile) and _is_plain(entry.path):
                sha256 = entry.lfs.sha256 if entry.lfs else ""
                found[entry.path] = RemoteFile(entry.path, entry.size, sha256, entry.blob_id)
        return found

    def fetch(self, order: Order, folder: Path, notes: Callable[[], None]) -> None:
        """Downloads into `folder`, going on where an earlier call stopped; small files first.

        `notes` is called once everything but the largest file is there.

        Raises:
            HubError: a file came out other than the hub said; it is thrown away.
            SetupError: the disk is full.
        """
        files = sorted(order.files, key=lambda file: file.size)
        for number, file in enumerate(files):
            if number == len(files) - 1:
                notes()
            self.file(order.repo, file.path, order.commit, folder)
            _verify(file, folder)

    def file(self, repo: str, path: str, revision: str, folder: Path) -> Path:
        """One file, downloaded into `folder`, with a progress bar where a person looks on.

        What an earlier call left of it is gone on with: `hf_hub_download` throws that away.
        """
        place = folder / path
        if place.exists():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}{PART}")
        with _told(self.endpoint, f"{repo}: {path}"):
            from huggingface_hub import get_hf_file_metadata, hf_hub_url

            url = hf_hub_url(repo, path, revision=revision, endpoint=self._given)
            found = get_hf_file_metadata(url, endpoint=self._given)
            self._download(url, found.location, found.size, part)
        return part.rename(place)

    def _download(self, url: str, location: str, size: int | None, part: Path) -> None:
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers
        from huggingface_hub.utils.logging import set_verbosity_error
        from huggingface_hub.utils.tqdm import disable_progress_bars

        # What it retries is told by the error, once it gives up.
        set_verbosity_error()  # type: ignore[no-untyped-call]
        if not sys.stderr.isatty():
            disable_progress_bars()
        # Where large files lie is another host, which must not see a person's token.
        same_host = urlsplit(url).netloc == urlsplit(location).netloc
        headers = build_hf_headers(token=None if same_host else False)
        with part.open("ab") as stream:
            if size is not None and stream.tell() > size:
                stream.truncate(0)
                stream.seek(0)
            http_get(
                location,
                stream,
                resume_size=stream.tell(),
                headers=headers,
                expected_size=size,
                displayed_filename=part.name.removesuffix(PART),
            )

    def web_file(self, url: str, name: str, size: int | None, folder: Path) -> None:
        """A file of a web server into `folder`, gone on with where an earlier call stopped."""
        place = folder / name
        if place.exists():
            return
        part = place.with_name(f"{name}{PART}")
        with _told(url.rpartition("/")[0], name):
            self._download("", url, size, part)  # not of the hub, so without its token
        part.rename(place)

    def small_file(self, repo: str, path: str, folder: Path) -> bytes:
        """The content of a file of the newest commit."""
        with _told(self.endpoint, repo):
            # Asked for first because it fails at once without a network, and is not retried.
            commit = str(self._api().model_info(repo).sha)
        got = self.file(repo, path, commit, folder)
        if got.stat().st_size > LARGEST_JSON:
            raise InvalidVoicepack(f"{repo}: {path} is larger than {LARGEST_JSON} bytes")
        return got.read_bytes()

    def _api(self) -> Any:
        from huggingface_hub import HfApi

        return HfApi(endpoint=self._given, library_name="vdx")


def _is_plain(path: str) -> bool:
    """Whether a path a server told stays inside the folder it will be put in."""
    try:
        check_path(path)
    except ValueError:
        return False
    return True


def _verify(file: RemoteFile, folder: Path) -> None:
    place = folder / file.path
    if file.sha256:
        sound = digest_inside(folder, file.path, limit_of(file.path)) == file.sha256
    else:
        sound = git_blob_id(place) == file.blob_id
    if not sound:
        place.unlink()
        raise HubError(
            f"{file.path} did not arrive as the hub says it is (sha256 differs); it was thrown "
            "away, try again",
            retryable=True,
        )


@contextlib.contextmanager
def _told(endpoint: str, what: str) -> Iterator[None]:
    """The one place where the library's failures become vdx errors."""
    import httpx2
    from huggingface_hub import errors as hf

    again = "the same command goes on where this one stopped"
    try:
        yield
    except hf.GatedRepoError as error:
        raise HubError(
            f"{what} is given only to those who accept its terms: do so at {endpoint}, and set "
            "HF_TOKEN",
            retryable=False,
        ) from error
    except (hf.RepositoryNotFoundError, hf.RevisionNotFoundError, hf.RemoteEntryNotFoundError):
        raise UnknownName(
            f"{endpoint} has no {what} (or it is private, and HF_TOKEN is not set)", param="name"
        ) from None
    except hf.HFValidationError as error:
        raise InvalidInput(f"{what}: {one_line(str(error))}", param="name") from None
    except hf.OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set, so nothing is fetched", retryable=False) from error
    except hf.HfHubHTTPError as error:
        status = error.response.status_code
        raise HubError(
            f"{endpoint} answered {status} for {what}: {one_line(str(error))}",
            retryable=status >= 500 or status == 429,
        ) from error
    except (httpx2.TransportError, hf.LocalEntryNotFoundError) as error:
        raise HubError(
            f"the hub at {endpoint} does not answer ({one_line(str(error.__cause__ or error))}); "
            f"{again}, and "
            "`vdx voices add` takes files that were fetched otherwise",
            retryable=True,
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}:
            raise SetupError(f"{error.filename or what}: {error.strerror}") from error
        raise HubError(f"{what} did not arrive whole ({error}); {again}", retryable=True) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # A server that is no hub answers anything.
        raise HubError(
            f"what answers at {endpoint} is no hub: {error!r}", retryable=False
        ) from error
